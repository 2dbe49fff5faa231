import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diffgfx.errors import DtypeError, RangeError, ShapeError
from diffgfx.render.published import render_gao, render_materialgan


def _maps(normal: tuple[float, float, float] = (0.0, 0.0, 1.0), *, size: int = 1) -> Tensor:
    values = [*normal, 0.3, 0.2, 0.1, 0.2, 0.1, 0.04, 0.5]
    maps = torch.tensor(values, dtype=torch.float64).view(1, 10, 1, 1)
    return maps.expand(1, 10, size, size).clone()


def _camera(*position: float) -> Tensor:
    return torch.tensor([position], dtype=torch.float64)


def test_gao_head_on_by_hand() -> None:
    # One texel, whose centre linspace puts at the corner (-1, 1): n.l = 1 under a camera above it.
    image = render_gao(_maps(), _camera(-1.0, 1.0, 2.0))
    distribution = 1.0 / (math.pi * 0.25**2)  # alpha = .25
    fresnel = [s + (1 - s) * 2 ** (-12.5377) for s in (0.2, 0.1, 0.04)]
    linear = [
        math.pi * (d / math.pi + distribution * f / 4)
        for d, f in zip((0.3, 0.2, 0.1), fresnel, strict=True)
    ]
    expected = [min(value, 1.0) ** (1 / 2.2) for value in linear]
    assert image.flatten().tolist() == pytest.approx(expected, abs=2e-6)
    assert image.flatten()[2] < 1.0


def test_materialgan_head_on_by_hand() -> None:
    image = render_materialgan(_maps(), _camera(0.0, 0.0, 30.0), (1.0, 1.0))
    alpha2 = 0.0625
    distribution = alpha2 / (math.pi * alpha2**2 + 1e-6)
    fresnel = [s + (1 - s) * 2 ** (-12.5377) for s in (0.2, 0.1, 0.04)]
    linear = [
        1500 / 900 * (d * (1 - s) / math.pi + distribution * f / (4 + 1e-6))
        for d, s, f in zip((0.3, 0.2, 0.1), (0.2, 0.1, 0.04), fresnel, strict=True)
    ]
    expected = [min(value, 1.0) ** (1 / 2.2) for value in linear]
    assert image.flatten().tolist() == pytest.approx(expected, abs=2e-6)
    assert image.flatten()[2] < 1.0


def test_materialgan_at_an_angle_by_hand() -> None:
    # Two texels side by side on a sample of 2 x 2: their centres lie at x = -0.5 and 0.5.
    image = render_materialgan(
        _maps(size=2)[:, :, :1], _camera(3.5, 0.0, 4.0), (2.0, 2.0), power=9.0
    )
    cosine, squared, alpha2 = 4 / math.sqrt(32), 32.0, 0.0625  # the left one: offset (4, 0, 4)
    distribution = alpha2 / (math.pi * (cosine**2 * alpha2 + 1 - cosine**2) ** 2 + 1e-6)
    k = 0.125 + 1e-6
    masking = (cosine / (cosine * (1 - k) + k)) ** 2
    fresnel = 0.2 + 0.8 * 2 ** (-12.5377)
    f = 0.3 * 0.8 / math.pi + distribution * fresnel * masking / (4 * cosine**2 + 1e-6)
    assert float(image[0, 0, 0, 0, 0]) == pytest.approx(
        (9 * f * cosine / squared) ** (1 / 2.2), abs=1e-7
    )
    assert float(image[0, 0, 0, 0, 1]) > float(image[0, 0, 0, 0, 0])


def test_gao_at_an_angle_by_hand() -> None:
    image = render_gao(_maps(size=2), _camera(1.0, 1.0, 2.0))  # corners at x, y = -1 and 1
    cosine, alpha = 2 / math.sqrt(8), 0.25  # the left top one: offset (2, 0, 2)
    distribution = (alpha / (cosine**2 * (alpha**2 - 1) + 1)) ** 2 / math.pi
    masking = (cosine * (1 - alpha / 2) + alpha / 2) ** 2
    fresnel = 0.2 + 0.8 * 2 ** (-12.5377)
    linear = math.pi * cosine * (0.3 / math.pi + distribution * fresnel / (4 * masking))
    assert float(image[0, 0, 0, 0, 0]) == pytest.approx(linear ** (1 / 2.2), abs=1e-7)


def test_inverse_square_and_power() -> None:
    near = render_materialgan(_maps(), _camera(0.0, 0.0, 40.0), (1.0, 1.0), power=100.0)
    far = render_materialgan(_maps(), _camera(0.0, 0.0, 80.0), (1.0, 1.0), power=400.0)
    assert near.flatten().tolist() == pytest.approx(far.flatten().tolist(), rel=1e-12)


Render = Callable[[Tensor, Tensor], Tensor]
RENDERS: list[Render] = [
    render_gao,
    lambda maps, camera: render_materialgan(maps, camera, (2.0, 2.0), power=5.0),
]


@pytest.mark.parametrize("render", RENDERS)
@pytest.mark.parametrize(
    ("corner", "camera"), [((0, 0), (-9, 9)), ((0, -1), (9, 9)), ((-1, 0), (-9, -9))]
)
def test_the_corner_next_to_the_flash_is_the_brightest(
    render: Render, corner: tuple[int, int], camera: tuple[float, float]
) -> None:
    """Row 0 lies at +y and column 0 at -x."""
    image = render(_maps(size=5), _camera(*camera, 3.0))[0, 0, 0]
    assert image[corner] == image.max()
    assert (image == image.max()).sum() == 1


@pytest.mark.parametrize("render", RENDERS)
@pytest.mark.parametrize(
    ("normal", "camera"), [((0.5, 0.0, 1.0), (2, 0)), ((0.0, 0.5, 1.0), (0, 2))]
)
def test_a_normal_leans_toward_plus_x_and_plus_y(
    render: Render, normal: tuple[float, float, float], camera: tuple[float, float]
) -> None:
    toward = render(_maps(normal, size=3), _camera(*camera, 4.0))[0, 0, :, 1, 1]
    away = render(_maps(normal, size=3), _camera(-camera[0], -camera[1], 4.0))[0, 0, :, 1, 1]
    assert (toward > away).all()


@pytest.mark.parametrize("render", RENDERS)
def test_normals_are_normalised_and_pairs_are_independent(render: Render) -> None:
    maps = _maps((0.2, -0.1, 1.0), size=4)
    longer = torch.cat([3.0 * maps[:, :3], maps[:, 3:]], dim=1)
    cameras = torch.tensor([[0.0, 0.0, 4.0], [1.0, -1.0, 4.0]], dtype=torch.float64)
    both = render(torch.cat([maps, 0.9 * longer]), cameras)
    assert both.shape == (2, 2, 3, 4, 4)
    torch.testing.assert_close(both[:1], render(longer, cameras))
    torch.testing.assert_close(both[:1, 1:], render(maps, cameras[1:]))


@pytest.mark.parametrize("render", RENDERS)
def test_a_surface_turned_away_is_black(render: Render) -> None:
    image = render(_maps((-1.0, 0.0, 0.1), size=3), _camera(8.0, 0.0, 1.0))
    assert float(image.max()) <= 1e-6 ** (1 / 2.2)


@pytest.mark.parametrize("render", RENDERS)
def test_wrong_arguments_are_named(render: Render) -> None:
    with pytest.raises(ShapeError, match=r"maps must have shape \(b, 10, h, w\)"):
        render(_maps()[:, :9], _camera(0.0, 0.0, 4.0))
    with pytest.raises(DtypeError, match="camera must have the dtype of maps"):
        render(_maps(), _camera(0.0, 0.0, 4.0).float())


def test_wrong_sizes_are_named() -> None:
    with pytest.raises(RangeError, match=r"size\[1\] must be a finite number above zero"):
        render_materialgan(_maps(), _camera(0.0, 0.0, 4.0), (1.0, 0.0))
    with pytest.raises(RangeError, match="power must be a finite number above zero"):
        render_materialgan(_maps(), _camera(0.0, 0.0, 4.0), (1.0, 1.0), power=-1.0)

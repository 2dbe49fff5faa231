"""What light does in smoke of known density: Beer and Lambert, and no more out than in."""

import math

import pytest
import torch
from torch import Tensor

from diffgfx.ops import march_volume
from diffgfx.testing import assert_close, order_of_accuracy

CELL = 0.1
DARK = (0.0, 0.0, 0.0)
WHITE = (1.0, 1.0, 1.0)


def _light(direction=(0.0, 0.0, 1.0), radiance=WHITE, ambient=DARK) -> Tensor:
    return torch.tensor([[direction, radiance, ambient]], dtype=torch.float64)


def _face_on(x: float, y: float, half: float, tilt: float = 0.0) -> Tensor:
    """Return an orthographic camera that looks down -z at a square around (x, y)."""
    rows = [(x, y, 50.0), (half, 0, 0), (0, half, 0), (tilt, 0, -1.0), DARK, DARK]
    rows[0] = (x - tilt * 50.0, y, 50.0)
    return torch.tensor([rows], dtype=torch.float64)


def _albedo(value: float = 1.0) -> Tensor:
    return torch.full((1, 3), value, dtype=torch.float64)


def _slab(sigma: float, depth: int, side: int = 9) -> Tensor:
    return torch.full((1, 1, depth, side, side), sigma, dtype=torch.float64)


@pytest.mark.parametrize("depth", [1, 4])
@pytest.mark.parametrize("step", [1.0, 0.5, 0.2])
def test_a_slab_seen_face_on_has_the_opacity_of_beer_and_lambert(depth: int, step: float) -> None:
    sigma, camera = 7.0, _face_on(0.45, 0.45, 0.2)
    image = march_volume(
        _slab(sigma, depth), _albedo(), _light(), camera, CELL, pixels=(3, 3), step=step
    )
    opacity = 1.0 - math.exp(-sigma * CELL * depth)
    assert_close(image[:, 3], torch.full_like(image[:, 3], opacity), rtol=1e-12)


def test_a_flat_density_is_a_slab_one_cell_deep() -> None:
    density = torch.rand((1, 1, 5, 6), generator=torch.Generator().manual_seed(0)).double()
    given = (_albedo(), _light((0.3, 0.5, 0.4)), _face_on(0.3, 0.25, 0.3), CELL)
    flat = march_volume(density, *given, pixels=(5, 5))
    assert torch.equal(flat, march_volume(density[:, :, None], *given, pixels=(5, 5)))


def test_the_upper_row_of_the_image_is_the_upper_row_of_the_grid() -> None:
    density = torch.zeros((1, 1, 1, 2, 2), dtype=torch.float64)
    density[..., 1, 0] = 5.0  # y high, x low: above left
    camera = _face_on(0.1, 0.1, 0.1)
    opacity = march_volume(density, _albedo(), _light(), camera, CELL, pixels=(2, 2))[0, 3]
    assert int(opacity.argmax()) == 0


def test_a_tilted_ray_has_a_longer_way() -> None:
    sigma, tilt = 3.0, 0.75
    image = march_volume(
        _slab(sigma, 4, 40), _albedo(), _light(), _face_on(2.0, 2.0, 0.1, tilt), CELL,
        pixels=(2, 2), step=0.05,
    )  # fmt: skip
    opacity = 1.0 - math.exp(-sigma * 4 * CELL * 1.25)
    assert float((image[:, 3] - opacity).abs().max()) < 2e-3


@pytest.mark.parametrize("toward", [1.0, -1.0])
def test_light_falls_exponentially_on_its_way_through_a_slab(toward: float) -> None:
    # a thin probe behind and before the slab: its light is what the slab lets through to its middle
    sigma, depth = 6.0, 5
    density = _slab(sigma, depth)
    camera = torch.tensor(
        [[(-50.0, 0.45, 0.25), DARK, (0.0, 0.0, 0.2), (1.0, 0.0, 0.0), DARK, DARK]],
        dtype=torch.float64,
    )  # looks along +x; upward in the image is +z
    image = march_volume(
        density, _albedo(), _light((0.0, 0.0, toward)), camera, CELL, pixels=(1, depth - 1)
    )
    z = 0.25 + 0.2 * (1 - 2 * (torch.arange(depth - 1).double() + 0.5) / (depth - 1))
    below = z / CELL - 0.5  # trilinear between the centres of the cells
    low = below.floor()
    centres = torch.stack([low, low + 1]) * CELL + 0.5 * CELL
    way = depth * CELL - centres if toward > 0 else centres
    through = (-sigma * way).exp()
    part = below - low
    wanted = (1 - part) * through[0] + part * through[1]
    found = image[0, 0, :, 0] / image[0, 3, :, 0]
    assert_close(found, wanted, rtol=1e-10)


def test_a_lit_half_space_converges_to_the_reflectance_of_single_scattering() -> None:
    # light and eye face a deep slab: integral of s exp(-2 s z) = (1 - exp(-2 s L)) / 2
    sigma, length = 4.0, 2.0
    errors, cells = [], (8, 16, 32)
    for count in cells:
        density = torch.full((1, 1, count, 3, 3), sigma, dtype=torch.float64)
        cell = length / count
        image = march_volume(
            density, _albedo(), _light(), _face_on(1.5 * cell, 1.5 * cell, 0.1 * cell), cell,
            pixels=(1, 1), step=0.25,
        )  # fmt: skip
        errors.append(abs(float(image[0, 0, 0, 0]) - 0.5 * (1 - math.exp(-2 * sigma * length))))
    assert errors[-1] < 6e-3
    assert order_of_accuracy([length / n for n in cells], errors) > 1.8


def _lit_ball(toward: Tensor, places: Tensor, peak: float, fall: float) -> Tensor:
    """Return the light of a Gaussian ball, exact depths, integrated along z over fine steps."""
    y, x = torch.meshgrid(-places, places, indexing="ij")
    z = torch.linspace(-0.6, 0.6, 2001, dtype=torch.float64)[:, None, None]
    along = x * toward[0] + y * toward[1] + z * toward[2]
    square, aside = x**2 + y**2 + z**2, x**2 + y**2
    root, column = math.sqrt(fall), 0.5 * peak * math.sqrt(math.pi / fall)
    to_light = column * (-fall * (square - along**2)).exp() * torch.erfc(root * along)
    to_eye = column * (-fall * aside).exp() * torch.erfc(root * z)
    emitted = peak * (-fall * square - to_light - to_eye).exp()
    return torch.trapezoid(emitted, z[:, 0, 0], dim=0)


@pytest.mark.parametrize(
    ("direction", "order"),
    [((1.0, 0.0, 0.0), 1.9), ((1.0, 1.0, 0.0), 1.9), ((-0.6, 0.2, 0.5), 1.5), ((1, -9, 3), 1.6)],
)
def test_a_ball_shades_itself_as_it_must(direction: tuple[float, ...], order: float) -> None:
    peak, fall, places = 20.0, 50.0, torch.linspace(-0.32, 0.32, 5, dtype=torch.float64)
    toward = torch.tensor(direction, dtype=torch.float64)
    wanted = _lit_ball(toward / toward.norm(), places, peak, fall)
    errors, counts = [], (12, 24, 48)
    for count in counts:
        axis = (torch.arange(count, dtype=torch.float64) + 0.5) / count - 0.5
        z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
        density = peak * (-fall * (x**2 + y**2 + z**2)).exp()[None, None]
        camera = _face_on(0.5, 0.5, 0.4)
        found = march_volume(
            density, _albedo(), _light(direction), camera, 1.0 / count, pixels=(5, 5)
        )
        errors.append(float((found[0, 0] - wanted).abs().max()))
    assert errors[-1] < 0.015 * float(wanted.max())
    assert order_of_accuracy([1.0 / count for count in counts], errors) > order


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_empty_space_is_black_and_clear(dtype: torch.dtype) -> None:
    density = torch.zeros((2, 1, 3, 4, 5), dtype=dtype)
    image = march_volume(
        density, _albedo().to(dtype), _light(ambient=WHITE).to(dtype),
        _face_on(0.2, 0.2, 0.3).to(dtype), CELL, pixels=(6, 5),
    )  # fmt: skip
    assert image.shape == (2, 4, 5, 6)
    assert bool((image == 0).all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_smoke_gives_no_more_light_than_it_gets(dtype: torch.dtype, scale: float) -> None:
    draw = torch.Generator().manual_seed(1)
    density = (scale * torch.rand((1, 1, 6, 7, 8), generator=draw)).to(dtype)
    light = _light((0.5, 0.6, 0.4), (1.5, 1.0, 0.5), (0.2, 0.3, 0.4)).to(dtype)
    given = (light, _face_on(0.4, 0.35, 0.5, 0.3).to(dtype), CELL)
    image = march_volume(density, _albedo().to(dtype), *given, pixels=(9, 9))
    most = image[:, 3:] * (light[:, 1] + light[:, 2])[..., None, None]
    slack = 1e-5 if dtype == torch.float32 else 1e-12
    assert bool((image[:, :3] <= most * (1 + slack)).all())
    assert bool((image >= 0).all())
    assert float(image[:, 3].max()) <= 1.0 + slack
    dense_ambient = march_volume(
        1e5 * torch.ones_like(density), _albedo(0.5).to(dtype),
        _light(radiance=DARK, ambient=WHITE).to(dtype), _face_on(0.4, 0.35, 0.1).to(dtype), CELL,
        pixels=(2, 2),
    )  # fmt: skip
    assert_close(dense_ambient[:, :3], torch.full_like(dense_ambient[:, :3], 0.5), rtol=1e-5)


def test_the_eye_inside_the_smoke_sees_only_what_is_before_it() -> None:
    sigma, side = 2.0, 20
    rows = [(1.0, 1.0, 1.0), DARK, DARK, (0.0, 0.0, -1.0), (1e-6, 0, 0), (0, 1e-6, 0)]
    camera = torch.tensor([rows], dtype=torch.float64)
    image = march_volume(
        _slab(sigma, side, side), _albedo(), _light(), camera, CELL, pixels=(1, 1), step=0.1
    )
    assert float(image[0, 3]) == pytest.approx(1.0 - math.exp(-sigma * 1.0), abs=1e-3)

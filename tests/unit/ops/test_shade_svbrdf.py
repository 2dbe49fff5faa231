import math
from typing import Any

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import BackendError, RangeError, ShapeError

BACKENDS = ("taichi", "torch")


def _maps(normal: tuple[float, float, float] = (0.0, 0.0, 1.0), size: int = 1) -> Tensor:
    values = [*normal, 0.5, 0.4, 0.3, 0.04, 0.05, 0.06, 0.5]
    texel = torch.tensor(values, dtype=torch.float64).view(1, 10, 1, 1)
    return texel.expand(1, 10, size, size).contiguous()


def _vector(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, 1, 3)


def _shade(maps: Tensor, light: Tensor, eye: Tensor, **more: Any) -> Tensor:
    ones = torch.ones_like(light)
    return ops.shade_svbrdf(maps, light, ones, eye, (1.0, 1.0), **more)


@pytest.mark.parametrize("backend", BACKENDS)
def test_row_zero_is_at_the_top_and_column_zero_at_the_left(backend: str) -> None:
    image = _shade(_maps(size=4), _vector(-0.4, 0.4, 0.3), _vector(0, 0, 9), backend=backend)
    brightest = int(image[0, 0, 0].argmax())
    assert brightest == 0


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("light", "eye"), [((1.0, 0.0, 0.1), (-0.2, 0, 1)), ((-0.2, 0, 1), (1.0, 0, 0.1))]
)
def test_below_the_horizon_it_is_black_without_a_slope(
    light: tuple[float, ...], eye: tuple[float, ...], backend: str
) -> None:
    maps = _maps((-0.5, 0.0, 0.8)).requires_grad_()
    places = [_vector(*light).requires_grad_(), _vector(*eye).requires_grad_()]
    image = _shade(maps, *places, backend=backend)
    assert not image.any()
    for gradient in torch.autograd.grad(image.sum(), [maps, *places]):
        assert not gradient.any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_opposite_cosines_make_no_nan(backend: str) -> None:
    maps = _maps((1.0, 0.0, 0.0)).requires_grad_()  # n.l = -n.v: the masking term divides by zero
    image = _shade(
        maps, _vector(0.6, 0, 0.8), _vector(-0.6, 0, 0.8),
        directional=True, orthographic=True, backend=backend,
    )  # fmt: skip
    gradient = torch.autograd.grad(image.sum(), maps)[0]
    assert not image.any()
    assert not gradient.any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_channels_that_tie_for_the_largest_share_its_slope(backend: str) -> None:
    maps = _maps()
    maps[:, 6:9] = 0.2
    maps.requires_grad_()
    image = _shade(maps, _vector(0, 0, 2), _vector(0, 0, 2), backend=backend)
    slope = torch.autograd.grad(image[0, 0, 0].sum(), maps)[0][0, 6:9, 0, 0]
    # what specular takes from red's diffuse, the three channels take together
    assert float(slope[1]) == pytest.approx(float(slope[2]), rel=1e-12)
    assert float(slope[1]) == pytest.approx(-0.5 / math.pi / 3.0 / 4.0, rel=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_axis_points_at_the_origin_by_default_and_has_any_length(backend: str) -> None:
    light, eye = _vector(0.4, -0.3, 1.5), _vector(0, 0, 2)
    cone = torch.full((1, 1), 3.0, dtype=torch.float64)
    maps = _maps(size=2)
    default = _shade(maps, light, eye, cone=cone, backend=backend)
    turned = _shade(maps, light, eye, cone=cone, axis=-7.0 * light, backend=backend)
    torch.testing.assert_close(turned, default, rtol=1e-12, atol=0.0)
    away = _shade(maps, light, eye, cone=cone, axis=light, backend=backend)
    assert not away.any()


def test_the_fastest_backend_is_the_default() -> None:
    light, eye = _vector(0.4, -0.3, 1.5), _vector(0, 0, 2)
    pytest.importorskip("taichi")
    assert torch.equal(_shade(_maps(), light, eye), _shade(_maps(), light, eye, backend="taichi"))


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(RangeError, match="backend must be one of auto, taichi, torch"):
        _shade(_maps(), _vector(0, 0, 1), _vector(0, 0, 1), backend="fast")


def test_a_backend_that_does_not_serve_the_device_says_what_to_do() -> None:
    places = [value.to("meta") for value in (_maps(), _vector(0, 0, 1), _vector(0, 0, 1))]
    assert _shade(*places).shape == (1, 1, 3, 1, 1)
    with pytest.raises(BackendError, match="pass backend='torch'"):
        _shade(*places, backend="taichi")


@pytest.mark.parametrize("shape", [(1, 10, 20000, 20000), (2, 10, 9000, 9000)])
def test_more_than_a_kernel_can_count_is_refused(shape):
    huge = torch.ones(1).expand(shape)  # takes no memory
    pairs = torch.ones(1, 7, 3)
    with pytest.raises(ShapeError, match=r"at most 2147475456 numbers each, got .* fewer at"):
        ops.shade_svbrdf(huge, pairs, pairs, pairs, (1.0, 1.0))

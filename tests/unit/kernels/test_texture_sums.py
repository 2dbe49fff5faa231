"""Sums of whole numbers, as on a GPU: they hold what others do, whatever the order of pixels."""

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.testing import assert_close
from diffgfx_kernels.taichi_ import runtime

pytestmark = pytest.mark.skipif(
    runtime.reason_unavailable(torch.device("cpu")) is not None, reason="taichi is not installed"
)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffgfx_kernels.taichi_ import texture_sums

    def deal(device, call):
        return texture_sums._Deal(-(-call.total // 5), 1, 5, True)

    monkeypatch.setattr(texture_sums, "_deal_for", deal)


def _gradient(
    uv: Tensor, upstream: Tensor, backend: str, boundary: str = "wrap", side: int = 8
) -> Tensor:
    cube = boundary == "cube"
    draw = torch.Generator().manual_seed(5)
    shape = (1, 6, side, side, 2) if cube else (1, side, side, 2)
    tex = torch.randn(shape, generator=draw, dtype=torch.float64).to(uv).requires_grad_()
    bias = 2.5 * uv[..., 0].abs()
    value = ops.texture(tex, uv, mip_level_bias=bias, boundary_mode=boundary, backend=backend)
    return torch.autograd.grad(value, tex, upstream)[0]


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("boundary", ["wrap", "zero", "cube"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_they_equal_the_reference(dtype: torch.dtype, boundary: str) -> None:
    draw = torch.Generator().manual_seed(2)
    axes = 3 if boundary == "cube" else 2
    uv = torch.randn((2, 7, 9, axes), generator=draw, dtype=torch.float64).to(dtype)
    upstream = 1e6 * torch.randn((2, 7, 9, 2), generator=draw, dtype=torch.float64).to(dtype)
    found = _gradient(uv, upstream, "taichi", boundary)
    expected = _gradient(uv, upstream, "torch", boundary)
    rtol = 1e-5 if dtype == torch.float32 else 1e-10
    assert_close(found, expected, rtol=rtol, atol=rtol * float(expected.abs().max()))


@pytest.mark.usefixtures("whole")
def test_the_order_of_pixels_changes_nothing() -> None:
    draw = torch.Generator().manual_seed(2)
    uv, upstream = torch.rand((2, 1, 40, 1, 2), generator=draw)
    order = torch.randperm(40, generator=draw)
    forth = _gradient(uv, upstream, "taichi")
    back = _gradient(uv[:, order], upstream[:, order], "taichi")
    assert torch.equal(forth, back)
    assert bool(forth.abs().max() > 0)


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e30])
def test_any_size_of_gradient_is_held(size: float) -> None:
    draw = torch.Generator().manual_seed(2)
    uv = torch.rand((1, 3, 4, 2), generator=draw)
    upstream = torch.randn((1, 3, 4, 2), generator=draw)
    found = _gradient(uv, size * upstream, "taichi")
    assert_close(found, size * _gradient(uv, upstream, "torch"), rtol=1e-5, atol=1e-6 * size)


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_is_not_finite_spoils_its_texels_alone(wrong: float) -> None:
    uv = torch.tensor([[[[0.1, 0.1], [0.7, 0.7]]]])
    upstream = torch.tensor([[[[wrong, 1.0], [2.0, 3.0]]]])
    draw = torch.Generator().manual_seed(5)
    tex = torch.randn((1, 8, 8, 2), generator=draw).requires_grad_()
    value = ops.texture(tex, uv, filter_mode="linear")
    (found,) = torch.autograd.grad(value, tex, upstream)
    sound = torch.where(torch.isfinite(upstream), upstream, 0.0)
    (expected,) = torch.autograd.grad(ops.texture(tex, uv, filter_mode="linear"), tex, sound)
    spoilt = ~torch.isfinite(found)
    assert int(spoilt.sum()) == 4
    assert bool(spoilt[..., 0][0, :2, :2].all())
    assert_close(found[~spoilt], expected[~spoilt])

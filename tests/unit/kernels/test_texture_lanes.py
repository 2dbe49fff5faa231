"""Pixels that look into textures side by side find what they find one by one, to the bit."""

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx_kernels.sampling import Sampling
from diffgfx_kernels.taichi_ import runtime
from tests.contract.textures import draw_footprints

pytestmark = pytest.mark.skipif(
    runtime.reason_unavailable(torch.device("cpu")) is not None, reason="taichi is not installed"
)


def found(filter_mode: str, boundary: str, channels: int, given: tuple[str, ...]) -> list[Tensor]:
    """Look up 2 x 13 x 11 pixels, some at one place, some nowhere; return values and gradients."""
    draw = torch.Generator().manual_seed(3)
    tex = torch.randn((2, 16, 8, channels), generator=draw)
    uv = 0.5 + 0.8 * torch.randn((2, 13, 11, 2), generator=draw)
    uv_da = draw_footprints((2, 13, 11), 16, 4, 2, draw).float()
    uv_da[1, 2, :3] = torch.tensor([0.0, torch.inf, torch.nan])[:, None]
    uv[:, 4:9], uv_da[:, 4:8] = 0.3, 0.02
    uv[0, 10, 2:5, 0] = torch.tensor([torch.nan, torch.inf, 1e30])
    bias = torch.randn((2, 13, 11), generator=draw)
    drawn = {"tex": tex, "uv": uv, "uv_da": uv_da, "mip_level_bias": bias}
    leaves = {name: drawn[name].requires_grad_() for name in ("tex", "uv", *given)}
    value = ops.texture(
        **leaves, filter_mode=filter_mode, boundary_mode=boundary, max_mip_level=3,
        backend="taichi",
    )  # fmt: skip
    upstream = torch.randn(value.shape, generator=draw)
    upstream[0, 1:7] = 0.0
    return [value, *torch.autograd.grad(value, list(leaves.values()), upstream)]


@pytest.mark.parametrize(
    ("filter_mode", "boundary", "channels", "given"),
    [
        ("linear", "clamp", 3, ()),
        ("linear-mipmap-linear", "wrap", 1, ("uv_da",)),
        ("linear-mipmap-linear", "zero", 7, ("uv_da", "mip_level_bias")),
        ("linear-mipmap-nearest", "wrap", 3, ("mip_level_bias",)),
    ],
)
def test_they_are_what_they_are_one_by_one(filter_mode, boundary, channels, given, monkeypatch):
    from diffgfx_kernels.taichi_ import texture, texture_sums

    flat = Sampling(filter_mode, boundary, 3, True)
    assert texture.lanes_for(torch.device("cpu"), flat) > 1
    together = found(filter_mode, boundary, channels, given)
    for module in (texture, texture_sums):
        monkeypatch.setattr(module, "lanes_for", lambda device, sampling: 1)
    for one, other in zip(together, found(filter_mode, boundary, channels, given), strict=True):
        assert torch.equal(one, other)

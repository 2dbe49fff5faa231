"""Triangles drawn by nvdiffrast's CUDA rasteriser; depth has no gradient there."""

import functools
from typing import Any

import torch
from torch import Tensor

from diffgfx_kernels.torch_ import rasterize as reference

__all__ = ["backward", "forward"]


@functools.cache
def _context(device: torch.device) -> Any:
    """Return the context of a device: it holds buffers that grow with what is drawn."""
    import nvdiffrast.torch as dr

    return dr.RasterizeCudaContext(device)


def _plugin() -> Any:
    """Return nvdiffrast's compiled part, which versions before 0.4 build when first asked."""
    from nvdiffrast.torch import ops

    return ops._get_plugin() if hasattr(ops, "_get_plugin") else ops._nvdiffrast_c


def _draw(
    pos: Tensor, tri: Tensor, ranges: Tensor | None, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    import nvdiffrast.torch as dr

    found: tuple[Tensor, Tensor] = dr.rasterize(
        _context(pos.device), pos, tri, (size[1], size[0]), ranges=ranges
    )
    return found


def forward(
    pos: Tensor,
    tri: Tensor,
    ranges: Tensor | None,
    below: Tensor | None,
    size: tuple[int, int],
    sloped: bool,
) -> tuple[Tensor, Tensor]:
    """Return rast (B, H, W, 4) and its slopes, as the reference does; ``below`` must be None."""
    assert below is None
    if not (len(tri) and pos.numel() and (ranges is None or len(ranges))):
        return reference.forward(pos, tri, ranges, None, size, sloped)
    rast, slopes = _draw(pos, tri, ranges, size)
    return rast.clone(), slopes.clone() if sloped else slopes.new_empty((*rast.shape[:3], 0))


def backward(
    g_rast: Tensor,
    g_slopes: Tensor,
    pos: Tensor,
    tri: Tensor,
    rast: Tensor,
    shared: bool,
    with_z: bool,
) -> Tensor:
    """Return the gradient to pos, as the reference does; ``with_z`` must be false."""
    assert not with_z
    if not (len(tri) and pos.numel() and rast.numel()):
        return torch.zeros_like(pos)
    found: Tensor
    if g_slopes.shape[-1] == 4:
        found = _plugin().rasterize_grad_db(pos, tri, rast, g_rast, g_slopes)
    else:
        found = _plugin().rasterize_grad(pos, tri, rast, g_rast)
    return found

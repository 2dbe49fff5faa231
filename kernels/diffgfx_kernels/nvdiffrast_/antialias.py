"""Silhouettes blended by nvdiffrast, with its own weights and its own list of sides."""

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward"]


def _blend(color: Tensor, rast: Tensor, pos: Tensor, tri: Tensor) -> Tensor:
    import nvdiffrast.torch as dr

    ranged = len(pos) == 1 and len(color) > 1
    found: Tensor = dr.antialias(color, rast, pos[0] if ranged else pos, tri)
    return found


def forward(
    color: Tensor, rast: Tensor, pos: Tensor, tri: Tensor, edges: Tensor, bounded: bool
) -> Tensor:
    """Return the picture, as the reference does; ``bounded`` must be false."""
    assert not bounded
    if not (len(tri) and color.numel() and pos.numel()):
        return color.clone()
    return _blend(color, rast, pos, tri).clone()


def backward(
    g_out: Tensor,
    color: Tensor,
    rast: Tensor,
    pos: Tensor,
    tri: Tensor,
    edges: Tensor,
    bounded: bool,
    moved: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients to the colours and (zero unless ``moved``) to the positions."""
    assert not bounded
    if not (len(tri) and color.numel() and pos.numel()):
        return g_out.clone(), torch.zeros_like(pos)
    if not moved:
        (g_color,) = pull(lambda c: _blend(c, rast, pos, tri), (color,), g_out)[1]
        return g_color, torch.zeros_like(pos)
    g_color, g_pos = pull(lambda c, p: _blend(c, rast, p, tri), (color, pos), g_out)[1]
    return g_color, g_pos

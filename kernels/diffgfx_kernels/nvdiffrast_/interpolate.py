"""Attributes interpolated by nvdiffrast."""

import torch
from torch import Tensor

from diffgfx_kernels.torch_ import interpolate as reference
from diffgfx_kernels.torch_.interpolate import wrong_number
from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward"]


def _both(
    attr: Tensor, rast: Tensor, tri: Tensor, rast_db: Tensor | None, diff: list[int]
) -> Tensor:
    """Return attributes and their derivatives side by side."""
    import nvdiffrast.torch as dr

    everything = diff == list(range(attr.shape[2]))  # of a list it takes 32 at most
    wanted = ("all" if everything else diff) if diff else None
    return torch.cat(dr.interpolate(attr, rast, tri, rast_db, wanted), dim=3)


def forward(
    attr: Tensor, rast: Tensor, tri: Tensor, rast_db: Tensor | None, diff: list[int]
) -> tuple[Tensor, Tensor, float]:
    """Return attributes, derivatives and a number that no triangle has, as the reference does."""
    if not (len(tri) and attr.numel() and rast.numel()):
        return reference.forward(attr, rast, tri, rast_db, diff)
    both = _both(attr, rast, tri, rast_db, diff)
    parts = torch.split(both, [attr.shape[2], 2 * len(diff)], dim=3)
    out, da = (part.clone() for part in parts)
    return out, da, wrong_number(rast, len(tri))


def backward(
    g_out: Tensor,
    g_da: Tensor,
    attr: Tensor,
    rast: Tensor,
    tri: Tensor,
    rast_db: Tensor | None,
    diff: list[int],
    wanted: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients to the attributes, rast and rast_db; the first is there either way."""
    if not (len(tri) and attr.numel() and rast.numel()):
        return torch.zeros_like(attr), torch.zeros_like(rast), torch.zeros_like(rast)
    if rast_db is None:
        found = pull(lambda a, r: _both(a, r, tri, None, diff), (attr, rast), g_out)[1]
        return found[0], found[1], torch.zeros_like(rast)
    g_attr, g_rast, g_db = pull(
        lambda a, r, d: _both(a, r, tri, d, diff),
        (attr, rast, rast_db),
        torch.cat([g_out, g_da], dim=3),
    )[1]
    return g_attr, g_rast, g_db

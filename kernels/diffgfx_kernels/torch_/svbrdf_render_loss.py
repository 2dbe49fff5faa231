"""Shade, compare with a target, average: the rendering loss in plain torch."""

import torch
from torch import Tensor

from diffgfx_kernels.torch_.pull import pull
from diffgfx_kernels.torch_.shade_svbrdf import render

__all__ = ["forward"]


def _encode(x: Tensor, encoding: str, epsilon: float) -> Tensor:
    if encoding == "log":
        return (x + epsilon).log()
    return (x + epsilon) ** (1 / 2.2) if encoding == "display" else x


def _penalise(e: Tensor, penalty: str, delta: float) -> Tensor:
    if penalty == "l1":
        return e.abs()
    return e.square() if penalty == "l2" else (e.square() + delta**2).sqrt() - delta


def _losses(
    image: Tensor, goal: Tensor, mask: Tensor, numbers: tuple[float, ...], kind: tuple[str, str]
) -> Tensor:
    epsilon, delta, white = numbers
    weight = mask[:, :, None].expand_as(image) if mask.numel() else torch.ones_like(image)
    goal = torch.where(weight > 0, goal, image.detach())
    e = _encode(image, kind[0], epsilon) - _encode(goal, kind[0], epsilon)
    e = torch.where((goal >= white) & (e > 0), 0.0, e)
    total = (weight * _penalise(e, kind[1], delta)).sum(dim=(1, 2, 3, 4))
    return total / weight.sum(dim=(1, 2, 3, 4)).clamp_min(torch.finfo(image.dtype).tiny)


def forward(
    maps: Tensor,
    target: Tensor,
    mask: Tensor,
    pairs: Tensor,
    numbers: tuple[float, float, float, float, float],
    kind: tuple[str, str],
    flags: tuple[bool, bool, bool, bool],
    wants: tuple[bool, bool],
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the mean residual of each material, and its gradients; see the Taichi kernel."""
    size = (numbers[0], numbers[1])
    each = pairs.expand(maps.shape[0], -1, -1)
    goal = render(target, each, size, *flags) if target.ndim == 4 else target

    def losses(m: Tensor, p: Tensor) -> Tensor:
        return _losses(render(m, p, size, *flags), goal, mask, numbers[2:], kind)

    if not any(wants):
        return losses(maps, each), maps.new_empty((0,)), maps.new_empty((0,))
    loss, (g_maps, g_pairs) = pull(losses, (maps, each))
    return loss, g_maps, g_pairs if wants[1] else maps.new_empty((0,))

"""Lines of points with what lies beyond their ends, in plain torch; rules are those of `sides`."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from diffgfx_kernels.sides import HELD, SLOPE, TWIN, VALUE, WRAP
from diffgfx_kernels.torch_.pull import pull

__all__ = ["End", "ends_of", "grown", "joined", "pull_parts", "solved"]

End = tuple[int, Tensor]
"""A rule and its number, shape (B, 1, 1[, 1])."""


def ends_of(
    rules: Sequence[int], values: Tensor, component: int, axis: int, dim: int
) -> tuple[End, End]:
    """Return both ends of an axis of a component."""
    shape = (-1, *[1] * dim)
    return tuple(  # type: ignore[return-value]
        (rules[component * 2 * dim + side], values[:, component, side].view(shape))
        for side in (2 * axis, 2 * axis + 1)
    )


def joined(field: Tensor, place: int, ends: tuple[End, End]) -> Tensor:
    """Return faces with the last made the first where they are one."""
    if ends[0][0] != TWIN:
        return field
    count = field.shape[place] - 1
    return torch.cat([field.narrow(place, 0, count), field.narrow(place, 0, 1)], dim=place)


def _beyond(field: Tensor, place: int, end: End, high: bool) -> Tensor:
    rule, value = end
    last = field.shape[place] - 1
    if rule == WRAP:
        return field.narrow(place, 0 if high else last, 1)
    if rule == TWIN:
        return field.narrow(place, 1 if high else last - 1, 1)
    inside = field.narrow(place, last if high else 0, 1)
    if rule == VALUE:
        return 2.0 * value - inside
    if rule == SLOPE:
        return inside + value
    return inside  # a held point has no equation, so that nothing asks for its neighbour


def grown(field: Tensor, place: int, ends: tuple[End, End]) -> Tensor:
    """Return a field with one more point at each end of a dimension."""
    low = _beyond(field, place, ends[0], high=False)
    high = _beyond(field, place, ends[1], high=True)
    return torch.cat([low, field, high], dim=place)


def solved(rate: Tensor, place: int, ends: tuple[End, End]) -> Tensor:
    """Return a rate with zero at the ends that are held."""
    shape = [1] * rate.ndim
    shape[place] = rate.shape[place]
    mask = torch.ones(shape, dtype=rate.dtype, device=rate.device)
    for end, high in zip(ends, (False, True), strict=True):
        if end[0] == HELD:
            mask.narrow(place, rate.shape[place] - 1 if high else 0, 1).zero_()
    return rate * mask


def pull_parts(
    function: Callable[..., list[Tensor]], inputs: tuple[Tensor, ...], upstream: Sequence[Tensor]
) -> list[Tensor]:
    """Return the gradients to the inputs of a function that gives several tensors."""

    def packed(*values: Tensor) -> Tensor:
        return torch.cat([part.flatten(1) for part in function(*values)], dim=1)

    return pull(packed, inputs, torch.cat([part.flatten(1) for part in upstream], dim=1))[1]

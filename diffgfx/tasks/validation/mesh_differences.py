"""Backward passes of functions with switches against central differences, entry by entry."""

import dataclasses
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

__all__ = ["Comparison", "compare_gradients"]

STEP = 1e-6
"""Half the distance between two evaluations; the second difference uses a third of it."""
SETTLED = 1e-6
"""By how much both differences may disagree, over the largest: else there is a switch between."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What came of a comparison.

    Attributes:
        error: Largest difference of an entry over the largest entry of its tensor.
        tensor: The tensor that holds it.
        entries: Entries compared.
        switches: Entries left out, because differences at two steps disagree there.
    """

    error: float
    tensor: str
    entries: int
    switches: int


def compare_gradients(
    function: Callable[..., Tensor], inputs: Mapping[str, Tensor], seed: int = 0
) -> Comparison:
    """Hold every entry of the gradient of a randomly weighted output against differences.

    Args:
        function: Takes the inputs by name; returns one float64 tensor. It must serve any batch.
        inputs: Float64 tensors with a batch of one; those that require a gradient are checked.
        seed: Of the weights.

    Entries whose own differences, at steps of 1e-6 and a third of it, do not agree to 1e-6 of the
    largest are counted as switches: backward has no part in that decision.
    """
    image = function(**inputs)
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(image.shape, generator=draw, dtype=torch.float64)
    checked = [name for name, value in inputs.items() if value.requires_grad]
    found = torch.autograd.grad((image * weight).sum(), [inputs[name] for name in checked])
    worst, where, entries, switches = 0.0, "", 0, 0
    for name, gradient in zip(checked, found, strict=True):
        wide = _differences(function, inputs, name, weight, STEP)
        narrow = _differences(function, inputs, name, weight, STEP / 3.0)
        scale = max(float(wide.abs().median()), float(gradient.abs().max()), 1e-12)
        settled = (wide - narrow).abs() <= SETTLED * scale
        apart = torch.where(settled, (gradient.flatten() - wide).abs() / scale, 0.0)
        entries += int(settled.sum())
        switches += int((~settled).sum())
        if not float(apart.max()) <= worst:
            worst, where = float(apart.max()), name
    return Comparison(worst, where, entries, switches)


def _differences(
    function: Callable[..., Tensor], inputs: Mapping[str, Tensor], name: str, weight: Tensor,
    step: float,
) -> Tensor:  # fmt: skip
    """Move one entry a picture, all in one batch."""
    base = inputs[name].detach()
    moves = step * torch.eye(base.numel(), dtype=base.dtype).view(-1, *base.shape[1:])
    batch = 2 * len(moves)
    given = {
        key: value.detach().expand(batch, *value.shape[1:]).contiguous()
        for key, value in inputs.items()
    }
    given[name] = torch.cat([base + moves, base - moves])
    with torch.no_grad():
        image = function(**given)
    ends = (image * weight).flatten(1).sum(dim=1).view(2, -1)
    return (ends[0] - ends[1]) / (2.0 * step)

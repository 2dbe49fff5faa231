"""What an inverse problem has to say for itself so that `solve` can solve it.

``argmin_z sum_i L(I_i, R(D(z), C_i)) + P(z)``: the unknowns z are named tensors; a problem decodes
them, renders every observation i under its condition C_i, and returns the mean residual. It is
posed on a ladder of levels, coarse to fine, and says how unknowns move up a rung.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

from torch import Tensor

__all__ = ["Level", "Part", "Problem", "Unknowns"]

Unknowns = dict[str, Tensor]
"""The unknowns z, by name; leaves that require gradients while they are being solved."""

Part = Literal["fitted", "stopping", "all"]
"""Which pixels of the fitted observations: those the fit sees while it decides when to stop, those
kept aside for that decision, or all of them."""


@dataclasses.dataclass(frozen=True)
class Level:
    """One rung of the ladder.

    Attributes:
        index: Its place, 0 the coarsest.
        resolution: Height and width of what is solved, in whatever the problem counts.
        steps: The most steps spent here before the cool-down.
        cooldown: Steps at the end, over all pixels, while the step length falls to nothing.
    """

    index: int
    resolution: tuple[int, int]
    steps: int
    cooldown: int


@runtime_checkable
class Problem(Protocol):
    """A problem as `solve` sees it. All of it must be deterministic."""

    levels: tuple[Level, ...]

    def start(self) -> Unknowns:
        """Return the unknowns at the first level."""

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Carry the unknowns of the level before to ``level``."""

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return the step length of each unknown; one that is not named is held fixed."""

    def data_loss(self, unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        """Return the mean residual of the observations over a part of their pixels (a scalar)."""

    def prior_loss(self, unknowns: Unknowns, level: Level, residual: float) -> Tensor:
        """Return the weighted priors (a scalar), given the mean residual of the same unknowns.

        What the residual says of the noise may set how much a prior weighs; it has no gradient.
        """

    @property
    def observations(self) -> int:
        """Return how many observations are fitted."""

    def residuals(self, unknowns: Unknowns, level: Level, observation: int) -> Tensor:
        """Return the signed residuals of one observation, any shape, zero where it is masked."""

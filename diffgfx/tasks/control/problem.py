"""A flow as an inverse problem: simulate, look, compare with the target's frames."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from diffgfx.fluid import rollout
from diffgfx.inverse import Level, Part, Unknowns
from diffgfx.scene import FluidScene, FluidState
from diffgfx.tasks.control.residual import FrameResidual
from diffgfx.tasks.control.target import Target
from diffgfx.tasks.control.unknown import FlowUnknown

__all__ = ["ControlProblem"]


@dataclasses.dataclass
class ControlProblem:
    """Recover an unknown of a flow from frames; an `inverse.Problem`.

    The frames are one observation: they come from one run.

    Attributes:
        target: What to match.
        scene: The setting, all but the unknown.
        unknown: What to recover.
        steps_per_frame: Steps between two frames.
        levels: The ladder.
        memory: What the tape may take; see `fluid.rollout`.
    """

    target: Target
    scene: FluidScene
    unknown: FlowUnknown
    steps_per_frame: int
    levels: tuple[Level, ...]
    memory: str | int = "1GB"

    def __post_init__(self) -> None:
        """Blur the target."""
        self.residual = FrameResidual(self.target.frames, self.target.clear)

    def first(self, unknowns: Unknowns) -> tuple[FluidState, FluidScene]:
        """Return first state and scene, given z."""
        return self.unknown.posed(unknowns, self.target.start, self.scene)

    def densities(self, unknowns: Unknowns) -> Tensor:
        """Return the smoke of frames 1 to n, shape (n, 1, [d,] h, w); gradients to z."""
        state, scene = self.first(unknowns)
        steps = len(self.target.frames) * self.steps_per_frame
        run = rollout(
            state, scene, steps, memory=self.memory, observe=lambda state: state.density
        )
        return torch.cat(run.observed[self.steps_per_frame - 1 :: self.steps_per_frame])

    def start(self) -> Unknowns:
        """Return z at the first level."""
        return self.unknown.start()

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Carry z to the next level."""
        return self.unknown.prolong(unknowns, level)

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return the step length of each part of z."""
        return self.unknown.step_lengths()

    def data_loss(self, unknowns: Unknowns, level: Level, part: Part) -> Tensor:
        """Return the residual of all frames; one is that of frames without smoke."""
        seen = self.target.seen(self.densities(unknowns), self.scene)
        return self.residual.mean(seen, part)

    def prior_loss(self, unknowns: Unknowns, level: Level, residual: float) -> Tensor:
        """Return the weighted prior of z."""
        return self.unknown.prior(unknowns)

    @property
    def observations(self) -> int:
        """Return 1: the film."""
        return 1

    def residuals(self, unknowns: Unknowns, level: Level, observation: int) -> Tensor:
        """Return the differences in units of the target's root mean square, without blur."""
        return self.residual.relative(self.target.seen(self.densities(unknowns), self.scene))

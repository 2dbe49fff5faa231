"""What a user may choose about the recovery of an unknown of a flow."""

import dataclasses
from typing import Literal, get_args

from diffgfx.check import check_choice
from diffgfx.errors import RangeError

__all__ = ["ControlOptions", "UnknownName"]

UnknownName = Literal["buoyancy", "inflow", "velocity"]
"""The force on smoke, the rate of each source, or the velocity at the start."""


@dataclasses.dataclass(frozen=True)
class ControlOptions:
    """Options of `control_flow`; the defaults are those of the command line.

    Attributes:
        unknown: What to recover.
        steps: The most steps of the solver at each level, from 1 to 10000; each is up to four of
            L-BFGS. Buoyancy and inflow have one level, a velocity some.
        seed: Seed of the probes that judge how sure buoyancy or inflow are, from 0 to 2^31 - 1.
        device: ``"cpu"`` or ``"cuda"``.
        memory: What the tape of the simulation may take; see `fluid.rollout`.
    """

    unknown: UnknownName
    steps: int = 8
    seed: int = 0
    device: str = "cpu"
    memory: str | int = "1GB"

    def __post_init__(self) -> None:
        """Raise unless every choice means something."""
        check_choice("--unknown", self.unknown, get_args(UnknownName))
        check_choice("--device", self.device, ("cpu", "cuda"))
        if not 1 <= self.steps <= 10000:
            raise RangeError(f"--steps must be from 1 to 10000, got {self.steps}; try 8")
        if not 0 <= self.seed < 1 << 31:
            raise RangeError(f"--seed must be from 0 to 2147483647, got {self.seed}; try 0")

"""What a user may choose about a fit of meshes to pictures."""

import dataclasses
from typing import Literal, get_args

from diffgfx.check import check_choice
from diffgfx.errors import RangeError

__all__ = ["FitOptions", "UnknownKind"]

UnknownKind = Literal["pose", "shape", "texture", "material"]
"""What is to be found: where the model is and how it is turned; its vertices; its diffuse map; all
its maps but the normals'."""


@dataclasses.dataclass(frozen=True)
class FitOptions:
    """Options of `fit_mesh`; the defaults are those of the command line.

    Attributes:
        unknown: See `UnknownKind`.
        holdout: ``"auto"`` keeps a quarter of the views from the fit, none under four; ``"none"``;
            or the indices of those that the fit must not see.
        lights: ``"keep"`` trusts the lights; ``"refine"`` solves for their place and power too.
        texels: Texels along the longer side of maps, a power of two from 16 to 2048.
        steps: The most steps on each level; None: what suits the unknown.
        seed: Seed of everything that is drawn, from 0 to 2^31 - 1.
        device: ``"cpu"`` or ``"cuda"``.
    """

    unknown: UnknownKind
    holdout: Literal["auto", "none"] | tuple[int, ...] = "auto"
    lights: Literal["keep", "refine"] = "keep"
    texels: int = 128
    steps: int | None = None
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Raise unless the options mean something."""
        check_choice("unknown", self.unknown, get_args(UnknownKind))
        check_choice("--lights", self.lights, ("keep", "refine"))
        if self.texels not in [1 << k for k in range(4, 12)]:
            raise RangeError(
                f"--texels must be a power of two from 16 to 2048, got {self.texels}; try 128"
            )
        mapped = self.unknown in ("texture", "material")
        if self.lights == "refine" and not mapped:
            raise RangeError(
                f"--lights refine must go with texture or material, got {self.unknown}: the lights "
                "of a pose or a shape are kept; leave it out"
            )
        if self.steps is not None and not 1 <= self.steps <= 100_000:
            raise RangeError(f"--steps must be from 1 to 100000, got {self.steps}; leave it out")
        if not 0 <= self.seed < 1 << 31:
            raise RangeError(f"--seed must be from 0 to 2147483647, got {self.seed}; try 0")

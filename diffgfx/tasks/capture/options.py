"""What a user may choose about a capture."""

import dataclasses
from typing import Literal

from diffgfx.check import check_choice
from diffgfx.errors import RangeError

__all__ = ["CaptureOptions"]


@dataclasses.dataclass(frozen=True)
class CaptureOptions:
    """Options of `capture_material`; the defaults are those of the command line.

    Attributes:
        resolution: Texels along the longer side of the maps.
        holdout: ``"auto"``, ``"none"``, or the indices of the photos that the fit must not see.
        final: ``"split"`` keeps the maps that were proven; ``"all"`` refits on every photo after
            the proof and keeps the proof's metrics.
        prior: ``"smooth"``: shared materials and edge-aware smoothness; ``"dip"``: an untrained
            network, up to 256 texels; ``"none"``.
        calibration: ``"keep"`` trusts the poses; ``"refine"`` moves each camera a little;
            ``"solve"`` finds all poses, and uses none that the capture states.
        seed: Seed of everything that is drawn, from 0 to 2^31 - 1.
        device: ``"cpu"`` or ``"cuda"``.
    """

    resolution: int = 1024
    holdout: Literal["auto", "none"] | tuple[int, ...] = "auto"
    final: Literal["split", "all"] = "split"
    prior: Literal["smooth", "dip", "none"] = "smooth"
    calibration: Literal["keep", "refine", "solve"] = "keep"
    seed: int = 0
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Raise unless there are such options and they go together."""
        check_choice("final", self.final, ("split", "all"))
        check_choice("prior", self.prior, ("smooth", "dip", "none"))
        check_choice("calibration", self.calibration, ("keep", "refine", "solve"))
        if self.resolution < 16:
            raise RangeError(f"resolution must be at least 16, got {self.resolution}; try 256")
        if not 0 <= self.seed < 1 << 31:
            raise RangeError(f"seed must be from 0 to 2147483647, got {self.seed}; try 0")
        if self.prior == "dip" and self.resolution > 256:
            raise RangeError(
                f"resolution must be at most 256 with the dip prior, got {self.resolution}; "
                "pass a lower resolution or the smooth prior"
            )

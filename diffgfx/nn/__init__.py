"""Network architectures: nothing here trains."""

from diffgfx.nn.hourglass import Hourglass, HourglassConfig

__all__ = ["Hourglass", "HourglassConfig"]

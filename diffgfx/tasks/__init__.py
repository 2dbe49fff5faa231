"""One job a module: capture; and the cases of ``diffgfx validate``."""

from diffgfx.tasks import capture

__all__ = ["capture"]

"""What there is to render or to recover: frozen dataclasses, no algorithms."""

from diffgfx.scene.capture import Capture, GreyPatch, Photo, Transfer
from diffgfx.scene.material import MaterialMaps

__all__ = ["Capture", "GreyPatch", "MaterialMaps", "Photo", "Transfer"]

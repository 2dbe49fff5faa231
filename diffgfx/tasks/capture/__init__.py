"""A material from flash photographs, proven on photographs that the fit never saw."""

from diffgfx.tasks.capture.export import export_capture
from diffgfx.tasks.capture.holdout import choose_holdout
from diffgfx.tasks.capture.next_photo import NextPhoto
from diffgfx.tasks.capture.options import CaptureOptions
from diffgfx.tasks.capture.run import CaptureResult, capture_material
from diffgfx.tasks.capture.uncertainty import MapUncertainty

__all__ = [
    "CaptureOptions",
    "CaptureResult",
    "MapUncertainty",
    "NextPhoto",
    "capture_material",
    "choose_holdout",
    "export_capture",
]

"""Poses and rectified photographs from a printed sheet of tags."""

from diffgfx.tasks.calibration.export import MARKER, export_calibration
from diffgfx.tasks.calibration.layout import PAPERS, lay_out_sheet
from diffgfx.tasks.calibration.run import Calibration, calibrate_photos

__all__ = [
    "MARKER",
    "PAPERS",
    "Calibration",
    "calibrate_photos",
    "export_calibration",
    "lay_out_sheet",
]

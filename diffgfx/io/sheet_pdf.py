"""The sheet as a page of PDF: exact lengths, sharp edges at any printer's resolution.

Vectors, not a picture: a scanned page of 600 dots an inch would be rounded to dots, its grey
compressed as JPEG, and a thousand times as large.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np

from diffgfx.errors import RangeError
from diffgfx.io._files import atomic_path
from diffgfx.io.image import encode_transfer
from diffgfx.scene.sheet import Sheet, Tag

__all__ = ["tag_modules", "write_sheet_pdf"]

_POINT = 72.0 / 25.4        # points of PDF in a mm
_MARGIN = 8.0
_MODULES = 8                # of a tag's black square, its black border included
_FAMILY_SIZE = 587
_LINE = 3.6                 # mm from one line of words to the next
_WORDS = (
    "1  Print at 100 %, not fitted to the page, on matt paper. The ruler must be {ruler:g} mm long;"
    " if not, write its length into sheet.json.",
    "2  Cut out the window along the dashed line, and lay the sheet flat on the sample.",
    "3  Dark room, flash on, exposure and white balance locked. Keep the whole sheet in the"
    " picture; no glare on the grey.",
    "4  Nine photographs: from above, and from each side and corner, tilted to keep the sheet in"
    " the middle.",
    "Grey stated as {grey:g}: measure it, or glue a piece of a grey card on all four, and write its"
    " value into sheet.json.",
)


def tag_modules(number: int) -> np.ndarray:
    """Return a tag of AprilTag's family 36h11 as 8 x 8 modules, row 0 at the top, white True.

    Raises:
        RangeError: If the family has no such number.
    """
    import cv2

    if not 0 <= number < _FAMILY_SIZE:
        raise RangeError(f"tag must be from 0 to {_FAMILY_SIZE - 1}, got {number}; correct it")
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    return np.asarray(cv2.aruco.generateImageMarker(family, number, _MODULES) > 127)


def write_sheet_pdf(path: Path | str, sheet: Sheet) -> None:
    """Write a sheet as a PDF of one page, to be printed without scaling.

    Args:
        path: Where to; the file appears whole or not at all.
        sheet: What to draw. Grey is drawn as sRGB would encode its reflectance.

    Raises:
        RangeError: If a tag's number is not one of the family.
        OutputError: If the file cannot be written.
    """
    from reportlab.pdfgen.canvas import Canvas

    data = io.BytesIO()
    width, height = sheet.page
    canvas = Canvas(data, pagesize=(width * _POINT, height * _POINT), invariant=1)
    canvas.setTitle("diffgfx capture sheet")
    canvas.setViewerPreference("PrintScaling", "None")
    canvas.scale(_POINT, _POINT)
    canvas.translate(*sheet.origin)
    for tag in sheet.tags:
        _draw_tag(canvas, tag)
    level = float(encode_transfer(np.array([sheet.reflectance]), "srgb")[0])
    canvas.setFillGray(level)
    for left, bottom, right, top in sheet.greys:
        canvas.rect(left, bottom, right - left, top - bottom, stroke=0, fill=1)
    canvas.setStrokeGray(0.5)
    canvas.setLineWidth(0.2)
    canvas.setDash([2.0, 1.0])
    wide, high = sheet.window
    canvas.rect(-0.5 * wide, -0.5 * high, wide, high)
    canvas.setDash([])
    _draw_words(canvas, sheet)
    canvas.showPage()
    canvas.save()
    with atomic_path(Path(path)) as partial:
        partial.write_bytes(data.getvalue())


def _draw_tag(canvas: Any, tag: Tag) -> None:
    """Draw a black square, then all its white modules as one shape: no seams between them."""
    left, top = tag.corners()[0]
    module = tag.side / _MODULES
    canvas.setFillGray(0.0)
    canvas.rect(left, top - tag.side, tag.side, tag.side, stroke=0, fill=1)
    white = canvas.beginPath()
    for row, column in np.argwhere(tag_modules(tag.number)).tolist():
        white.rect(left + column * module, top - (row + 1) * module, module, module)
    canvas.setFillGray(1.0)
    canvas.drawPath(white, stroke=0, fill=1)


def _draw_words(canvas: Any, sheet: Sheet) -> None:
    left, low = -0.5 * sheet.page[0] + _MARGIN, -sheet.origin[1] + _MARGIN
    canvas.setFillGray(0.0)
    canvas.setFont("Helvetica", 2.6)
    for line, words in enumerate(reversed(_WORDS)):
        text = words.format(ruler=sheet.ruler, grey=sheet.reflectance)
        canvas.drawString(left, low + _LINE * line, text)
    canvas.setStrokeGray(0.0)
    canvas.setLineWidth(0.15)
    y = -sheet.origin[1] + _MARGIN + _LINE * len(_WORDS)
    canvas.line(-0.5 * sheet.ruler, y, 0.5 * sheet.ruler, y)
    for mm in range(int(sheet.ruler) + 1):
        x = mm - 0.5 * sheet.ruler
        canvas.line(x, y, x, y + (2.4 if mm % 10 == 0 else 1.2))
    canvas.drawString(0.5 * sheet.ruler + 1.5, y, f"{sheet.ruler:g} mm")

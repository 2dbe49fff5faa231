"""All that a material may be held against, in order: ``diffgfx validate material``."""

from diffgfx.tasks.validation.captures import CAPTURE_CASES
from diffgfx.tasks.validation.case import Case
from diffgfx.tasks.validation.judged import JUDGED_CASES
from diffgfx.tasks.validation.outside import OUTSIDE_CASES

__all__ = ["MATERIAL_CASES"]

MATERIAL_CASES: tuple[Case, ...] = (*OUTSIDE_CASES, *CAPTURE_CASES, *JUDGED_CASES)
"""In the order in which they are run."""

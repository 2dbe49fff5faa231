"""Options that do not go together are refused before any work."""

import pytest

from diffgfx.errors import RangeError
from diffgfx.tasks.capture import CaptureOptions


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"resolution": 15}, "resolution must be at least 16, got 15"),
        ({"seed": -1}, "seed must be from 0 to 2147483647, got -1"),
        ({"seed": 1 << 31}, "seed must be from 0 to 2147483647"),
        ({"final": "both"}, "final must be one of split, all"),
        ({"prior": "deep"}, "prior must be one of smooth, dip, none"),
        ({"calibration": "sovle"}, "calibration must be one of keep, refine, solve"),
        ({"prior": "dip"}, "resolution must be at most 256 with the dip prior, got 1024"),
    ],
)
def test_refused(options, rule):
    with pytest.raises(RangeError, match=rule):
        CaptureOptions(**options)


def test_the_widest_that_is_taken():
    CaptureOptions(resolution=16, seed=(1 << 31) - 1)
    CaptureOptions(resolution=256, prior="dip")

"""Options that do not go together are refused before any work."""

import dataclasses
import types

import pytest

from diffgfx.errors import RangeError
from diffgfx.tasks.capture import CaptureOptions


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"resolution": 15}, "resolution must be at least 16, got 15"),
        ({"seed": -1}, "seed must be from 0 to 2147483647, got -1"),
        ({"seed": 1 << 31}, "seed must be from 0 to 2147483647"),
        ({"prior": "dip"}, "resolution must be at most 256 with the dip prior, got 1024"),
    ],
)
def test_refused(options, rule):
    with pytest.raises(RangeError, match=rule):
        CaptureOptions(**options)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("final", "final must be one of split, all"),
        ("prior", "prior must be one of smooth, dip, none"),
        ("calibration", "calibration must be one of keep, refine, solve"),
    ],
)
def test_what_there_is_not(name, rule):
    """Past the types, which tests check too, and users' calls do not."""
    fields = dataclasses.asdict(CaptureOptions()) | {name: "sovle"}
    with pytest.raises(RangeError, match=f"{rule}, got .?sovle"):
        CaptureOptions.__post_init__(types.SimpleNamespace(**fields))  # type: ignore[arg-type]


def test_the_widest_that_is_taken():
    CaptureOptions(resolution=16, seed=(1 << 31) - 1)
    CaptureOptions(resolution=256, prior="dip")

"""What calibration expects before it solves."""

import math

import pytest

from diffgfx.tasks.calibration.run import expected_focal


def test_focal_lengths_for_film_go_by_the_diagonal():
    # a telephone whose lens of 4.25 mm stands before 4032 x 3024 pixels of 1.4 um: 26 mm
    assert expected_focal([26.0], (4032, 3024)) == pytest.approx(4.25e3 / 1.4, rel=3e-3)
    # on a sensor of film's own shape sides and diagonals say the same
    assert expected_focal([50.0], (6000, 4000)) == pytest.approx(50.0 / 36.0 * 6000)


def test_one_odd_entry_does_not_count_and_none_says_nothing():
    wanted = 26.0 / math.hypot(36.0, 24.0) * 500.0
    assert expected_focal([26.0, None, 260.0, 26.0], (400, 300)) == pytest.approx(wanted)
    assert expected_focal([None, None], (400, 300)) is None

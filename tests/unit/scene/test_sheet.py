"""A printed sheet."""

import pytest

from diffgfx.scene import Sheet, Tag


def test_corners_start_at_the_upper_left_and_go_clockwise():
    assert Tag(3, (10.0, -5.0), 4.0).corners() == ((8, -3), (12, -3), (12, -7), (8, -7))


def test_a_printer_scales_everything_but_the_grey():
    sheet = Sheet((200.0, 300.0), (100.0, 150.0), (80.0, 60.0), (Tag(1, (50.0, -20.0), 20.0),),
                  ((-10.0, 40.0, 10.0, 60.0),), 0.2, 100.0, 98.0)  # fmt: skip
    printed = sheet.as_printed()
    assert printed.window == pytest.approx((78.4, 58.8))
    assert printed.tags[0].centre == pytest.approx((49.0, -19.6))
    assert printed.tags[0].side == pytest.approx(19.6)
    assert printed.greys[0] == pytest.approx((-9.8, 39.2, 9.8, 58.8))
    assert (printed.reflectance, printed.ruler) == (0.2, 98.0)
    assert printed.as_printed().window == pytest.approx(printed.window)

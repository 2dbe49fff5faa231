"""Which photographs are kept from the fit: known indices, from the poses alone."""

import pytest
import torch

from diffgfx.errors import RangeError
from diffgfx.io import read_capture
from diffgfx.tasks.capture import CaptureOptions, choose_holdout

AUTO = CaptureOptions()


def row(*distances: float) -> torch.Tensor:
    """Lights at these distances from their mean: each with its mirror image, half as many."""
    sides = [side for d in distances for side in ((d, 0.0, 20.0), (-d, 0.0, 20.0))]
    return torch.tensor(sides)


def test_cards_blue(data_folder):
    capture = read_capture(data_folder / "capture" / "cards_blue")
    light = torch.tensor([photo.light for photo in capture.photos])
    # distances sort as 0 6 4 5 8 2 3 7 1: the places nearest to 8/3 and 16/3 are 3 and 5
    assert choose_holdout(light, AUTO) == (2, 5)


def test_the_places_are_thirds_of_the_sorted_distances():
    light = row(4.0, 1.0, 3.0, 2.0)  # sorted: 2 3, 6 7, 4 5, 0 1
    # eight: places 7/3 and 14/3, nearest 2 and 5, which are photographs 6 and 5
    assert choose_holdout(light, AUTO) == (5, 6)


@pytest.mark.parametrize(
    ("count", "held"), [(1, 0), (2, 0), (3, 0), (4, 1), (7, 1), (8, 2), (9, 2), (11, 2), (20, 5)]
)
def test_a_quarter_is_held_out_and_none_under_four(count, held):
    light = torch.rand(count, 3, generator=torch.Generator().manual_seed(count))
    chosen = choose_holdout(light, AUTO)
    assert len(chosen) == held
    assert list(chosen) == sorted(set(chosen))


def test_where_the_sample_lies_and_the_unit_do_not_matter():
    light = torch.rand(9, 3, generator=torch.Generator().manual_seed(0))
    chosen = choose_holdout(light, AUTO)
    assert choose_holdout(10.0 * light + 3.0, AUTO) == chosen


def test_all_lights_in_one_place():
    assert choose_holdout(torch.ones(9, 3), AUTO) == (3, 5)


def test_none_and_named_ones():
    light = torch.rand(5, 3)
    assert choose_holdout(light, CaptureOptions(holdout="none")) == ()
    assert choose_holdout(light, CaptureOptions(holdout=(4, 0, 4))) == (0, 4)
    assert choose_holdout(light, CaptureOptions(holdout=(0, 1, 2, 3))) == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("holdout", "rule"),
    [
        ((5,), "holdout must name photographs from 0 to 4, got 5; photographs count from 0"),
        ((0, -1), "holdout must name photographs from 0 to 4, got -1"),
        ((0, 1, 2, 3, 4), "holdout must leave a photograph to fit, got all 5; hold out fewer"),
    ],
)
def test_impossible_choices_are_named(holdout, rule):
    with pytest.raises(RangeError, match=rule):
        choose_holdout(torch.rand(5, 3), CaptureOptions(holdout=holdout))

"""The next photograph: where it is told to be taken, and that it helps."""

import dataclasses

import pytest
import torch

from diffgfx.tasks.capture.next_photo import Outlook, hemisphere, suggest_photo
from diffgfx.tasks.capture.uncertainty import estimate_uncertainty
from tests.unit.tasks.capture.test_uncertainty import LEFT, detailed, flat, seen


def outlook(side: float) -> Outlook:
    """Six photographs of one half of a glossy material: of the left for 1, of the right for -1."""
    places = [[side * x, y, z] for x, y, z in LEFT]
    evidence = seen(detailed(flat(d=0.1, s=0.05, r=0.3)), places)
    return Outlook(evidence, estimate_uncertainty(evidence))


def test_a_hemisphere():
    places = hemisphere(3.0)
    assert places.shape == (49, 3)
    assert torch.allclose(places.norm(dim=1), torch.tensor(3.0))
    assert len(places.unique(dim=0)) == 49
    assert places[:, 2].min().item() == pytest.approx(3.0 * 2**-0.5)


@pytest.mark.parametrize(("half", "side"), [(1.0, "right"), (-1.0, "left")])
def test_highlights_go_where_none_was_seen(half, side):
    asked = outlook(half)
    found = suggest_photo(asked)
    assert half * found.light[0] > 0.05
    assert side in found.place
    assert found.after < 0.9 * found.before
    assert torch.tensor(found.light).norm().item() == pytest.approx(2.04, abs=0.03)
    (told,) = asked.after(torch.tensor([found.light]), torch.tensor([found.camera]))
    assert told == pytest.approx(found.after, rel=1e-6)
    values = asked.after(*asked.places())
    assert found.after == min(values)
    assert max(values) < found.before


def test_a_photograph_tells_what_was_foreseen():
    """Added to the evidence it changes the mean as it was said to, but for its own noise."""
    maps = detailed(flat(d=0.1, s=0.05, r=0.3))
    evidence = seen(maps, LEFT)
    found = estimate_uncertainty(evidence)
    asked = Outlook(evidence, found)
    told = suggest_photo(asked)
    more = seen(maps, [*LEFT, list(told.light)])
    taken = Outlook(more, dataclasses.replace(found, variance=found.variance))
    assert taken.before == pytest.approx(told.after, rel=0.1)
    assert told.after < 0.9 * told.before


def test_photographs_that_were_held_out_count_as_taken():
    evidence = seen(detailed(flat(d=0.1, s=0.05, r=0.3)), LEFT)
    found = estimate_uncertainty(evidence)
    first = suggest_photo(Outlook(evidence, found))
    owned = {
        name: value[:, :1] for name, value in evidence.pairs.items()
    } | {"light_position": torch.tensor([[first.light]]),
         "camera_position": torch.tensor([[first.camera]])}  # fmt: skip
    second = Outlook(evidence, found, owned)
    assert second.before == pytest.approx(first.after, rel=1e-6)
    assert suggest_photo(second).after < second.before


def test_the_flash_stays_beside_the_lens_unless_the_camera_stands_still():
    evidence = seen(flat(), [[-0.3, 0.0, 2.0], [0.3, 0.1, 2.0]])
    beside = {**evidence.pairs, "camera_position": evidence.pairs["light_position"] - 0.05}
    apart = dataclasses.replace(evidence, pairs=beside)
    light, camera = Outlook(apart, estimate_uncertainty(apart)).places()
    assert torch.allclose(light - camera, torch.tensor(0.05), atol=1e-6)
    above = torch.tensor([0.0, 0.0, 2.0]).expand(1, 2, 3)
    rig = dataclasses.replace(evidence, pairs={**evidence.pairs, "camera_position": above})
    light, camera = Outlook(rig, estimate_uncertainty(rig)).places()
    assert torch.equal(camera, above[0, :1].expand(49, 3))
    assert torch.equal(light, hemisphere(float(light[0].norm())))

"""What sets the scale between light and albedo."""

import pytest
import torch

from diffgfx.scene import GreyPatch
from diffgfx.tasks.capture.scale import anchor_factor, believed_interval, describe_belief


def maps(diffuse: float = 0.4, specular: float = 0.04, height: int = 10, width: int = 20):
    values = torch.zeros(1, 10, height, width)
    values[:, 2] = 1.0
    values[:, 3:6] = diffuse
    values[:, 6:9] = specular
    values[:, 9] = 0.5
    return values


def test_a_grey_patch_sets_each_channel():
    material = maps()
    material[0, 3:6, 5:, 10:15] = torch.tensor([0.1, 0.2, 0.3])[:, None, None]
    patch = GreyPatch((0.5, 0.5, 0.75, 1.0), 0.18)
    found = anchor_factor(material, "grey_patch", patch)
    assert torch.allclose(found, torch.tensor([1.8, 0.9, 0.6]))


def test_a_stain_on_the_patch_does_not_matter():
    material = maps(0.3)
    material[0, 3:6, 0, :3] = 0.9
    found = anchor_factor(material, "grey_patch", GreyPatch((0.0, 0.0, 0.5, 0.5), 0.6))
    assert torch.allclose(found, torch.full((3,), 2.0))


def test_a_patch_smaller_than_a_texel_takes_the_texel_it_lies_in():
    material = maps(0.3)
    material[0, 3:6, 9, 19] = 0.6
    found = anchor_factor(material, "grey_patch", GreyPatch((0.99, 0.98, 1.0, 0.99), 0.3))
    assert torch.allclose(found, torch.full((3,), 0.5))


def test_a_known_power_asks_for_nothing():
    assert torch.equal(anchor_factor(maps(), "power", None), torch.ones(3))


def test_belief_puts_the_median_at_a_quarter():
    found = anchor_factor(maps(0.08, 0.02), "belief", None)
    assert torch.allclose(found, torch.full((3,), 2.5))
    moved = maps(0.08 * 2.5, 0.02 * 2.5)
    assert torch.allclose(anchor_factor(moved, "belief", None), torch.ones(3))


def test_belief_leaves_no_texel_beyond_white():
    material = maps(0.01, 0.0)
    material[0, 3:6, :, :2] = 0.2  # a tenth is twenty times as bright
    found = anchor_factor(material, "belief", None)
    assert torch.allclose(found, torch.full((3,), 0.87 / 0.2))
    assert float(found[0] * 0.2) <= 0.87 + 1e-6


def test_the_interval_ends_where_albedos_do_in_practice():
    interval = believed_interval(maps(0.46, 0.04))
    assert interval.low == pytest.approx(0.013 / 0.5)
    assert interval.high == pytest.approx(0.87 / 0.46)


def test_the_warning_states_belief_interval_and_remedy():
    text = describe_belief(maps(0.21, 0.04))
    assert "\n" not in text
    assert "times 0.05 to 4.14" in text
    assert "give light_power or a grey_patch in capture.json" in text


def test_a_black_material_is_no_fault():
    black = maps(0.0, 0.0)
    assert torch.isfinite(anchor_factor(black, "belief", None)).all()
    patch = GreyPatch((0.0, 0.0, 1.0, 1.0), 0.18)
    assert torch.isfinite(anchor_factor(black, "grey_patch", patch)).all()

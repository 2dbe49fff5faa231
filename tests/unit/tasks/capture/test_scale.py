"""What sets the scale between light and albedo."""

import dataclasses
import math
from pathlib import Path

import pytest
import torch

from diffgfx.scene import Capture, GreyBeside, GreyPatch, Photo
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.scale import (
    GreyReadings,
    anchor_factor,
    believed_interval,
    beside_factor,
    choose_anchor,
    describe_belief,
    doubt_of_scale,
)


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
    material[0, 3:6, :, :2] = 0.2               # a tenth is twenty times as bright
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


PLACES = ((6.5, 0.0, 0.0), (0.0, -6.5, 0.5))
CAMERAS = ((0.0, 1.0, 25.0), (4.0, -3.0, 22.0), (-5.0, 2.0, 27.0))
POWER, EXPOSURES, CONE, AMBIENT = (900.0, 800.0, 700.0), (1.0, 0.8, 1.3), 1.5, 0.02


def matt(place, camera, exposure, scale: float = 1.0):
    """A matt patch of 0.2 in closed form: flash with a cone about the origin, and ambient light."""
    toward = [c - p for c, p in zip(camera, place, strict=True)]
    far = math.hypot(*toward)
    axis = [c / math.hypot(*camera) for c in camera]
    aside = sum(a * t for a, t in zip(axis, toward, strict=True)) / far
    lit = toward[2] / far**3 * aside**CONE / math.pi
    ambient = AMBIENT / 100.0
    return tuple(scale * 0.2 * exposure * p * (lit + ambient) for p in POWER)


def beside(scale: float = 1.0) -> Capture:
    photos = tuple(
        Photo(f"{k}", camera, camera, grey=tuple(matt(p, camera, e, scale) for p in PLACES))
        for k, (camera, e) in enumerate(zip(CAMERAS, EXPOSURES, strict=True))
    )
    return Capture(Path(), "cm", (10.0, 10.0), "srgb", photos,
                   grey_beside=GreyBeside(PLACES, 0.2))  # fmt: skip


def pairs():
    place = torch.tensor(CAMERAS)
    flash = FlashLight(place, place, torch.tensor(POWER), False, torch.tensor(EXPOSURES),
                       torch.ones(3, dtype=torch.bool), scale=10.0)  # fmt: skip
    unknowns = flash.start()
    unknowns["cone"] = torch.tensor([CONE]).expm1().log()       # softplus of it is CONE
    unknowns["ambient"] = torch.full((3,), AMBIENT).log()
    return flash.pairs(unknowns)


def test_greys_beside_the_sample_ask_for_nothing_where_the_flash_explains_them():
    readings = GreyReadings.of(beside(), (0, 1, 2))
    assert torch.allclose(beside_factor(readings, pairs()), torch.ones(3), rtol=1e-4)


def test_greys_seen_twice_as_bright_halve_the_reflectance():
    readings = GreyReadings.of(beside(2.0), (0, 1, 2))
    assert torch.allclose(beside_factor(readings, pairs()), torch.full((3,), 0.5), rtol=1e-4)


def test_glare_on_one_of_many_and_patches_not_read_do_not_matter():
    readings = GreyReadings.of(beside(), (0, 1, 2))
    readings.radiance[0, 0] = 5.0
    readings.radiance[1, 1] = torch.nan
    assert torch.allclose(beside_factor(readings, pairs()), torch.ones(3), rtol=1e-4)


def test_only_the_chosen_photos_are_read():
    readings = GreyReadings.of(beside(), (0, 2))
    assert readings.radiance.shape == (2, 2, 3)
    assert readings.radiance[1, 0].tolist() == pytest.approx(matt(PLACES[0], CAMERAS[2], 1.3))


def test_the_most_direct_anchor_counts():
    capture = beside()
    readings = GreyReadings.of(capture, (0,))
    assert choose_anchor(capture, readings) == "grey_beside"
    assert choose_anchor(capture, None) == "belief"
    inside = dataclasses.replace(capture, grey_patch=GreyPatch((0.0, 0.0, 1.0, 1.0), 0.18))
    assert choose_anchor(inside, readings) == "grey_patch"
    assert choose_anchor(dataclasses.replace(inside, light_power=POWER), readings) == "power"
    blank = tuple(dataclasses.replace(photo, grey=(None, None)) for photo in capture.photos)
    assert GreyReadings.of(dataclasses.replace(capture, photos=blank), (0, 1)) is None
    assert GreyReadings.of(dataclasses.replace(capture, grey_beside=None), (0, 1)) is None


def test_which_scale_is_doubted():
    capture = beside()
    printed = dataclasses.replace(
        capture, grey_beside=dataclasses.replace(capture.grey_beside, measured=False)
    )
    assert doubt_of_scale("grey_beside", capture, maps(), False) is None
    doubt = doubt_of_scale("grey_beside", printed, maps(), False)
    assert doubt is not None
    assert "greys that nobody measured" in doubt
    assert doubt_of_scale("grey_patch", printed, maps(), False) is None
    assert doubt_of_scale("power", printed, maps(), False) is None
    assert "solved heights" in str(doubt_of_scale("power", printed, maps(), True))
    assert doubt_of_scale("belief", printed, maps(), False) == describe_belief(maps())

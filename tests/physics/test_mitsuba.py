"""Mitsuba 3 as judge: the same image, the same derivative images, the same GGX."""

import pytest

from diffgfx.tasks.validation import mitsuba

MISSING = mitsuba.why_no_mitsuba()

pytestmark = pytest.mark.skipif(MISSING is not None, reason=MISSING or "")

FLOAT32 = 1e-5
"""Mitsuba computes in float32; ours is float64 here."""


def test_image_equals_mitsubas() -> None:
    measured = mitsuba.measure_mitsuba_image()
    assert measured["rms"] < FLOAT32
    assert measured["worst"] < 1e-4
    assert measured["lit"] > 0.95
    assert measured["mean"] > 0.01


def test_derivative_images_equal_mitsubas() -> None:
    measured = mitsuba.measure_mitsuba_derivatives()
    unknowns = {"normal", "diffuse", "specular", "roughness", "light_position", "light_intensity"}
    assert set(measured) == unknowns | {f"{name}_worst" for name in unknowns}
    assert {name: value for name, value in measured.items() if not value < FLOAT32} == {}


def test_roughconductor_agrees_away_from_grazing() -> None:
    measured = mitsuba.measure_roughconductor()
    assert measured["near"] < 3e-3
    assert measured["unmasked"] < FLOAT32
    assert measured["beyond"] > 0.1


def test_sampler_of_the_plugin_integrates_our_brdf() -> None:
    measured = mitsuba.measure_mitsuba_sampler()
    assert measured["albedo"] < 2e-3
    assert measured["mass"] < 2e-3

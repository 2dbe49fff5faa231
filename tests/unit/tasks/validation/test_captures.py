"""Bars on captures of known materials; the captures themselves are slow."""

import dataclasses
from pathlib import Path

import pytest

from diffgfx.data import MATERIALS
from diffgfx.tasks.validation.captures import CAPTURE_CASES, mean_measures, truth_measures
from diffgfx.tasks.validation.case import Case, Context, run_case
from diffgfx.tasks.validation.truth import TruthError

AT_THE_BARS = TruthError(0.02, 0.03, 0.05, 4.0, 0.02, 0.03, 1.1, 0.5)
LONG = {case.name: case for case in CAPTURE_CASES}


def test_one_material_is_captured_quickly_and_all_at_length() -> None:
    assert set(LONG) == {"truth_leather", "truths", "scale_unknown"}
    assert "leather" in MATERIALS
    assert [case.name for case in CAPTURE_CASES if not case.long] == ["truth_leather"]


def test_the_bars_of_the_published_claim() -> None:
    assert all(measure.holds for measure in truth_measures(AT_THE_BARS))


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("diffuse", "diffuse"),
        ("diffuse_scaled", "diffuse after scale"),
        ("specular", "F0"),
        ("specular_scaled", "F0 after scale"),
        ("alpha", "alpha"),
        ("normal", "normal"),
    ],
)
def test_each_bar_is_held(field: str, name: str) -> None:
    worse = dataclasses.replace(AT_THE_BARS, **{field: 1.01 * getattr(AT_THE_BARS, field)})
    assert [m.name for m in truth_measures(worse) if not m.holds] == [name]


def test_without_a_highlight_gloss_is_printed_only() -> None:
    blind = dataclasses.replace(AT_THE_BARS, specular=0.5, alpha=0.5, seen=0.0)
    measures = {measure.name: measure for measure in truth_measures(blind)}
    assert all(measure.holds for measure in measures.values())
    assert (measures["alpha"].bar, measures["alpha"].unit) == (None, "no highlight seen")
    assert measures["diffuse"].bar == 0.02
    dim = dataclasses.replace(blind, diffuse=0.03, normal=5.0)
    assert [m.name for m in truth_measures(dim) if not m.holds] == ["diffuse", "normal"]


def test_bars_of_many_are_for_their_means() -> None:
    worse = dataclasses.replace(AT_THE_BARS, alpha=1.2 * AT_THE_BARS.alpha)
    better = dataclasses.replace(AT_THE_BARS, alpha=0.8 * AT_THE_BARS.alpha)
    blind = dataclasses.replace(worse, seen=0.0)
    kept = {m.name: m for m in mean_measures({"a": worse, "b": better, "c": blind})}
    assert all(m.holds for m in kept.values())
    assert kept["mean of alpha"].value == pytest.approx(AT_THE_BARS.alpha)
    assert kept["a: alpha"].bar is None
    missed = [m.name for m in mean_measures({"a": worse, "b": AT_THE_BARS}) if not m.holds]
    assert missed == ["mean of alpha"]


@pytest.mark.slow
@pytest.mark.parametrize("case", CAPTURE_CASES, ids=list(LONG))
def test_capture_recovers_the_truth(case: Case, data_folder: Path) -> None:
    outcome = run_case(case, Context(data_folder, lambda done, total, error: None))
    missed = {m.name: (m.value, m.bar) for m in outcome.measures if not m.holds}
    assert (outcome.status, missed, outcome.reason) == ("pass", {}, "")

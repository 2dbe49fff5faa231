"""Bars on captures of known materials; the captures themselves are slow."""

import dataclasses
from pathlib import Path

import pytest

from diffgfx.data import MATERIALS
from diffgfx.tasks.validation.captures import CAPTURE_CASES, truth_measures
from diffgfx.tasks.validation.case import Case, Context, run_case
from diffgfx.tasks.validation.truth import TruthError

AT_THE_BARS = TruthError(0.02, 0.03, 0.05, 4.0, 0.02, 0.03, 1.1, 0.5)
LONG = {case.name: case for case in CAPTURE_CASES}


def test_every_material_is_captured() -> None:
    wanted = {f"truth_{name}" for name in (*MATERIALS, "synthetic_random")} | {"scale_unknown"}
    assert set(LONG) == wanted
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


@pytest.mark.slow
@pytest.mark.parametrize("case", CAPTURE_CASES, ids=list(LONG))
def test_capture_recovers_the_truth(case: Case, data_folder: Path) -> None:
    outcome = run_case(case, Context(data_folder, lambda done, total, error: None))
    missed = {m.name: (m.value, m.bar) for m in outcome.measures if not m.holds}
    assert (outcome.status, missed, outcome.reason) == ("pass", {}, "")

"""``diffgfx validate material`` in process: the table, its JSON, and what its exit code says."""

import json
import sys
from pathlib import Path

import pytest

from diffgfx.cli import main
from diffgfx.errors import DivergedError
from diffgfx.tasks.validation import material as table
from diffgfx.tasks.validation.case import Case, Context, Measure


def _diverges(context: Context) -> list[Measure]:
    raise DivergedError("step 3: residual grew")


MADE_UP = (
    Case("meets", "a with b", lambda context: [Measure("rmse", 0.5, 0.5), Measure("extra", 9.0)]),
    Case("misses", "a with b", lambda context: [Measure("angle", 4.25, 4.0, "degrees")]),
    Case("unknown", "a with b", lambda context: [Measure("angle", float("nan"), 4.0)]),
    Case("diverges", "a with b", _diverges),
    Case("absent", "a with b", _diverges, lambda context: "no judge: install it"),
    Case("long", "a with b", _diverges, None, True),
)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MATERIAL_CASES", MADE_UP)


def _outcomes(*words: str, code: int, capsys: pytest.CaptureFixture[str]) -> dict[str, dict]:
    assert main(["validate", "material", *words, "--json"]) == code
    outcomes = json.loads(capsys.readouterr().out)
    return {outcome["name"]: outcome for outcome in outcomes}


def test_a_real_case(capsys: pytest.CaptureFixture[str]) -> None:
    (outcome,) = _outcomes("metallic", code=0, capsys=capsys).values()
    assert outcome["status"] == "pass"
    assert [m["name"] for m in outcome["measures"]] == ["base colour", "metallic", "diffuse and F0"]
    assert all(0.0 <= m["value"] <= m["bar"] for m in outcome["measures"])


@pytest.mark.usefixtures("made_up")
def test_every_status(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = _outcomes(code=1, capsys=capsys)
    assert {name: outcome["status"] for name, outcome in outcomes.items()} == {
        "meets": "pass", "misses": "fail", "unknown": "fail", "diverges": "fail", "absent": "skip",
    }  # fmt: skip
    assert outcomes["unknown"]["measures"][0]["value"] is None
    assert outcomes["unknown"]["measures"][0]["holds"] is False
    assert outcomes["diverges"]["reason"] == "step 3: residual grew"
    assert outcomes["absent"]["reason"] == "no judge: install it"


@pytest.mark.usefixtures("made_up")
def test_full_adds_the_long_cases(capsys: pytest.CaptureFixture[str]) -> None:
    assert "long" in _outcomes("--full", code=1, capsys=capsys)


@pytest.mark.usefixtures("made_up")
def test_a_long_case_runs_when_named_and_a_skip_is_no_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(_outcomes("long", code=1, capsys=capsys)) == ["long"]
    assert list(_outcomes("absent", "meets", code=0, capsys=capsys)) == ["meets", "absent"]


@pytest.mark.usefixtures("made_up")
def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "material"]) == 1
    text = capsys.readouterr().out
    for word in ("4.25 > bar", "degrees", "install it", "1 passed, 3 failed, 1 skipped"):
        assert word in text


def test_a_wrong_name_is_one_line_with_the_nearest_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["validate", "material", "mitsuba_imag"]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert "got 'mitsuba_imag'; did you mean mitsuba_image" in shown.err


def test_without_data_the_published_pictures_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIFFGFX_DATA", str(tmp_path))
    outcomes = _outcomes("gao", "materialgan", code=0, capsys=capsys)
    assert {outcome["status"] for outcome in outcomes.values()} == {"skip"}
    assert "DIFFGFX_DATA" in outcomes["gao"]["reason"]


def test_without_mitsuba_its_cases_are_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = _outcomes("mitsuba_image", code=0, capsys=capsys)["mitsuba_image"]
    assert (outcome["status"], outcome["measures"]) == ("skip", [])
    assert "pip install mitsuba" in outcome["reason"]

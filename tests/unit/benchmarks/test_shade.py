import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import shade

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
ROWS = [
    "shade + backward: time, glibc as it is",
    "loss + gradient: time, glibc as it is",
    "shade + backward: memory beyond picture and gradient",
    "loss + gradient: memory in all",
]


@pytest.mark.slow
def test_every_claim_and_what_limits_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peaks = {"shade ours": 0.0, "shade eager": 80e6, "loss ours": 2e6, "loss eager": 80e6}
    monkeypatch.setattr(shade, "_peak", lambda name, side, pairs: peaks[name])
    monkeypatch.setattr(shade, "keep_freed_memory", lambda: False)
    report = shade.measure(side=8, pairs=2, repeats=1)
    assert [row.name for row in report.rows] == ROWS
    assert all(math.isfinite(row.ratio) and row.ratio > 0 for row in report.rows)
    assert report.rows[3].ratio == pytest.approx(40.0)
    assert [limit.name for limit in report.limits] == ["shade + backward", "loss + gradient"]
    shade._print(report, 8, 2)
    printed = capsys.readouterr().out
    assert "loss + gradient: memory in all" in printed
    assert "GFLOP/s" in printed


def test_sides_that_differ_are_not_timed() -> None:
    works = shade._works(4, 1)
    works["loss ours"] = lambda: 2.0 * works["loss eager"]()
    with pytest.raises(AssertionError, match="not close"):
        shade._check_agreement(works)


@pytest.mark.slow
def test_the_command_prints_numbers() -> None:
    command = [sys.executable, "-m", "benchmarks.shade", "--size", "32", "--pairs", "2"]
    found = subprocess.run(
        [*command, "--repeats", "1", "--json"], cwd=ROOT,
        env=ENVIRONMENT, capture_output=True, text=True, check=True,
        timeout=300,
    )  # fmt: skip
    report = json.loads(found.stdout)
    assert {row["name"] for row in report["rows"]} >= set(ROWS)
    assert all(row["ours"] > 0 and row["theirs"] > 0 for row in report["rows"])

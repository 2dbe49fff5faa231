import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.measure import NOISE, Row, interleave, machine, peak_memory, seconds_of

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
MEASURE_64_MIB = """
import torch
from benchmarks.measure import peak_memory, return_freed_memory
return_freed_memory()
print(peak_memory(lambda: torch.ones(16 * 2**20)))
"""


def test_a_ratio_is_held_against_its_bar() -> None:
    row = Row("a", ours=2.0, theirs=30.0, bar=15.0, unit="ms")
    assert row.ratio == 15.0
    assert row.passed
    assert not Row("a", ours=2.1, theirs=30.0, bar=15.0, unit="ms").passed


def test_methods_run_in_turn_after_one_warm_up() -> None:
    calls: list[str] = []
    interleave(lambda: calls.append("a"), lambda: calls.append("b"), repeats=3)
    assert calls == ["a", "b"] * 4


def test_the_median_leaves_out_warm_ups_and_a_straggler(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    durations = iter([100.0, 90.0, 80.0, 3.0, 50.0, 2.0, 4.0, 1.0])

    def work() -> None:
        clock[0] += next(durations)

    assert seconds_of(work, repeats=5) == 3.0


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux's /proc")
def test_the_peak_is_that_of_what_was_held() -> None:
    child = [sys.executable, "-c", MEASURE_64_MIB]
    found = subprocess.run(
        child, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True,
        check=True, timeout=120,
    )  # fmt: skip
    assert float(found.stdout) == pytest.approx(64 * 2**20, abs=2 * NOISE)


def test_work_that_holds_nothing_has_no_peak() -> None:
    assert peak_memory(lambda: None) <= 2 * NOISE


def test_the_machine_is_one_line() -> None:
    line = machine()
    assert "cores" in line
    assert "torch" in line
    assert "\n" not in line

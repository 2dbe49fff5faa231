import json
import math

import pytest

from benchmarks import fluid


def _small(monkeypatch: pytest.MonkeyPatch) -> fluid.Report:
    monkeypatch.delenv("DIFFGFX_PHIFLOW", raising=False)
    monkeypatch.setattr(fluid, "_gradient_limits", lambda side, steps: [])
    return fluid.measure(1, grids=((8, 8),), solved=((2, 8),), batch=(8, 2), gradient=(4, 2))


def test_every_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    report = _small(monkeypatch)
    assert {solve.scene for solve in report.solves} == set(fluid.SCENES)
    (split,) = report.splits
    assert split.count == 64
    assert {"advection of smoke", "advection of velocity", "pressure"} <= set(split.terms)
    assert [row.name for row in report.rows] == ["2 x 8^2 smoke steps, a loop over a batch"]
    assert all(math.isfinite(row.ratio) and row.ratio > 0.0 for row in report.rows)
    assert all(limit.value < 1e-4 for limit in report.limits if "max div" in limit.name)
    assert "DIFFGFX_PHIFLOW" in report.missing[0]
    fluid._print(report)
    printed = capsys.readouterr().out
    assert "ns a cell" in printed
    assert "not measured: no PhiFlow" in printed
    assert json.loads(json.dumps(fluid._as_dict(report)))["rows"][0]["bar"] == 2.0


@pytest.mark.slow
def test_a_long_gradient_is_measured_by_itself() -> None:
    peak, forward, both = json.loads(fluid._measure_gradient(4, 3))
    assert peak >= 0.0
    assert forward > 0.0
    assert both > 0.0

"""The benchmark of meshes on a few pixels: every row is there, and a plot is a picture."""

import json
import math
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import raster
from benchmarks.plot import write_lines
from benchmarks.raster_work import knot_of


@pytest.mark.slow
def test_every_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(raster, "spot", lambda: ("knot", knot_of(200)))
    monkeypatch.setattr(raster, "why_no_mitsuba", lambda: "no Mitsuba: install it")
    monkeypatch.setattr(raster, "_peak_floats", lambda side: 12.0)
    report = raster.measure(1, side=16, large=(24, 400), sides=(8, 16), triangles=(64, 128))
    assert [limit.bar for limit in report.limits] == [40.0, 250.0, 64.0]
    assert all(math.isfinite(limit.value) and limit.value > 0.0 for limit in report.limits)
    for ops in report.split.values():
        assert set(ops) == {"rasterize", "interpolate", "texture", "antialias"}
    assert [pixels for pixels, _ in report.by_pixels] == [64.0, 256.0]
    raster._print(report)
    printed = capsys.readouterr().out
    assert "PyTorch3D: not built here" in printed
    assert "no Mitsuba: install it" in printed
    assert json.dumps(report.split)


def test_a_plot(tmp_path: Path) -> None:
    path = tmp_path / "plot.svg"
    write_lines(path, "a < b", ("x", "y"), {"one": [(1.0, 2.0), (10.0, 30.0)]})
    root = ElementTree.parse(path).getroot()
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert names.count("circle") == 2
    assert "polyline" in names

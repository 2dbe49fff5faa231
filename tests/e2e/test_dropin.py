"""A script written for nvdiffrast runs with its import changed, and finds what it should."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "meshes" / "dropin.py"
PEER = "import nvdiffrast.torch as dr"


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dropin", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_finds_what_it_should() -> None:
    found = _load().main()
    near, behind, nothing = found["layers"]
    # 32 pixels a side each, of which 12 by 12 centres lie in both
    assert near * 4096 == 2 * 32**2 - 12**2
    assert behind * 4096 == 12**2
    assert nothing == 0.0
    assert found["ranges"] == [1024, 1024, 1024 + 64 * 16 - 32 * 16]
    assert found["floor"] == pytest.approx(0.5, abs=0.01)
    assert found["cube"] == pytest.approx(1 / 6, abs=0.005)
    assert found["off_px"] < 0.1


def test_nothing_but_the_import_is_the_librarys_own() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    rest = text.replace("import diffgfx.ops.raster as dr", "")
    assert text.count("import diffgfx.ops.raster as dr") == 1
    assert "diffgfx" not in rest
    assert PEER in text

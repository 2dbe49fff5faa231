"""The wheel: both packages, nothing else, and it works away from the checkout."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import diffgfx

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def _python(*words: str, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    _python("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder), folder=ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_name_says_version_and_any_platform(wheel: Path) -> None:
    assert wheel.name == f"diffgfx-{diffgfx.__version__}-py3-none-any.whl"


def test_holds_every_module_of_both_packages(names: set[str]) -> None:
    sources = {
        str(file.relative_to(root).as_posix())
        for root, package in ((ROOT, "diffgfx"), (ROOT / "kernels", "diffgfx_kernels"))
        for file in (root / package).rglob("*.py")
    }
    assert sources <= names
    assert {name for name in names if name.endswith(".py")} <= sources


def test_holds_the_page_of_the_report(names: set[str]) -> None:
    folder = Path("diffgfx/tasks/capture/report/template")
    files = {(folder / file.name).as_posix() for file in (ROOT / folder).iterdir()}
    assert {Path(file).suffix for file in files} == {".html", ".css", ".js", ".glsl"}
    assert files <= names


def test_holds_types_licence_and_script(wheel: Path, names: set[str]) -> None:
    info = f"diffgfx-{diffgfx.__version__}.dist-info"
    assert {
        "diffgfx/py.typed",
        "diffgfx_kernels/py.typed",
        f"{info}/licenses/LICENSE",
        f"{info}/entry_points.txt",
    } <= names
    with zipfile.ZipFile(wheel) as archive:
        script = archive.read(f"{info}/entry_points.txt").decode()
        metadata = archive.read(f"{info}/METADATA").decode()
    assert "diffgfx = diffgfx.cli:main" in script
    assert "License-Expression: Apache-2.0" in metadata
    assert re.search(r"^Requires-Dist: torch", metadata, re.MULTILINE)


def test_holds_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert tops == {"diffgfx", "diffgfx_kernels", f"diffgfx-{diffgfx.__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or "test_" in name]


def test_runs_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    away = tmp_path / "away"
    away.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    where = "import diffgfx, diffgfx_kernels as k; print(diffgfx.__file__, k.__file__, sep='\\n')"
    files = _python("-c", where, folder=away, PYTHONPATH=str(site)).split("\n")
    assert all(Path(file).is_relative_to(site) for file in files if file)
    assert "shade_svbrdf" in _python("-m", "diffgfx", "doctor", folder=away, PYTHONPATH=str(site))

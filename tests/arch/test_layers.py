"""The import contracts of pyproject.toml hold, and would notice a breach."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the packages of a folder, whatever else is installed."""
    code = "from importlinter.cli import lint_imports_command as run; run()"
    path = os.pathsep.join([str(folder), str(folder / "kernels")])
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_contracts_hold() -> None:
    done = _lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("diffgfx/ops/__init__.py", "import diffgfx.scene"),
        ("diffgfx/inverse/__init__.py", "import diffgfx.nn"),
        ("diffgfx/tasks/__init__.py", "def late():\n    import diffgfx.testing"),
        ("kernels/diffgfx_kernels/__init__.py", "import diffgfx.errors"),
        ("diffgfx/render/__init__.py", "def late():\n    import taichi"),
    ],
)
def test_a_breach_is_noticed(tmp_path: Path, file: str, line: str) -> None:
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("diffgfx", "kernels"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    done = _lint_imports(tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "BROKEN" in done.stdout

"""The command line as a person starts it: another process, another folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import diffgfx

ROOT = Path(__file__).resolve().parents[2]


def _diffgfx(
    *words: str, folder: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    return subprocess.run(
        [sys.executable, "-m", "diffgfx", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_text(tmp_path: Path) -> None:
    done = _diffgfx("doctor", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert diffgfx.__version__ in done.stdout
    assert "shade_svbrdf" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_json_and_nothing_else_on_stdout(tmp_path: Path) -> None:
    done = _diffgfx("doctor", "--json", folder=tmp_path, environment={"DIFFGFX_DATA": "none"})
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert set(found) == {"versions", "cuda", "ops", "threads", "kernel_cache", "data"}
    assert found["data"]["folder"] == str(tmp_path / "none")
    assert found["data"]["found"] is False


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_the_first_words_answer(tmp_path: Path, word: str) -> None:
    done = _diffgfx(word, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "diffgfx" in done.stdout


@pytest.mark.parametrize("words", [["doctor", "--nonsense"], ["doctor", "--js"], ["nonsense"], []])
def test_a_wrong_call_is_one_line_and_2(tmp_path: Path, words: list[str]) -> None:
    done = _diffgfx(*words, folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("diffgfx: error: ")
    assert done.stderr.count("\n") == 1

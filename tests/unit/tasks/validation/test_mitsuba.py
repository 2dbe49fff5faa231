"""Finding Mitsuba and LLVM 19, and the errors where one is missing; Mitsuba is not started."""

import importlib
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffgfx.errors import BackendError
from diffgfx.tasks.validation import mitsuba, mitsuba_bsdf, mitsuba_child


def test_find_llvm_takes_the_named_file_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/opt/llvm/libLLVM.so")
    assert mitsuba_bsdf.find_llvm([str(tmp_path)]) == Path("/opt/llvm/libLLVM.so")


def test_find_llvm_wants_version_19(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRJIT_LIBLLVM_PATH", raising=False)
    folder = tmp_path / "x86_64-linux-gnu"
    folder.mkdir()
    (folder / "libLLVM-15.so").touch()
    places = [str(tmp_path / "*-linux-gnu")]
    assert mitsuba_bsdf.find_llvm(places) is None
    (folder / "libLLVM-19.so.1").touch()
    assert mitsuba_bsdf.find_llvm(places) == folder / "libLLVM-19.so.1"


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitsuba_bsdf, "find_llvm", lambda: None)
    with pytest.raises(BackendError, match="install the system package libllvm19"):
        mitsuba_bsdf.start_mitsuba()


def test_a_missing_mitsuba_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "libLLVM-19.so").touch()
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", str(tmp_path / "libLLVM-19.so"))

    def refuse(name: str) -> Any:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", refuse)
    with pytest.raises(BackendError, match="pip install mitsuba"):
        mitsuba_bsdf.start_mitsuba()


def test_why_no_mitsuba_names_each_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitsuba.importlib.util, "find_spec", lambda name: None)
    assert "pip install mitsuba" in (mitsuba.why_no_mitsuba() or "")
    with pytest.raises(BackendError, match="pip install mitsuba"):
        mitsuba.measure_mitsuba_image()
    monkeypatch.setattr(mitsuba.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(mitsuba, "find_llvm", lambda: None)
    assert "libllvm19" in (mitsuba.why_no_mitsuba() or "")
    monkeypatch.setattr(mitsuba, "find_llvm", lambda: Path("/opt/libLLVM-19.so"))
    assert mitsuba.why_no_mitsuba() is None


def test_a_dead_child_is_an_error_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def die(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        seen.update(options, command=command)
        return subprocess.CompletedProcess(command, -6, "", "banner\nLLVM ERROR: no\n")

    monkeypatch.setattr(mitsuba, "why_no_mitsuba", lambda: None)
    monkeypatch.setattr(mitsuba, "find_llvm", lambda: Path("/opt/libLLVM-19.so"))
    monkeypatch.setattr(mitsuba.subprocess, "run", die)
    with pytest.raises(BackendError, match=r"got -6 \(LLVM ERROR: no\)"):
        mitsuba.measure_roughconductor()
    assert seen["command"][3] == "conductor"
    assert seen["env"]["DRJIT_LIBLLVM_PATH"] == "/opt/libLLVM-19.so"
    assert os.environ.get("DRJIT_LIBLLVM_PATH") != "/opt/libLLVM-19.so"


def test_the_child_reads_and_writes_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mitsuba_child, "start_mitsuba", lambda: "the module")

    def double(mi: Any, given: dict[str, Any]) -> dict[str, Any]:
        assert mi == "the module"
        return {"twice": 2 * given["once"]}

    monkeypatch.setitem(mitsuba_child.JOBS, "double", double)
    np.savez(tmp_path / "in.npz", once=np.arange(3))
    assert mitsuba_child.main(["double", str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]) == 0
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_array_equal(found["twice"], [0, 2, 4])

import argparse
import json
import sys
from pathlib import Path

import pytest
import torch

import diffgfx
import diffgfx_kernels
from diffgfx.cli import doctor
from diffgfx_kernels.taichi_ import runtime


def test_every_op_has_a_choice_and_a_reason_against_each_other_backend() -> None:
    ops = doctor.report()["ops"]["cpu"]
    assert tuple(ops) == diffgfx_kernels.OPS
    for choice in ops.values():
        assert {choice["chosen"], *choice["others"]} == set(diffgfx_kernels.BACKENDS)
        assert choice["chosen"] not in choice["others"]
        assert all(choice["others"].values())


def test_a_backend_that_cannot_serve_is_not_chosen_and_its_reason_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runtime, "reason_unavailable", lambda device: "was forked")
    found = doctor.report()
    assert found["ops"]["cpu"]["shade_svbrdf"]["chosen"] == "torch"
    assert found["ops"]["cpu"]["shade_svbrdf"]["others"]["taichi"] == "was forked"
    assert found["threads"]["taichi"] is None
    assert found["kernel_cache"] == {"folder": None, "writable": False}


def test_versions() -> None:
    versions = doctor.report()["versions"]
    assert versions["diffgfx"] == diffgfx.__version__
    assert versions["python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert versions["torch"].startswith(torch.__version__.split("+")[0])
    assert set(versions) == {"diffgfx", "python", *doctor._PACKAGES}


def test_threads() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        threads = doctor.report()["threads"]
    finally:
        torch.set_num_threads(before)
    assert threads["torch"] == 1
    assert threads["cores"] >= 1


@pytest.mark.parametrize("made", [True, False])
def test_kernel_cache_that_can_be_written_or_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: bool
) -> None:
    folder = tmp_path if made else tmp_path / "not" / "yet"
    monkeypatch.setattr(runtime, "cache_folder", lambda: str(folder))
    assert doctor.report()["kernel_cache"] == {"folder": str(folder), "writable": True}


def test_kernel_cache_below_a_file_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(runtime, "cache_folder", lambda: str(tmp_path / "file" / "cache"))
    assert doctor.report()["kernel_cache"]["writable"] is False
    assert "not writable" in doctor._as_text(doctor.report())


def test_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DIFFGFX_DATA", str(tmp_path))
    data = doctor.report()["data"]
    assert (data["folder"], data["found"]) == (str(tmp_path), False)
    assert data["detail"].startswith("set DIFFGFX_DATA")
    (tmp_path / "capture").mkdir()
    assert doctor.report()["data"]["found"] is True


def test_data_folder_by_default_lies_beside_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DIFFGFX_DATA", raising=False)
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (tmp_path / "shared" / "data" / "capture").mkdir(parents=True)
    monkeypatch.chdir(checkout)
    assert doctor.report()["data"]["found"] is True


def test_json_is_the_report_and_text_has_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.run(argparse.Namespace(json=True)) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == doctor.report()
    assert doctor.run(argparse.Namespace(json=False)) == 0
    text = capsys.readouterr().out
    for version in printed["versions"].values():
        assert (version or "absent") in text
    for op, choice in printed["ops"]["cpu"].items():
        assert op in text
        assert all(reason in text for reason in choice["others"].values())
    assert printed["kernel_cache"]["folder"] in text
    assert printed["data"]["folder"] in text

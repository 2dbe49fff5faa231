"""``diffgfx capture`` as a person calls it: files, streams, exit codes, and every bad input."""

import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from diffgfx.cli import main
from diffgfx.io import read_capture, read_exr, read_image, read_maps, read_material_glb
from tests.captures import known_maps, write_known_capture

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("normal", "diffuse", "specular", "roughness", "height")
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A capture of 64 x 64 pixels."""
    folder = tmp_path_factory.mktemp("source")
    return write_known_capture(folder, known_maps(resolution=64)).folder


def command(*words: str) -> tuple[list[str], dict[str, str]]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return [sys.executable, "-m", "diffgfx", "capture", *words], environment


def diffgfx(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    line, environment = command(*words)
    return subprocess.run(
        line, env=environment, capture_output=True, text=True, timeout=120, check=False, **options
    )


@pytest.fixture(scope="module")
def done(
    source: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    out = tmp_path_factory.mktemp("results") / "out"
    return out, diffgfx(str(source), "-o", str(out), "--resolution", "64")


def test_a_run_says_what_it_found_and_writes_it(done, source):
    out, run = done
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("held-out rmse 0.0")
    assert lines[1].startswith("next photo: from ")
    assert f"wrote {out}/: open report.html" in lines[2]
    stages = [line.split()[0] for line in run.stderr.splitlines()]
    assert list(dict.fromkeys(stages)) == ["load", "fit", "uncertainty", "export"]
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {
        "material.glb", "compare.png", "report.html", "capture.json", "metrics.json",
        "maps/maps.json",
        "maps/uncertainty.exr", "maps/no_highlight.png",
        *(f"maps/{name}.{kind}" for name in NAMES for kind in ("exr", "png")),
        *(f"rerender/{index}_{index}.png" for index in range(9)),
        "material.gltf", "material.mtlx", "blender/material.glb", "unreal/README.txt",
        "unreal/material.json",
        *(f"textures/{name}.png" for name in
          ("diffuse", "metallic_roughness", "normal", "specular")),
        *(f"unreal/{name}.png" for name in
          ("BaseColor", "OcclusionRoughnessMetallic", "Specular", "Normal_DX")),
    }  # fmt: skip
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert len(list(source.iterdir())) == 10            # the input is as it was


def test_everything_written_can_be_read(done):
    out, _ = done
    for name in NAMES:
        exr = read_exr(out / "maps" / f"{name}.exr")
        png = cv2.imread(str(out / "maps" / f"{name}.png"), cv2.IMREAD_UNCHANGED)
        assert exr.shape[:2] == png.shape[:2] == (64, 64)
        assert png.dtype == np.uint16
        assert np.isfinite(exr).all()
    maps = read_maps(out)
    assert torch.allclose(maps.normal.norm(dim=1), torch.ones(1, 64, 64), atol=1e-4)
    assert read_material_glb(out / "material.glb").resolution == (64, 64)
    compare = read_image(out / "compare.png")
    assert compare.shape[1] == 3 * (3 * 256 + 4 * 6)
    assert compare.std() > 0.05
    for path in (out / "rerender").iterdir():
        assert read_image(path).shape == (64, 64, 3)
    refined = read_capture(out / "capture.json", check_files=False)
    assert all(photo.exposure for photo in refined.photos)


def test_metrics_hold_what_is_promised(done):
    out, run = done
    metrics = json.loads((out / "metrics.json").read_text())
    assert list(metrics) == [
        "photos", "fitted", "held_out", "light", "uncertainty", "next_photo", "seconds",
        "peak_rss_mb", "resolution", "steps", "final", "warnings", "exports",
    ]  # fmt: skip
    assert f"held-out rmse {metrics['held_out']:.4f}" in run.stdout
    assert metrics["held_out"] < 0.05
    assert metrics["resolution"] == [64, 64]
    assert set(metrics["seconds"]) == {"load", "fit", "uncertainty", "export"}


def test_json_is_all_there_is_on_stdout_and_an_earlier_result_is_replaced(source, done):
    out, _ = done
    before = (out / "metrics.json").stat().st_mtime_ns
    words = (str(source / "capture.json"), "-o", str(out), "--resolution", "16")
    refused = diffgfx(*words)
    assert refused.returncode == 2
    assert "overwrite it with --overwrite" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert (out / "metrics.json").stat().st_mtime_ns == before
    run = diffgfx(*words, "--overwrite", "--json", "--holdout", "none", "--final", "all")
    assert run.returncode == 0, run.stderr
    metrics = json.loads(run.stdout)
    assert run.stdout.count("\n") == 1
    assert metrics == json.loads((out / "metrics.json").read_text())
    assert metrics["held_out"] is None
    assert "export 4/4" in run.stderr
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_interrupt_leaves_nothing(source, tmp_path):
    line, environment = command(
        str(source), "-o", str(tmp_path / "deep" / "out"), "--resolution", "64", "--prior", "dip"
    )

    def heed_ctrl_c() -> None:  # a shell's background job, and what it starts, do not
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_ctrl_c,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        first = process.stderr.readline()
        time.sleep(0.5)                             # the fit has begun
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert first == "load 9/9\n"
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "diffgfx: interrupted"
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_nothing(source, tmp_path):
    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    run = diffgfx(
        str(source), "-o", str(tmp_path / "out"), "--resolution", "16",
        preexec_fn=small_files_only,
    )  # fmt: skip
    assert run.returncode == 2, run.stderr
    last = run.stderr.splitlines()[-1]
    assert last.startswith(f"diffgfx: error: {tmp_path / 'out'}")
    assert "File too large; free space or" in last
    assert "Traceback" not in run.stderr
    assert list(tmp_path.iterdir()) == []


def edited(**fields: Any) -> Change:
    """Return a change of the capture's keys."""

    def change(folder: Path) -> None:
        record = json.loads((folder / "capture.json").read_text())
        (folder / "capture.json").write_text(json.dumps(record | fields))

    return change


def photo(index: int, **fields: Any) -> Change:
    """Return a change of one photograph's keys; None removes one."""

    def change(folder: Path) -> None:
        record = json.loads((folder / "capture.json").read_text())
        entry = record["photos"][index] | fields
        record["photos"][index] = {k: v for k, v in entry.items() if v is not None}
        (folder / "capture.json").write_text(json.dumps(record))

    return change


def picture(index: int, pixels: np.ndarray) -> Change:
    """Return a change of one photograph's pixels."""
    return lambda folder: cv2.imwrite(str(folder / f"{index}.png"), pixels)


def data(index: int, make: Callable[[bytes], bytes]) -> Change:
    """Return a change of one photograph's bytes."""

    def change(folder: Path) -> None:
        path = folder / f"{index}.png"
        path.write_bytes(make(path.read_bytes()))

    return change


def huge_png(_: bytes) -> bytes:
    """A PNG whose header promises 1e9 pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 25_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    end = b"\0\0\0\0IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + chunk + end


BLACK, WHITE = (np.full((64, 64, 3), level, np.uint8) for level in (0, 255))
SMALLER = np.full((32, 32, 3), 90, np.uint8)

BAD_INPUTS: dict[str, tuple[Change, str]] = {
    "no photo": (lambda f: (f / "3.png").unlink(), "3.png: file must exist"),
    "no capture.json": (lambda f: (f / "capture.json").unlink(), "capture.json: file must exist"),
    "truncated": (data(3, lambda b: b[: len(b) // 2]), "3.png: image must be complete"),
    "truncated late": (data(8, lambda b: b[:-20]), "8.png: image must be complete"),
    "zero bytes": (data(0, lambda b: b""), "0.png: file must hold data, got 0 bytes"),
    "no image": (data(3, lambda b: b"hello" * 99), "3.png: image must be a JPEG, PNG or EXR"),
    "damaged": (data(3, lambda b: b[:200] + b"\x00\x01" + b[202:]), "3.png: PNG must match its"),
    "another size": (picture(5, SMALLER), "5.png: photos must share one size, got 32 x 32"),
    "all black": (picture(4, BLACK), "4.png: photo must not be all black"),
    "all saturated": (picture(4, WHITE), "4.png: photo must not be all saturated"),
    "1e9 pixels": (data(2, huge_png), "2.png: image must hold at most 100000000 pixels"),
    "pose count": (photo(7, camera=None), "camera must be given for every photo or none, got 8"),
    "nan pose": (photo(2, camera=[0, 0, float("nan")]), "got nan"),
    "below the plane": (photo(2, camera=[0, 0, -20]), "must lie above the sample's plane"),
    "light below": (photo(2, light=[0, 0, -1]), "light must be given for every photo or none"),
    "outside": (photo(1, file="../../1.png"), "must stay inside the folder of capture.json"),
    "absolute": (photo(1, file="/etc/hosts"), "must stay inside the folder of capture.json"),
    "wrong type": (edited(photos={"a": 1}), "photos must be a list"),
    "wrong units": (edited(units=7), "units must be one of mm, cm, m, in"),
    "wrong size": (edited(sample_size=[10, 7]), "photos must have the sample's shape"),
    "wrong transfer": (edited(transfer="log"), "transfer must be one of srgb, gamma2.2, linear"),
    "not json": (lambda f: (f / "capture.json").write_text("{,}"), "must be JSON"),
    "deep json": (lambda f: (f / "capture.json").write_text("[" * 9999), "nested at most 32"),
}


def listing(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(
    words: list[str], place: Path, capfd: pytest.CaptureFixture[str], before: dict[str, bytes]
) -> str:
    """Run in this process, every stream caught at its file descriptor; return the one line."""
    assert main(["capture", *words]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("diffgfx: error: ")
    assert "Traceback" not in err
    assert len(err) < 700
    assert listing(place) == before
    return err


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_is_one_line_and_2_and_writes_nothing(name, source, tmp_path, capfd):
    change, rule = BAD_INPUTS[name]
    folder = tmp_path / "capture"
    shutil.copytree(source, folder)
    change(folder)
    words = [str(folder), "-o", str(tmp_path / "out"), "--resolution", "32"]
    line = refused(words, tmp_path, capfd, listing(tmp_path))
    assert rule in line
    assert str(folder) in line


def test_a_folder_that_is_not_there(tmp_path, capfd):
    words = [str(tmp_path / "absent"), "-o", str(tmp_path / "out")]
    assert "absent: file must exist" in refused(words, tmp_path, capfd, {})


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("file", "output must be a folder, got a file"),
        ("file/out", "output folder must be writable, got: Not a directory"),
        ("full", "output folder must be empty, got 1 entries"),
        (".", "output folder must not hold the input"),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_bad_outputs(place, rule, overwrite, source, tmp_path, capfd):
    shutil.copytree(source, tmp_path / "capture")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    words = [str(tmp_path / "capture"), "-o", str(tmp_path / place), "--resolution", "16"]
    words += ["--overwrite"] if overwrite else []
    line = refused(words, tmp_path, capfd, listing(tmp_path))
    if place == ".":
        assert "must be empty" in line or "must be an earlier result" in line
    elif place == "full" and overwrite:
        assert "must be an earlier result with metrics.json, got 1 other entries" in line
    else:
        assert rule in line


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--resolution", "8"], "resolution must be at least 16, got 8"),
        (["--resolution", "x"], "invalid int value: 'x'"),
        (["--holdout", "all"], "--holdout must be auto, none or indices separated by commas"),
        (["--holdout", "1,,2"], "--holdout must be auto, none or indices separated by commas"),
        (["--holdout", ""], "--holdout must be auto, none or indices separated by commas"),
        (["--holdout", "9"], "holdout must name photographs from 0 to 8, got 9"),
        (["--holdout", "-1"], "holdout must name photographs from 0 to 8, got -1"),
        (["--holdout", "0,1,2,3,4,5,6,7,8"], "holdout must leave a photograph to fit"),
        (["--final", "none"], "invalid choice: 'none'"),
        (["--prior", "magic"], "invalid choice: 'magic'"),
        (["--prior", "dip"], "resolution must be at most 256 with the dip prior, got 1024"),
        (["--calibration", "guess"], "invalid choice: 'guess'"),
        (["--seed", "-1"], "seed must be from 0 to 2147483647, got -1"),
        (["--seed", "1.5"], "invalid int value: '1.5'"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--res", "64"], "unrecognized arguments: --res 64"),
        (["again"], "unrecognized arguments: again"),
    ],
)
def test_bad_flags(words, rule, source, tmp_path, capfd):
    line = refused([str(source), "-o", str(tmp_path / "out"), *words], tmp_path, capfd, {})
    assert rule in line


def test_missing_arguments(source, tmp_path, capfd):
    assert "arguments are required: -o" in refused([str(source)], tmp_path, capfd, {})
    assert "arguments are required: DIR" in refused(["-o", "out"], tmp_path, capfd, {})


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there(source, tmp_path, capfd):
    words = [str(source), "-o", str(tmp_path / "out"), "--device", "cuda"]
    assert "device cuda is not there" in refused(words, tmp_path, capfd, {})


def test_a_fault_of_the_library_is_one_line_and_1(source, tmp_path, capfd, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("diffgfx.tasks.capture.capture_material", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert main(["capture", str(source), "-o", str(tmp_path / "out")]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("diffgfx: internal error: ZeroDivisionError: by zero; please report it")
    assert err.count("\n") == 1
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("diffgfx-")

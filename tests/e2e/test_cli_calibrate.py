"""``diffgfx sheet`` and ``calibrate`` as a person calls them, on photographs cast by rays here."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffgfx.cli import main
from diffgfx.io import read_capture, read_image
from tests.sheet_photos import (
    GREY,
    Scene,
    TrueLens,
    develop,
    exif_of,
    looking,
    page_picture,
    photograph,
    reflectance_of_page,
    stands,
)

pytest.importorskip("pypdfium2", reason="no PDF reader: pip install pypdfium2")

ROOT = Path(__file__).resolve().parents[2]
LENS = TrueLens(560, 420, 420.0, (283.0, 206.0))
POWER = 2.6e5                   # [radiance x mm^2]
THICK = 2.0                     # mm of card under the sheet
EXPOSURES = (1.0, 0.8, 1.1, 0.9, 1.25)
STANDS = stands()[[0, 2, 4, 6, 8]]


def quarters(x: np.ndarray, y: np.ndarray, _: np.ndarray) -> np.ndarray:
    """A matt sample, red to the right, green at the top."""
    return np.stack([np.where(x > 0, 0.4, 0.1), np.where(y > 0, 0.4, 0.1), 0.2 + 0 * x], axis=-1)


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sheet and five photographs of it; EXIF wants one of them turned."""
    folder = tmp_path_factory.mktemp("shots")
    assert main(["sheet", "-o", str(folder / "sheet.pdf"), "--grey", str(GREY)]) == 0
    page = reflectance_of_page(page_picture(folder / "sheet.pdf", 120.0))
    scene = Scene(page, (210.0, 297.0), (100.0, 100.0), quarters, THICK, POWER)
    for number, (place, exposure) in enumerate(zip(STANDS, EXPOSURES, strict=True)):
        axes = looking(place, number)
        light = exposure * photograph(scene, LENS, place, axes, fine=2)
        notes = exif_of(exposure / 50.0, 1.8, 100, 26, 6 if number == 2 else 1)
        data = develop(light, number, blur=0.5, quality=95, exif=notes)
        (folder / f"IMG {number}.jpg").write_bytes(data)
    return folder


def calibrate(folder: Path, *words: str, photos: list[str] | None = None) -> int:
    names = photos or sorted(path.name for path in folder.glob("IMG*"))
    files = [str(folder / name) for name in names]
    return main(["calibrate", *files, "--sheet", str(folder / "sheet.json"), *words])


@pytest.fixture(scope="module")
def done(shots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("results") / "out"
    assert calibrate(shots, "-o", str(out), "--thickness", str(THICK)) == 0
    return out


def test_cameras_stand_where_they_stood(done):
    capture = read_capture(done)
    assert (capture.units, capture.sample_size, capture.transfer) == ("cm", (9.8, 9.8), "srgb")
    for place, photo in zip(STANDS, capture.photos, strict=True):
        true = 0.1 * (place + np.array([0.0, 0.0, THICK]))
        assert np.linalg.norm(true - photo.camera) < 0.005 * np.linalg.norm(true)
        assert photo.light == photo.camera
    record = json.loads((done / "calibration.json").read_text())
    assert record["error"] < 0.5
    assert all(photo["error"] < 0.5 for photo in record["photos"])
    assert record["lens"]["focal"] == pytest.approx(LENS.focal, rel=5e-3)
    assert record["left_out"] == []
    (grey,) = record["warnings"]
    assert grey.startswith("the grey patches were not measured: a reflectance of 0.18 was to be")


def test_what_is_written(done):
    names = [f"{k}_IMG {k}.png" for k in range(5)]
    assert {path.name for path in done.iterdir()} == {
        *names, "capture.json", "calibration.json", "detected.png",
    }  # fmt: skip
    assert [path.name for path in done.parent.iterdir()] == ["out"]
    shape = read_image(done / names[0]).shape
    assert shape[0] == shape[1] == json.loads((done / "calibration.json").read_text())["texels"][0]
    assert read_image(done / "detected.png").std() > 0.1


def test_photographs_show_the_sample_and_nothing_else_upright(done):
    capture = read_capture(done)
    for place, exposure, photo in zip(STANDS, EXPOSURES, capture.photos, strict=True):
        stored = read_image(done / photo.file)
        linear = ((stored + 0.055) / 1.055) ** 2.4
        n = len(linear)
        for x, y in ((25.0, 25.0), (-25.0, 25.0), (25.0, -25.0), (-25.0, -25.0)):
            toward = place + np.array([-x, -y, THICK])
            far = float(np.linalg.norm(toward))
            lit = exposure * POWER * toward[2] / far**3 / np.pi
            row, column = int((0.5 - y / 98) * n), int((0.5 + x / 98) * n)
            seen = np.median(linear[row - 3 : row + 4, column - 3 : column + 4], axis=(0, 1))
            true = quarters(np.array(x), np.array(y), np.array(1.0))
            assert seen / lit == pytest.approx(true, rel=0.04)
        edges = np.concatenate([linear[0], linear[-1], linear[:, 0], linear[:, -1]])
        assert edges.max() < 1.3 * np.quantile(linear, 0.99)    # no white of the paper
        # the seam between the quarters lies in the middle, to a texel
        row = linear[n // 4, :, 0]
        assert abs(np.argmax(row > 0.5 * (row[n // 4] + row[3 * n // 4])) - n / 2) <= 1.5


def test_greys_and_exposures_are_stated(done):
    capture = read_capture(done)
    assert capture.grey_beside is not None
    assert capture.grey_beside.reflectance == GREY
    assert not capture.grey_beside.measured
    places = np.array(sorted(capture.grey_beside.places))
    wanted = np.array([(-6.65, 0.0, 0.2), (0.0, -6.65, 0.2), (0.0, 6.65, 0.2), (6.65, 0.0, 0.2)])
    assert places == pytest.approx(wanted)
    mean = np.exp(np.mean(np.log(EXPOSURES)))
    stated = [photo.exposure for photo in capture.photos]
    assert stated == pytest.approx([e / mean for e in EXPOSURES], rel=1e-3)
    for place, exposure, photo in zip(STANDS, EXPOSURES, capture.photos, strict=True):
        for patch, reading in zip(capture.grey_beside.places, photo.grey, strict=True):
            toward = place - 10.0 * np.array([*patch[:2], 0.0])
            lit = exposure * POWER * toward[2] / np.linalg.norm(toward) ** 3 / np.pi
            assert reading == pytest.approx((GREY * lit,) * 3, rel=0.02)


def test_json_and_overwriting(shots, done, capsys):
    words = ("-o", str(done), "--thickness", str(THICK))
    assert calibrate(shots, *words) == 2
    assert "overwrite it with --overwrite" in capsys.readouterr().err
    assert calibrate(shots, *words, "--overwrite", "--json") == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert json.loads(out) == json.loads((done / "calibration.json").read_text())


def test_a_photo_with_too_few_tags_is_named_and_left_out(shots, tmp_path, capsys):
    folder = tmp_path / "shots"
    shutil.copytree(shots, folder)
    picture = np.array(Image.open(folder / "IMG 3.jpg"))
    picture[:, :330] = 90
    Image.fromarray(picture).save(folder / "IMG 3.jpg", quality=95)
    assert calibrate(folder, "-o", str(tmp_path / "out")) == 0
    out = capsys.readouterr().out
    warning = out.splitlines()[0]
    assert warning.startswith(f"warning: {folder / 'IMG 3.jpg'}: left out: its ")
    assert "tags lie together" in warning
    assert "placed 4 photos by" in out
    assert [photo.file for photo in read_capture(tmp_path / "out").photos] == [
        "0_IMG 0.png", "1_IMG 1.png", "2_IMG 2.png", "3_IMG 4.png",
    ]  # fmt: skip


def refused(capsys: pytest.CaptureFixture[str], code: int) -> str:
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    line = err.splitlines()[-1]
    assert line.startswith("diffgfx: error: ")
    assert "Traceback" not in err
    assert "; " in line
    return line


def test_bad_inputs_are_one_line_and_write_nothing(shots, tmp_path, capsys):
    out = tmp_path / "out"
    too_few = ["IMG 0.jpg", "IMG 1.jpg", "IMG 2.jpg"]
    line = refused(capsys, calibrate(shots, "-o", str(out), photos=too_few))
    assert "photos must show the sheet in at least 4, got 3 usable of 3" in line
    line = refused(capsys, calibrate(shots, "-o", str(out), photos=["IMG 0.jpg", "IMG 0.jpg"]))
    assert "photos must be named once each" in line
    line = refused(capsys, calibrate(shots, "-o", str(out), photos=["IMG 9.jpg"]))
    assert "IMG 9.jpg: file must exist" in line
    line = refused(capsys, calibrate(shots, "-o", str(out), photos=["sheet.pdf"]))
    assert "sheet.pdf: image must be a JPEG, PNG" in line
    line = refused(capsys, calibrate(shots, "-o", str(out), "--thickness", "60"))
    assert "thickness must be from -50 to 50 mm, got 60" in line
    line = refused(capsys, calibrate(shots, "-o", str(shots)))
    assert "output folder must" in line
    words = [str(shots / "IMG 0.jpg"), "--sheet", str(tmp_path / "x.json"), "-o", str(out)]
    line = refused(capsys, main(["calibrate", *words]))
    assert "x.json: file must exist, found none; name the sheet.json that diffgfx sheet" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["-o", "sheet.png"], "sheet must be named as a PDF, got .png; name it sheet.pdf"),
        (["-o", "a.pdf", "--window", "10"], "window must have a width from 20 to 136 mm on a4"),
        (["-o", "a.pdf", "--window", "a"], "--window must be a side or width,height in mm"),
        (["-o", "a.pdf", "--window", "50,60,70"], "--window must be a side or width,height"),
        (["-o", "a.pdf", "--window", "nan"], "window must have a width from 20 to 136 mm"),
        (["-o", "a.pdf", "--grey", "18"], "grey must be a reflectance from 0.01 to 1, got 18"),
        (["-o", "absent/a.pdf"], "absent/a.pdf: file must be writable"),
        (["-o", "a.pdf", "--paper", "a5"], "invalid choice: 'a5'"),
    ],
)
def test_bad_sheets(words, rule, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert rule in refused(capsys, main(["sheet", *words]))
    assert list(tmp_path.iterdir()) == []


def test_a_sheet_on_which_something_was_measured_is_not_replaced(tmp_path, capsys):
    assert main(["sheet", "-o", str(tmp_path / "a.pdf"), "--paper", "letter"]) == 0
    assert f"wrote {tmp_path / 'a.pdf'} and {tmp_path / 'a.json'}" in capsys.readouterr().out
    (tmp_path / "a.pdf").unlink()
    line = refused(capsys, main(["sheet", "-o", str(tmp_path / "a.pdf")]))
    assert "it may hold what was measured on a printed sheet" in line
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.slow
def test_traced_photographs_end_to_end(tmp_path):
    """The whole path at 2 megapixels: Mitsuba's photographs, calibrate, capture; against truth."""
    from diffgfx.tasks.validation.mitsuba import why_no_mitsuba

    if (missing := why_no_mitsuba()) is not None:
        pytest.skip(missing)
    assert main(["sheet", "-o", str(tmp_path / "sheet.pdf")]) == 0
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    subprocess.run(
        [sys.executable, "-m", "tests.sheet_mitsuba", str(tmp_path / "sheet.pdf"), "-o",
         str(tmp_path / "photos"), "--megapixels", "2"],
        env={**os.environ, "PYTHONPATH": path}, cwd=ROOT, check=True, timeout=3000,
    )  # fmt: skip
    from tests.sheet_proof import prove

    numbers = prove(tmp_path / "photos", tmp_path / "sheet.json", tmp_path / "proof", 128)
    assert numbers["photos"] == 9
    assert numbers["position, worst"] < 0.01
    assert numbers["reprojection [pixel]"] < 0.5
    assert numbers["held-out rmse"] < 1.2 * numbers["held-out rmse, truly posed"]
    assert numbers["albedo"]["diffuse"] == pytest.approx(1.0, abs=0.05)

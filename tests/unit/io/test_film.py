"""Films come back as they went in, and appear whole or not at all."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from diffgfx.errors import DtypeError, OutputError, RangeError, ShapeError
from diffgfx.io import film_writer, frame_writer, read_image


def _frame(k: int, height: int = 34, width: int = 50) -> np.ndarray:
    """Return a smooth picture, another for each k."""
    rows, columns = np.mgrid[0:height, 0:width]
    ramp = rows / height * 0.5 + columns / width * 0.25
    return np.stack([ramp, 0.15 * k + 0.0 * ramp, 0.9 - ramp], axis=2)


def _film(path: Path, frames: list[np.ndarray], error: BaseException | None = None) -> None:
    with film_writer(path) as add:
        for frame in frames:
            add(frame)
        if error is not None:
            raise error


def _read(path: Path) -> tuple[list[np.ndarray], str]:
    """Return the frames of a film, and what the decoder says of it."""
    import imageio_ffmpeg

    decoder = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path)]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run([*decoder, *raw], capture_output=True, check=True, timeout=60)
    said = done.stderr.decode()
    width, height = map(int, re.search(r"Video: .* (\d+)x(\d+)", said).groups())
    pixels = np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)
    return list(pixels / 255.0), said


def test_five_frames_come_back(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with film_writer(path, fps=10.0) as add:
        for k in range(5):
            add(_frame(k))
            assert not path.exists()
    frames, said = _read(path)
    assert len(frames) == 5
    assert re.search(r"Video: h264 .*yuv420p\(tv, bt709.* 50x34.* 10 fps", said)
    for k, found in enumerate(frames):
        assert np.abs(found - _frame(k)).mean() < 0.02, k
    assert os.listdir(tmp_path) == ["film.mp4"]


def test_odd_sizes_are_made_even_by_repeating_the_edge(tmp_path: Path) -> None:
    with film_writer(tmp_path / "odd.mp4") as add:
        add(_frame(1, 33, 49).astype(np.float32))
    (frame,), said = _read(tmp_path / "odd.mp4")
    assert re.search(r" 50x34.* 24 fps", said)
    assert np.abs(frame[-1] - frame[-2]).max() < 0.06
    assert np.abs(frame[:33, :49] - _frame(1, 33, 49)).mean() < 0.02


def test_a_film_that_stops_leaves_the_older_one(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt):
        _film(path, [_frame(0)], KeyboardInterrupt())
    assert path.read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["film.mp4"]


def test_an_encoder_that_fails_is_one_line(tmp_path: Path, monkeypatch, capfd) -> None:
    start = subprocess.Popen

    def into_nowhere(command, **rest):
        return start([*command[:-1], str(tmp_path / "none" / "film.mp4")], **rest)

    monkeypatch.setattr(subprocess, "Popen", into_nowhere)
    with pytest.raises(OutputError, match=r"film must be writable, got: .*free space") as caught:
        _film(tmp_path / "film.mp4", [_frame(0, 200, 200)] * 100)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == []
    assert capfd.readouterr() == ("", "")


def test_a_film_needs_a_frame_a_folder_and_its_ending(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="at least one frame"):
        _film(tmp_path / "a.mp4", [])
    with pytest.raises(OutputError, match="into a folder that exists"):
        _film(tmp_path / "none" / "a.mp4", [_frame(0)])
    with pytest.raises(RangeError, match=r"must end in \.mp4"):
        _film(tmp_path / "a.avi", [_frame(0)])
    with pytest.raises(RangeError, match="fps must be"), film_writer(tmp_path / "a.mp4", fps=0.0):
        pass
    assert os.listdir(tmp_path) == []


WRONG = (
    (lambda frame: frame[..., :2], ShapeError, "have shape"),
    (lambda frame: frame[:-1], ShapeError, "shape of the first"),
    (lambda frame: frame.astype(np.uint8), DtypeError, "hold floats"),
    (lambda frame: frame * np.nan, RangeError, "not hold NaN"),
)


@pytest.mark.parametrize(("change", "error", "text"), WRONG)
@pytest.mark.parametrize("writer", [film_writer, frame_writer])
def test_a_wrong_frame_is_refused_and_nothing_left(
    tmp_path: Path, writer, change, error, text: str
) -> None:
    def write() -> None:
        with writer(tmp_path / "a.mp4") as add:
            add(_frame(0))
            add(change(_frame(1)))

    with pytest.raises(error, match=f"frame must .*{text}"):
        write()
    assert os.listdir(tmp_path) == []


def test_numbered_pictures(tmp_path: Path) -> None:
    for _ in range(2):
        with frame_writer(tmp_path / "frames", overwrite=True) as add:
            add(_frame(0, 3, 5))
            add(_frame(1, 3, 5))
    names = sorted(os.listdir(tmp_path / "frames"))
    assert names == ["frame_0000.png", "frame_0001.png"]
    found = read_image(tmp_path / "frames" / names[1])
    assert np.abs(found - _frame(1, 3, 5)).max() < 0.5 / 255 + 1e-6
    with pytest.raises(OutputError, match="must be empty"), frame_writer(tmp_path / "frames"):
        pass
    with pytest.raises(OutputError, match="at least one frame"), frame_writer(tmp_path / "none"):
        pass
    assert os.listdir(tmp_path) == ["frames"]

"""Films: H.264 in .mp4, or a folder of numbered PNGs, frame by frame, whole or not at all."""

import contextlib
import math
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from diffgfx.check import check_positive
from diffgfx.errors import DtypeError, OutputError, RangeError, ShapeError
from diffgfx.io._files import atomic_path, check_output_file, show_path
from diffgfx.io.folder import output_folder
from diffgfx.io.image import write_png

__all__ = ["film_writer", "frame_writer"]

AddFrame = Callable[[npt.NDArray[Any]], None]

_COLOURS = (  # named, so that players agree on them
    "-vf", "scale=out_color_matrix=bt709:out_range=tv", "-colorspace", "bt709",
    "-color_primaries", "bt709", "-color_trc", "iec61966-2-1", "-color_range", "tv",
)  # fmt: skip


@contextlib.contextmanager
def film_writer(path: Path | str, *, fps: float = 24.0) -> Iterator[AddFrame]:
    """Write an .mp4 that every player shows (H.264, yuv420p), by a function that adds a frame.

    The film appears under its name when the block ends, and not if it raises: an older film stays.
    Widths and heights that are odd are made even, which the format asks for, by repeating the last
    column or row.

    Args:
        path: The film, ending in .mp4.
        fps: Frames a second.

    Yields:
        A function that takes a frame: stored values, clipped to [0, 1], shape (h, w, 3), row 0 at
        the top, all of one size. Encode linear light first.

    Raises:
        RangeError: If the name does not end in .mp4, ``fps`` is not above zero, or a frame holds
            NaN.
        ShapeError, DtypeError: If a frame is not an RGB picture of floats, or of another size.
        OutputError: If no frame was added, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".mp4":
        raise RangeError(f"path must end in .mp4, got {show_path(path)}; or use frame_writer")
    check_positive("fps", fps)
    check_output_file(path)
    with atomic_path(path) as partial, tempfile.TemporaryFile() as log:
        encoder = _Encoder(path, partial, fps, log)
        try:
            yield encoder.add
            encoder.finish()
        finally:
            encoder.stop()


@contextlib.contextmanager
def frame_writer(path: Path | str, *, overwrite: bool = False) -> Iterator[AddFrame]:
    """Write a folder of PNGs, ``frame_0000.png`` and so on, by a function that adds a frame.

    The folder appears under its name when the block ends, and not if it raises.

    Args:
        path: The folder, missing or empty.
        overwrite: Whether an earlier one, with a ``frame_0000.png``, may be replaced.

    Yields:
        A function that takes a frame, as that of `film_writer` does.

    Raises:
        ShapeError, DtypeError, RangeError: If a frame is not an RGB picture of floats, is of
            another size, or holds NaN.
        OutputError: If no frame was added, or the folder cannot be written.
    """
    with output_folder(path, overwrite, marker="frame_0000.png") as staging:
        shapes: list[tuple[int, ...]] = []

        def add(frame: npt.NDArray[Any]) -> None:
            _check_frame(frame, shapes)
            write_png(staging / f"frame_{len(shapes) - 1:04d}.png", frame)

        yield add
        _check_some(Path(path), len(shapes))


class _Encoder:
    """An encoding process, started by the first frame, which says how large it must be."""

    def __init__(self, path: Path, partial: Path, fps: float, log: IO[bytes]) -> None:
        self._path, self._partial, self._fps, self._log = path, partial, fps, log
        self._shapes: list[tuple[int, ...]] = []
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, frame: npt.NDArray[Any]) -> None:
        _check_frame(frame, self._shapes)
        codes = np.rint(np.clip(frame.astype(np.float64), 0.0, 1.0) * 255.0).astype(np.uint8)
        height, width = codes.shape[:2]
        codes = np.pad(codes, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        process = self._process or self._start(codes.shape[1], codes.shape[0])
        assert process.stdin is not None
        try:
            process.stdin.write(codes.tobytes())
        except OSError as error:  # it ended early, and said why
            raise self._failure() from error

    def finish(self) -> None:
        _check_some(self._path, len(self._shapes))
        process = self._process
        assert process is not None
        assert process.stdin is not None
        try:
            process.stdin.close()
        except OSError as error:
            raise self._failure() from error
        if process.wait() != 0:
            raise self._failure()

    def stop(self) -> None:
        """End the process where it still runs; what it wrote is thrown away."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        self._process.wait()

    def _start(self, width: int, height: int) -> "subprocess.Popen[bytes]":
        import imageio_ffmpeg

        source = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}")
        coded = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18", "-movflags", "+faststart")
        command = [
            imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", *source,
            "-r", f"{self._fps:.6f}", "-i", "-", "-an", *_COLOURS, *coded, str(self._partial),
        ]  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._log
        )
        return self._process

    def _failure(self) -> OutputError:
        """Return the error that the process died of."""
        self.stop()
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").strip().splitlines()
        reason = lines[0].strip() if lines else "the encoder ended early"
        return OutputError(
            f"{show_path(self._path)}: film must be writable, got: "
            f"{reason.replace(str(self._partial), self._path.name)}; "
            "free space or choose another folder"
        )


def _check_some(path: Path, count: int) -> None:
    if count == 0:
        raise OutputError(
            f"{show_path(path)}: a film must have at least one frame, got none; add one first"
        )


def _check_frame(frame: npt.NDArray[Any], shapes: list[tuple[int, ...]]) -> None:
    """Raise unless a frame is a picture like those before it; count it."""
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0:
        raise ShapeError(f"frame must have shape (h, w, 3), got {frame.shape}")
    if frame.dtype.kind != "f":
        raise DtypeError(
            f"frame must hold floats in [0, 1], got {frame.dtype}; divide by its maximum"
        )
    if shapes and frame.shape != shapes[0]:
        raise ShapeError(
            f"frame must have the shape of the first, {shapes[0]}, got {frame.shape}; "
            "render all at one size"
        )
    if math.isnan(float(frame.sum(dtype=np.float64))) and bool(np.isnan(frame).any()):
        raise RangeError("frame must not hold NaN; find where it arose before you write it")
    shapes.append(frame.shape)

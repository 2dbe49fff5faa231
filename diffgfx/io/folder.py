"""A result folder that appears whole or not at all."""

import contextlib
import errno
import os
import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from diffgfx.errors import DiffgfxError, OutputError
from diffgfx.io._files import show_path

__all__ = ["check_output", "output_folder"]

_MARKER = "metrics.json"
_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def check_output(
    path: Path | str,
    overwrite: bool = False,
    inputs: Sequence[Path | str] = (),
    *,
    marker: str = _MARKER,
) -> Path:
    """Check that a result folder can be written, before the work that leads to it.

    An existing folder must be empty, or, with ``overwrite``, hold the file ``marker`` by which an
    earlier result is known: nothing else is ever deleted.

    Args:
        path: The folder to be.
        overwrite: Whether an earlier result may be replaced.
        inputs: Files and folders to be read; none may lie in the folder.
        marker: Name of the file that every result of this kind holds.

    Returns:
        The folder's absolute path, links followed.

    Raises:
        OutputError: If it is a file, the current folder or a mount point, is not empty as above,
            holds an input, or cannot be created where it is named.
    """
    try:
        target = Path(path).resolve()
        _check_place(target, overwrite, marker)
        for entry in inputs:
            if Path(entry).resolve().is_relative_to(target):
                raise OutputError(
                    f"{show_path(target)}: output folder must not hold the input, got "
                    f"{show_path(Path(entry))}; name another folder"
                )
        _new_sibling(target).rmdir()
    except DiffgfxError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"{show_path(Path(path))}: output folder must be writable, got: {reason}; "
            "name another folder"
        ) from error
    return target


@contextlib.contextmanager
def output_folder(
    path: Path | str,
    overwrite: bool = False,
    inputs: Sequence[Path | str] = (),
    *,
    marker: str = _MARKER,
) -> Iterator[Path]:
    """Collect results in a temporary folder that becomes ``path`` on a clean exit, and only then.

    An earlier result is set aside, replaced and then deleted, so that one of the two is always
    there. Any exception, Ctrl-C among them, removes the temporary folder. In the main thread a
    SIGTERM or SIGHUP that would kill the process raises `SystemExit` inside the block instead.

    Args:
        path: The folder to be; see `check_output`.
        overwrite: Whether an earlier result may be replaced.
        inputs: Files and folders to be read; none may lie in the folder.
        marker: Name of the file by which an earlier result is known.

    Yields:
        The temporary folder, on the same disk.

    Raises:
        OutputError: As `check_output`, or if the disk fills while the block writes.
    """
    target = check_output(path, overwrite, inputs, marker=marker)
    staging: Path | None = None
    with _termination_as_exit():
        try:
            with _signals_held():
                staging = _new_sibling(target)
            yield staging
            with _signals_held():
                _check_place(target, overwrite, marker)
                _move_into_place(staging, target)
        except BaseException as error:
            if staging is not None:
                with _signals_held():
                    shutil.rmtree(staging, ignore_errors=True)
            if _is_disk_error(error, staging):
                raise OutputError(
                    f"{show_path(target)}: the disk must take the whole result, got: "
                    f"{getattr(error, 'strerror', error)}; free space or name another folder"
                ) from error
            if isinstance(error, OutputError) and str(staging) in str(error):
                # the temporary folder is gone, and its name says nothing to the user
                raise OutputError(str(error).replace(str(staging), str(target))) from error
            raise


def _check_place(target: Path, overwrite: bool, marker: str) -> None:
    name = show_path(target)
    if not target.exists():
        return
    if not target.is_dir():
        raise OutputError(f"{name}: output must be a folder, got a file; name another place")
    if target == Path.cwd() or target in Path.cwd().parents:
        raise OutputError(
            f"{name}: output folder must not be the current one or hold it; name a folder inside it"
        )
    if os.path.ismount(target):
        raise OutputError(
            f"{name}: output folder must not be a mount point, which cannot be replaced; "
            "name a folder inside it"
        )
    entries = os.listdir(target)
    if entries and not overwrite:
        raise OutputError(
            f"{name}: output folder must be empty, got {len(entries)} entries; "
            "name another folder or overwrite it with --overwrite"
        )
    if entries and not (target / marker).is_file():
        raise OutputError(
            f"{name}: a folder to overwrite must be an earlier result with {marker}, got "
            f"{len(entries)} other entries; empty it yourself or name another folder"
        )


def _new_sibling(target: Path) -> Path:
    """Create a hidden folder on the target's disk: beside it, or where its parents will start."""
    place = target.parent
    while not place.exists():
        place = place.parent
    folder = place / f".diffgfx-{secrets.token_hex(6)}.partial"
    folder.mkdir()
    return folder


def _move_into_place(staging: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        os.rename(staging, target)
        return
    aside = target.with_name(f".diffgfx-{secrets.token_hex(6)}.old")
    os.rename(target, aside)
    try:
        os.rename(staging, target)
    except OSError:
        os.rename(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _is_disk_error(error: BaseException, staging: Path | None) -> bool:
    if not isinstance(error, OSError) or isinstance(error, DiffgfxError):
        return False
    named = error.filename if isinstance(error.filename, str | os.PathLike) else ""
    ours = staging is not None and Path(named).is_relative_to(staging)
    return error.errno in _DISK_ERRORS or ours


@contextlib.contextmanager
def _termination_as_exit() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the stack where they would end the process on the spot."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handlers(leave, lambda old: old is signal.SIG_DFL):
        yield


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Finish the block before a Ctrl-C or termination takes effect."""
    waiting: list[int] = []
    try:
        with _handlers(lambda number, _frame: waiting.append(number), callable):
            yield
    finally:
        if waiting:
            signal.raise_signal(waiting[0])


@contextlib.contextmanager
def _handlers(
    handler: Callable[[int, FrameType | None], object], chosen: Callable[[Any], bool]
) -> Iterator[None]:
    previous: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in _SIGNALS:
            old = signal.getsignal(number)
            if chosen(old):
                previous[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)

"""Bytes in and out, safely: one-line faults, bounded reads, and files that appear whole or not."""

import contextlib
import os
import reprlib
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from diffgfx.errors import DiffgfxError, InputError, OutputError

__all__ = ["atomic_path", "check_file", "check_output_file", "read_bytes", "show", "show_path"]

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def show(value: object) -> str:
    """Return a value as one short printable line, whatever it is and however large."""
    return _SHORT.repr(value)


def show_path(path: Path) -> str:
    """Return a path for a message; one with line breaks or control characters is quoted."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def check_file(path: Path, remedy: str = "check the path") -> int:
    """Return the size of a regular, non-empty file [bytes].

    Raises:
        InputError: If it is missing, unreadable, empty, or a folder, pipe or device.
    """
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise InputError(f"{show_path(path)}: file must exist, found none; {remedy}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"{show_path(path)}: file must be readable, got {reason}; {remedy}"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
        raise InputError(f"{show_path(path)}: must be a regular file, got {kind}; {remedy}")
    if status.st_size == 0:
        raise InputError(f"{show_path(path)}: file must hold data, got 0 bytes; copy it again")
    return status.st_size


def read_bytes(path: Path, limit: int, remedy: str = "check the path") -> bytes:
    """Return the contents of a regular file of at most ``limit`` bytes.

    Raises:
        InputError: As `check_file`, or if the file is larger than ``limit``.
    """
    size = check_file(path, remedy)
    if size > limit:
        raise InputError(
            f"{show_path(path)}: file must hold at most {limit} bytes, got {size}; "
            "this is not the kind of file expected here"
        )
    try:
        with path.open("rb") as stream:
            return stream.read(size)      # not the limit: that much would be allocated
    except OSError as error:
        raise InputError(
            f"{show_path(path)}: file must be readable, got {error.strerror}; check its permissions"
        ) from error


def check_output_file(path: Path) -> None:
    """Check that a file can be written where it is named, before the work that leads to it.

    Raises:
        OutputError: If its folder is missing or closed, or it is a folder itself.
    """
    folder = path.parent
    try:
        found, closed = folder.is_dir(), path.is_dir()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"{show_path(path)}: file must be writable, got: {reason}; choose another name"
        ) from error
    if not found:
        raise OutputError(
            f"{show_path(path)}: file must go into a folder that exists, got {show_path(folder)}; "
            "create it or name another"
        )
    if closed:
        raise OutputError(
            f"{show_path(path)}: must be the name of a file, got a folder; add a name"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(
            f"{show_path(path)}: file must go into a folder that may be written, got "
            f"{show_path(folder)}; choose another folder"
        )


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path``; it takes the place of ``path`` on a clean exit.

    Any exception removes the temporary file and leaves an older ``path`` as it was.

    Raises:
        OutputError: If the file cannot be written: no such folder, no permission, disk full.
    """
    partial = path.with_name(f".{secrets.token_hex(6)}.partial{path.suffix}")
    try:
        yield partial
        os.replace(partial, path)
    except DiffgfxError:
        raise
    except (OSError, RuntimeError) as error:      # OpenEXR reports a full disk as RuntimeError
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise OutputError(
            f"{show_path(path)}: file must be writable, got: {reason}; "
            "free space or choose another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)

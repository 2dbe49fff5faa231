"""Names of files that may not leave the folder of the file that names them."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from diffgfx.errors import InputError
from diffgfx.io._files import show

__all__ = ["check_local_name"]

_LONGEST = 255


def check_local_name(where: str, value: object, folder: Path, file: str) -> str:
    """Return a name that leads to a place inside a folder, links followed.

    Args:
        where: File and key, for the message.
        value: What stands there.
        folder: The folder, absolute and with links followed.
        file: Name of the file that it is read from, for the message.

    Raises:
        InputError: If it is no printable name, or leads elsewhere.
    """
    remedy = f"name a file in the folder of {file}"
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST or not value.isprintable():
        raise InputError(
            f"{where} must be a file name of 1 to {_LONGEST} printable characters, got "
            f"{show(value)}; {remedy}"
        )
    windows = PureWindowsPath(value)
    outside = PurePosixPath(value).is_absolute() or windows.anchor or ".." in windows.parts
    try:
        outside = outside or not (folder / value).resolve().is_relative_to(folder)
    except (OSError, RuntimeError):  # links in a circle
        outside = True
    if outside:
        raise InputError(
            f"{where} must stay inside the folder of {file}, got {show(value)}; {remedy}"
        )
    return value

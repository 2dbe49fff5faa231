"""What a scene file names beside itself: read only if it lies inside the scene's own folder."""

import base64
import binascii
import urllib.parse
from pathlib import Path

from diffgfx.errors import InputError
from diffgfx.io._files import read_bytes, show

__all__ = ["inside_folder", "read_uri"]

_FILE_LIMIT = 1 << 30


def inside_folder(folder: Path, name: str, place: str) -> Path:
    r"""Return the path of a file that a scene names, which must lie inside the scene's folder.

    Args:
        folder: The folder of the scene's file.
        name: A relative path with ``/`` or ``\``.
        place: The scene's file and the place in it, for messages.

    Raises:
        InputError: If the path is absolute, an address, or leads out of the folder, by ``..`` or
            by a symbolic link.
    """
    remedy = "put the file beside the scene and name it by its relative path"
    text = name.replace("\\", "/")
    if not text or "\0" in text or text.startswith("/") or ":" in text.split("/")[0]:
        raise InputError(f"{place} must be a relative path, got {show(name)}; {remedy}")
    try:
        home = folder.resolve()
        path = (home / text).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name too long
        reason = " ".join(str(error).split())[:80]
        raise InputError(f"{place} must be a usable path, got: {reason}; {remedy}") from error
    if not path.is_relative_to(home):
        raise InputError(f"{place} must lie in the folder of the scene, got {show(name)}; {remedy}")
    return path


def read_uri(folder: Path, uri: object, place: str) -> bytes:
    """Return what a URI of a glTF names: the payload of a data URI, or a file in ``folder``.

    Raises:
        InputError: As `inside_folder`; if the file is missing, empty or larger than 1 GiB, or the
            payload is not base64.
    """
    if not isinstance(uri, str):
        raise InputError(f"{place} must be text, got {show(uri)}; export the file again")
    if not uri.startswith("data:"):
        path = inside_folder(folder, urllib.parse.unquote(uri), place)
        return read_bytes(path, _FILE_LIMIT, f"{place} names it")
    head, comma, payload = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        raise InputError(f"{place} must be a base64 data URI, got {show(uri)}; export it again")
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"{place} must be valid base64, got: {error}; export it again") from error

"""Where published captures lie, which only tests, benchmarks and validation read."""

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["DataFolder", "find_data_folder"]


class DataFolder(NamedTuple):
    """The folder of published data.

    Attributes:
        folder: Its absolute path, whether or not it is there.
        found: Whether it holds ``capture/``.
        detail: What it has, or how to name another.
    """

    folder: Path
    found: bool
    detail: str


def find_data_folder() -> DataFolder:
    """Return what DIFFGFX_DATA names, else ``../shared/data`` as seen from the working folder."""
    named = os.environ.get("DIFFGFX_DATA")
    folder = Path(os.path.abspath(named or Path("..", "shared", "data")))
    if (folder / "capture").is_dir():
        return DataFolder(folder, True, "has captures")
    remedy = "set DIFFGFX_DATA to the folder that holds capture/; only tests and validation need it"
    return DataFolder(folder, False, remedy)

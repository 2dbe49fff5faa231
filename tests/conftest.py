"""Fixtures that every test may use; a missing thing is a skip with its reason."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real captures, named by DIFFGFX_DATA (default ../shared/data)."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("DIFFGFX_DATA", root.parent / "shared" / "data"))
    if not (folder / "capture").is_dir():
        pytest.skip(f"no data at {folder}: set DIFFGFX_DATA to the folder of captures")
    return folder

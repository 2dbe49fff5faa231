"""Fixtures that every test may use; a missing thing is a skip with its reason."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from diffgfx_kernels import OPS


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real captures, named by DIFFGFX_DATA (default ../shared/data)."""
    root = Path(__file__).resolve().parents[1]
    folder = Path(os.environ.get("DIFFGFX_DATA", root.parent / "shared" / "data"))
    if not (folder / "capture").is_dir():
        pytest.skip(f"no data at {folder}: set DIFFGFX_DATA to the folder of captures")
    return folder


def _kernels_of(item: pytest.Item) -> str:
    """Return what tells tests apart that compile other kernels: an op, else a file."""
    spec = getattr(item, "callspec", None)
    case = getattr(spec.params.get("run"), "case", None) if spec is not None else None
    named = item.path.stem.removeprefix("test_")
    return case.op if case is not None else named if named in OPS else item.nodeid.split("::")[0]


@pytest.hookimpl(wrapper=True)  # before xdist's own, which reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    """Keep tests of the same kernels in one process: each would compile them for itself."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_kernels_of(item)))
    on_gpu = [item for item in items if item.get_closest_marker("cuda") is not None]
    if torch.cuda.is_available() and 0 < len(on_gpu) < len(items):
        for item in on_gpu:
            item.add_marker(pytest.mark.skip("Taichi serves one device a process: -m cuda alone"))
    return (yield)

"""Fixtures that every test may use; a missing thing is a skip with its reason."""

import os
import re
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


def kernels_of(test: str) -> str:
    """Return what tells tests apart that compile other kernels: an op, else a file."""
    file, _, name = test.partition("::")
    case = re.match(r"[^\[]*\[(\w+)", name)
    for op in (case[1] if case else "", Path(file).stem.removeprefix("test_")):
        if op in OPS:
            return op
    return file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep tests of the same kernels in one process: each would compile them for itself.

    Where nothing else is asked for with ``--dist``.
    """
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByKernels(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return kernels_of(nodeid)

    config.option.loadscopereorder = False  # by how many they are: long ones come first here
    return ByKernels(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with whole runs and laws, so that no process is left alone with a long one."""
    parts = ("e2e", "physics", "tasks", "contract")
    items.sort(
        key=lambda item: next(
            (k for k, part in enumerate(parts) if f"/{part}/" in item.nodeid), len(parts)
        )
    )
    on_gpu = [item for item in items if item.get_closest_marker("cuda") is not None]
    if torch.cuda.is_available() and 0 < len(on_gpu) < len(items):
        for item in on_gpu:
            item.add_marker(pytest.mark.skip("Taichi serves one device a process: -m cuda alone"))

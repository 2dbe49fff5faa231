"""Taichi's limits become errors with a remedy; each is tried in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from diffgfx_kernels import available, choose
from diffgfx_kernels.taichi_ import runtime

needs_taichi = pytest.mark.skipif(
    runtime.reason_unavailable(torch.device("cpu")) is not None, reason="taichi is not installed"
)

CALL = """
import torch
from diffgfx import ops
from diffgfx.errors import BackendError
normal = torch.tensor([0.3, -0.1, 1.0]).view(1, 3, 1, 1).expand(1, 3, 4, 4)
def call(backend):
    return float(ops.height_from_normals(normal, (1.0, 1.0), backend=backend).abs().sum())
"""


def _run(script: str) -> list[str]:
    child = subprocess.run(
        [sys.executable, "-c", CALL + script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.splitlines()


@needs_taichi
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_child_gets_an_error_and_not_a_hang() -> None:
    lines = _run("""
import os, signal
expected = call("taichi")
child = os.fork()
if child == 0:
    signal.alarm(60)
    try:
        call("taichi")
    except BackendError as error:
        print(error, flush=True)
    print(abs(call("auto") - expected) < 1e-5, flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(call("taichi") == expected)
from diffgfx_kernels.taichi_ import runtime
print(runtime.thread_count() == os.cpu_count(), os.path.isabs(runtime.cache_folder()))
""")  # so starting Taichi prints nothing
    assert "started before this process was forked" in lines[0]
    assert "'spawn'" in lines[0]
    assert lines[1:] == ["True", "0", "True", "True True"]


@needs_taichi
def test_a_runtime_that_already_runs_is_joined() -> None:
    lines = _run("""
import taichi as ti
ti.init(arch=ti.cpu, log_level=ti.ERROR)
number = ti.field(ti.f32, shape=())
number[None] = 7.0
print(abs(call("taichi") - call("torch")) < 1e-5)
print(number[None])
""")
    assert lines[-2:] == ["True", "7.0"]


def test_without_taichi_the_reference_serves() -> None:
    lines = _run("""
import sys
sys.modules["taichi"] = None
from diffgfx_kernels import available
print(call("auto") == call("torch"))
try:
    call("taichi")
except BackendError as error:
    print(error)
""")
    assert lines[0] == "True"
    assert "taichi is not installed" in lines[1]
    assert "pip install taichi" in lines[1]


@needs_taichi
@pytest.mark.parametrize(
    ("device", "remedy"), [("cuda:1", "cuda:0 only"), ("meta", "pass backend='torch'")]
)
def test_a_device_that_taichi_does_not_serve(device: str, remedy: str) -> None:
    assert remedy in str(runtime.reason_unavailable(torch.device(device)))
    assert choose("shade_svbrdf", "auto", torch.device(device)) == "torch"
    with pytest.raises(ImportError, match="backend 'taichi' is not available"):
        choose("shade_svbrdf", "taichi", torch.device(device))
    assert available(device)["shade_svbrdf"]["torch"] is None


@needs_taichi
def test_tensors_of_the_other_device_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(runtime._state, "pid", os.getpid())
    monkeypatch.setitem(runtime._state, "arch", "cuda")
    assert choose("shade_svbrdf", "auto", torch.device("cpu")) == "torch"
    with pytest.raises(ImportError, match="already runs on cuda"):
        choose("shade_svbrdf", "taichi", torch.device("cpu"))


def test_a_lock_without_an_owner_is_removed_and_a_fresh_one_is_not(tmp_path: Path) -> None:
    lock = tmp_path / "ticache.lock"
    runtime.drop_stale_lock(str(tmp_path))  # there is none
    lock.touch()
    runtime.drop_stale_lock(str(tmp_path))
    assert lock.exists()
    os.utime(lock, (0, 0))
    runtime.drop_stale_lock(str(tmp_path))
    assert not lock.exists()


def test_kernels_are_kept_after_a_process_was_killed_with_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "ticache.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    monkeypatch.setenv("TI_OFFLINE_CACHE_FILE_PATH", str(tmp_path))
    _run("print(call('taichi') > 0)")
    assert list(tmp_path.glob("*.tic"))

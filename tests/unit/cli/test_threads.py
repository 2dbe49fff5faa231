"""Threads wait asleep unless the user says otherwise, and are told before torch is there."""

import os
import subprocess
import sys

import pytest

from diffgfx.cli._threads import let_threads_sleep


@pytest.mark.parametrize(("given", "wanted"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_the_user_has_the_last_word(monkeypatch, given, wanted):
    monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
    if given is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == wanted


def test_commands_on_flows_say_so_before_torch_is_loaded():
    code = (
        "import sys, diffgfx.cli.fluid as f\n"
        "f.let_threads_sleep = lambda: sys.exit(3 + ('torch' in sys.modules))\n"
        "getattr(f, sys.argv[1])(None)\n"
    )
    for name in ("run_simulate", "run_render", "run_control"):
        assert subprocess.run([sys.executable, "-c", code, name], check=False).returncode == 3

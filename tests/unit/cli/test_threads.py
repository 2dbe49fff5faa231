"""Threads sleep soon unless the user says otherwise, and are told before torch is there."""

import os
import subprocess
import sys

import pytest

from diffgfx.cli._threads import let_threads_sleep


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7", "KMP_BLOCKTIME": "1"}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
    ],
)
def test_the_user_has_the_last_word(monkeypatch, given, wanted):
    monkeypatch.setattr(os, "environ", dict(given))
    let_threads_sleep()
    assert os.environ == wanted


def test_commands_say_so_before_torch_is_loaded():
    code = (
        "import sys, diffgfx.cli as c\n"
        "c.let_threads_sleep = lambda: sys.exit(3 + ('torch' in sys.modules))\n"
        "sys.exit(c.main(['doctor']))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 3

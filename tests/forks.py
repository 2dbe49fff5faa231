"""Run tests again and again without importing torch each time: a process that forks for each run.

``python -m tests.forks`` reads one JSON line for each run, ``{"folder": ..., "tests": [...]}``,
forks, runs pytest in the child with the folder first on the path, and answers with one JSON line,
``{"status": ..., "output": ...}``; a negative status is a signal. It imports what is heavy before
it forks, and nothing of this project.
"""

import importlib
import json
import os
import signal
import sys
import tempfile
import traceback
from typing import Any

__all__ = ["serve"]

HEAVY = ("torch", "torch._dynamo", "torch.testing", "torch.func", "taichi", "pytest")
TIME_LIMIT = 300
OPTIONS = (
    "-x", "-q", "-rf", "--tb=line", "-p", "no:cacheprovider",
    "-o", "addopts=--import-mode=importlib", "-o", "pythonpath=.",
)  # fmt: skip


def _child(folder: str, tests: list[str], output: int) -> None:
    """Run the tests in this process, and end it."""
    status = 3
    try:
        signal.alarm(TIME_LIMIT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.path.insert(0, folder)
        import pytest

        status = int(pytest.main([*OPTIONS, *tests]))
    except BaseException:  # nothing may unwind into the parent's frames
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            _child(job["folder"], job["tests"], output.fileno())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        return {"status": status, "output": output.read().decode(errors="replace")}


def serve() -> None:
    """Answer jobs until the input ends."""
    for name in HEAVY:
        importlib.import_module(name)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    serve()

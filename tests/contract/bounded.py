"""``python -m tests.contract.bounded [OP ...]``: run ops where Taichi checks every index.

What reads beyond a tensor by an entry or two goes unnoticed on a CPU, and ends a process on a GPU.
Prints a line a case that does, and exits 1 if there is one.
"""

import sys
from collections.abc import Sequence

import torch

from diffgfx_kernels.taichi_ import runtime
from tests.contract.run import RUNS, Run

__all__ = ["main"]


def _reads_beyond(run: Run, first: bool) -> str | None:
    """Return what Taichi says of a case, the first of an op large too; None if all is well."""
    for sizes in ({}, run.case.large)[: 1 + first]:
        try:
            run.everything(run.arguments(torch.float64, **sizes))
        except AssertionError as error:
            return " ".join(str(error).split())
    return None


def main(argv: Sequence[str]) -> int:
    """Run the cases of some ops, by default of all."""
    import taichi as ti

    ti.init(arch=ti.cpu, debug=True, fast_math=False, log_level=ti.ERROR, offline_cache=False)
    runtime.start(torch.device("cpu"))  # joins it
    failed = 0
    seen: set[str] = set()
    for run in RUNS:
        if run.backend != "taichi" or run.device != "cpu" or (argv and run.case.op not in argv):
            continue
        said = _reads_beyond(run, run.case.op not in seen)
        seen.add(run.case.op)
        if said is not None:
            failed += 1
            print(f"{run.case.name}: {said}", flush=True)
    if not seen:
        print(f"no op of {', '.join(argv)} has a case")
        return 2
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Flip one sign at a time in the gradient kernels, and see a contract test fail for each.

``python -m tests.mutate`` flips one sign in every statement, ``--full`` every sign there is. Each
mutant is a copy of the kernels in a temporary folder, on which the contract tests of its op run in
a process of their own (forked: POSIX only), and tests of its parts where the op alone cannot show a
sign. Prints a table of op, mutant and the test that killed it; exits 1 if one survives, 2 if the
tests fail without any.
"""

import argparse
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path

from tests.mutants import Excluded, Mutant, find_mutants
from tests.mutate_targets import KERNELS, TARGETS, Target

__all__ = ["KERNELS", "TARGETS", "Target", "collect", "main"]

ROOT = Path(__file__).resolve().parents[1]
PROCESSES = 2
CONTRACT = "tests/contract/test_contract.py"
NO_COMPILE = re.compile(r"Taichi(?:Compilation|Syntax|Type|Name)Error|SyntaxError")


def collect(
    targets: Iterable[Target] = TARGETS, full: bool = False
) -> tuple[list[tuple[Target, Mutant]], list[tuple[Target, Excluded]]]:
    """Return the mutants, all or the first of each statement, and what was left alone."""
    chosen: list[tuple[Target, Mutant]] = []
    excluded: list[tuple[Target, Excluded]] = []
    for target in targets:
        mutants, left = find_mutants(target.read(), target.functions)
        excluded += [(target, item) for item in left]
        seen: set[int] = set()
        for mutant in mutants:
            if full or mutant.statement not in seen:
                chosen.append((target, mutant))
            seen.add(mutant.statement)
    return chosen, excluded


class _Worker:
    """A copy of the kernels, and a process that runs tests on it."""

    def __init__(self, stack: ExitStack) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mutants-")))
        self.kernels = self.folder / KERNELS.name
        shutil.copytree(KERNELS, self.kernels, ignore=shutil.ignore_patterns("__pycache__"))
        quiet = {"PYTHONDONTWRITEBYTECODE": "1", "ENABLE_TAICHI_HEADER_PRINT": "0"}
        alone = {"OMP_NUM_THREADS": "1", "TI_CPU_MAX_NUM_THREADS": "1"}
        cache = {"TI_OFFLINE_CACHE_FILE_PATH": str(self.folder / "cache")}
        self._process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", "tests.forks"],
                cwd=ROOT, env={**os.environ, **quiet, **alone, **cache}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
        )  # fmt: skip
        stack.callback(self._process.kill)  # where it waits, or runs something still

    def run(self, tests: Iterable[str]) -> str:
        """Run tests on the copy; return what failed, "" if nothing did."""
        named = [test if "::" in test else f"{CONTRACT}::{test}" for test in tests]
        job = {"folder": str(self.folder), "tests": named}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(job), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        status, output = answer["status"], answer["output"]
        if status <= 0:
            return f"signal {-status}" if status else ""
        failed = re.search(r"^FAILED \S*::(\S+)", output, re.MULTILINE)
        if failed is None or NO_COMPILE.search(output):
            raise RuntimeError(f"no test could run:\n{output[-4000:]}")
        return failed.group(1)

    def try_mutant(self, target: Target, mutant: Mutant) -> str:
        """Return what kills a mutant, "" if nothing does."""
        file = self.kernels / "taichi_" / target.file
        unchanged = file.read_text(encoding="utf-8")
        file.write_text(mutant.source, encoding="utf-8")
        try:
            return self.run(target.tests)
        finally:
            file.write_text(unchanged, encoding="utf-8")

    def check_unchanged(self, targets: Iterable[Target]) -> str:
        """Return what is wrong without a mutant: a failing test, or a copy that is not used."""
        file = self.kernels / "__init__.py"
        unchanged = file.read_text(encoding="utf-8")
        file.write_text(f"{unchanged}\nraise RuntimeError('the copy')\n", encoding="utf-8")
        try:
            self.run(TARGETS[0].tests)
        except RuntimeError as error:
            used = "the copy" in str(error)
        else:
            used = False
        file.write_text(unchanged, encoding="utf-8")
        if not used:
            return "the tests do not run on the copy of the kernels"
        return self.run(dict.fromkeys(test for target in targets for test in target.tests))


def _hunt(mutants: list[tuple[Target, Mutant]], workers: list[_Worker]) -> int:
    """Run the tests on each mutant, print a row each, and return how many survived."""
    free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    for worker in workers:
        free.put(worker)

    def judge(target: Target, mutant: Mutant) -> str:
        worker = free.get()
        try:
            return worker.try_mutant(target, mutant)
        finally:
            free.put(worker)

    survivors = 0
    with ThreadPoolExecutor(len(workers)) as pool:
        jobs = {pool.submit(judge, *pair): pair for pair in mutants}
        for job in as_completed(jobs):
            target, mutant = jobs[job]
            killer = job.result()
            survivors += not killer
            print(f"{_row(target, mutant)} | {killer or 'SURVIVED'}", flush=True)
    return survivors


def _row(target: Target, mutant: Mutant) -> str:
    place = f"{target.file}:{mutant.line} {mutant.function}"
    return f"{target.op} | {place}: {mutant.before}  ->  {mutant.after}"


def _print_excluded(excluded: list[tuple[Target, Excluded]]) -> None:
    by_reason: dict[str, list[str]] = {}
    for target, item in excluded:
        by_reason.setdefault(item.reason, []).append(f"{target.file}:{item.line}")
    print("\nnot mutated | because")
    for reason, places in by_reason.items():
        print(f"{', '.join(dict.fromkeys(places))} | {reason}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return 0 if every mutant was killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every sign, not one a statement")
    parser.add_argument("--list", action="store_true", help="name the mutants and run nothing")
    parser.add_argument("--op", choices=sorted({t.op for t in TARGETS}), help="of one op only")
    chosen = parser.parse_args(argv)
    targets = [target for target in TARGETS if chosen.op in (None, target.op)]
    mutants, excluded = collect(targets, chosen.full)
    if chosen.list:
        for target, mutant in mutants:
            print(_row(target, mutant))
        _print_excluded(excluded)
        return 0
    start = time.perf_counter()
    with ExitStack() as stack:
        workers = [_Worker(stack) for _ in range(PROCESSES)]
        failed = workers[0].check_unchanged(targets)
        if failed:
            print(f"without any mutant: {failed}", file=sys.stderr)
            return 2
        print("op | mutant | killed by")
        survivors = _hunt(mutants, workers)
    _print_excluded(excluded)
    seconds = time.perf_counter() - start
    print(f"\n{len(mutants)} mutants, {survivors} survived, {seconds:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())

"""Flip one sign at a time in the gradient kernels, and see a contract test fail for each.

``python -m tests.mutate`` flips one sign in every statement, ``--full`` every sign there is. Each
mutant is a copy of the kernels in a temporary folder, on which the contract tests of its op run in
a process of their own (forked: POSIX only). Prints a table of op, mutant and the test that killed
it; exits 1 if one survives, 2 if the tests fail without any.
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
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import Excluded, Mutant, find_mutants

__all__ = ["KERNELS", "TARGETS", "Target", "collect", "main"]

ROOT = Path(__file__).resolve().parents[1]
KERNELS = ROOT / "kernels" / "diffgfx_kernels"
PROCESSES = 2
TESTS = "tests/contract/test_contract.py::"
NO_COMPILE = re.compile(r"Taichi(?:Compilation|Syntax|Type|Name)Error|SyntaxError")


def _laws(case: str) -> tuple[str, ...]:
    """Return the tests of a gradient, first those that fail first."""
    run = f"{case}-taichi-cpu"
    return (f"test_gradcheck[{run}]", f"test_equals_the_reference[{run}-float64]")


LIT = "svbrdf_render_loss[log_l1-cone-ambient-mask-white]"
LOSSES = (
    *_laws(LIT),
    *_laws("svbrdf_render_loss[l2-far-mask]"),
    *_laws("svbrdf_render_loss[display_charbonnier-maps-axis-ambient]"),
)
CONE = _laws("shade_svbrdf[cone]")
TIED = _laws("shade_svbrdf[far]")
SHARED = ("test_a_batch_of_one_is_shared[shade_svbrdf-taichi-cpu]",)
TILES = ("test_many_tiles_equal_the_reference[shade_svbrdf-taichi-cpu]",)
NORMALS = (*_laws("normals_from_height"), *_laws("normals_from_height[periodic]"))
HEIGHT = (
    *_laws("height_from_normals"),
    *_laws("height_from_normals[periodic]"),
    *_laws("height_from_normals[line]"),
)

SMOKE = (*_laws("march_volume"), *_laws("march_volume[dense]"))
ONE_LIGHT = ("test_a_batch_of_one_is_shared[march_volume-taichi-cpu]",)


@dataclass(frozen=True)
class Target:
    """Gradient functions of one file, and the tests that must notice a wrong sign in them."""

    op: str
    file: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]

    def read(self, kernels: Path = KERNELS) -> str:
        """Return the text of the file."""
        return (kernels / "taichi_" / self.file).read_text(encoding="utf-8")


TARGETS = (
    Target(
        "shade_svbrdf",
        "brdf.py",
        ("normalise_gradient", "shares", "slopes", "evaluate_gradient"),
        (*CONE, *TIED),
    ),
    Target("shade_svbrdf", "flash.py", ("falloff_gradient",), CONE),
    Target(
        "shade_svbrdf",
        "tile.py",
        ("put", "aim_lane", "look_lane", "add_gradient", "store_gradient"),
        (*CONE, *TIED, *_laws(LIT)),
    ),
    Target("shade_svbrdf", "tile.py", ("store_pair_sums",), (*CONE, *TILES)),
    Target("shade_svbrdf", "shade_svbrdf.py", ("shade_gradient", "backward"), (*CONE, *SHARED)),
    Target("svbrdf_render_loss", "residual.py", ("encode", "residual"), LOSSES),
    Target(
        "svbrdf_render_loss",
        "svbrdf_render_loss.py",
        ("load_seen", "compare", "render_loss", "forward"),
        LOSSES,
    ),
    Target("normals_from_height", "lines.py", ("slope_along_gradient",), NORMALS),
    Target(
        "normals_from_height",
        "normals_from_height.py",
        ("slope_gradients", "height_gradients", "backward"),
        NORMALS,
    ),
    Target(
        "height_from_normals",
        "lines.py",
        ("_transposed_table", "_recover_gradient", "recover_gradient"),
        HEIGHT,
    ),
    Target(
        "height_from_normals", "height_from_normals.py", ("slopes_gradient", "backward"), HEIGHT
    ),
    Target(
        "march_volume",
        "light_sweep.py",
        ("add_planes_gradient", "sweep_gradient", "direction_gradient"),
        SMOKE,
    ),
    Target(
        "march_volume",
        "march_volume.py",
        ("march_gradient", "pack_gradient", "seen_gradient", "colour_gradient"),
        SMOKE,
    ),
    Target("march_volume", "rays.py", ("absorb", "sample_gradient"), SMOKE),
    Target("march_volume", "march_volume.py", ("backward",), (*SMOKE, *ONE_LIGHT)),
)


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
        """Run contract tests on the copy; return what failed, "" if nothing did."""
        job = {"folder": str(self.folder), "tests": [TESTS + test for test in tests]}
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

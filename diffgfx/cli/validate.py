"""``diffgfx validate``: hold the library against programs, pictures and truth from outside."""

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffgfx.tasks.validation.case import Case, Outcome

__all__ = ["register", "run"]


def register(subparsers: Any) -> None:
    """Add the command's parsers."""
    parser = subparsers.add_parser(
        "validate",
        help="hold the library against truth from outside, and print the table",
        description="Hold the library against programs, pictures and truth from outside.",
    )
    inner = parser.add_subparsers(metavar="SUBJECT", required=True)
    material = inner.add_parser(
        "material",
        help="shading, files and captures of materials",
        description="Hold shading, files and captures against published pictures, Mitsuba 3, "
        "glTF's equations, Khronos' validator and materials that are known. Prints each measured "
        "value beside its bar. Exit code 0 if no case fails, 1 if one does; a case is skipped, "
        "with the reason, where what it needs is not installed. Published data are looked for in "
        "the folder that DIFFGFX_DATA names (default ../shared/data).",
    )
    _add_options(
        material, "captures of seven known materials, of one under different claims about the "
        "light, and what captures say of their own errors",
    )  # fmt: skip
    fluid = inner.add_parser(
        "fluid",
        help="flows",
        description="Hold flows against closed forms, published numbers and another code. Prints "
        "each measured value beside its bar. Exit code 0 if no case fails, 1 if one does; a case "
        "is skipped, with the reason, where what it needs is not there. Published data are looked "
        "for in the folder that DIFFGFX_DATA names (default ../shared/data).",
    )
    _add_options(fluid, "fine grids, high Rayleigh numbers and three dimensions")
    render = inner.add_parser(
        "render",
        help="pictures of meshes and their derivatives",
        description="Hold pictures of meshes and their derivatives against differences, closed "
        "forms, scenes worked by hand, laws and Mitsuba 3. Prints each measured value beside its "
        "bar. Exit code 0 if no case fails, 1 if one does; a case is skipped, with the reason, "
        "where what it needs is not there. Published data are looked for in the folder that "
        "DIFFGFX_DATA names (default ../shared/data).",
    )
    _add_options(render, "gradients of a hundred scenes and derivative images by Mitsuba")


def _add_options(parser: argparse.ArgumentParser, long: str) -> None:
    parser.add_argument(
        "cases", metavar="CASE", nargs="*", help="cases to run (default: those that take seconds)"
    )
    parser.add_argument(
        "--full", action="store_true", help=f"without CASE, run the long cases too: {long}"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list instead")
    parser.set_defaults(run=run, subject=parser.prog.split()[-1])


def _cases_of(subject: str) -> "Sequence[Case]":
    if subject == "fluid":
        from diffgfx.tasks.validation.flow import FLOW_CASES

        return FLOW_CASES
    if subject == "render":
        from diffgfx.tasks.validation.mesh import RENDER_CASES

        return RENDER_CASES
    from diffgfx.tasks.validation.material import MATERIAL_CASES

    return MATERIAL_CASES


def run(args: argparse.Namespace) -> int:
    """Run the cases; return 1 if one fails."""
    from diffgfx.cli._memory import keep_freed_memory
    from diffgfx.cli.capture import progress_bars
    from diffgfx.tasks.validation.data_folder import find_data_folder
    from diffgfx.tasks.validation.run import run_cases, select_cases

    keep_freed_memory()
    cases = select_cases(_cases_of(args.subject), args.cases, full=args.full)
    data = find_data_folder()
    with progress_bars() as tell:
        outcomes = run_cases(cases, data.folder if data.found else None, progress=tell)
    if args.json:
        print(json.dumps([outcome.as_dict() for outcome in outcomes], indent=2))
    else:
        _print_table(outcomes)
    return int(any(outcome.status == "fail" for outcome in outcomes))


def _print_table(outcomes: Sequence["Outcome"]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("case", "status", "measured", "value", "bar", "note")
    for outcome in outcomes:
        first: tuple[str, str] = (outcome.name, outcome.status)
        if not outcome.measures:
            table.add_row(*first, "", "", "", outcome.reason)
        for measure in outcome.measures:
            bar = "" if measure.bar is None else f"{measure.bar:.3g}"
            sign = "" if measure.holds else " > bar"
            table.add_row(*first, measure.name, f"{measure.value:.3g}{sign}", bar, measure.unit)
            first = ("", "")
    Console(highlight=False, markup=False).print(table)
    count = {key: sum(o.status == key for o in outcomes) for key in ("pass", "fail", "skip")}
    print(
        f"{count['pass']} passed, {count['fail']} failed, {count['skip']} skipped in "
        f"{sum(outcome.seconds for outcome in outcomes):.0f} s"
    )

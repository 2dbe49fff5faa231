"""Cases by name, and their outcomes one after the other."""

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path

from diffgfx.errors import RangeError
from diffgfx.tasks.validation.case import Case, Context, Outcome, run_case

__all__ = ["run_cases", "select_cases"]


def select_cases(
    cases: Sequence[Case], names: Sequence[str], *, full: bool = False
) -> tuple[Case, ...]:
    """Return those asked for, in their order.

    Args:
        cases: All there are.
        names: Names of cases; with none, those that are not long.
        full: With no names, the long ones too.

    Raises:
        RangeError: If there is no case of a name; the message has the nearest ones.
    """
    known = [case.name for case in cases]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, cutoff=0.4) or known
            raise RangeError(
                f"CASE must be one of the {len(known)} cases, got {name!r}; "
                f"did you mean {', '.join(near)}?"
            )
    if names:
        return tuple(case for case in cases if case.name in names)
    return tuple(case for case in cases if full or not case.long)


def run_cases(
    cases: Sequence[Case],
    data: Path | None,
    *,
    progress: Callable[[str, int, int, float | None], object] | None = None,
) -> list[Outcome]:
    """Run cases one after the other.

    Args:
        cases: What to run.
        data: The folder of published data; None where there is none.
        progress: Told of the case, how many hundredths of it are done, a hundred, and the current
            error.

    Returns:
        One outcome a case.
    """
    outcomes = []
    for case in cases:
        tell = _teller(case.name, progress)
        tell(0, 1, None)
        outcomes.append(run_case(case, Context(data, tell)))
        tell(1, 1, None)
    return outcomes


def _teller(
    name: str, progress: Callable[[str, int, int, float | None], object] | None
) -> Callable[[int, int, float | None], object]:
    if progress is None:
        return lambda done, total, error: None
    return lambda done, total, error: progress(name, round(100 * done / total), 100, error)

"""A case of validation: something measured and held against a bar, or skipped with a reason."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from diffgfx.errors import DiffgfxError

__all__ = ["Case", "Context", "Measure", "Outcome", "run_case"]

Status = Literal["pass", "fail", "skip"]


@dataclasses.dataclass(frozen=True)
class Context:
    """What a case may use.

    Attributes:
        data: The folder of published data; None where there is none.
        progress: Told of what is done, how much it is, and the current error.
    """

    data: Path | None
    progress: Callable[[int, int, float | None], object]


@dataclasses.dataclass(frozen=True)
class Measure:
    """One measured number.

    Attributes:
        name: What it is.
        value: The number.
        bar: What it must not exceed; None where it is printed only.
        unit: Its unit, or a note.
    """

    name: str
    value: float
    bar: float | None = None
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Say whether the bar is met; NaN meets none."""
        return self.bar is None or self.value <= self.bar


@dataclasses.dataclass(frozen=True)
class Case:
    """Something to measure.

    Attributes:
        name: By which users ask for it.
        compares: What is held against what, in one line.
        measure: Measures it.
        obstacle: Says what is missing and how to get it, or None; no function: nothing can be.
        long: Whether it runs for minutes, and so only when asked for.
    """

    name: str
    compares: str
    measure: Callable[[Context], Sequence[Measure]]
    obstacle: Callable[[Context], str | None] | None = None
    long: bool = False


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a case.

    Attributes:
        name: The case.
        compares: What was held against what.
        status: ``"pass"``, ``"fail"`` or ``"skip"``.
        measures: What was measured.
        reason: Why it was skipped, or why it could not be measured.
        seconds: How long it took.
    """

    name: str
    compares: str
    status: Status
    measures: tuple[Measure, ...]
    reason: str
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain values; a number that is not finite becomes None."""
        fields = dataclasses.asdict(self)
        fields["measures"] = list(fields["measures"])
        for measure, plain in zip(self.measures, fields["measures"], strict=True):
            plain["holds"] = measure.holds
            plain["value"] = measure.value if math.isfinite(measure.value) else None
        return fields


def run_case(case: Case, context: Context) -> Outcome:
    """Run one case; a fault that the library raises on purpose is a failure with its message."""
    begun = time.perf_counter()
    measures: tuple[Measure, ...] = ()
    reason = (case.obstacle(context) if case.obstacle else None) or ""
    status: Status = "skip"
    if not reason:
        try:
            measures = tuple(case.measure(context))
            status = "pass" if all(measure.holds for measure in measures) else "fail"
        except DiffgfxError as error:
            status, reason = "fail", str(error)
    return Outcome(case.name, case.compares, status, measures, reason, time.perf_counter() - begun)

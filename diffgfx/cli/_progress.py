"""Progress on stderr: bars for a person, few plain lines for a file."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

__all__ = ["Tell", "progress_bars"]

Tell = Callable[[str, int, int, float | None], None]
"""Called with the stage, what is done of it, how much it is, and the current error."""

_QUIET_SECONDS = 10.0


@contextlib.contextmanager
def progress_bars() -> Iterator[Tell]:
    """Show how far each stage is, and its current error, while the block runs.

    On a terminal every stage has a bar; the bars are wiped away where the block fails, so that its
    one line of error stands alone. Elsewhere a stage is a line when it ends, and one every ten
    seconds before.
    """
    if sys.stderr.isatty():
        with _bars() as tell:
            yield tell
    else:
        yield _line_writer()


@contextlib.contextmanager
def _bars() -> Iterator[Tell]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:>13}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[error]}"),
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as display:

        def tell(stage: str, done: int, total: int, error: float | None) -> None:
            if stage not in bars:
                bars[stage] = display.add_task(stage, total=total, error="")
            display.update(bars[stage], completed=done, error=_words(error))

        try:
            yield tell
        except BaseException:
            display.live.transient = True
            raise


def _line_writer() -> Tell:
    last = time.monotonic()
    ended: set[str] = set()

    def tell(stage: str, done: int, total: int, error: float | None) -> None:
        nonlocal last
        now = time.monotonic()
        if stage in ended or (done < total and now - last < _QUIET_SECONDS):
            return
        last = now
        if done >= total:
            ended.add(stage)
        print(f"{stage} {done}/{total} {_words(error)}".rstrip(), file=sys.stderr, flush=True)

    return tell


def _words(error: float | None) -> str:
    return "" if error is None else f"error {error:.4f}"

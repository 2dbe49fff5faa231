"""The command line: one module a command, and one place that turns errors into exit codes.

Every module named in `COMMANDS` has ``register(subparsers)``, which adds its parser and sets
``run`` as a default, and ``run(args) -> int``. Nothing heavy is imported before a command runs, so
that ``diffgfx --version`` and ``--help`` answer at once.

Exit codes: 0 done; 1 a fault of the library (one line, and a file with the traceback in the
folder for temporary files); 2 a fault of the input (one line that names thing, rule, value and
remedy); 130 interrupted; 141 the reader of the output went away; 143 terminated, with nothing half
written left behind.
"""

import argparse
import contextlib
import errno
import importlib
import os
import re
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from diffgfx import __version__
from diffgfx.cli._threads import let_threads_sleep
from diffgfx.errors import BackendError, InputError, OutputError, RangeError, ShapeError

__all__ = ["COMMANDS", "main", "make_parser"]

COMMANDS = (
    "sheet", "calibrate", "capture", "material", "fluid", "render", "fit", "validate", "doctor",
)  # fmt: skip

_USER_ERRORS = (InputError, OutputError, RangeError, ShapeError, BackendError)
_OK, _INTERNAL, _INPUT, _INTERRUPTED, _READER_GONE = 0, 1, 2, 130, 141


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, and which takes no shortened flags."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **options})
        self._negative_number_matcher = re.compile(r"-[\d.][\d.,eE+-]*$")  # -2,3 is no flag either

    def error(self, message: str) -> NoReturn:
        self.exit(_INPUT, f"diffgfx: error: {message}; see {self.prog} --help\n")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line, every command registered."""
    what = "Differentiable rendering, shading, capture and fluids."
    parser = _Parser(prog="diffgfx", description=what)
    parser.add_argument("--version", action="version", version=f"diffgfx {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"diffgfx.cli.{name}").register(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; see the module's text for the codes.

    Args:
        argv: The words after the program's name; those of the process when None.

    Returns:
        The exit code. No exception leaves this function.
    """
    try:
        let_threads_sleep()  # before anything loads torch
        with _terminated_as_interrupted():
            args = make_parser().parse_args(argv)
            code = int(args.run(args))
            sys.stdout.flush()  # so that a reader that went away is noticed here
            return code
    except SystemExit as stop:  # argparse, after --help, --version or a complaint
        return stop.code if isinstance(stop.code, int) else _OK
    except _USER_ERRORS as error:
        return _say(f"error: {error}", _INPUT)
    except KeyboardInterrupt:
        return _say("interrupted", _INTERRUPTED)
    except BrokenPipeError:
        return _leave_quietly(_READER_GONE)
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            _say("error: output must fit on its disk, got: no space left; free some", _INPUT)
            return _leave_quietly(_INPUT)
        cause = f"internal error: {type(error).__name__}: {error}"
        return _say(f"{cause}; {_keep_traceback(error)}", _INTERNAL)


def _say(text: str, code: int) -> int:
    """Print one line on stderr, whatever line breaks the text holds, and return the code."""
    print("diffgfx:", " ".join(text.split()), file=sys.stderr)
    return code


def _leave_quietly(code: int) -> int:
    """Point stdout at nothing, so that the interpreter's last flush does not complain either."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
    return code


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let a request to terminate unwind what runs, so that it takes its unfinished files away."""
    own = threading.current_thread() is threading.main_thread()
    if not own or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield  # whoever started this has a handler, or no say
        return
    signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stop(number: int, frame: object) -> NoReturn:
    raise SystemExit(128 + number)


def _keep_traceback(error: Exception) -> str:
    """Write the traceback to a new temporary file and return the words that name it."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", prefix="diffgfx-", suffix=".txt", delete=False
        ) as file:
            file.writelines(traceback.format_exception(error))
    except OSError as problem:
        return f"no file for the traceback could be written ({problem})"
    return f"please report it with the traceback in {file.name}"

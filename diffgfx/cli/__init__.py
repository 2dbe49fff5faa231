"""The command line: one module a command, and one place that turns errors into exit codes.

Every module named in `COMMANDS` has ``register(subparsers)``, which adds its parser and sets
``run`` as a default, and ``run(args) -> int``. Nothing heavy is imported before a command runs, so
that ``diffgfx --version`` and ``--help`` answer at once.

Exit codes: 0 done; 1 a fault of the library (one line, and a file with the traceback in the
folder for temporary files); 2 a fault of the input (one line that names thing, rule, value and
remedy); 130 interrupted; 141 the reader of the output went away.
"""

import argparse
import importlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
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
        return _leave_quietly()
    except Exception as error:
        cause = f"internal error: {type(error).__name__}: {error}"
        return _say(f"{cause}; {_keep_traceback(error)}", _INTERNAL)


def _say(text: str, code: int) -> int:
    """Print one line on stderr, whatever line breaks the text holds, and return the code."""
    print("diffgfx:", " ".join(text.split()), file=sys.stderr)
    return code


def _leave_quietly() -> int:
    """Point stdout at nothing, so that the interpreter's last flush does not complain either."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, sys.stdout.fileno())
    os.close(nothing)
    return _READER_GONE


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

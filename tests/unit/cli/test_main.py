"""Exit codes and the one line on stderr, with a command that fails on demand."""

import argparse
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from diffgfx import cli, errors
from diffgfx.io._files import atomic_path


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], int]], int]:
    """Run ``diffgfx act`` with the body that the test gives it."""

    def act(body: Callable[[], int]) -> int:
        parser = cli._Parser(prog="diffgfx")
        sub = parser.add_subparsers(required=True).add_parser("act")
        sub.set_defaults(run=lambda args: body())
        monkeypatch.setattr(cli, "make_parser", lambda: parser)
        return cli.main(["act"])

    return act


def _raiser(error: BaseException) -> Callable[[], int]:
    def body() -> int:
        raise error

    return body


@pytest.mark.parametrize("code", [0, 3])
def test_the_command_decides_the_code(command: Callable[..., int], code: int) -> None:
    assert command(lambda: code) == code


@pytest.mark.parametrize(
    "kind",
    [
        errors.InputError,
        errors.OutputError,
        errors.RangeError,
        errors.ShapeError,
        errors.BackendError,
    ],
)
def test_a_users_error_is_one_line_and_2(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str], kind: type[Exception]
) -> None:
    assert command(_raiser(kind("a.png must be an image,\n got text"))) == 2
    assert capsys.readouterr() == ("", "diffgfx: error: a.png must be an image, got text\n")


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("by zero"), errors.DivergedError("by zero"), MemoryError("by zero")]
)
def test_an_internal_error_is_one_line_and_1_and_keeps_the_traceback(
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: Exception,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert command(_raiser(error)) == 1
    out, err = capsys.readouterr()
    (kept,) = tmp_path.iterdir()
    assert out == ""
    assert err == (
        f"diffgfx: internal error: {type(error).__name__}: by zero; "
        f"please report it with the traceback in {kept}\n"
    )
    assert "in body" in kept.read_text()


def test_an_internal_error_with_no_room_for_the_traceback(
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    assert command(_raiser(KeyError("x"))) == 1
    err = capsys.readouterr().err
    assert err.startswith("diffgfx: internal error: KeyError: 'x'; no file for the traceback")
    assert err.count("\n") == 1


def test_an_interrupt_is_one_line_and_130(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(_raiser(KeyboardInterrupt())) == 130
    assert capsys.readouterr() == ("", "diffgfx: interrupted\n")


def test_a_reader_that_left_is_silent_and_141(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        assert command(lambda: print("to nobody") or 0) == 141
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_full_disk_is_one_line_and_2(
    command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        assert command(lambda: print("to nowhere") or 0) == 2
    assert capfd.readouterr().err.startswith("diffgfx: error: output must fit on its disk, got: no")


def test_a_request_to_terminate_unwinds_and_is_143(
    command: Callable[..., int], tmp_path: Path
) -> None:
    path = tmp_path / "x.png"

    def body() -> int:
        with atomic_path(path) as partial:
            partial.write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60.0)
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert command(body) == 143
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        ([], "the following arguments are required: "),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["act", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["act", "--siz", "3"], "unrecognized arguments: --siz 3"),
        (["act", "--size", "x"], "invalid int value: 'x'; see diffgfx act --help"),
    ],
)
def test_a_wrong_call_is_one_line_and_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], argv: list[str], line: str
) -> None:
    parser = cli._Parser(prog="diffgfx")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    act: argparse.ArgumentParser = subparsers.add_parser("act")
    act.add_argument("--size", type=int)
    monkeypatch.setattr(cli, "make_parser", lambda: parser)
    assert cli.main(argv) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("diffgfx: error: ")
    assert line in err
    assert err.count("\n") == 1

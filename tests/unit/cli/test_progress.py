"""What progress writes: few lines for a file, bars for a person, none of them beside an error."""

import io
import sys

import pytest

from diffgfx.cli import _progress
from diffgfx.cli._progress import progress_bars


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _fail_after(stage: str, error: BaseException) -> None:
    with progress_bars() as tell:
        tell(stage, 7, 9, 0.5)
        raise error


def test_a_file_gets_a_line_for_a_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as tell:
        for step in range(3):
            tell("load", step + 1, 3, None)
        for step in range(50):
            tell("fit", step + 1, 50, 1.0 / (step + 1))
        tell("fit", 50, 50, 0.01)
    assert capsys.readouterr() == ("", "load 3/3\nfit 50/50 error 0.0200\n")


def test_a_file_gets_a_line_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(_progress.time, "monotonic", lambda: now)
    with progress_bars() as tell:
        for step in range(30):
            now += 1.0
            tell("fit", step, 100, None)
    assert capsys.readouterr().err == "fit 9/100\nfit 19/100\nfit 29/100\n"


def test_an_error_in_the_first_stage_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        _fail_after("load", ZeroDivisionError())
    assert capsys.readouterr().err == ""


def test_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with progress_bars() as tell:
        tell("load", 3, 3, None)
        tell("fit", 7, 9, 0.5)
    last = terminal.getvalue().rpartition("\r")[2]
    assert "3/3" in terminal.getvalue()
    assert "7/9" in last
    assert "error 0.5000" in last


def test_bars_are_wiped_away_by_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with pytest.raises(KeyboardInterrupt):
        _fail_after("fit", KeyboardInterrupt())
    last = terminal.getvalue().rpartition("7/9")[2]
    assert "\x1b[1A\x1b[2K" in last  # up one line, and clear it

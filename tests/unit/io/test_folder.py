"""The result folder: whole or not there, under errors, signals and a full disk."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from diffgfx.errors import OutputError
from diffgfx.io import check_output, output_folder, write_exr, write_png

OLD = "metrics.json"
BLACK = np.zeros((2, 2, 3))


def fill(folder: Path, text: str = "new") -> None:
    (folder / "maps").mkdir()
    (folder / "maps" / "a.txt").write_text(text)
    (folder / OLD).write_text("{}")


def fill_with_mine(folder: Path) -> None:
    folder.mkdir()
    (folder / "mine").write_text("")


def throw(error: BaseException) -> None:
    raise error


def produce(
    target: Path, work: Callable[[Path], object] | None = None, overwrite: bool = False
) -> None:
    with output_folder(target, overwrite) as staging:
        fill(staging)
        if work is not None:
            work(staging)


def old_result(folder: Path) -> Path:
    folder.mkdir()
    fill(folder, "old")
    return folder


def test_it_appears_whole_with_its_parents(tmp_path):
    target = tmp_path / "a" / "b" / "out"
    with output_folder(target) as staging:
        fill(staging)
        assert not target.exists()
        assert not (tmp_path / "a").exists()
    assert (target / "maps" / "a.txt").read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
    assert os.listdir(target.parent) == ["out"]
    plain = tmp_path / "plain"
    plain.mkdir()
    assert target.stat().st_mode == plain.stat().st_mode  # not a private temporary folder's


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "out").mkdir()
    with output_folder(tmp_path / "out") as staging:
        fill(staging)
    assert (tmp_path / "out" / OLD).exists()
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_leaves_nothing_and_passes_through(tmp_path, error):
    with pytest.raises(type(error)) as caught:
        produce(tmp_path / "a" / "out", lambda _: throw(error))
    assert caught.value is error
    assert os.listdir(tmp_path) == []


def test_an_exception_leaves_the_old_result(tmp_path):
    target = old_result(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        produce(target, lambda _: throw(KeyboardInterrupt()), overwrite=True)
    assert (target / "maps" / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_overwrite_replaces_the_whole_old_result(tmp_path):
    target = old_result(tmp_path / "out")
    (target / "left over").write_text("")
    with output_folder(target, overwrite=True) as staging:
        fill(staging)
        assert (target / "maps" / "a.txt").read_text() == "old"
    assert (target / "maps" / "a.txt").read_text() == "new"
    assert not (target / "left over").exists()
    assert os.listdir(tmp_path) == ["out"]


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    target = old_result(tmp_path / "real")
    (tmp_path / "link").symlink_to(target)
    with output_folder(tmp_path / "link", overwrite=True) as staging:
        fill(staging)
    assert (tmp_path / "link").is_symlink()
    assert (target / "maps" / "a.txt").read_text() == "new"


def test_if_the_new_folder_cannot_be_moved_in_the_old_one_comes_back(tmp_path, monkeypatch):
    target = old_result(tmp_path / "out")
    rename = os.rename

    def fail(source, goal):
        if str(source).endswith(".partial"):
            raise OSError(errno.ENOSPC, "No space left on device", str(source))
        rename(source, goal)

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OutputError, match="No space left"):
        produce(target, overwrite=True)
    assert (target / "maps" / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def refuse(rule: str, path: Path, overwrite: bool = False, inputs: tuple[Path, ...] = ()) -> None:
    with pytest.raises(OutputError, match=rule) as caught:
        check_output(path, overwrite, inputs)
    assert "\n" not in str(caught.value)
    with pytest.raises(OutputError, match=rule), output_folder(path, overwrite, inputs):
        pytest.fail("the block must not run")


def test_refusals(tmp_path, monkeypatch):
    result = old_result(tmp_path / "result")
    refuse("must be empty, got 2 entries; .*--overwrite", result)
    assert check_output(result, overwrite=True) == result.resolve()
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("")
    refuse("earlier result with metrics.json, got 1 other entries; empty it yourself", home, True)
    file = tmp_path / "file"
    file.write_text("")
    refuse("must be a folder, got a file", file, True)
    refuse("must be writable, got: Not a directory", file / "out")
    refuse("must be writable, got: embedded null", Path("a\0b"))
    refuse("must be writable", tmp_path / ("x" * 300) / "out")
    refuse("mount point|must be empty", Path("/proc"))
    refuse("must not hold the input", result, True, (result / "maps" / "a.txt",))
    refuse("must not hold the input", tmp_path / "out", True, (tmp_path / "out",))
    check_output(result / "out", inputs=(result,))  # the output inside the input is fine
    monkeypatch.chdir(result)
    refuse("must not be the current one", Path("."), True)
    refuse("must not be the current one", tmp_path, True)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    refuse("must be writable", loop / "out")
    assert sorted(os.listdir(tmp_path)) == ["file", "home", "loop", "result"]


def test_a_read_only_disk_is_noticed_before_the_work(tmp_path, monkeypatch):
    def fail(self, *_args, **_options):
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", fail)
    refuse("must be writable, got: Read-only file system; name another folder", tmp_path / "out")


def test_a_folder_that_fills_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "out"
    with pytest.raises(OutputError, match="must be empty"):
        produce(target, lambda _: fill_with_mine(target))
    assert os.listdir(target) == ["mine"]
    assert os.listdir(tmp_path) == ["out"]


def test_a_full_disk_becomes_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    def full(self, _data):
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match=r"whole result.*No space left on device; free space"):
        produce(tmp_path / "out", lambda staging: (staging / "raw").write_bytes(b"x"))
    with pytest.raises(OutputError, match=r"a\.png: file must be writable, got: No space left"):
        produce(tmp_path / "out", lambda staging: write_png(staging / "a.png", BLACK))
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_written_is_named_where_it_was_to_be(tmp_path):
    with pytest.raises(OutputError) as caught, output_folder(tmp_path / "out") as staging:
        write_png(staging / "absent" / "a.png", np.zeros((1, 1, 3), np.float32))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'out' / 'absent' / 'a.png'}: file must be writable")
    assert list(tmp_path.iterdir()) == []


def test_an_unrelated_os_error_keeps_its_type(tmp_path):
    with pytest.raises(FileNotFoundError), output_folder(tmp_path / "out"):
        open(tmp_path / "none")  # noqa: SIM115
    assert os.listdir(tmp_path) == []


def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        noise = np.random.default_rng(0).random((128, 128, 3))
        for work in (
            lambda staging: [write_exr(staging / f"{index}.exr", noise) for index in range(9)],
            lambda staging: [
                write_png(staging / f"{index}.png", noise, bits=16) for index in range(9)
            ],
            lambda staging: (staging / "raw").write_bytes(b"x" * 400_000),
        ):
            with pytest.raises(OutputError, match="No space left on device"):
                produce(disk / "out", work)
            assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


SCRIPT = """
import sys, time
from diffgfx.io import output_folder
with output_folder(sys.argv[1], overwrite=True) as staging:
    (staging / "half").write_text("written")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, -2)]
)
def test_signals_leave_nothing_half_written(tmp_path, number, code):
    target = old_result(tmp_path / "out")
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{root / 'kernels'}"},
    )
    assert process.stdout.readline() == b"ready\n"
    assert len(os.listdir(tmp_path)) == 2
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert os.listdir(tmp_path) == ["out"]
    assert (target / "maps" / "a.txt").read_text() == "old"
    assert (b"Traceback" in errors) == (number == signal.SIGINT)


def test_ctrl_c_during_the_last_step_waits_for_it(tmp_path, monkeypatch):
    target = old_result(tmp_path / "out")
    rename = os.rename

    def interrupted(source, goal):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        rename(source, goal)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        produce(target, overwrite=True)
    assert (target / "maps" / "a.txt").read_text() == "new"
    assert os.listdir(tmp_path) == ["out"]


def test_signal_handlers_are_given_back_and_threads_work(tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with output_folder(tmp_path / "a") as staging:
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        fill(staging)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

    def work():
        with output_folder(tmp_path / "b") as staging:
            fill(staging)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert (tmp_path / "b" / OLD).exists()

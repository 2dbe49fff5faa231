"""The helpers under every reader and writer: short lines, quiet libraries, whole files."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import diffgfx.io
from diffgfx.errors import InputError, OutputError
from diffgfx.io._files import atomic_path, read_bytes, show, show_path
from diffgfx.io._native import captured_messages


def test_shown_values_are_short_single_lines():
    for value in ("a\nb" * 1000, [[0] * 1000] * 1000, 10**4000, {"\u2028": "\x1b[2J"}):
        text = show(value)
        assert len(text) < 200
        assert text.isprintable()
    assert show_path(Path("a/b c")) == "a/b c"
    assert show_path(Path("a\nb")) == r"'a\nb'"


def test_read_bytes_is_bounded(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", 5) == b"12345"
    with pytest.raises(InputError, match="at most 4 bytes, got 5"):
        read_bytes(tmp_path / "a", 4)


def write(path: Path, error: BaseException | None = None) -> None:
    with atomic_path(path) as partial:
        partial.write_text("new")
        if error is not None:
            raise error


def test_atomic_path_replaces_or_keeps(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", KeyboardInterrupt())
    assert (tmp_path / "a").read_text() == "old"
    write(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "new"
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError, match="b: file must be writable"):
        write(tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_messages_of_libraries_are_caught_and_the_terminal_given_back(capfd):
    with captured_messages() as messages:
        os.write(2, b"from C\n")
        print("from the binding")
    assert messages == ["from C\nfrom the binding\n"]
    os.write(2, b"after")
    print("after")
    assert capfd.readouterr() == ("after\n", "after")


def test_messages_from_many_threads_do_not_lose_the_terminal(capfd):
    def work():
        for _ in range(50):
            with captured_messages():
                os.write(2, b"noise")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_names_are_explicit_and_image_libraries_wait_for_a_file():
    names = diffgfx.io.__all__  # constants, classes, functions: the order that ruff keeps
    assert names == sorted(names, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(diffgfx.io, name) for name in diffgfx.io.__all__)
    root = Path(__file__).resolve().parents[3]
    code = ("import sys, diffgfx.io; "
            "print([n for n in ('cv2', 'OpenEXR', 'imageio', 'pygltflib') if n in sys.modules])")
    path = f"{root}{os.pathsep}{root / 'kernels'}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            env={**os.environ, "PYTHONPATH": path}, check=True)
    assert result.stdout == "[]\n"

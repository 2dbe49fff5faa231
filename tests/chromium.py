"""Headless Chromium for tests of pages, spoken to over a pipe: no port, no network, no package.

Chromium's ``--remote-debugging-pipe`` reads commands from descriptor 3 and answers on 4: messages
of the DevTools protocol as JSON, each ended by a zero byte.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Page", "open_page"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--force-color-profile=srgb", "--remote-debugging-pipe",
)  # fmt: skip
_PATIENCE = 120.0   # seconds, on a machine that does other things too


class Page:
    """One open page: what it asked for, what it said, and hands to use it with."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = commands, answers
        self._waiting, self._count = b"", 0
        self._session: str | None = None
        self.said: list[str] = []        # on the console, warnings and errors
        self.asked_for: list[str] = []   # addresses of requests

    def open(self, path: Path, *, width: int = 1280, height: int = 900) -> None:
        """Open a file and wait until it is loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.call("Page.navigate", url=path.as_uri())
        self.wait_for("document.readyState === 'complete'")

    def resize(self, width: int, height: int, *, scale: float = 1.0, dark: bool = False) -> None:
        """Show the page in a window of another size, light or dark; a narrow one is a phone's."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=scale, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str) -> Any:
        """Return the value of an expression, awaited where it is a promise."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _PATIENCE
        while not self.run(f"Boolean({condition})"):
            assert time.monotonic() < end, f"never came true: {condition}"
            time.sleep(0.05)

    def press(self, key: str, code: int) -> None:
        """Press and release a key."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code
            )

    def move_pointer(self, x: float, y: float) -> None:
        """Move the pointer to a place of the window [CSS pixels]."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, *, whole: bool = False) -> bytes:
        """Return a PNG of the window, or of the whole page."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol and return what it answers."""
        self._count += 1
        number = self._count
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                found: dict[str, Any] = answer["result"]
                return found
            self._note(answer.get("method", ""), answer.get("params", {}))

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            ready, _, _ = select.select([self._answers], [], [], _PATIENCE)
            assert ready, "chromium does not answer"
            part = os.read(self._answers, 1 << 20)
            assert part, "chromium closed its pipe"
            self._waiting += part
        line, _, self._waiting = self._waiting.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _note(self, method: str, event: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.asked_for.append(event["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.said.append(json.dumps(event["exceptionDetails"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("warning", "error"):
            self.said.append(event["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("warning", "error"):
            self.said.append(json.dumps(event["args"]))


@contextlib.contextmanager
def open_page(path: Path, profile: Path) -> Iterator[Page]:
    """Open a file in a Chromium of its own.

    Args:
        path: The file.
        profile: A folder that is not there yet, for what the browser writes.
    """
    found = next((where for name in _NAMES if (where := shutil.which(name))), None)
    if found is None:
        pytest.skip("no chromium: install it to try pages (apt-get install chromium)")
    ends = [_moved_up(end) for pair in (os.pipe(), os.pipe()) for end in pair]
    hears, commands, answers, speaks = ends
    places = f"os.dup2({hears}, 3); os.dup2({speaks}, 4)"
    launch = f"import os, sys; {places}; os.execv(sys.argv[1], sys.argv[1:])"
    launcher = [sys.executable, "-S", "-c", launch]
    profile.mkdir()
    process = subprocess.Popen(
        [*launcher, found, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        pass_fds=(hears, speaks), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(profile)},
    )  # fmt: skip
    os.close(hears)
    os.close(speaks)
    page = Page(commands, answers)
    try:
        page.open(path)
        yield page
    finally:
        os.close(commands)   # the end of its commands is the end of the browser
        os.close(answers)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _moved_up(descriptor: int) -> int:
    """Return a copy far above 3 and 4, where the browser's own go; the old one is closed."""
    copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return copy

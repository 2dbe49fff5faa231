"""Keep what image libraries print out of the user's terminal, and read it.

libjpeg, libpng and OpenEXR write their complaints straight to the process's standard error,
OpenEXR's binding to standard output too. A command that promises one line cannot let them.
"""

import contextlib
import io
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO, cast

__all__ = ["captured_messages"]

_STDERR = 2
_LOCK = threading.Lock()  # two threads that swap the same descriptor would lose the original


@contextlib.contextmanager
def captured_messages() -> Iterator[list[str]]:
    """Catch what libraries print inside the block; its end puts the text into the list."""
    messages: list[str] = []
    with _LOCK, _sink() as sink, contextlib.redirect_stdout(io.StringIO()) as out:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        try:
            saved = os.dup(_STDERR)
        except OSError:  # standard error is closed: nothing to protect
            yield messages
            return
        os.dup2(sink.fileno(), _STDERR)
        try:
            yield messages
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
            sink.seek(0)
            messages.append(sink.read().decode("utf-8", "replace") + out.getvalue())


def _sink() -> BinaryIO:
    try:
        return cast(BinaryIO, tempfile.TemporaryFile())
    except OSError:  # a full disk must not stop reading
        return open(os.devnull, "w+b")

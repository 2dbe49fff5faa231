"""Kernels are declared and traced without what Taichi does there for nothing.

Taichi (1.7.4) looks through every loaded module for the source of each function that it declares,
and again at each call of it that it traces; and it draws a picture of the line of every expression,
in case that one is wrong. That is half of the time until a kernel is there, and the same again when
its code lies compiled on disk. Here a source is looked for once, and a place is its file and line.
"""

import contextlib
import functools
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["quick_tracing"]

_lock = threading.RLock()  # what is replaced belongs to the whole process


def _place_of(context: Any, node: Any) -> str:
    """Return where a node of a kernel's source stands, for messages."""
    line = node.lineno + context.lineno_offset
    text = context.src[node.lineno - 1].strip()
    return f'File "{context.file}", line {line}, in {context.func.func.__name__}:\n{text}\n'


@functools.cache
def _once(look: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return functools.cache(look)


def _inside_class(look: Callable[[int], bool]) -> Callable[[int], bool]:
    """Return a function that asks ``look`` only where a decorator does not stand in a module."""

    def inside(level_of_class_stackframe: int) -> bool:
        around = sys._getframe(level_of_class_stackframe - 1)  # what the decorator stands in
        if around.f_locals is around.f_globals:
            return False
        return look(level_of_class_stackframe + 1)

    return inside


@contextlib.contextmanager
def quick_tracing() -> Iterator[None]:
    """Within the block, have Taichi declare and trace kernels the quick way.

    A Taichi whose insides have other names works as it always does.
    """
    with _lock, contextlib.ExitStack() as undo:

        def replace(place: Any, name: str, make: Callable[[Any], Any]) -> None:
            before = getattr(place, name)
            setattr(place, name, make(before))
            undo.callback(setattr, place, name, before)

        with contextlib.suppress(ImportError, AttributeError):
            from taichi.lang import kernel_impl
            from taichi.lang.ast.ast_transformer_utils import ASTTransformerContext

            replace(kernel_impl, "getsourcelines", _once)
            replace(kernel_impl, "getsourcefile", _once)
            replace(kernel_impl, "_inside_class", _inside_class)
            replace(ASTTransformerContext, "get_pos_info", lambda _: _place_of)
        yield

"""Kernels are declared and traced without what Taichi does there for nothing.

Taichi (1.7.4) looks through every loaded module for the source of each function that it declares,
and again at each call of it that it traces; and it draws a picture of the line of every expression,
in case that one is wrong. That is half of the time until a kernel is there, and the same again when
its code lies compiled on disk. Here a source is looked for once, and a place is told by its file,
its line and the text of its first line.
"""

import contextlib
import functools
import os
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
    """Return a function that asks ``look`` only where a decorator stands in a class."""

    def inside(level_of_class_stackframe: int) -> bool:
        around = sys._getframe(level_of_class_stackframe - 1)  # what the decorator stands in
        if "__qualname__" not in around.f_locals:
            return False
        return look(level_of_class_stackframe + 1)

    return inside


def _replacements() -> list[tuple[Any, str, Any]]:
    """Return whose attribute, its name and what is to stand there; none in another Taichi."""
    try:
        from taichi.lang import kernel_impl
        from taichi.lang.ast.ast_transformer_utils import ASTTransformerContext

        ASTTransformerContext.get_pos_info  # noqa: B018 (must be there)
        return [
            (kernel_impl, "getsourcelines", _once(kernel_impl.getsourcelines)),
            (kernel_impl, "getsourcefile", _once(kernel_impl.getsourcefile)),
            (kernel_impl, "_inside_class", _inside_class(kernel_impl._inside_class)),
            (ASTTransformerContext, "get_pos_info", _place_of),
        ]
    except (ImportError, AttributeError):
        return []


@contextlib.contextmanager
def quick_tracing() -> Iterator[None]:
    """Within the block, have Taichi declare and trace kernels the quick way.

    A Taichi in which one of the four has another name is left alone.
    """
    with _lock, contextlib.ExitStack() as undo:
        for place, name, quick in _replacements():
            undo.callback(setattr, place, name, getattr(place, name))
            setattr(place, name, quick)
        yield


def _renew_lock() -> None:
    """In a child: whoever held the lock while the process forked is not there to give it back."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)

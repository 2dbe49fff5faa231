"""Taichi kernels whose launches skip most of what Taichi does before each.

Taichi looks at every argument anew at each launch, in Python: 0.2 to 0.4 ms for a kernel of twenty,
which is more than a small grid takes. Here the first launch of each kind of arguments compiles,
and every one fills a context with pointers and numbers, and starts.
Whatever is out of the ordinary goes the long way: a tensor that is not contiguous, that asks for a
gradient or lies on another device, and a Taichi whose insides have other names.

On a GPU Taichi launches on the default stream. Where torch works on another one, which does not
wait for that, each waits for the other.
"""

import functools
from collections.abc import Callable
from typing import Any

import taichi as ti
import torch
from taichi.lang import impl

from diffgfx_kernels.taichi_.tracing import quick_tracing

__all__ = ["kernel"]

_ARRAY, _REAL, _WHOLE, _TEMPLATE = range(4)


def _kind_of(annotation: Any) -> int | None:
    """Return what an argument is by its annotation; None if it is none of the four."""
    if isinstance(annotation, ti.types.ndarray_type.NdarrayType):
        return _ARRAY
    if annotation is float or annotation in (ti.f32, ti.f64):
        return _REAL
    if annotation is int or annotation in (ti.i32, ti.i64):
        return _WHOLE
    if annotation is ti.template or isinstance(annotation, ti.template):
        return _TEMPLATE
    return None


def _stream_beside(args: tuple[Any, ...]) -> Any:
    """Return the stream that torch works on if it is not the default one; else None."""
    tensor = next((arg for arg in args if isinstance(arg, torch.Tensor)), None)
    if tensor is None or not tensor.is_cuda:
        return None
    stream = torch.cuda.current_stream(tensor.device)
    return None if stream == torch.cuda.default_stream(tensor.device) else stream


class _Quick:
    """Launches one kernel; see the module."""

    def __init__(self, wrapped: Callable[..., Any]) -> None:
        self._wrapped: Any = wrapped
        self._ready: dict[Any, tuple[Any, Any]] = {}
        self._program: Any = None
        self._kinds: tuple[int, ...] | None = None
        primal = getattr(wrapped, "_primal", None)
        arguments = getattr(primal, "arguments", None)
        if arguments is not None and getattr(primal, "return_type", None) is None:
            kinds = [_kind_of(argument.annotation) for argument in arguments]
            if None not in kinds:
                self._kinds = tuple(kind for kind in kinds if kind is not None)

    def __call__(self, *args: Any) -> Any:
        """Launch, in the order of torch's own work."""
        stream = _stream_beside(args)
        if stream is None:
            return self._start(args)
        stream.synchronize()
        found = self._start(args)
        ti.sync()
        return found

    def _start(self, args: tuple[Any, ...]) -> Any:
        key = self._key(args)
        if key is None:
            return self._wrapped(*args)
        program = impl.get_runtime().prog
        if program is not self._program:  # Taichi was started anew
            self._program = program
            self._ready.clear()
        ready = self._ready.get(key) or self._compile(key, args)
        if ready is None:
            return self._wrapped(*args)
        self._launch(ready, args)
        return None

    def _key(self, args: tuple[Any, ...]) -> Any:
        """Return what tells kinds of arguments apart; None for the long way."""
        kinds = self._kinds
        if kinds is None or len(kinds) != len(args):
            return None
        key: list[Any] = []
        for kind, arg in zip(kinds, args, strict=True):
            if kind == _ARRAY:
                if (
                    not isinstance(arg, torch.Tensor)
                    or arg.requires_grad
                    or not arg.is_contiguous()
                    or arg.numel() > 2**31 - 1
                ):
                    return None
                key += (arg.dtype, arg.dim(), arg.is_cuda)
            elif kind == _TEMPLATE:
                key += (type(arg), arg)
        return tuple(key)

    def _compile(self, key: Any, args: tuple[Any, ...]) -> tuple[Any, Any] | None:
        """Compile for these arguments and remember it; None for the long way.

        Taichi itself would look for the compiled kernel again at every launch: that takes as long
        as finding it on disk, seconds for the largest.
        """
        primal, program = self._wrapped._primal, impl.get_runtime().prog
        cuda = impl.current_cfg().arch == ti.cuda
        if any(isinstance(arg, torch.Tensor) and arg.is_cuda != cuda for arg in args):
            return None
        try:
            with quick_tracing():
                made = primal.compiled_kernels[primal.ensure_compiled(*args)]
            code = program.compile_kernel(program.config(), program.get_device_caps(), made)
        except AttributeError:
            self._kinds = None
            return None
        self._ready[key] = (made, code)
        return self._ready[key]

    def _launch(self, ready: tuple[Any, Any], args: tuple[Any, ...]) -> None:
        made, code = ready
        context = made.make_launch_context()
        slot = 0
        assert self._kinds is not None
        for kind, arg in zip(self._kinds, args, strict=True):
            if kind == _TEMPLATE:
                continue
            place = (slot,)
            if kind == _ARRAY:
                context.set_arg_external_array_with_shape(
                    place, arg.data_ptr(), arg.numel() * arg.element_size(), arg.shape, 0
                )
            elif kind == _REAL:
                context.set_arg_float(place, float(arg))
            else:
                context.set_arg_int(place, int(arg))
            slot += 1
        self._program.launch_kernel(code, context)


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a Taichi kernel, as ``ti.kernel`` makes it, with quick launches."""
    wrapped = ti.kernel(function)
    quick = _Quick(wrapped)

    @functools.wraps(function)
    def launch(*args: Any) -> Any:
        return quick(*args)

    return launch

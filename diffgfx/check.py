"""Argument checks with one message format: name, rule, value, remedy."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from diffgfx.errors import DeviceError, DtypeError, RangeError, ShapeError

__all__ = [
    "check_choice",
    "check_finite",
    "check_positive",
    "check_same_device",
    "check_same_dtype",
    "check_shape",
    "check_tensor",
]


def check_tensor(name: str, value: object) -> Tensor:
    """Return ``value`` if it is a float32 or float64 tensor; raise `DtypeError` otherwise."""
    if not isinstance(value, Tensor):
        raise DtypeError(
            f"{name} must be a torch.Tensor, got {type(value).__name__}; wrap it in torch.as_tensor"
        )
    if value.dtype not in (torch.float32, torch.float64):
        raise DtypeError(
            f"{name} must be float32 or float64, got {value.dtype}; convert it with .float()"
        )
    return value


def check_shape(
    name: str, value: Tensor, rule: Sequence[str | int], sizes: dict[str, int], remedy: str = ""
) -> None:
    """Hold a tensor's shape against a rule, and learn the sizes that the rule names.

    Args:
        name: The argument's name, for the message.
        value: The tensor.
        rule: One entry a dimension: a number it must equal; a letter, whose size is taken from
            ``sizes`` or learned into it; ``"B|1"``-like, which also admits 1.
        sizes: Sizes known so far by letter; edited in place.
        remedy: What to do about it, appended to the message.

    Raises:
        ShapeError: If the number of dimensions or a size differs.
    """
    wanted = ", ".join(
        str(sizes.get(entry, entry)) if isinstance(entry, str) else str(entry) for entry in rule
    )
    message = f"{name} must have shape ({wanted}), got {tuple(value.shape)}"
    message += f"; {remedy}" if remedy else ""
    if value.ndim != len(rule):
        raise ShapeError(message)
    for entry, size in zip(rule, value.shape, strict=True):
        if isinstance(entry, int):
            if size != entry:
                raise ShapeError(message)
        elif entry.endswith("|1"):
            if size not in (1, sizes.get(entry[:-2], size)):
                raise ShapeError(message)
        elif sizes.setdefault(entry, size) != size:
            raise ShapeError(message)


def check_same_device(tensors: Mapping[str, Tensor | None]) -> torch.device:
    """Return the one device of all tensors; raise `DeviceError` naming the first that differs."""
    return _same(tensors, "device", DeviceError, "move it with .to")  # type: ignore[return-value]


def check_same_dtype(tensors: Mapping[str, Tensor | None]) -> torch.dtype:
    """Return the one dtype of all tensors; raise `DtypeError` naming the first that differs."""
    return _same(tensors, "dtype", DtypeError, "convert it with .to")  # type: ignore[return-value]


def _same(
    tensors: Mapping[str, Tensor | None], attribute: str, error: type[Exception], remedy: str
) -> object:
    present = [(name, value) for name, value in tensors.items() if value is not None]
    first_name, first = present[0]
    wanted = getattr(first, attribute)
    for name, value in present[1:]:
        found = getattr(value, attribute)
        if found != wanted:
            raise error(
                f"{name} must have the {attribute} of {first_name} ({wanted}), got {found}; "
                f"{remedy}({wanted})"
            )
    return wanted


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise `RangeError` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise RangeError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def check_positive(name: str, value: float) -> None:
    """Raise `RangeError` unless ``value`` is a finite number above zero."""
    if not (0.0 < float(value) < float("inf")):
        raise RangeError(f"{name} must be a finite number above zero, got {value}")


def check_finite(name: str, value: Tensor, remedy: str) -> None:
    """Raise `RangeError` if a tensor holds NaN or infinity."""
    if not bool(torch.isfinite(value).all()):
        count = int((~torch.isfinite(value)).sum())
        raise RangeError(f"{name} must be finite, got {count} NaN or infinite values; {remedy}")

"""What the shared contract tests need to know of an op, and inputs it must refuse."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor

from diffgfx.errors import DeviceError, DiffgfxError, DtypeError, ShapeError

__all__ = ["Build", "Case", "Wrong", "resized", "wrong_kinds"]


class Build(Protocol):
    """Makes valid arguments of an op: tensors, and whatever else the public function takes."""

    def __call__(
        self, dtype: torch.dtype, device: str, batch: int, seed: int, **sizes: int
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Wrong:
    """One argument made invalid, the error it must raise, and what the message must hold."""

    argument: str
    change: Callable[[Any], Any]
    error: type[DiffgfxError]
    text: str


@dataclass(frozen=True)
class Case:
    """One way to call an op, from which the contract tests follow.

    Attributes:
        name: The op, then the variant in brackets where there are several.
        op: The name in `diffgfx_kernels.OPS`.
        call: The public function.
        build: Makes valid arguments; tensors have the batch first.
        differentiable: Tensors that get a gradient.
        shared: Tensors that may have a batch of one beside a larger one.
        empty: Names of sizes that may be zero, beside the batch.
        wrong: Arguments that must be refused.
        large: Sizes at which every thread has work.
        step: Half the distance of the differences that check the gradient.
        rtol: Relative tolerance of a gradient against differences.
        atol: Absolute tolerance of a gradient against differences.
        slow: Run in ``make test-full`` only; compiling a kernel takes seconds.
    """

    name: str
    op: str
    call: Callable[..., Tensor]
    build: Build
    differentiable: tuple[str, ...]
    shared: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    large: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    step: float = 1e-6
    rtol: float = 1e-5
    atol: float = 1e-7
    slow: bool = False


def resized(dim: int, size: int) -> Callable[[Tensor], Tensor]:
    """Return a change that repeats or cuts a tensor to a size along one dimension."""

    def change(value: Tensor) -> Tensor:
        places = torch.arange(size, device=value.device) % value.shape[dim]
        return value.index_select(dim, places)

    return change


def wrong_kinds(first: str, *others: str) -> tuple[Wrong, ...]:
    """Return what holds for every tensor of a call: its kind of number, device and rank.

    Args:
        first: The tensor that gives the dtype and the device.
        others: The tensors that must follow it.
    """
    wrong = [Wrong(first, lambda value: value.tolist(), DtypeError, "must be a torch.Tensor")]
    for name in (first, *others):
        wrong += [
            Wrong(name, lambda value: value.half(), DtypeError, "must be float32 or float64"),
            Wrong(name, lambda value: value.to(torch.int64), DtypeError, "got torch.int64"),
            Wrong(name, lambda value: value[..., None], ShapeError, "must have"),
        ]
    for name in others:
        wrong += [
            Wrong(name, lambda value: value.float(), DtypeError, f"the dtype of {first}"),
            Wrong(name, lambda value: value.to("meta"), DeviceError, f"the device of {first}"),
        ]
    return tuple(wrong)

"""What every registered op needs: a backend that serves the call, plain tensors for its kernels."""

from typing import get_args

import torch
from torch import Tensor
from torch.autograd import forward_ad

from diffgfx.check import check_choice
from diffgfx.errors import BackendError
from diffgfx.types import Backend
from diffgfx_kernels import choose

__all__ = ["choose_backend", "plain", "refuse_forward_mode"]


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]  # not to trace Taichi
def choose_backend(op: str, backend: Backend, device: torch.device) -> str:
    """Return the backend that serves a call; raise `BackendError` with the remedy if none does."""
    check_choice("backend", backend, get_args(Backend))
    try:
        return choose(op, backend, device)
    except ImportError as error:
        raise BackendError(str(error)) from None


def refuse_forward_mode(op: str, *tensors: Tensor | None) -> None:
    """Raise `BackendError` if a tensor carries a forward-mode tangent, which would be lost."""
    for tensor in tensors:
        if tensor is None:
            continue
        if forward_ad.unpack_dual(tensor).tangent is not None:  # type: ignore[no-untyped-call]
            raise BackendError(
                f"{op} has no forward-mode derivative, got a dual tensor; use torch.autograd.grad"
            )


def plain(tensor: Tensor) -> Tensor:
    """Detach a tensor and lay it out contiguously: kernels know nothing of autograd or strides."""
    return tensor.detach().contiguous()

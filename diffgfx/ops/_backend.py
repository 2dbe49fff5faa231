"""What every registered op needs: a backend that serves the call, plain tensors for its kernels."""

import torch
from torch import Tensor

from diffgfx.errors import BackendError
from diffgfx.types import Backend
from diffgfx_kernels import choose

__all__ = ["choose_backend", "plain"]


def choose_backend(op: str, backend: Backend, device: torch.device) -> str:
    """Return the backend that serves a call; raise `BackendError` with the remedy if none does."""
    try:
        return choose(op, backend, device)
    except ImportError as error:
        raise BackendError(str(error)) from None


def plain(tensor: Tensor) -> Tensor:
    """Detach a tensor and lay it out contiguously: kernels know nothing of autograd or strides."""
    return tensor.detach().contiguous()

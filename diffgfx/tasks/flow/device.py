"""Whether a device that a user names is there."""

import torch

from diffgfx.errors import BackendError

__all__ = ["check_device"]


def check_device(device: str) -> None:
    """Raise `BackendError` if ``"cuda"`` is asked for and torch sees none."""
    if device == "cuda" and not torch.cuda.is_available():
        raise BackendError("device cuda is not there: torch sees no CUDA device; use --device cpu")

"""What nvdiffrast cannot do of what an op can."""

import torch
from torch import Tensor

from diffgfx.errors import BackendError

__all__ = ["check_nvdiffrast"]


def check_nvdiffrast(op: str, backend: str, tensor: Tensor, **refused: str | None) -> None:
    """Raise `BackendError` where nvdiffrast was chosen and cannot serve the call.

    Args:
        op: Who asks.
        backend: What was chosen; any but ``"nvdiffrast"`` passes.
        tensor: One of the operands: nvdiffrast knows float32 alone.
        refused: Arguments that stand in the way, and the rule that they break; None of one that
            does not.
    """
    if backend != "nvdiffrast":
        return
    if tensor.dtype != torch.float32:
        raise BackendError(
            f"{op}: backend 'nvdiffrast' serves float32 only, got {tensor.dtype}; "
            "use backend='taichi'"
        )
    for name, rule in refused.items():
        if rule is not None:
            raise BackendError(
                f"{op}: backend 'nvdiffrast' {rule}, got {name}; change it or use backend='taichi'"
            )

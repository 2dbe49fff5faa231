"""Comparison of tensors, with tolerances that fit the kind of number."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from diffgfx.errors import DtypeError

__all__ = ["TOLERANCES", "assert_close"]

TOLERANCES: Mapping[torch.dtype, tuple[float, float]] = MappingProxyType(
    {torch.float32: (1e-4, 1e-5), torch.float64: (1e-9, 1e-12)}
)
"""Relative and absolute tolerance by dtype: about a thousand roundings of sums of moderate size."""


def assert_close(
    actual: Tensor,
    expected: Tensor,
    *,
    name: str = "value",
    rtol: float | None = None,
    atol: float | None = None,
) -> None:
    """Assert that two tensors agree in shape, dtype, device and, within a tolerance, in value.

    An element passes where ``|actual - expected| <= atol + rtol |expected|``; NaN never passes.

    Args:
        actual: What was computed, any shape; float32 or float64.
        expected: What it must be, of the same shape, dtype and device.
        name: What is compared, for the message.
        rtol: Relative tolerance; by default that of the dtype in `TOLERANCES`.
        atol: Absolute tolerance; by default that of the dtype in `TOLERANCES`.

    Raises:
        AssertionError: If they differ; the message names the worst element and how far it is off.
        DtypeError: If ``actual`` holds another kind of number.
    """
    if actual.dtype not in TOLERANCES:
        raise DtypeError(
            f"{name} must be float32 or float64, got {actual.dtype}; use torch.equal for others"
        )
    usual_rtol, usual_atol = TOLERANCES[actual.dtype]
    torch.testing.assert_close(
        actual.detach(),
        expected.detach(),
        rtol=usual_rtol if rtol is None else rtol,
        atol=usual_atol if atol is None else atol,
        msg=lambda message: f"{name}: {message}",
    )

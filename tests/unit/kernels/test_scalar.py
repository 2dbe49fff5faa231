import math

import pytest
import torch

ti = pytest.importorskip("taichi")

from diffgfx_kernels.taichi_ import runtime  # noqa: E402
from diffgfx_kernels.taichi_.scalar import (  # noqa: E402
    exponential,
    logarithm,
    logarithm_of_ratio,
)


@ti.kernel
def _apply(
    x: ti.types.ndarray(ndim=1),
    logarithms: ti.types.ndarray(ndim=1),
    exponentials: ti.types.ndarray(ndim=1),
):
    for i in range(x.shape[0]):
        logarithms[i] = logarithm(ti.abs(x[i]))
        exponentials[i] = exponential(x[i])


def _both(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    runtime.start(x.device)
    found = torch.empty_like(x), torch.empty_like(x)
    _apply(x, *found)
    return found


def _worst(found: torch.Tensor, exact: torch.Tensor) -> float:
    return float(((found.double() - exact) / exact).abs().max())


def test_logarithm_of_every_magnitude() -> None:
    exponents = torch.linspace(-37.9, 38.5, 200_001, dtype=torch.float64)
    x = (10.0**exponents).float()
    assert _worst(_both(x)[0], x.double().log()) < 1e-6


def test_logarithm_near_one_keeps_its_relative_precision() -> None:
    step = torch.logspace(-6.5, -0.3, 20_001, dtype=torch.float64)
    x = torch.cat([1.0 - step, 1.0 + step]).float()
    x = x[x != 1.0]
    assert _worst(_both(x)[0], x.double().log()) < 1e-6


def test_exponential_between_its_ends() -> None:
    x = torch.linspace(-87.0, 88.0, 200_001)
    assert _worst(_both(x)[1], x.double().exp()) < 1e-6


def test_exponential_beyond_its_ends() -> None:
    found = _both(torch.tensor([-1e4, -88.0, 89.0, 1e4]))[1]
    expected = torch.tensor([math.exp(-87), math.exp(-87), math.exp(88), math.exp(88)])
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0.0)


def test_double_precision_is_the_library() -> None:
    x = torch.linspace(0.1, 50.0, 1001, dtype=torch.float64)
    logarithms, exponentials = _both(x)
    torch.testing.assert_close(logarithms, x.log(), rtol=1e-15, atol=1e-15)
    torch.testing.assert_close(exponentials, x.exp(), rtol=1e-15, atol=0.0)


@ti.kernel
def _apply_ratio(
    x: ti.types.ndarray(ndim=1),
    y: ti.types.ndarray(ndim=1),
    logarithms: ti.types.ndarray(ndim=1),
    inverses: ti.types.ndarray(ndim=1),
):
    for i in range(x.shape[0]):
        logarithms[i], inverses[i] = logarithm_of_ratio(x[i], y[i])


def _ratio(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    runtime.start(x.device)
    found = torch.empty_like(x), torch.empty_like(x)
    _apply_ratio(x, y, *found)
    return found


@pytest.mark.parametrize("spread", [1e-6, 0.4, 30.0])
def test_logarithm_of_a_ratio_near_and_far_from_one(spread: float) -> None:
    draw = torch.Generator().manual_seed(0)
    y = (20.0 * torch.rand(100_001, generator=draw, dtype=torch.float64) - 10.0).exp().float()
    x = (y.double() * (spread * torch.randn(100_001, generator=draw).double()).exp()).float()
    kept = (x > 1e-15) & (x < 1e15) & (x != y)
    x, y = x[kept], y[kept]
    logarithms, inverses = _ratio(x, y)
    assert _worst(logarithms, (x.double() / y.double()).log()) < 1e-6
    assert _worst(inverses, 1.0 / x.double()) < 1e-6


def test_equal_numbers_have_a_ratio_of_logarithm_zero() -> None:
    x = torch.tensor([1e-3, 0.01, 1.0, 3.7, 512.0])
    assert _ratio(x, x.clone())[0].tolist() == [0.0] * 5


def test_the_ratio_in_double_precision_is_the_library() -> None:
    x, y = torch.linspace(0.1, 50.0, 101).double(), torch.linspace(3.0, 0.2, 101).double()
    logarithms, inverses = _ratio(x, y)
    torch.testing.assert_close(logarithms, (x / y).log(), rtol=1e-14, atol=1e-15)
    torch.testing.assert_close(inverses, 1.0 / x, rtol=1e-15, atol=0.0)

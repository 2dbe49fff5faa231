"""The unit of sums in whole numbers: a power of two, so small that nothing is lost or overflows."""

import math

import pytest
import torch

from diffgfx_kernels.taichi_ import runtime

pytestmark = pytest.mark.skipif(
    runtime.reason_unavailable(torch.device("cpu")) is not None, reason="taichi is not installed"
)


def _unit(values: list[float], addends: int) -> float:
    from diffgfx_kernels.taichi_.whole_sums import PEAKS, measure, unit_for

    runtime.start(torch.device("cpu"))
    held = torch.tensor(values, dtype=torch.float64)
    peaks = torch.zeros(PEAKS, dtype=torch.int64)
    measure(held, peaks, len(held), runtime.real_of(held))
    return float(unit_for(peaks, addends))


@pytest.mark.parametrize("most", [1.0, 0.75, 3e-12, 1e12, 2.0**100, 5e-200])
@pytest.mark.parametrize("addends", [1, 2, 1000, 2**31])
def test_all_addends_together_stay_below_two_to_the_61(most: float, addends: int) -> None:
    unit = _unit([0.1 * most, -most, 0.5 * most], addends)
    assert unit > 0.0
    assert math.frexp(unit)[0] == 0.5
    total = most / unit * addends
    assert 2.0**58 < total < 2.0**61


@pytest.mark.parametrize("values", [[0.0], [], [math.nan, math.inf]])
def test_nothing_finite_leaves_a_unit_that_can_be_divided_by(values: list[float]) -> None:
    unit = _unit(values, 7)
    assert 0.0 < unit < 1e-290
    assert math.isfinite(1.0 / unit)


def test_what_is_not_finite_does_not_count() -> None:
    assert _unit([math.nan, 2.0, -math.inf], 4) == _unit([2.0], 4)

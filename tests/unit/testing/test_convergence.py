import pytest

from diffgfx.errors import RangeError, ShapeError
from diffgfx.testing import order_of_accuracy


@pytest.mark.parametrize("order", [1.0, 2.0, 3.5])
def test_power_law_gives_its_exponent(order: float) -> None:
    steps = [0.4, 0.2, 0.05]
    assert order_of_accuracy(steps, [7.0 * step**order for step in steps]) == pytest.approx(order)


def test_the_unit_of_the_step_does_not_matter() -> None:
    errors = [3.0, 1.0, 0.2]
    metres = order_of_accuracy([0.4, 0.2, 0.1], errors)
    assert order_of_accuracy([400.0, 200.0, 100.0], errors) == pytest.approx(metres)


def test_trapezoid_rule_is_of_second_order() -> None:
    def error(count: int) -> float:
        total = sum(((i / count) ** 4 + ((i + 1) / count) ** 4) / 2 for i in range(count)) / count
        return abs(total - 0.2)

    counts = [8, 16, 32]
    measured = order_of_accuracy([1 / count for count in counts], [error(n) for n in counts])
    assert measured == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(("steps", "errors"), [([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([], [])])
def test_too_few_or_unpaired_points_are_refused(steps: list[float], errors: list[float]) -> None:
    with pytest.raises(ShapeError, match="errors must have one entry a step"):
        order_of_accuracy(steps, errors)


@pytest.mark.parametrize(
    ("steps", "errors", "message"),
    [
        ([1.0, 2.0], [1.0, 0.0], "errors must be finite numbers above zero, got 0.0"),
        ([1.0, -2.0], [1.0, 1.0], "steps must be finite numbers above zero, got -2.0"),
        ([1.0, 2.0], [1.0, float("nan")], "errors must be finite numbers above zero, got nan"),
        ([1.0, float("inf")], [1.0, 1.0], "steps must be finite numbers above zero, got inf"),
        ([0.5, 0.5], [1.0, 2.0], "steps must differ, got only 0.5"),
    ],
)
def test_impossible_numbers_are_refused(
    steps: list[float], errors: list[float], message: str
) -> None:
    with pytest.raises(RangeError, match=message):
        order_of_accuracy(steps, errors)

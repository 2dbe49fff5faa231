"""Plans of a rollout: they fit the budget and cover every step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffgfx.errors import RangeError
from diffgfx.fluid.memory import Plan, make_plan, read_memory


@pytest.mark.parametrize(
    ("memory", "expected"),
    [(5, 5), ("128MB", 128_000_000), ("1.5 GiB", 3 << 29), ("64 kb", 64_000), ("7B", 7)],
)
def test_budgets(memory, expected):
    assert read_memory(memory) == expected


@pytest.mark.parametrize("memory", ["", "lots", "0MB", 0, -3, True, "1e9", "5 TBs"])
def test_wrong_budgets(memory):
    with pytest.raises(RangeError, match="memory must be bytes above zero"):
        read_memory(memory)


def test_the_whole_tape_is_kept_where_it_fits():
    assert make_plan(10, 100, 7, 70) == Plan(0, 1, 70)


@given(st.integers(1, 300), st.integers(1, 50), st.integers(1, 300), st.integers(1, 20_000))
def test_plans_fit_and_cover(steps, state, tape, budget):
    try:
        plan = make_plan(steps, state, tape, budget)
    except RangeError:
        return  # what it says is another test's
    assert plan.bytes <= budget
    todo = [(steps, plan)]
    longest = 0
    while todo:
        count, at = todo.pop()
        if at.depth == 0 or count == 1:
            longest = max(longest, count)
            continue
        lengths = at.lengths(count)
        assert sum(lengths) == count
        assert min(lengths) >= 1
        todo += [(length, at.below()) for length in lengths]
    assert longest * tape <= budget


def test_a_budget_that_is_too_small_says_what_it_takes():
    with pytest.raises(RangeError, match="memory must be at least") as caught:
        make_plan(100, 10, 10, 20)
    needed = int(str(caught.value).split("at least ")[1].split()[0])
    assert make_plan(100, 10, 10, needed).bytes == needed

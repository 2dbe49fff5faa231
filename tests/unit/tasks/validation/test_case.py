import pytest

from diffgfx.errors import BackendError
from diffgfx.tasks.validation.case import Case, Context, Measure, run_case

CONTEXT = Context(None, lambda done, total, error: None)


@pytest.mark.parametrize(
    ("value", "bar", "holds"),
    [(1.0, 1.0, True), (1.1, 1.0, False), (9.0, None, True), (float("nan"), 1.0, False)],
)
def test_a_bar(value: float, bar: float | None, holds: bool) -> None:
    assert Measure("m", value, bar).holds is holds
    outcome = run_case(Case("c", "a with b", lambda context: [Measure("m", value, bar)]), CONTEXT)
    assert outcome.status == ("pass" if holds else "fail")


def test_a_fault_of_the_library_is_a_failure_and_a_bug_is_not_hidden() -> None:
    def broken(context: Context) -> list[Measure]:
        raise BackendError("child died")

    def wrong(context: Context) -> list[Measure]:
        raise KeyError("x")

    outcome = run_case(Case("c", "a with b", broken), CONTEXT)
    assert (outcome.status, outcome.reason) == ("fail", "child died")
    with pytest.raises(KeyError):
        run_case(Case("c", "a with b", wrong), CONTEXT)


def test_what_is_missing_is_asked_first() -> None:
    def never(context: Context) -> list[Measure]:
        raise AssertionError

    outcome = run_case(Case("c", "a with b", never, lambda context: "install it"), CONTEXT)
    assert (outcome.status, outcome.reason) == ("skip", "install it")
    assert outcome.as_dict()["measures"] == []

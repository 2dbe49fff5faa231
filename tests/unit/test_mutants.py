"""The mutator finds what it should, changes one sign, and leaves alone what has none."""

import ast

import pytest

from tests.mutants import find_mutants
from tests.mutate import KERNELS, TARGETS, collect, main

SOURCE = """
@ti.func
def slope(x, weights, rows: int):
    zero = 0.0 * x
    total = zero
    for i in range(rows):
        at = i + 1 - rows
        total += 2.0 * weights[at] * x  # a comment
    return ti.select(x > 0.0, total - x, zero), -(x + 0.0 * total)
"""


def _changed_lines(source: str, name: str) -> list[str]:
    mutants = find_mutants(source, (name,))[0]
    return [mutant.source.splitlines()[mutant.line - 1].strip() for mutant in mutants]


def test_every_sign_is_changed_once_and_nothing_else() -> None:
    assert _changed_lines(SOURCE, "slope") == [
        "total -= 2.0 * weights[at] * x  # a comment",
        "return ti.select(x > 0.0, -(total) - x, zero), -(x + 0.0 * total)",
        "return ti.select(x > 0.0, total + x, zero), -(x + 0.0 * total)",
        "return ti.select(x > 0.0, total - x, zero), (x + 0.0 * total)",
        "return ti.select(x > 0.0, total - x, zero), -(-(x) + 0.0 * total)",
    ]


def test_what_has_no_sign_is_listed_with_its_reason() -> None:
    excluded = find_mutants(SOURCE, ("slope",))[1]
    assert [(item.line, item.reason) for item in excluded] == [
        (4, "zero has no sign"),
        (5, "zero has no sign"),
        (7, "an index or a size"),
    ]


def test_a_vector_of_zeros_has_no_sign() -> None:
    source = "def room(x):\n    value = ti.Vector([0.0 * x] * 2**3)\n    return x + value\n"
    assert _changed_lines(source, "room") == ["return -(x) + value", "return x - value"]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.file}-{target.op}")
def test_each_gradient_function_has_mutants(target) -> None:
    text = target.read()
    mutants, _ = find_mutants(text, target.functions)
    assert {mutant.function for mutant in mutants} == set(target.functions)
    assert len({mutant.source for mutant in mutants}) == len(mutants)
    for mutant in mutants:
        ast.parse(mutant.source)
        assert mutant.source != text
        assert abs(len(mutant.source) - len(text)) <= 3


def test_each_gradient_function_of_the_kernels_is_a_target() -> None:
    named = {(target.file, name) for target in TARGETS for name in target.functions}
    for file in sorted((KERNELS / "taichi_").glob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and "gradient" in node.name:
                assert (file.name, node.name) in named


def test_by_default_each_statement_has_one() -> None:
    every, _ = collect(full=True)
    some, _ = collect()
    statements = {(target.file, mutant.statement) for target, mutant in every}
    assert len(some) == len(statements) < len(every)


def test_an_unknown_function_is_named() -> None:
    with pytest.raises(ValueError, match="no function 'curve'"):
        find_mutants(SOURCE, ("curve",))


def test_the_list_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--op", "normals_from_height"]) == 0
    printed = capsys.readouterr().out
    assert "normals_from_height.py" in printed
    assert "zero has no sign" in printed

"""Files and functions stay short enough to be read at one sitting."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("diffgfx", "kernels", "examples", "tests", "benchmarks")
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
FILE_LINES, FUNCTION_LINES = 400, 60


def _long_functions(source: str) -> list[str]:
    return [
        f"{node.name} at line {node.lineno}: {length} lines"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]


def test_a_long_function_is_noticed() -> None:
    body = "    x = 1\n" * FUNCTION_LINES
    assert _long_functions(f"def long():\n{body}") == ["long at line 1: 61 lines"]
    assert _long_functions(f"def short():\n{body[10:]}") == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_sizes(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= FILE_LINES
    assert _long_functions(source) == []

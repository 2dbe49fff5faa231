"""Find the signs in gradient kernels that can be flipped, one at a time.

A mutant is the source of a file with one sign changed: a ``+`` made ``-`` or the reverse, ``+=``
made ``-=``, a minus dropped, or one put before a product, a value or the first term of a sum. What
cannot change a result is not mutated, and is listed with the reason instead of being forgiven
later.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Excluded", "Mutant", "find_mutants"]

BUFFERS = ("zero", "empty_like", "new_empty", "new_zeros", "zeros_like", "tensor")
"""Calls that make a buffer which is filled afterwards."""

WRAPPERS = ("Vector", "select")
"""Calls whose arguments carry the signs."""

SIGNED = (ast.Call, ast.Name, ast.Subscript, ast.UnaryOp, ast.Constant)
"""Nodes that a minus may be put before."""

NO_GRADIENT = {
    "lanes_summed": "a size",
    "unit": "divided by and multiplied with, so that its sign cancels",
    "share": "divided by its own sum, so that its sign cancels",
    "m2": "used squared only",
    "safe": "the cosine, or a stand-in where the result is not used",
    "texel": "a length, known to both passes",
    "weights": "a table, known to both passes",
    "frame": "a table, known to both passes",
    "view": "several values, each mutated where it is made",
    "texel, spread": "a length and a count",
    "spread, wrap": "a count and a switch",
    "grid": "counts",
    "box, like": "sizes, and a tensor to be like",
    "is_open, moves": "switches",
    "count": "a number of cells",
    "fixed": "inputs, known to both passes",
    "g_face": "a tensor, chosen by axis",
    "u_face": "a tensor, chosen by axis",
    "gu_face": "a tensor, chosen by axis",
    "gw_face": "a tensor, chosen by axis",
    "gs_face": "a tensor, chosen by axis",
    "nothing": "an empty tensor",
    "moved": "places in a tensor",
    "side_at": "a place in a tensor",
    "side_base": "a place in a tensor",
    "side_window": "a place in a tensor",
    "mode": "switches",
    "graded, lit": "switches",
    "flat": "used squared only",
    "target": "a tensor",
    "before, after, inner": "where runs start",
    "left, right, out": "where runs start",
    "batch, cells": "counts",
    "itself": "of a preconditioner: how many iterations, not where they end (test_links)",
    "line": "a table, known to both passes",
    "own": "a table, known to both passes",
    "across": "a table, known to both passes",
    "own, across, along": "tables, known to both passes",
    "own, along, other": "tables, known to both passes",
    "shift": "a place, known to both passes",
    "corner": "a place, known to both passes",
    "base": "a place, known to both passes",
    "base_a": "a place, known to both passes",
    "base, base_a": "places, known to both passes",
    "at, near": "places, known to both passes",
    "far": "a place, known to both passes",
    "i": "a place, known to both passes",
    "first, end": "places, known to both passes",
    "grid, pixels": "counts",
    "line, plane": "strides",
    "frame, spread": "a table and a count",
    "v, u": "vertices, known to both passes",
    "numbers": "a count",
    "blocks": "a count",
    "slabs": "a count",
    "deal": "counts",
    "lights, grid": "counts",
    "images": "tensors to be like",
    "i, j, k": "places, known to both passes",
}
"""Left-hand sides that carry no sign of a gradient, and why."""


@dataclass(frozen=True)
class Mutant:
    """One changed sign.

    Attributes:
        function: Where it stands.
        line: Its line in the file.
        statement: The line at which its statement starts.
        before: The text around the sign.
        after: The same text, changed.
        source: The whole changed file.
    """

    function: str
    line: int
    statement: int
    before: str
    after: str
    source: str


@dataclass(frozen=True)
class Excluded:
    """A statement that is not mutated."""

    function: str
    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: str


class _Source:
    """The text of a file, and where its nodes stand in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [0]
        for line in text.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        assert text.isascii(), "columns count bytes"

    def span(self, node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._starts[node.lineno - 1] + node.col_offset,
            self._starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def line_of(self, place: int) -> int:
        return self.text.count("\n", 0, place) + 1

    def swapped(self, left: ast.expr, right: ast.expr, old: str, new: str) -> _Edit:
        """Exchange the operator between two nodes."""
        start, end = self.span(left)[1], self.span(right)[0]
        place = self.text.index(old, start, end)
        return _Edit(place, place + len(old), new)

    def negated(self, node: ast.expr) -> _Edit:
        """Put a minus before a node, or take the one it starts with."""
        start, end = self.span(node)
        if self.text[start] == "-":
            return _Edit(start, start + 1, "")
        return _Edit(start, end, f"-({self.text[start:end]})")

    def around(self, edit: _Edit, margin: int = 24) -> tuple[str, str]:
        """Return the text around an edit, before and after it, on one line."""
        first = max(self.text.rfind("\n", 0, edit.start) + 1, edit.start - margin)
        last = min(self.text.find("\n", edit.end), edit.end + margin)
        head, tail = self.text[first : edit.start], self.text[edit.end : last]
        middle = self.text[edit.start : edit.end]
        return tuple(" ".join((head + m + tail).split()) for m in (middle, edit.text))  # type: ignore[return-value]


class _Function:
    """What is known of the names of one function: which are indices, and which are zero."""

    def __init__(self, node: ast.FunctionDef) -> None:
        self.node = node
        self.exits = [
            statement
            for part in ast.walk(node)
            if isinstance(part, ast.If) and "numel() == 0" in ast.unparse(part.test)
            for statement in part.body
        ]
        self.indices = self._index_names()
        self.zeros: set[str] = set()
        self.zeros = {
            name
            for name in {n for s in self.statements() for n in _targets(s)}
            if all(self.is_zero(s.value) for s in self.statements() if name in _targets(s))
        }

    def statements(self) -> Iterator[ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return]:
        for node in ast.walk(self.node):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return):
                yield node

    def _index_names(self) -> set[str]:
        found: set[str] = set()
        for node in ast.walk(self.node):
            if isinstance(node, ast.Subscript):
                found |= _names(node.slice)
            if isinstance(node, ast.If):
                found |= _names(node.test)
            if isinstance(node, ast.For):
                found |= _names(node.target) | _names(node.iter)
            if isinstance(node, ast.Assign) and _is_shape(node.value):
                found |= {name for target in node.targets for name in _names(target)}
        while True:  # what an index is made of is one
            more = {
                name
                for statement in self.statements()
                if _targets(statement) and set(_targets(statement)) <= found
                for name in _names(statement.value)
            }
            if more <= found:
                return found
            found |= more

    def is_index(self, node: ast.expr | None) -> bool:
        """Whether an expression is made of indices and whole numbers only."""
        if node is None:
            return True
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, float):
                return False
            if isinstance(part, ast.Name) and part.id not in self.indices | {"ti"}:
                return False
        return True

    def is_zero(self, node: ast.expr | None) -> bool:
        """Whether an expression is zero, whatever its sign: Taichi writes a typed zero 0.0 * x."""
        if isinstance(node, ast.Constant):
            return node.value == 0
        if isinstance(node, ast.Name):
            return node.id in self.zeros
        if isinstance(node, ast.List):  # a vector of them: ti.Vector([0.0 * x] * n)
            return bool(node.elts) and all(self.is_zero(element) for element in node.elts)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            return self.is_zero(node.left) or self.is_zero(node.right)
        return False


def _names(node: ast.AST | None) -> set[str]:
    if node is None:
        return set()
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} - {"ti", "range"}


def _is_shape(node: ast.expr) -> bool:
    inner = node.value if isinstance(node, ast.Subscript) else node
    return isinstance(inner, ast.Attribute) and inner.attr == "shape"


def _targets(statement: ast.stmt) -> list[str]:
    """Return the plain names that a statement assigns to."""
    if isinstance(statement, ast.Assign):
        nodes = [n for t in statement.targets for n in getattr(t, "elts", [t])]
    elif isinstance(statement, ast.AnnAssign | ast.AugAssign):
        nodes = [statement.target]
    else:
        nodes = []
    return [node.id for node in nodes if isinstance(node, ast.Name)]


def _called(node: ast.AST) -> str:
    """Return the last name of what a call calls, "" if it is none."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _is_sum(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def _is_product(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div)


def _edits(source: _Source, function: _Function, node: ast.expr, whole: bool) -> Iterator[_Edit]:
    """Yield every change of a sign inside an expression.

    Args:
        source: Where it stands.
        function: What its names mean.
        node: The expression.
        whole: Whether it is a value of its own, which a minus may be put before.
    """
    if function.is_zero(node) or function.is_index(node) or _called(node) in BUFFERS:
        return
    if _is_sum(node):
        assert isinstance(node, ast.BinOp)
        if not (function.is_zero(node.left) or function.is_zero(node.right)):
            old, new = ("+", "-") if isinstance(node.op, ast.Add) else ("-", "+")
            yield source.swapped(node.left, node.right, old, new)
        yield from _edits(source, function, node.left, whole=not _is_sum(node.left))
        yield from _edits(source, function, node.right, whole=False)
        return
    if whole and (_is_product(node) or isinstance(node, SIGNED)) and _called(node) not in WRAPPERS:
        yield source.negated(node)
    for part, separate in _parts(node, whole):
        yield from _edits(source, function, part, separate)


def _parts(node: ast.expr, whole: bool) -> Iterator[tuple[ast.expr, bool]]:
    """Yield what an expression holds, and whether each part is a value with a sign of its own."""
    match node:
        case ast.BinOp() if _is_product(node):  # the sign of a factor is that of the whole
            yield node.left, False
            yield node.right, False
        case ast.UnaryOp(op=ast.USub()):
            yield node.operand, False
        case ast.Attribute() | ast.Subscript():
            yield node.value, False
        case ast.ListComp():
            yield node.elt, False
        case ast.List() | ast.Tuple():
            yield from ((element, True) for element in node.elts)
        case ast.IfExp():
            yield node.body, whole
            yield node.orelse, whole
        case ast.Call():
            yield node.func, False
            select = _called(node) == "select"  # its first argument is the condition
            for argument in node.args[select:]:
                yield argument, select or _is_product(argument)


def _edits_of(source: _Source, function: _Function, statement: ast.stmt) -> tuple[list[_Edit], str]:
    """Return the changes of a statement, or why there are none."""
    value = getattr(statement, "value", None)
    if not isinstance(value, ast.expr):
        return [], ""
    names = _targets(statement)
    reason = NO_GRADIENT.get(", ".join(names), "")
    if not reason and function.is_zero(value):
        reason = "zero has no sign"
    if not reason and names and set(names) <= function.indices:
        reason = "an index or a size"
    if not reason and statement in function.exits:
        reason = "an empty tensor"
    if not reason and _called(value) in BUFFERS:
        reason = "a buffer that is filled afterwards"
    if reason:
        return [], reason
    edits: list[_Edit] = []
    if isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Add | ast.Sub):
        old, new = ("+=", "-=") if isinstance(statement.op, ast.Add) else ("-=", "+=")
        edits.append(source.swapped(statement.target, value, old, new))
    # where a call gives several values, each is mutated where it is made
    several = isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Tuple)
    edits += _edits(source, function, value, whole=not edits and not several)
    return edits, ""


def find_mutants(text: str, functions: tuple[str, ...]) -> tuple[list[Mutant], list[Excluded]]:
    """Return the mutants of the named functions of a file, and what was left alone and why.

    Args:
        text: The file.
        functions: Names of its functions.

    Raises:
        ValueError: If the file has no such function.
    """
    source = _Source(text)
    nodes = {n.name: n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)}
    mutants: list[Mutant] = []
    excluded: list[Excluded] = []
    for name in functions:
        if name not in nodes:
            raise ValueError(f"no function {name!r} in the file; it has {', '.join(nodes)}")
        function = _Function(nodes[name])
        for statement in sorted(function.statements(), key=lambda node: node.lineno):
            edits, reason = _edits_of(source, function, statement)
            if reason:
                line = text.splitlines()[statement.lineno - 1].strip()
                excluded.append(Excluded(name, statement.lineno, line, reason))
            for edit in sorted(edits, key=lambda edit: edit.start):
                before, after = source.around(edit)
                changed = text[: edit.start] + edit.text + text[edit.end :]
                place = source.line_of(edit.start)
                mutants.append(Mutant(name, place, statement.lineno, before, after, changed))
    return mutants, excluded

"""Each module says what it offers, offers what it says, and documents it."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file
    for root, package in ((ROOT, "diffgfx"), (ROOT / "kernels", "diffgfx_kernels"))
    for file in sorted((root / package).rglob("*.py"))
}
PUBLIC = sorted(name for name in SOURCES if not name.rpartition(".")[2].startswith("_"))
LIBRARY = sorted(name for name in PUBLIC if name.split(".")[0] == "diffgfx")


def test_the_lists_are_not_empty() -> None:
    assert {"diffgfx", "diffgfx.errors", "diffgfx.cli.doctor"} <= set(LIBRARY)
    assert "diffgfx_kernels.taichi_.runtime" in PUBLIC


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_module_has_a_docstring(name: str) -> None:
    assert ast.get_docstring(ast.parse(SOURCES[name].read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_module_says_what_it_offers(name: str) -> None:
    body = ast.parse(SOURCES[name].read_text(encoding="utf-8")).body
    if not any(isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ImportFrom) for node in body):
        return  # the empty index of a folder
    targets = [t for node in body if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    assert "__all__" in {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("name", LIBRARY)
def test_all_is_true(name: str) -> None:
    module = importlib.import_module(name)
    names = module.__all__
    assert len(names) == len(set(names))
    missing = [entry for entry in names if not hasattr(module, entry)]
    assert missing == []


@pytest.mark.parametrize("name", LIBRARY)
def test_public_things_are_documented(name: str) -> None:
    module = importlib.import_module(name)
    bare = []
    for entry in module.__all__:
        value = getattr(module, entry)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        things = {entry: value}
        if inspect.isclass(value):
            things |= {
                f"{entry}.{part}": member
                for part, member in vars(value).items()
                if inspect.isfunction(member) and not part.startswith("_")
            }
        bare += [label for label, thing in things.items() if not _described(thing)]
    assert bare == []


def _described(thing: object) -> bool:
    """Say whether somebody wrote a docstring; a dataclass makes one that only repeats fields."""
    text = inspect.getdoc(thing) or ""
    made = isinstance(thing, type) and text.startswith(f"{thing.__name__}(")
    return bool(text) and not made

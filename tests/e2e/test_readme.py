"""The README's examples run as they stand, only smaller."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
LINKS = re.findall(r"\]\(([^)#]+)", README)


def _example(word: str) -> str:
    (found,) = (text for text in EXAMPLES if word in text)
    return found


def test_examples_are_found_and_short() -> None:
    assert len(EXAMPLES) == 4
    assert len([line for line in _example("capture_material").splitlines() if line]) <= 10


def test_a_material_from_photographs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    text = _example("capture_material")
    assert text.count("resolution=256") == 1
    exec(compile(text.replace("resolution=256", "resolution=16"), "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert len(re.findall(r"^\d\.jpg 0\.\d+$", out, flags=re.MULTILINE)) == 2
    assert "torch.Size([1, 3, 16, 16])" in out
    metrics = json.loads((tmp_path / "brass" / "metrics.json").read_text())
    assert metrics["held_out"] > 0.0
    assert (tmp_path / "brass" / "compare.png").stat().st_size > 0


def test_an_inverse_problem_of_your_own(capsys: pytest.CaptureFixture[str]) -> None:
    text = _example("svbrdf_render_loss")
    assert text.count("64, 64") == 1
    assert "# [[[0.30, 0.20, 1.80]]]" in text
    exec(compile(text.replace("64, 64", "8, 8"), "README.md", "exec"), {})
    found = [float(x) for x in re.findall(r"\d\.\d+", capsys.readouterr().out)]
    assert found == pytest.approx([0.3, 0.2, 1.8], abs=0.01)


def test_smoke_and_flows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    text = _example("rollout")
    assert text.count("scene, 30,") == 1
    exec(compile(text.replace("scene, 30,", "scene, 3,"), "README.md", "exec"), {})
    numbers = re.findall(r"-?[0-9.]+(?:e-?[0-9]+)?", capsys.readouterr().out)
    assert 0.1 < float(numbers[0]) < 0.2
    assert float(numbers[2]) > 0.0


def test_meshes(capsys: pytest.CaptureFixture[str]) -> None:
    text = _example("make_knot")
    assert text.count("), 64).colour") == 2
    assert "# [0.50]" in text
    exec(compile(text.replace("), 64).colour", "), 32).colour"), "README.md", "exec"), {})
    (found,) = re.findall(r"\d\.\d+", capsys.readouterr().out)
    assert float(found) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_links_lead_somewhere(link: str) -> None:
    assert "://" in link or (ROOT / link).exists()


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_links_of_the_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
    dead = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert dead == []


def _anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda page: page.name
)
def test_links_to_headings_find_them(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text(encoding="utf-8"))
    missing = [
        (file, anchor)
        for file, anchor in links
        if anchor not in _anchors(page.parent / file if file else page)
    ]
    assert missing == []

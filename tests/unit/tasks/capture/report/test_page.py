"""The page: whole in one file, safe whatever its names are, and complete."""

import base64
import dataclasses
import hashlib
import html.parser
import itertools
import re
import struct

import pytest
import torch

from diffgfx.tasks.capture.next_photo import NextPhoto
from diffgfx.tasks.capture.report.photos import side_of_photos
from diffgfx.tasks.capture.uncertainty import MapUncertainty
from tests.reports import finished_capture, report_of

HOSTILE = "</script><img src=x onerror=alert(1)>&'\".jpg"
REFERENCES = {"src", "href", "srcset", "data", "action", "poster", "background", "cite", "ping"}
VOID = {"meta", "img", "input", "br", "link"}


class Outline(html.parser.HTMLParser):
    """Elements with their attributes, the text of the visible ones, and whether they nest."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.pieces: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(page.decode("utf-8"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.pieces.append((self._open[-1] if self._open else "", data))

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def texts(self, tag: str) -> list[str]:
        """What stands directly in elements of a kind."""
        return [text for name, text in self.pieces if name == tag]

    def words(self) -> str:
        """What a reader reads."""
        parts = [text for tag, text in self.pieces if tag not in ("script", "style")]
        return " ".join(" ".join(parts).split())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return report_of(*finished_capture(tmp_path_factory.mktemp("tiles")))


@pytest.fixture(scope="module")
def outline(page: bytes) -> Outline:
    return Outline(page)


def test_refers_to_nothing_outside_itself(page, outline):
    for _, attributes in outline.elements:
        for name in REFERENCES & set(attributes):
            assert attributes[name].startswith(("data:image/", "#"))
    text = page.decode()
    assert not re.search(r"https?:|//[a-z]+\.|@import|url\(", text)
    assert not outline.all("link")
    assert not outline.all("iframe")


def test_the_policy_admits_the_pages_own_script_and_style_alone(outline):
    (policy,) = (m["content"] for m in outline.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    scripts = [text for text in outline.texts("script") if "use strict" in text]
    for kind, texts in (("script", scripts), ("style", outline.texts("style"))):
        (text,) = texts
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not any("style" in a or any(n.startswith("on") for n in a) for _, a in outline.elements)


def test_held_out_photographs_come_first_and_are_marked(page):
    figures = re.findall(r'<figure class="photo">.*?</figure>', page.decode(), flags=re.DOTALL)
    names = [re.search(r'class="name">([^<]*)<', figure)[1] for figure in figures]
    assert names == ["2.jpg", "0.jpg", "1.jpg", "3.jpg"]
    assert ["held out" in figure for figure in figures] == [True, False, False, False]


def test_photographs_can_be_left_out(tmp_path):
    capture, result = finished_capture(tmp_path)
    outline = Outline(report_of(capture, result, photographs=False))
    names = [image["alt"] for image in outline.all("img")]
    assert sum(name.startswith("Re-render of") for name in names) == 4
    assert not any(name.startswith(("Photograph", "Error")) for name in names)
    assert [entry for entry in outline.all("input") if entry["type"] == "range"] == [
        entry
        for entry in Outline(report_of(capture, result)).all("input")
        if entry["type"] == "range" and "of the photograph" not in entry.get("aria-label", "")
    ]
    assert "the photographs themselves, and errors, which would show them" in outline.words()


def test_says_the_error_of_what_the_fit_never_saw(tmp_path):
    capture, result = finished_capture(tmp_path)
    words = Outline(report_of(capture, result)).words()
    figure = f"{100 * result.errors[2].rmse:.2g} %"
    assert f"A photograph that the fit never saw is re-created with an error of {figure}" in words
    fitted = sum(result.errors[i].rmse for i in (0, 1, 3)) / 3
    assert f"Photographs it was fitted to: {100 * fitted:.2g} %" in words


def test_pictures_say_what_they_are_and_how_large(outline):
    images = outline.all("img")
    assert len(images) == 3 * 4 + 5 + 1 + 4
    for image in images:
        assert image["alt"]
        data = base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,"))
        frame = data.index(b"\xff\xc0")
        height, width = struct.unpack(">HH", data[frame + 5 : frame + 9])
        assert (image["width"], image["height"]) == (str(width), str(height)) == ("32", "24")
    assert {i["alt"] for i in images} >= {"Photograph 2.jpg", "Re-render of 2.jpg", "height map",
                                            "Uncertainty of normal"}  # fmt: skip


@pytest.mark.parametrize(("count", "side"), [(1, 512), (12, 512), (27, 341), (900, 256)])
def test_many_photographs_are_shown_smaller(count, side):
    assert side_of_photos(count) == side


@pytest.mark.slow
def test_large_pictures_are_made_smaller(tmp_path):
    capture, result = finished_capture(tmp_path, resolution=(540, 720))
    page = report_of(capture, result)
    sizes = {(i["width"], i["height"]) for i in Outline(page).all("img")}
    assert sizes == {("512", "384")}
    assert b'"width": 512' in page
    assert len(page) < 6e6


def test_every_control_has_a_name_and_every_heading_its_place(outline):
    labelled = {a["for"] for a in outline.all("output")}
    for control in outline.all("input"):
        assert "aria-label" in control or control.get("id") in labelled or "name" in control
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    targets = {a["href"][1:] for a in outline.all("a")}
    assert targets <= {a.get("id") for _, a in outline.elements}
    assert outline.all("html")[0]["lang"] == "en"
    assert outline.texts("title")


def test_hostile_names_are_words_and_nothing_else(tmp_path):
    folder = tmp_path / "<b>folder"
    names = (HOSTILE, "{{ 7 * 7 }}.jpg", "\u202egpj.exe", "a\udcff.jpg")
    capture, result = finished_capture(
        folder, names=names, units="<i>cm</i>", warnings=(f"{HOSTILE}: is odd; remove {HOSTILE}",)
    )
    advice = dataclasses.replace(result.next_photo, place=HOSTILE)
    page = report_of(capture, dataclasses.replace(result, next_photo=advice))
    plain = Outline(report_of(*finished_capture(tmp_path, warnings=("a: is odd; remove it",))))
    outline = Outline(page)
    assert [tag for tag, _ in outline.elements] == [tag for tag, _ in plain.elements]
    words = outline.words()
    assert words.count(HOSTILE) == 5          # card, table, warning, remedy, advice
    assert "{{ 7 * 7 }}.jpg" in words
    assert "\u202e" not in page.decode()
    assert "a\\udcff.jpg" in words


def test_doubts_are_told(tmp_path):
    capture, result = finished_capture(tmp_path)
    plane, seen = torch.ones(1, 1, 24, 32), torch.zeros(24, 32, dtype=torch.bool)
    seen[:, :8] = True
    doubt = MapUncertainty(
        0.02 * plane.expand(1, 3, -1, -1), 0.03 * plane.expand(1, 3, -1, -1), 0.04 * plane,
        0.5 * torch.pi / 180 * plane, ~seen, 1e-4, torch.ones(9, 24, 32),
    )  # fmt: skip
    advice = NextPhoto("from the left", (-4.0, 2.5, 18.0), (-4.0, 2.5, 18.0), 0.25, 0.125)
    page = report_of(capture, dataclasses.replace(result, uncertainty=doubt, next_photo=advice))
    words = Outline(page).words()
    assert "25.0 % of the sample saw a highlight" in words
    assert "Only 25.0 % of the sample saw a highlight" in words       # a warning, with its remedy
    for deviation in ("0.02", "0.03", "0.04", "0.5°"):
        assert f"± {deviation} in the median" in words
    assert "4 cm left of the sample's centre and 2.5 cm above it" in words
    assert "18 cm over the surface. That is from the left." in words
    assert "0.25 → 0.125" in words
    apart = NextPhoto("from the right", (120.0, 0.0, 18.0), (0.1, 0.0, 123.4), 0.25, 0.125)
    page = report_of(capture, dataclasses.replace(result, next_photo=apart))
    words = Outline(page).words()
    assert "Hold the flash 120 cm right of the sample's centre and 0 cm above it" in words
    assert "; the camera straight above the sample's centre, 123 cm over the surface." in words


def test_a_proof_under_positions_of_its_own_says_so(tmp_path):
    capture, result = finished_capture(tmp_path)
    told = "Position and exposure of each were solved on it, the material frozen."
    assert told not in Outline(report_of(capture, result)).words()
    poses = ("solved", "solved", "solved on this photo", "solved")
    words = Outline(report_of(capture, dataclasses.replace(result, poses=poses))).words()
    assert words.count(told) == 2             # headline, number
    assert "How far from the lens the flash was found" in words


def test_maps_that_were_fitted_again_are_not_called_proven(tmp_path):
    capture, result = finished_capture(tmp_path)
    told = "The maps here were then fitted again, to all photographs"
    assert told not in Outline(report_of(capture, result)).words()
    assert told in Outline(report_of(capture, result, final="all")).words()


def test_a_system_that_counts_no_memory_gets_a_page(tmp_path):
    capture, result = finished_capture(tmp_path)
    words = Outline(report_of(capture, result, peak_rss_mb=None)).words()
    assert "32 by 24 texels. " in words
    assert "MB of memory" not in words


def test_the_same_result_gives_the_same_page(tmp_path):
    capture, result = finished_capture(tmp_path)
    pages = {re.sub(rb"in at most \d+ MB", b"", report_of(capture, result)) for _ in range(2)}
    assert len(pages) == 1

"""The report in a browser: the view against the native renderer, hands on keys, and a phone."""

import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from diffgfx.io import encode_transfer
from diffgfx.ops import shade_mesh
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture import CaptureResult
from diffgfx.tasks.capture.report.view import EYE, pack_view
from diffgfx.tasks.material import picture_material
from tests.chromium import Page, open_page
from tests.reports import finished_capture, report_of

pytestmark = pytest.mark.slow

LIGHTS = (((-0.25, 0.25, 1.0), 0), ((0.4, 0.1, 0.5), 0), ((0.0, -1.2, 0.8), 0))
DARK = ((-0.25, 0.25, 1.0), -6)    # where the encoding is a line
BEHIND = ((1.0, 0.6, -1.6), 3)     # where only rims are lit, at grazing angles
SIDE = 512
RADIUS, REACH = 1 / np.pi, 0.35
BAR = 0.005           # of the range of stored values; two per cent would hide a missing 1 - F
DEVIATION = 0.05      # of a single pixel, but for one in a thousand
CONTRAST = Path(__file__).with_name("contrast.js")
READ = """(() => {
  const { width, height, data } = diffgfx.view.pixels();
  let text = "";
  for (let k = 0; k < data.length; k += 8192)
    text += String.fromCharCode(...data.subarray(k, k + 8192));
  return [width, height, btoa(text)];
})()"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CaptureResult]:
    """A page, and the result that it shows: glazed tiles of 96 x 128 texels."""
    folder = tmp_path_factory.mktemp("tiles")
    capture, result = finished_capture(folder, resolution=(96, 128), names=(
        "a very long name of a photograph that somebody once gave it and never changed again.jpg",
        "1.jpg", "2.jpg", "</script><script>throw 1</script>.jpg",
    ))  # fmt: skip
    path = folder / "report.html"
    path.write_bytes(report_of(capture, result))
    return path, result


@pytest.fixture(scope="module")
def page(
    result: tuple[Path, CaptureResult], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    with open_page(result[0], tmp_path_factory.mktemp("browser") / "profile") as page:
        page.wait_for("window.diffgfx")
        yield page


def shown(
    page: Page, shape: str, light: tuple[float, float, float], stops: float
) -> tuple[Tensor, Tensor]:
    """Return what the canvas holds, (3, h, w), and the share of each pixel that is covered."""
    page.run(f"diffgfx.view.setShape('{shape}'); diffgfx.view.setLight(...{list(light)})")
    page.run(f"diffgfx.view.setExposure({stops})")
    width, height, text = page.run(READ)
    codes = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)
    planes = torch.from_numpy(codes / 255.0).permute(2, 0, 1)
    return planes[:3], planes[3]


def finer(maps: MaterialMaps, at: Tensor) -> Tensor:
    """Return the maps at places (h, w, 2) in [-1, 1], read as textures are, mirrored beyond."""
    return torch.nn.functional.grid_sample(
        maps.to_tensor().double(), at[None], padding_mode="reflection", align_corners=False
    )


def predicted_plane(maps: MaterialMaps, light: tuple[float, float, float], power: float) -> Tensor:
    height, width = (round(SIDE * side / max(maps.size)) for side in reversed(maps.size))
    x, y = ((torch.arange(n).double() + 0.5) / n * 2 - 1 for n in (width, height))
    at = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    fine = MaterialMaps.from_tensor(finer(maps, at).float(), maps.size)
    picture = picture_material(fine, light=light, power=power, camera=EYE, size=SIDE)
    return encode_transfer(picture.image, "srgb")


def predicted_sphere(
    maps: MaterialMaps, light: tuple[float, float, float], power: float
) -> tuple[Tensor, Tensor]:
    """Return the picture and which pixels the sphere covers whole."""
    side = (torch.arange(SIDE).double() + 0.5) / SIDE * 2 - 1
    x, y = torch.meshgrid(REACH * side, -REACH * side, indexing="xy")
    eye = torch.tensor(EYE, dtype=torch.float64)[:, None, None]
    ray = torch.stack([x, y, torch.zeros_like(x)]) - eye
    a, b = ray.square().sum(0), (ray * eye).sum(0)        # |eye + t ray| = RADIUS
    under = b * b - a * (eye.square().sum() - RADIUS**2)
    covered = (b * b / a - (eye.square().sum() - RADIUS**2)) > (2 * RADIUS * 2 * REACH / SIDE)
    t = (-b - under.clamp_min(0).sqrt()) / a
    point = eye + t * ray
    n = point / point.norm(dim=0)
    polar = torch.arccos(n[2].clamp(-1, 1))
    azimuth = torch.atan2(n[1], n[0])
    place = RADIUS * polar * torch.stack([torch.cos(azimuth), torch.sin(azimuth)])
    size = torch.tensor(maps.size, dtype=torch.float64)
    half = (size / size.max() / 2)[:, None, None]
    at = (place / half * torch.tensor([1.0, -1.0])[:, None, None]).permute(1, 2, 0)
    # the frame turned from the pole to the point about the axis at right angles to both
    axis = torch.stack([-torch.sin(azimuth), torch.cos(azimuth), torch.zeros_like(azimuth)])
    first = torch.zeros_like(n)
    first[0] = 1.0
    along = (axis * first).sum(0) * axis
    across = torch.linalg.cross(axis, first, dim=0)
    tangent = along + torch.cos(polar) * (first - along) + torch.sin(polar) * across
    image = shade_mesh(
        point[None], n[None], finer(maps, at),
        torch.tensor([[[*light, 1.0]]], dtype=torch.float64),
        torch.full((1, 1, 3), power, dtype=torch.float64), eye[None, :, 0, 0],
        tangent=torch.cat([tangent, torch.ones_like(tangent[:1])])[None], backend="torch",
    )  # fmt: skip
    return encode_transfer(image[0], "srgb"), covered


def check(found: Tensor, wanted: Tensor) -> None:
    difference = (found - wanted).abs()
    assert wanted.std() > 0.02              # something is there to be compared
    assert difference.square().mean().sqrt() < BAR
    assert difference.flatten().quantile(0.999) < DEVIATION


@pytest.mark.parametrize(("light", "stops"), [*LIGHTS, DARK])
def test_the_plane_is_what_the_native_renderer_predicts(page, result, light, stops):
    maps = result[1].maps
    found, covered = shown(page, "plane", light, stops)
    assert found.shape == (3, 384, 512)
    assert covered.min() == 1.0
    check(found, predicted_plane(maps, light, pack_view(maps).power * 2**stops))


@pytest.mark.parametrize(("light", "stops"), [*LIGHTS, BEHIND])
def test_the_sphere_is_what_the_native_renderer_predicts(page, result, light, stops):
    maps = result[1].maps
    found, covered = shown(page, "sphere", light, stops)
    wanted, inside = predicted_sphere(maps, light, pack_view(maps).power * 2**stops)
    assert found.shape == (3, 512, 512)
    assert covered[inside].min() == 1.0
    assert covered[~inside].mean() < 0.02   # the rim alone
    check(found[:, inside], wanted[:, inside])


def test_exposure_is_in_stops(page):
    light = LIGHTS[0][0]
    bright, _ = shown(page, "plane", light, 1)
    dark, _ = shown(page, "plane", light, 0)
    kept = bright < 0.99
    linear = [((x[kept] + 0.055) / 1.055) ** 2.4 for x in (dark, bright)]
    assert float((linear[1] / linear[0]).median()) == pytest.approx(2.0, rel=0.02)


def test_the_light_follows_the_pointer_and_the_keys(page):
    page.run("diffgfx.view.setShape('plane'); diffgfx.view.setLight(0, 0, 1)")
    page.run("document.getElementById('view').scrollIntoView()")
    box = page.run("(b => [b.left, b.top, b.width, b.height])"
                   "(document.getElementById('view-canvas').getBoundingClientRect())")  # fmt: skip
    page.move_pointer(box[0] + 0.75 * box[2], box[1] + 0.25 * box[3])
    values = "['x', 'y', 'z'].map(k => Number(document.getElementById('light-' + k).value))"
    assert page.run(values) == pytest.approx([0.25, 0.25 * 0.75, 1.0], abs=0.011)
    page.move_pointer(1, 1)
    page.run("diffgfx.view.setLight(0, 0, 1); document.getElementById('view-canvas').focus()")
    for key, code in (("ArrowLeft", 37), ("ArrowUp", 38), ("ArrowUp", 38), ("PageUp", 33)):
        page.press(key, code)
    assert page.run(values) == pytest.approx([-0.05, 0.1, 1.1])


def test_a_photograph_is_compared_by_keys_alone(page):
    page.run("document.querySelector('#proof input[type=radio]').focus()")
    page.press("Tab", 9)
    assert page.run("document.activeElement.matches('.compare input')")
    assert "2.jpg" in page.run("document.activeElement.ariaLabel")      # the held-out one is first
    clip = "getComputedStyle(document.querySelector('.compare .taken')).clipPath"
    before = page.run(clip)
    page.press("ArrowRight", 39)
    assert page.run("document.activeElement.ariaValueText") == "51 % photograph"
    assert page.run(clip) != before
    outline = "getComputedStyle(document.activeElement.parentElement).outlineStyle"
    assert page.run(outline) == "solid"


def test_the_error_is_shown_in_place_of_the_render(page):
    seen = "getComputedStyle(document.querySelector('.compare .error')).visibility"
    assert page.run(seen) == "hidden"
    page.run("document.querySelector('[name=right][value=error]').click()")
    assert page.run(seen) == "visible"
    page.run("document.querySelector('[name=right][value=render]').click()")
    assert page.run(seen) == "hidden"


def test_nothing_is_wider_than_a_phone(page):
    page.resize(360, 740)
    assert page.run("document.documentElement.clientWidth") == 360
    assert page.run("document.documentElement.scrollWidth") == 360
    assert page.run("""[...document.querySelectorAll('main *, header *, footer *')].filter(e =>
        !e.closest('.scroll') && !e.closest('.compare') && e.getClientRects().length && e.
        getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 200))""") == []
    page.resize(1280, 900)


def test_a_phone_held_sideways_can_be_scrolled_beside_the_view(page):
    page.resize(667, 375)
    width, height = page.run("""(box => [box.width, box.height])(
        document.getElementById('view-canvas').getBoundingClientRect())""")
    assert 0.5 * 375 < height < 0.8 * 375
    assert width < 0.8 * 667
    page.resize(1280, 900)


@pytest.mark.parametrize("dark", [False, True])
def test_every_word_can_be_read(page, dark):
    page.resize(1280, 900, dark=dark)
    ratio, element = page.run(CONTRAST.read_text(encoding="utf-8"))
    assert ratio >= 4.5, element
    page.resize(1280, 900)


def test_at_last_nothing_was_asked_for_and_nothing_went_wrong(page, result):
    outside = [u for u in page.asked_for if u != result[0].as_uri() and not u.startswith("data:")]
    assert outside == []
    assert page.said == []
    assert page.run("document.getElementById('view-missing').hidden")


def test_without_webgl_words_take_the_place_of_the_view(page, result, tmp_path):
    bare = tmp_path / "report.html"
    text = result[0].read_bytes()
    assert text.count(b'getContext("webgl2"') == 1
    page.call("Page.addScriptToEvaluateOnNewDocument",
              source="HTMLCanvasElement.prototype.getContext = () => null")  # fmt: skip
    bare.write_bytes(text)
    page.call("Page.navigate", url=bare.as_uri())
    page.wait_for("document.readyState === 'complete' && document.querySelector('#view')")
    assert not page.run("document.getElementById('view-missing').hidden")
    assert page.run("document.getElementById('view').hidden")
    assert page.said == []

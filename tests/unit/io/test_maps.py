"""Maps on disk: lossless EXR, the stated PNG encodings, and each fault of a folder of maps."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
import torch

from diffgfx.errors import DiffgfxError, InputError, OutputError
from diffgfx.io import read_image, read_map_files, read_maps, write_exr, write_maps, write_png
from diffgfx.io.image import read_pixels
from diffgfx.scene import MaterialMaps

NAMES = ("normal", "diffuse", "specular", "roughness")


def material(height: int = 5, width: int = 8) -> MaterialMaps:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(1, 10, height, width, generator=generator)
    maps[:, :2] = maps[:, :2] - 0.5
    return MaterialMaps.from_tensor(maps, (7.0, 5.5))


def relief() -> torch.Tensor:
    return torch.linspace(-0.3, 0.1, 40).reshape(1, 1, 5, 8)


def test_exr_is_lossless_but_for_the_normals_length(tmp_path):
    maps = material()
    write_maps(tmp_path, maps, relief(), units="cm")
    back = read_map_files(tmp_path)
    for name in NAMES[1:]:
        assert torch.equal(getattr(back.maps, name), getattr(maps, name))
    wanted = torch.nn.functional.normalize(maps.normal, dim=1)
    torch.testing.assert_close(back.maps.normal, wanted, atol=2e-7, rtol=0)
    torch.testing.assert_close(back.height, relief(), atol=0, rtol=2e-7)  # in millimetres between
    assert (back.maps.size, back.units, back.maps.resolution) == ((7.0, 5.5), "cm", (5, 8))
    assert read_image(tmp_path / "roughness.exr").shape == (5, 8, 3)


def test_png_holds_the_stated_codes(tmp_path):
    maps = material()
    write_maps(tmp_path, maps, relief())
    normal = torch.nn.functional.normalize(maps.normal.double(), dim=1)[0].movedim(0, -1).numpy()
    pixels = {name: read_pixels(tmp_path / f"{name}.png") for name in (*NAMES, "height")}
    assert {array.dtype for array in pixels.values()} == {np.dtype(np.uint16)}
    np.testing.assert_allclose(pixels["normal"] / 65535, 0.5 * normal + 0.5, atol=0.6 / 65535)
    for name in ("diffuse", "specular"):
        linear = getattr(maps, name)[0].movedim(0, -1).double().numpy()
        srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
        np.testing.assert_allclose(pixels[name] / 65535, srgb, atol=0.6 / 65535)
    np.testing.assert_allclose(
        pixels["roughness"][..., 0] / 65535, maps.roughness[0, 0], atol=0.6 / 65535
    )
    assert cv2.imread(str(tmp_path / "roughness.png"), cv2.IMREAD_UNCHANGED).ndim == 2
    assert (pixels["height"].min(), pixels["height"].max()) == (0, 65535)


def test_the_sidecar_explains_the_files(tmp_path):
    write_maps(tmp_path, material(), relief(), units="cm")
    fields = json.loads((tmp_path / "maps.json").read_text())
    assert (fields["size"], fields["units"], fields["resolution"]) == ([7.0, 5.5], "cm", [8, 5])
    assert "+y up" in fields["normal_convention"]
    assert "alpha = roughness^2" in fields["brdf"]
    maps = fields["maps"]
    assert {key: entry["png"]["transfer"] for key, entry in maps.items()} == {
        "normal": "linear", "diffuse": "srgb", "specular": "srgb", "roughness": "linear",
        "height": "linear",
    }
    assert maps["normal"]["range"] == [-1.0, 1.0]
    assert maps["height"]["range"] == pytest.approx([-3.0, 1.0])
    assert (maps["height"]["unit"], maps["diffuse"]["unit"]) == ("mm", "1")
    assert (maps["roughness"]["exr"]["channels"], maps["normal"]["png"]["channels"]) == ("Y", "RGB")
    files = {entry[kind]["file"] for entry in maps.values() for kind in ("exr", "png")}
    assert files | {"maps.json"} == {entry.name for entry in tmp_path.iterdir()}


def test_png_stands_in_for_a_missing_exr(tmp_path):
    maps = material()
    (tmp_path / "maps").mkdir()
    write_maps(tmp_path / "maps", maps, relief())
    for name in (*NAMES, "height"):
        (tmp_path / "maps" / f"{name}.exr").unlink()
    back = read_map_files(tmp_path)                 # the folder above is found too
    for name in NAMES[1:]:
        torch.testing.assert_close(
            getattr(back.maps, name), getattr(maps, name), atol=2.5e-5, rtol=0
        )
    wanted = torch.nn.functional.normalize(maps.normal, dim=1)
    torch.testing.assert_close(back.maps.normal, wanted, atol=4e-5, rtol=0)
    torch.testing.assert_close(back.height, relief(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("units", "stored", "factor"),
    [
        ("mm", "mm", 1.0), ("cm", "mm", 10.0), ("m", "mm", 1000.0), ("in", "mm", 25.4),
        ("half widths of the sample", "half widths of the sample", 1.0), ("ells", "ells", 1.0),
    ],
)  # fmt: skip
def test_the_height_is_stored_in_millimetres_where_its_unit_has_a_length(
    tmp_path, units, stored, factor
):
    write_maps(tmp_path, material(), relief(), units=units)
    fields = json.loads((tmp_path / "maps.json").read_text())["maps"]["height"]
    assert fields["unit"] == stored
    assert fields["range"] == pytest.approx([-0.3 * factor, 0.1 * factor])
    array = read_image(tmp_path / "height.exr")[..., 0]
    np.testing.assert_allclose(array, factor * relief()[0, 0].numpy(), rtol=2e-7)
    assert torch.allclose(read_map_files(tmp_path).height, relief(), rtol=3e-7)


def test_a_height_in_the_unit_of_the_sample_is_still_read(tmp_path):
    write_maps(tmp_path, material(), relief(), units="cm")
    fields = json.loads((tmp_path / "maps.json").read_text())
    fields["maps"]["height"] |= {"unit": "cm", "range": [-0.3, 0.1]}
    (tmp_path / "maps.json").write_text(json.dumps(fields))
    write_exr(tmp_path / "height.exr", relief()[0].movedim(0, -1).numpy())
    assert torch.equal(read_map_files(tmp_path).height, relief())


def test_a_flat_height_and_none(tmp_path):
    write_maps(tmp_path, material(), torch.full((1, 1, 5, 8), 0.25))
    (tmp_path / "height.exr").unlink()
    assert torch.equal(read_map_files(tmp_path).height, torch.full((1, 1, 5, 8), 0.25))
    other = tmp_path / "other"
    other.mkdir()
    write_maps(other, material())
    assert read_map_files(other).height is None
    assert not (other / "height.png").exists()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda m: MaterialMaps.from_tensor(m.to_tensor().repeat(2, 1, 1, 1)), "one material at"),
        (lambda m: dataclasses.replace(m, diffuse=m.diffuse[..., 1:]), "diffuse"),
        (lambda m: dataclasses.replace(m, diffuse=m.diffuse / 0), "diffuse must be finite"),
        (lambda m: dataclasses.replace(m, normal=m.normal * 0), "a length above zero"),
    ],
)
def test_write_refusals(tmp_path, change, rule):
    with pytest.raises(Exception, match=rule) as caught:
        write_maps(tmp_path, change(material()))
    assert isinstance(caught.value, DiffgfxError) or "TypeCheck" in type(caught.value).__name__
    assert list(tmp_path.iterdir()) == []


def test_write_to_no_folder(tmp_path):
    with pytest.raises(OutputError, match="must be writable"):
        write_maps(tmp_path / "none", material())


def refused(folder, rule: str) -> None:
    with pytest.raises(InputError, match=rule) as caught:
        read_maps(folder)
    assert "\n" not in str(caught.value)


def test_read_refusals(tmp_path):
    refused(tmp_path, "maps.json: file must exist, found none; name a folder of maps")
    write_maps(tmp_path, material(), relief())
    (tmp_path / "specular.exr").unlink()
    (tmp_path / "specular.png").unlink()
    refused(tmp_path, "specular.png: file must exist")
    write_png(tmp_path / "specular.png", np.zeros((5, 9, 3)))
    refused(tmp_path, "specular.png: maps must share one size, got 9 x 5 after 8 x 5")
    write_exr(tmp_path / "specular.exr", np.full((5, 8, 3), np.nan))
    refused(tmp_path, "specular.exr: map must be finite")
    write_exr(tmp_path / "specular.exr", np.zeros((5, 8, 3)))
    read_maps(tmp_path)
    write_exr(tmp_path / "normal.exr", np.zeros((5, 8, 3)))
    refused(tmp_path, "normal.exr: normals must have a length")


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("format", "other-2", "format must be diffgfx-maps-1, got 'other-2'"),
        ("size", [1], "size must be two numbers"),
        ("size", ["1", 2], "size must be two numbers"),
        ("size", [1, 10**400], "size must be two numbers"),
        ("size", [0, 1], "size must be above zero"),
        ("units", 3, "units must name a unit"),
        ("maps", {"height": 3}, "maps.height.range must be two numbers"),
        ("maps", {"height": {"range": [0, 1], "unit": "ells"}}, "maps.height.unit must be m or"),
        ("maps", {"height": {"range": [0, 1], "unit": ["mm"]}}, "maps.height.unit must be m or"),
        ("note", float("nan"), "numbers must be finite"),
    ],
)
def test_bad_sidecar(tmp_path, key, value, rule):
    write_maps(tmp_path, material())
    fields = json.loads((tmp_path / "maps.json").read_text())
    (tmp_path / "maps.json").write_text(json.dumps(fields | {key: value}))
    refused(tmp_path, rule)

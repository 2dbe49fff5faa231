"""Folders of other systems: written, read back, and published ones read and written again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from diffgfx.errors import InputError, RangeError, ShapeError
from diffgfx.io import (
    ENCODINGS,
    from_metallic,
    read_encoded_maps,
    read_image,
    to_metallic,
    write_encoded_maps,
)
from diffgfx.scene import MaterialMaps

PUBLISHED = ("deschaintre", "gao", "materialgan")


def _maps(height: int = 6, width: int = 9, seed: int = 0) -> MaterialMaps:
    """What a metallic workflow can say: so every encoding but the grey F0 of Unreal is lossless."""
    random = torch.Generator().manual_seed(seed)

    def draw(channels: int) -> torch.Tensor:
        return torch.rand(1, channels, height, width, generator=random)

    base = 0.1 + 0.8 * draw(3)
    normal = torch.cat([draw(2) - 0.5, torch.ones(1, 1, height, width)], dim=1)
    metal = (draw(1) > 0.5).float()
    maps = from_metallic(base, metal, 0.2 + 0.7 * draw(1), torch.nn.functional.normalize(normal))
    return MaterialMaps.from_tensor(maps, (9.0, 6.0))


@pytest.mark.parametrize("normal", ["gl", "dx"])
@pytest.mark.parametrize("encoding", sorted(ENCODINGS))
def test_written_and_read(tmp_path: Path, encoding: str, normal: str) -> None:
    maps = _maps()
    if normal not in ENCODINGS[encoding].senses:
        with pytest.raises(RangeError, match=f"normal must be gl for {encoding}, got dx"):
            write_encoded_maps(tmp_path, maps, encoding, normal=normal)  # type: ignore[arg-type]
        assert list(tmp_path.iterdir()) == []
        return
    write_encoded_maps(tmp_path, maps, encoding, normal=normal, units="cm")  # type: ignore[arg-type]
    found = read_encoded_maps(tmp_path)
    code = 1.0 / (2 ** ENCODINGS[encoding].bits - 1)
    assert (found.units, found.maps.size, found.height) == ("cm", (9.0, 6.0), None)
    assert float((found.maps.normal - maps.normal).abs().max()) <= 2.0 * code
    # half a code of the stored value, times the steepest slope of its decoding and weighing
    for name, slope in (("roughness", 2.2), ("specular", 2.3), ("diffuse", 12.0)):
        difference = (getattr(found.maps, name) - getattr(maps, name)).abs().max()
        assert float(difference) <= 0.51 * code * slope, name


def test_the_sidecar_names_every_file(tmp_path: Path) -> None:
    for encoding in ENCODINGS:
        folder = tmp_path / encoding
        folder.mkdir()
        write_encoded_maps(folder, _maps(), encoding)
        fields = json.loads((folder / "material.json").read_text())
        assert {entry["file"] for entry in fields["files"].values()} | {"material.json"} == {
            path.name for path in folder.iterdir()
        }
        assert (fields["encoding"], fields["resolution"]) == (encoding, [9, 6])
        assert fields["normal"] == ("dx" if encoding == "unreal" else "gl")
        assert all(len(entry["stored"]) > 5 for entry in fields["files"].values())


def test_directx_normals_have_the_other_green_and_nothing_else(tmp_path: Path) -> None:
    pictures = []
    for sense in ("gl", "dx"):
        (tmp_path / sense).mkdir()
        write_encoded_maps(tmp_path / sense, _maps(), "metallic", normal=sense)  # type: ignore[arg-type]
        pictures.append(read_image(tmp_path / sense / f"normal_{sense}.png"))
    up, down = pictures
    assert np.abs(up[..., 1] + down[..., 1] - 1.0).max() <= 2.0 / 65535
    assert np.array_equal(up[..., ::2], down[..., ::2])
    assert np.abs(up[..., 1] - down[..., 1]).max() > 0.1
    stored = 0.5 * _maps().normal[0, 1].numpy() + 0.5
    assert np.abs(up[..., 1] - stored).max() <= 1.0 / 65535  # green up is +y


def test_what_the_files_hold(tmp_path: Path) -> None:
    maps = MaterialMaps.from_tensor(
        torch.tensor([0, 0, 1, 0.5, 0.25, 0.1, 0.04, 0.04, 0.04, 0.3]).view(1, 10, 1, 1)
    )
    write_encoded_maps(tmp_path, maps, "unreal")
    packed = read_image(tmp_path / "OcclusionRoughnessMetallic.png")[0, 0]
    assert packed.tolist() == pytest.approx([1.0, 0.3, 0.0], abs=0.51 / 255)
    assert read_image(tmp_path / "Specular.png")[0, 0, 0] == pytest.approx(0.5, abs=1 / 510)
    base = [1.055 * (0.96 * d) ** (1 / 2.4) - 0.055 for d in (0.5, 0.25, 0.1)]
    assert read_image(tmp_path / "BaseColor.png")[0, 0].tolist() == pytest.approx(base, abs=1 / 510)


def test_losses_are_told(tmp_path: Path) -> None:
    half = torch.cat([_maps(4, 4).to_tensor(), _maps(4, 4, seed=1).to_tensor()], dim=3)
    half[:, 3:6] = 1.5
    half[:, 6:9] = 0.04
    half[:, 6:9, :2, :] = 0.1
    half[:, 3:6, :2, :] = 0.5
    maps = MaterialMaps.from_tensor(half)
    [line] = write_encoded_maps(tmp_path, maps, "specular")
    assert line == "diffuse was clipped to [0, 1] on 50.0% of texels"
    [line] = write_encoded_maps(tmp_path, maps, "unreal")
    assert "ends at F0 = 0.08 and was clipped on 50.0% of texels" in line
    assert json.loads((tmp_path / "material.json").read_text())["warnings"] == [line]


@pytest.mark.parametrize(
    ("where", "encoding"),
    [
        ("capture/msraig/leather_x_marble/maps", "gao"),
        ("capture/synthetic_random/maps", "materialgan"),
        ("capture/mg38/cards-red/published", "materialgan"),
    ],
)
def test_published_maps_are_written_as_they_were(
    data_folder: Path, tmp_path: Path, where: str, encoding: str
) -> None:
    """Equal to the bit, but for the length of normals and what a channel of F0 = 1 hides."""
    source, files = data_folder / where, ENCODINGS[encoding].files
    found = read_encoded_maps(source, encoding)
    rows, columns = found.maps.resolution
    assert found.maps.size == (columns / max(rows, columns), rows / max(rows, columns))
    (tmp_path / "again").mkdir()
    write_encoded_maps(tmp_path / "again", found.maps, encoding)
    mirror = read_image(source / "specular.png") == 1.0
    for role, file in files.items():
        before = read_image(source / f"{role}.png")
        after = read_image(tmp_path / "again" / file.name)
        codes = np.abs(before - after) * 255.0
        if role == "normal":
            vectors = [2.0 * picture.astype(np.float64) - 1.0 for picture in (before, after)]
            units = [v / np.linalg.norm(v, axis=-1, keepdims=True) for v in vectors]
            assert np.linalg.norm(units[0] - units[1], axis=-1).max() <= 0.01
        else:
            assert codes[~mirror if role == "diffuse" else ...].max() <= 1e-3


def test_metallic_textures_of_anyone(tmp_path: Path) -> None:
    """Without a sidecar the files alone speak; normal.png has green up."""
    write_encoded_maps(tmp_path, _maps(), "metallic")
    (tmp_path / "material.json").unlink()
    (tmp_path / "normal_gl.png").rename(tmp_path / "normal.png")
    found = read_encoded_maps(tmp_path, "metallic")
    assert (found.units, found.maps.size) == ("m", (1.0, pytest.approx(6 / 9)))
    assert float((found.maps.normal - _maps().normal).abs().max()) <= 1e-4
    again = to_metallic(found.maps.to_tensor())
    assert set(again.metallic.round(decimals=3).unique().tolist()) == {0.0, 1.0}


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name the encoding of the folder"):
        read_encoded_maps(tmp_path)
    with pytest.raises(RangeError, match="encoding must be one of"):
        read_encoded_maps(tmp_path, "henzler")
    with pytest.raises(InputError, match=r"normal.png: file must exist"):
        read_encoded_maps(tmp_path, "gao")
    write_encoded_maps(tmp_path, _maps(), "gao")
    with pytest.raises(InputError, match="encoding must be the one that was asked for, material"):
        read_encoded_maps(tmp_path, "materialgan")
    sidecar = json.loads((tmp_path / "material.json").read_text())
    for key, value in (("encoding", "henzler"), ("size", [0, 1]), ("size", "x"), ("units", None)):
        (tmp_path / "material.json").write_text(json.dumps(sidecar | {key: value}))
        with pytest.raises(InputError, match=r"material\.json"):
            read_encoded_maps(tmp_path)
    (tmp_path / "material.json").unlink()
    (tmp_path / "other").mkdir()
    write_encoded_maps(tmp_path / "other", _maps(3, 3), "gao")
    (tmp_path / "other" / "specular.png").replace(tmp_path / "specular.png")
    with pytest.raises(InputError, match="maps must share one size, got 3 x 3 after 9 x 6"):
        read_encoded_maps(tmp_path, "gao")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    maps = _maps()
    with pytest.raises(RangeError, match="encoding must be one of specular"):
        write_encoded_maps(tmp_path, maps, "henzler")
    with pytest.raises(ShapeError, match="maps must hold one material, got 2"):
        write_encoded_maps(
            tmp_path, MaterialMaps.from_tensor(maps.to_tensor().repeat(2, 1, 1, 1)), "gao"
        )
    with pytest.raises(RangeError, match="maps"):
        write_encoded_maps(
            tmp_path, MaterialMaps.from_tensor(maps.to_tensor() * float("nan")), "gao"
        )
    assert list(tmp_path.iterdir()) == []

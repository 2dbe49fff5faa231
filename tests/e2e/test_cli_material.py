"""``diffgfx material`` as a person calls it, in process: exit codes, one-line faults, files."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from diffgfx.cli import main
from diffgfx.cli import material as cli_material
from diffgfx.io import ENCODINGS, encode_transfer, read_image, write_maps, write_material_glb
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.material import load_material
from diffgfx.tasks.material_convert import TARGETS

PUBLISHED = ("deschaintre", "gao", "materialgan", "unreal")  # 8 bits
SIZE = (4.0, 2.0)


def _flat_maps() -> MaterialMaps:
    """A wide sample, 16 x 8 texels, every map constant but for one texel of each colour."""
    values = torch.tensor([0.0, 0.0, 1.0, 0.4, 0.3, 0.2, 0.04, 0.04, 0.04, 0.5])
    maps = values.view(1, 10, 1, 1).expand(1, 10, 8, 16).clone()
    maps[0, 3:6, 0, 0] = 1.0
    maps[0, 9, 0, 1] = 0.2
    return MaterialMaps.from_tensor(maps, SIZE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("result")
    (root / "maps").mkdir()
    height = torch.linspace(-0.5, 0.5, 128).view(1, 1, 8, 16)
    write_maps(root / "maps", _flat_maps(), height, units="cm")
    write_material_glb(root / "material.glb", _flat_maps(), metres_per_unit=0.01)
    return root


@pytest.mark.parametrize("where", [".", "maps", "material.glb"])
def test_info_as_json(folder: Path, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["material", "info", str(folder / where), "--json"]) == 0
    shown = capsys.readouterr()
    facts = json.loads(shown.out)
    assert shown.err == ""
    glb = where == "material.glb"
    assert facts["resolution"] == [16, 8]
    assert facts["units"] == ("m" if glb else "cm")
    assert facts["size"] == pytest.approx([0.04, 0.02] if glb else [4.0, 2.0])
    assert set(facts["maps"]) == {"normal", "diffuse", "specular", "roughness"} | (
        set() if glb else {"height"}
    )
    diffuse = facts["maps"]["diffuse"]
    assert diffuse["min"] == pytest.approx([0.4, 0.3, 0.2], abs=1e-4)
    assert diffuse["max"] == pytest.approx([1.0] * 3, abs=1e-4)
    assert diffuse["mean"][2] == pytest.approx(0.2 + 0.8 / 128, abs=1e-4)
    assert facts["saturated"] == {"diffuse": 1 / 128, "specular": 0.0, "roughness": 0.0}
    assert facts["energy"]["share"] == pytest.approx(1 / 128)
    assert facts["energy"]["largest"] == pytest.approx(1.04, abs=1e-4)
    assert facts["alpha"] == pytest.approx({"min": 0.04, "max": 0.25}, abs=1e-4)
    assert facts["tilt"] == pytest.approx({"mean": 0.0, "max": 0.0}, abs=0.01)


def test_info_as_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["material", "info", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "16 x 8 texels, 4 x 2 cm" in text
    for word in ("normal", "diffuse", "specular", "roughness", "height (cm)", "0.8%", "1.040"):
        assert word in text


def test_a_picture_by_hand(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Light and eye above the middle, one longer side up: n.l = n.h = 1 there, power 2 sides^2."""
    out = tmp_path / "picture.exr"
    words = ["--light", "0,0,1,2", "--camera", "0,0,1", "--size", "16"]
    assert main(["material", "render", str(folder), "-o", str(out), *words]) == 0
    assert "16 x 8, light power 2" in capsys.readouterr().out
    image = read_image(out)
    assert image.shape == (8, 16, 3)
    near = 1 + 2 * (0.5 / 16) ** 2  # squared distance to the texels about the middle [sides]
    alpha, cosine = 0.25, 1 / math.sqrt(near)
    d = alpha**2 / (math.pi * (1 - cosine**2 + alpha**2 * cosine**2) ** 2)
    v = 0.25 / (cosine * math.sqrt(cosine**2 * (1 - alpha**2) + alpha**2))
    f = 0.96 * np.array([0.4, 0.3, 0.2]) / math.pi + d * v * 0.04
    assert image[4, 8] == pytest.approx(2 * f * cosine / near, rel=1e-4)


def test_a_png_is_the_exr_encoded_and_metered(folder: Path, tmp_path: Path) -> None:
    pictures = {}
    for suffix in ("png", "exr"):
        out = tmp_path / f"picture.{suffix}"
        assert main(["material", "render", str(folder), "-o", str(out), "--size", "64"]) == 0
        pictures[suffix] = read_image(out)
    assert pictures["png"].shape == (32, 64, 3)
    assert np.abs(pictures["png"] - encode_transfer(pictures["exr"], "srgb")).max() <= 0.5 / 255
    assert np.quantile(pictures["exr"].max(axis=2), 0.9) == pytest.approx(0.6, rel=0.02)


def test_a_place_may_begin_with_a_minus(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "picture.png"
    words = ["--light", "-0.5,0,1", "--camera", "-.5,0,1"]
    assert main(["material", "render", str(folder), "-o", str(out), *words]) == 0
    left, right = np.split(read_image(out), 2, axis=1)
    assert left.mean() > 1.2 * right.mean()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "x.jpg"], "-o must end in .png or .exr, got 'x.jpg'"),
        (["-o", "x.png", "--light", "1,2"], "--light must be 3 or 4 finite numbers"),
        (["-o", "x.png", "--light", "0,0,nan"], "--light must be 3 or 4 finite numbers"),
        (["-o", "x.png", "--camera", "a,b,c"], "--camera must be 3 finite numbers"),
        (["-o", "x.png", "--camera", "0,0,-1"], "camera must lie above the sample, z > 0, got z"),
        (["-o", "x.png", "--light", "0,0,1e30"], "light must be three numbers below 1e"),
        (["-o", "x.png", "--light", "0,0,1,-2"], "power must be above 0, at most 1e"),
        (["-o", "x.png", "--size", "0"], "size must be from 1 to 16384 pixels, got 0"),
        (["-o", "none/x.png"], "none/x.png: file must be writable"),
    ],
)
def test_a_wrong_word_is_one_line_and_2(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], words: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["material", "render", str(folder), *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def _texels(folder: Path) -> MaterialMaps:
    return load_material(folder).maps


@pytest.mark.parametrize("target", TARGETS)
def test_convert_and_look_again(
    folder: Path, tmp_path: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["material", "convert", str(folder), "-o", str(out), "--to", target]) == 0
    shown = capsys.readouterr()
    assert f"wrote {out}/ for {target}: " in shown.out
    assert ("relative error" in shown.out) == (target in ("metallic", "unreal", "materialx"))
    found, wanted = _texels(out), _flat_maps()
    code = 1 / 255 if target in PUBLISHED else 1 / 65535
    for name in ("normal", "diffuse", "roughness"):
        difference = getattr(found, name) - getattr(wanted, name)
        assert float(difference.abs().max()) <= 2.5 * code, name
    assert found.size == pytest.approx((0.04, 0.02) if target == "gltf" else SIZE)
    assert main(["material", "convert", str(folder), "-o", str(out), "--to", target]) == 2
    words = ["material", "convert", str(folder), "-o", str(out), "--to", target, "--overwrite"]
    assert main(words) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_convert_from_a_published_encoding(folder: Path, tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    words = ["material", "convert", str(folder), "-o", str(theirs), "--to", "materialgan"]
    assert main(words) == 0
    (theirs / "material.json").unlink()
    words = ["material", "convert", str(theirs), "-o", str(ours), "--to", "specular"]
    assert main([*words, "--from", "materialgan", "--normal", "dx"]) == 0
    assert (ours / "normal_dx.png").exists()
    found = _texels(ours)
    assert found.size == (1.0, 0.5)
    assert float((found.roughness - _flat_maps().roughness).abs().max()) <= 2.5 / 255


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--to", "gao", "--normal", "dx"], "normal must be gl for gao, got dx"),
        (["--to", "gltf", "--normal", "dx"], "normal must be gl for gltf, got dx"),
        (["--to", "metallic", "--from", "gao"], "normal.png: file must exist, found none"),
    ],
)
def test_a_failed_conversion_leaves_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str],
    message: str,
) -> None:  # fmt: skip
    out = tmp_path / "out"
    assert main(["material", "convert", str(folder), "-o", str(out), *words]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert message in shown.err
    assert list(tmp_path.iterdir()) == []


def test_the_parser_knows_what_the_library_knows() -> None:
    assert tuple(ENCODINGS) == cli_material._ENCODINGS
    assert cli_material._TARGETS == TARGETS


@pytest.mark.parametrize("name", ["absent", "absent.glb", "file.txt", "."])
def test_what_is_no_material(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "file.txt").write_text("maps")
    assert main(["material", "info", str(tmp_path / name)]) == 2
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert str(tmp_path) in shown.err

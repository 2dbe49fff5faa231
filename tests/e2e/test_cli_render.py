"""``diffgfx render``: pictures, buffers and films of a file of meshes."""

import dataclasses
import json
import math
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import OpenEXR
import pytest
import torch

from diffgfx.cli import main
from diffgfx.data import MATERIALS, make_cube, make_knot, make_material, make_sphere
from diffgfx.io import write_glb, write_material_glb, write_obj, write_ply
from diffgfx.scene import Camera, Mesh, Model, Part
from diffgfx.tasks.mesh import picture
from diffgfx.tasks.mesh.picture import PictureOptions


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("meshes") / "knot.glb"
    write_glb(path, [Part(make_knot(48, 12), make_material(MATERIALS[0], 32))])
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main(["render", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_a_picture(knot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "knot.png"
    code, said, _ = run(capsys, knot, "-o", out, "--size", 48, "--aspect", 1.5, "--json")
    assert code == 0
    facts = json.loads(said)
    assert (facts["width"], facts["height"], facts["triangles"]) == (48, 32, 1152)
    picture = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (32, 48, 3)
    assert 0.05 < (picture.max(axis=2) > 20).mean() < 0.6
    assert picture[0].max() == 0


def test_layers(knot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "knot.exr"
    code, said, _ = run(
        capsys, knot, "-o", out, "--size", 32, "--camera", "orbit:0,10,8", "--light", "camera:64"
    )
    assert code == 0
    assert "1 parts, 1152 triangles" in said
    channels = OpenEXR.File(str(out), separate_channels=True).channels()
    assert set(channels) == {"R", "G", "B", "A", "Z", "N.X", "N.Y", "N.Z", "P.X", "P.Y", "P.Z"}
    seen = channels["A"].pixels == 1.0
    assert 6.5 < channels["Z"].pixels[seen].min() < channels["Z"].pixels[seen].max() < 9.5
    length = sum(channels[f"N.{axis}"].pixels ** 2 for axis in "XYZ")
    np.testing.assert_allclose(length[seen], 1.0, rtol=1e-4)


def test_a_film(knot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "turn.mp4"
    code, said, _ = run(capsys, knot, "-o", out, "--size", 16, "--samples", 1, "--json")
    assert code == 0
    film = cv2.VideoCapture(str(out))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == json.loads(said)["frames"] == 96
    film.release()


@pytest.mark.parametrize("words", [(), ("--camera", "orbit:90,10"), ("--camera", "orbit:0,0,4")])
def test_a_film_of_a_long_model_shows_all_of_it(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    """Neither its near plane nor, at a distance of its own, its edges cut a frame."""
    path, seen = tmp_path / "long.obj", []
    mesh = make_cube()
    mesh = Mesh(mesh.positions * torch.tensor([10.0, 1.0, 1.0]), mesh.triangles)
    write_obj(path, mesh)

    def record(model: Model, camera: Camera, *_: object) -> SimpleNamespace:
        seen.append(camera)
        return SimpleNamespace(colour=torch.zeros(1, 3, 16, 24))

    monkeypatch.setattr(picture, "_picture", record)
    film = (path, "-o", tmp_path / "x.mp4", "--size", 24, "--aspect", 1.5, *words)
    assert run(capsys, *film)[0] == 0
    corners = torch.nn.functional.pad(mesh.positions, (0, 1), value=1.0)
    largest = []
    for camera in seen:
        x, y, z, w = (
            corners @ (camera.projection_matrix(1.5) @ camera.view_matrix())[0].T
        ).unbind(1)
        if len(words) < 2 or words[1].count(",") < 2:
            assert bool((w > 0.0).all())
            largest.append(float((torch.maximum(x.abs(), y.abs()) / w).max()))
        ahead = w[w > 0.1]  # at 4 m some of it is behind the eye in some frames
        assert bool((z[w > 0.1].abs() <= ahead).all())
    assert len(seen) == 96
    assert not largest or 0.9 < max(largest) < 0.93


def test_a_film_by_a_files_camera_goes_around_the_model():
    """Such a camera looks at a place a metre before it, wherever the model is."""
    shift = torch.tensor([4.0, 0.0, 0.0])
    mesh = make_knot(12, 6)
    mesh = dataclasses.replace(mesh, positions=mesh.positions + shift)
    eye = torch.tensor([[4.0, 1.0, 9.0]])
    camera = Camera(
        eye, eye - torch.tensor([[0.0, 0.0, 1.0]]), torch.tensor([[0.0, 1.0, 0.0]]),
        torch.tensor([0.6]),
    )  # fmt: skip
    model = Model((Part(mesh, make_material(MATERIALS[0], 16)),), (camera,))
    options = PictureOptions(camera="file")
    pivot = picture._pivot(model, camera, options)
    middle = 0.5 * sum(model.bounds)
    for angle in (1.0, math.pi):
        turned = picture._turned(camera, pivot, angle)
        apart = [float((c.position - middle)[0, [0, 2]].norm()) for c in (camera, turned)]
        assert apart[1] == pytest.approx(apart[0], rel=1e-5)
        ahead = [(c.target - c.position)[0] for c in (camera, turned)]
        sight = [torch.dot(a, (middle - c.position)[0])
                 for a, c in zip(ahead, (camera, turned), strict=True)]  # fmt: skip
        assert float(sight[1]) == pytest.approx(float(sight[0]), rel=1e-5)


def test_a_material_is_worn(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Another material on a ball: its mean colour shows, and repeats."""
    ball = make_sphere(8)
    path, worn = tmp_path / "ball.glb", tmp_path / "worn.glb"
    plain = make_material(MATERIALS[0], 16)
    write_glb(path, [Part(ball, plain)])
    red = dataclasses.replace(plain, diffuse=torch.zeros_like(plain.diffuse))
    red.diffuse[:, 0] = 0.8
    write_material_glb(worn, red, metres_per_unit=1.0)
    out = tmp_path / "red.png"
    words = (path, "-o", out, "--size", 24, "--material", worn, "--repeat", "2,1")
    assert run(capsys, *words)[0] == 0
    middle = cv2.imread(str(out))[12, 12]
    assert middle[2] > 3 * max(int(middle[0]), 20)


def test_a_film_by_a_files_camera_shows_what_its_own_planes_would_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    seen: list[Camera] = []

    def record(model: Model, camera: Camera, *_: object) -> SimpleNamespace:
        seen.append(camera)
        return SimpleNamespace(colour=torch.zeros(1, 3, 16, 16))

    monkeypatch.setattr(picture, "_picture", record)
    mesh = make_sphere(8)
    mesh = dataclasses.replace(mesh, positions=mesh.positions * torch.tensor([5.0, 0.5, 0.5]))
    camera = Camera.orbit(0.0, 0.1, 8.0, near=7.0, far=9.0)
    model = Model((Part(mesh, make_material(MATERIALS[0], 16)),), (camera,))
    picture._film(tmp_path / "x.mp4", model, camera, PictureOptions(camera="file"), None)
    corners = torch.nn.functional.pad(mesh.positions, (0, 1), value=1.0)
    for turned in seen:
        ahead = -(corners @ turned.view_matrix()[0].T)[:, 2]
        assert turned.near < float(ahead.min()) <= float(ahead.max()) < turned.far


@pytest.mark.parametrize("words", [("--repeat", "2,2"), ("--material", "worn.glb")])
def test_clamped_maps_repeat(words: tuple[str, str], tmp_path: Path):
    """What is repeated is not the map's edge, whatever the file says of its own maps."""
    worn = tmp_path / "worn.glb"
    write_material_glb(worn, make_material(MATERIALS[0], 16), metres_per_unit=1.0)
    flag, value = words
    value = str(worn) if flag == "--material" else (2.0, 2.0)
    part = Part(make_sphere(4), make_material(MATERIALS[0], 16), wrap="clamp")
    options = PictureOptions(**{flag[2:]: value})
    (found,) = picture._with_material(Model((part,)), options).parts
    assert found.wrap == "wrap"


def test_maps_are_mirrored_by_negative_numbers(
    knot: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for words in (("--repeat", "-2,3"), ("--repeat=-2,3",)):
        code, _, said = run(capsys, knot, "-o", tmp_path / "x.png", "--size", 8, *words)
        assert (code, said) == (0, "")


def test_what_cannot_repeat_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "cube.obj"
    mesh = make_cube()
    write_obj(path, Mesh(mesh.positions, mesh.triangles))
    words = (path, "-o", tmp_path / "x.png", "--size", 16, "--samples", 1, "--repeat", "2,2")
    code, said, _ = run(capsys, *words)
    assert code == 0
    assert "note: --repeat leaves out 1 of 1 parts: no texture coordinates" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--camera", "orbit:0"), "--camera must be orbit:AZIMUTH,ELEVATION"),
        (("--camera", "orbit:0,90"), "elevation between -90 and 90"),
        (("--camera", "file:3"), "must name one of the 0 cameras"),
        (("--camera", "orbit:0,1,-2"), "--camera must have a distance from 1e-06 to 1e+09 m, got"),
        (("--camera", "orbit:30,20,1e30"), "--camera must have a distance from 1e-06 to 1e+09 m"),
        (("--camera", "orbit:0,89.9999999"), "--camera must be a camera, got 'orbit:0,89.9999999'"),
        (("--light", "point:0,0,5,1e300"), "--light must be at most 1e+18, got 'point:0,0,5,1e300"),
        (("--light", "point:0,0,1e30,1"), "--light must be at most 1e+09 m away"),
        (("--light", "distant:0,0,0,1"), "--light must come from somewhere, got 'distant:0,0,0,1'"),
        (("--background=1e39,0,0",), "--background must be numbers from 0 to 1e+18"),
        (("--background=-1,0,0",), "--background must be numbers from 0"),
        (("--background=nan,0,0",), "separated by commas, got 'nan,0,0'; try 0.5,0.5,0.5"),
        (("--background", "-1,0,0"), "--background must be numbers from 0"),
        (("--repeat=nan,1",), "--repeat must be 2 finite numbers separated by commas, got 'nan,1'; "
         "try 2,2"),
        (("--repeat=0,1",), "--repeat must be numbers of size 1e-06 to 1e+06, got (0.0, 1.0)"),
        (("--light", "lamp:1"), "--light must be point:X,Y,Z,INTENSITY"),
        (("--light", "sky:1,2"), "--light must be"),
        (("--light", "sky:-1"), "must not be negative"),
        (("--size", "0"), "--size must be from 1 to 8192"),
        (("--samples", "3"), "--samples must be a square number"),
        (("--aspect", "0"), "--aspect must be from 0.1 to 10"),
        (("--size", "8192"), "--size and --samples must make at most"),
        (("--exposure", "2000"), "--exposure must be from -64 to 64 stops, got 2000"),
        (("--exposure", "nan"), "--exposure must be from -64 to 64 stops, got nan"),
        (("--repeat", "2"), "--repeat must be 2 finite numbers"),
        (("--material", "nowhere"), "nowhere"),
    ],
)
def test_bad_words_are_one_line(
    words: tuple[str, ...], message: str, knot: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):  # fmt: skip
    out = tmp_path / "x.png"
    code, _, said = run(capsys, knot, "-o", out, *words)
    assert code == 2
    assert message in said
    assert said.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e20])
@pytest.mark.parametrize("name", ["x.png", "x.mp4"])
def test_a_size_that_cannot_be_shown_is_one_line(
    scale: float, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "cube.obj"
    mesh = make_cube()
    write_obj(path, Mesh(mesh.positions * scale, mesh.triangles))
    code, _, said = run(capsys, path, "-o", tmp_path / name, "--size", 16)
    assert code == 2
    assert "cube.obj: model must be from 1e-06 to 1e+09 m across, got" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("scale", [1e-6, 1.0, 5e8])
@pytest.mark.parametrize("distance", ["", ",{}"])
def test_any_other_size_is_shown(
    scale: float, distance: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path, out = tmp_path / "cube.obj", tmp_path / "x.png"
    mesh = make_cube()
    write_obj(path, Mesh(mesh.positions * scale, mesh.triangles))
    view = "orbit:30,20" + distance.format(2.0 * scale)
    words = ("--size", 16, "--samples", 1, "--camera", view, "--light", "distant:1e-30,2e-30,0,9")
    assert run(capsys, path, "-o", out, *words)[0] == 0
    assert cv2.imread(str(out)).max() > 50


def test_a_picture_that_cannot_be_written_is_not_begun(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    for out, message in (("none/x.png", "a folder that exists"), ("in.png", "got a folder")):
        (tmp_path / "in.png").mkdir(exist_ok=True)
        code, _, said = run(capsys, tmp_path / "no such model.obj", "-o", tmp_path / out)
        assert code == 2
        assert message in said
        assert said.count("\n") == 1


def test_bad_files_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name, message in (("none.glb", "none.glb"), ("a.stl", ".stl")):
        code, _, said = run(capsys, tmp_path / name, "-o", tmp_path / "x.png")
        assert code == 2
        assert message in said
    bare = tmp_path / "bare.ply"
    write_ply(bare, Mesh(torch.zeros(1, 3), torch.zeros((0, 3), dtype=torch.int32)))
    assert run(capsys, bare, "-o", tmp_path / "x.png")[0] == 2
    for name in ("x.jpg", "x"):
        code, _, said = run(capsys, bare, "-o", tmp_path / name)
        assert code == 2
        assert "-o must end in" in said

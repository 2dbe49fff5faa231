"""``diffgfx fit`` as a person calls it: small fits that succeed, and faults of one line."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch

from diffgfx.cli import main
from diffgfx.data import make_cube, make_icosphere, make_sphere
from diffgfx.io import read_image, read_mesh
from diffgfx.scene import Camera, DistantLight, MaterialMaps, Mesh, Model, Part, PointLight
from diffgfx.tasks.mesh import make_targets, orbit_views, read_targets, write_targets

SUN = (DistantLight(torch.tensor([[0.4, 1.0, 0.7]]), torch.full((1, 3), 2.5)),)


def paint(*colour: float) -> MaterialMaps:
    values = torch.tensor([0.0, 0.0, 1.0, *colour, 0.04, 0.04, 0.04, 0.6])
    return MaterialMaps.from_tensor(values.view(1, 10, 1, 1))


def box(shift: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Model:
    mesh = make_cube()
    mesh = Mesh(
        mesh.positions * torch.tensor([1.0, 0.6, 0.8]) + torch.tensor(shift), mesh.triangles,
        mesh.normals, mesh.normal_triangles,
    )  # fmt: skip
    return Model((Part(mesh, paint(0.7, 0.4, 0.2)),))


@pytest.fixture(scope="module")
def posed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One picture of a box, and the box a little aside."""
    folder = tmp_path_factory.mktemp("fit") / "pose"
    camera = Camera.framing(box().bounds, 0.5, 0.4, margin=1.3)
    true = box((0.08, -0.05, 0.0))
    write_targets(folder, make_targets(true, camera, SUN, 32, start=box()))
    return folder


def fit(unknown: str, targets: Path, out: Path, *words: str) -> int:
    return main(["fit", unknown, str(targets), "-o", str(out), *words])


def test_a_pose_is_found_and_written(posed, tmp_path, capsys):
    out = tmp_path / "out"
    assert fit("pose", posed, out, "--steps", "60", "--json") == 0
    shown = capsys.readouterr()
    metrics = json.loads((out / "metrics.json").read_text())
    assert json.loads(shown.out) == metrics
    assert "fit 80/80 error 0.0" in shown.err
    assert {path.name for path in out.iterdir()} == {
        "model.glb", "metrics.json", "compare.png", "fit.mp4",
    }  # fmt: skip
    assert metrics["pose_error"]["rotation_degrees"] < 2.0
    assert metrics["pose_error"]["translation_of_size"] < 0.02
    assert metrics["pose"]["translation"] == pytest.approx([0.08, -0.05, 0.0], abs=0.03)
    assert (metrics["held_out"], metrics["fitted"]["psnr"] > 30.0) == (None, True)
    (view,) = metrics["views"]
    assert view["psnr_object"] < view["psnr"]
    found = read_mesh(out / "model.glb").parts[0].mesh.positions.mean(dim=0)
    assert torch.allclose(found, torch.tensor([0.08, -0.05, 0.0]), atol=0.03)
    assert read_image(out / "compare.png").shape[2] == 3
    # a second run replaces the first only where asked to, and finds the same to the bit
    assert fit("pose", posed, out, "--steps", "60") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert fit("pose", posed, out, "--steps", "60", "--overwrite") == 0
    assert "no view was held out" in capsys.readouterr().out
    again = json.loads((out / "metrics.json").read_text())
    assert again["losses"] == metrics["losses"]


@pytest.mark.parametrize("names", [("left/0.png", "right/0.png"), ("a.png", "a_mask.png")])
def test_pictures_of_one_name_are_written_apart(tmp_path, names):
    true = Model((Part(make_sphere(4), paint(0.4, 0.4, 0.4)),))
    camera = orbit_views(true, 2)
    lights = (PointLight(camera.position, torch.full((1, 3), 25.0)),)
    targets = dataclasses.replace(make_targets(true, camera, lights, 16), names=names)
    write_targets(tmp_path / "out", targets)
    found = read_targets(tmp_path / "out")
    assert len(set(found.names)) == 2
    assert torch.allclose(found.images, targets.images.clamp(0.0, 1.0), atol=1e-3)


@pytest.mark.slow
def test_a_texture_does_not_depend_on_what_is_held_out(tmp_path):
    maps = paint(0.4, 0.4, 0.4).to_tensor().repeat(1, 1, 16, 16)
    maps[:, 3, :, :8] = 0.8
    mesh = make_sphere(8)
    true = Model((Part(mesh, MaterialMaps.from_tensor(maps)),))
    camera = orbit_views(true, 5)
    lights = (PointLight(camera.position, torch.full((1, 3), 25.0)),)
    start = Model((Part(mesh, paint(0.5, 0.5, 0.5)),))
    targets = make_targets(true, camera, lights, 32, start=start)
    write_targets(tmp_path / "whole", targets)
    write_targets(tmp_path / "spoilt", targets)
    spoilt = tmp_path / "spoilt"
    shutil.copy(spoilt / "view_00.png", spoilt / "view_02.png")
    metrics = []
    for name in ("whole", "spoilt"):
        out = tmp_path / f"{name}_out"
        words = ["--texels", "16", "--steps", "20"]
        assert fit("texture", tmp_path / name, out, *words) == 0
        metrics.append(json.loads((out / "metrics.json").read_text()))
        assert [view["held_out"] for view in metrics[-1]["views"]] == [False] * 2 + [True] + (
            [False] * 2
        )
    assert metrics[0]["losses"] == metrics[1]["losses"]
    assert metrics[0]["held_out"]["psnr_object"] > 20.0
    assert metrics[0]["held_out"]["psnr"] > metrics[1]["held_out"]["psnr"]
    found = read_mesh(tmp_path / "whole_out" / "model.glb").parts[0].material.diffuse[0, 0]
    assert float(found[:, :6].mean()) > float(found[:, 10:].mean()) + 0.2


@pytest.mark.slow
def test_a_ball_becomes_another(tmp_path):
    mesh = make_icosphere(3)
    true = Mesh(mesh.positions * torch.tensor([0.8, 1.1, 1.0]), mesh.triangles)
    model = Model((Part(true, paint(0.5, 0.5, 0.5)),))
    camera = orbit_views(model, 4)
    targets = make_targets(model, camera, SUN, 48)
    write_targets(tmp_path / "in", targets, exr=True)
    back = read_targets(tmp_path / "in")
    assert torch.equal(back.images, targets.images)
    words = ["--steps", "20", "--holdout", "none"]
    assert fit("shape", tmp_path / "in", tmp_path / "out", *words) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["chamfer_of_diagonal"] < 0.5 * metrics["chamfer_of_diagonal_at_start"]


FAULTS = {
    "no folder": (["nowhere"], "targets.json that"),
    "holdout": (["IN", "--holdout", "a"], "--holdout must be auto, none or indices"),
    "no such view": (["IN", "--holdout", "3"], "--holdout must name views from 0 to 0, got 3"),
    "nothing left": (["IN", "--holdout", "0"], "--holdout must leave a view to fit, got all 1"),
    "texels": (["IN", "--texels", "100"], "--texels must be a power of two"),
    "steps": (["IN", "--steps", "0"], "--steps must be from 1 to 100000, got 0"),
    "seed": (["IN", "--seed", "-1"], "--seed must be from 0"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_one_line(posed, tmp_path, capsys, name):
    words, said = FAULTS[name]
    given = [str(posed) if word == "IN" else word for word in words]
    assert fit("pose", given[0], tmp_path / "out", *given[1:]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert said in error or "targets.json" in error
    assert not (tmp_path / "out").exists()


def test_maps_need_texture_coordinates(posed, tmp_path, capsys):
    assert fit("texture", posed, tmp_path / "out") == 2
    assert "model must have texture coordinates" in capsys.readouterr().err

"""What a fit is measured by, and that held-out views have no part in what is found."""

import dataclasses
from pathlib import Path

import pytest
import torch

from diffgfx.data import make_icosphere
from diffgfx.errors import InputError, RangeError
from diffgfx.io import write_obj
from diffgfx.scene import MaterialMaps, Model, Part, PointLight
from diffgfx.tasks.mesh import (
    FitOptions,
    Targets,
    fit_mesh,
    make_targets,
    orbit_views,
    read_targets,
    write_targets,
)
from diffgfx.tasks.mesh.fit_problem import stored_difference
from diffgfx.tasks.mesh.targets import select_cameras


def _model(level: float) -> Model:
    values = torch.tensor([0.0, 0.0, 1.0, level, level, level, 0.04, 0.04, 0.04, 0.6])
    maps = MaterialMaps.from_tensor(values.view(1, 10, 1, 1))
    return Model((Part(make_icosphere(1), maps, two_sided=False),))


def _targets() -> Targets:
    true = _model(0.6)
    camera = orbit_views(true, 4)
    lights = (PointLight(camera.position, torch.full((1, 3), 20.0)),)
    return make_targets(true, camera, lights, 16, samples=1, start=_model(0.3))


def test_what_is_above_one_counts_where_targets_hold_it() -> None:
    picture, wanted = torch.tensor([3.0, 3.0, 0.5]), torch.tensor([50.0, 0.5, 0.5])
    found = stored_difference(picture.requires_grad_(), wanted, "linear", True)
    assert found.tolist() == [-47.0, 2.5, 0.0]
    (slope,) = torch.autograd.grad(found.sum(), picture)
    assert slope[:2].tolist() == [1.0, 1.0]


def test_a_clipped_target_says_nothing_against_a_brighter_picture() -> None:
    picture, wanted = torch.tensor([3.0, 3.0, 0.5]), torch.tensor([1.0, 0.5, 1.0])
    apart = stored_difference(picture, wanted, "linear", False)
    assert apart.tolist() == [0.0, 2.5, -0.5]


def _without_the_held_out(targets: Targets, held: int) -> Targets:
    kept = [k for k in range(len(targets.images)) if k != held]
    assert targets.masks is not None
    (light,) = targets.lights
    assert isinstance(light, PointLight)
    return dataclasses.replace(
        targets,
        names=tuple(targets.names[k] for k in kept),
        images=targets.images[kept],
        masks=targets.masks[kept],
        camera=select_cameras(targets.camera, kept),
        lights=(PointLight(light.position[kept], light.intensity),),
    )


@pytest.mark.parametrize("unknown", [pytest.param("shape", marks=pytest.mark.slow), "material"])
def test_a_view_that_is_held_out_might_as_well_not_be_there(unknown: str) -> None:
    targets = _targets()
    near = targets.camera.position.clone()
    near[2] *= 0.7  # nearer than the others
    camera = dataclasses.replace(targets.camera, position=near)
    given = dataclasses.replace(targets, camera=camera)
    if unknown == "shape":
        given = dataclasses.replace(given, model=None)
    else:
        sphere = _model(0.3).parts[0]
        mesh = dataclasses.replace(
            sphere.mesh, uv=sphere.mesh.positions[:, :2], uv_triangles=sphere.mesh.triangles
        )
        start = Model((dataclasses.replace(sphere, mesh=mesh),))
        given = dataclasses.replace(given, model=start)
    lights = "refine" if unknown == "material" else "keep"
    options = FitOptions(unknown, holdout=(2,), steps=2, texels=16, lights=lights)
    alone = dataclasses.replace(options, holdout="none")
    with_it = fit_mesh(given, options)
    without = fit_mesh(_without_the_held_out(given, 2), alone)
    assert with_it.held_out == (2,)
    assert with_it.solution.residual == without.solution.residual
    for name, value in with_it.solution.unknowns.items():
        assert torch.equal(value, without.solution.unknowns[name]), name


def test_what_is_found_has_the_sides_of_what_was_given() -> None:
    found = fit_mesh(_targets(), FitOptions("pose", holdout="none", steps=1))
    assert [part.two_sided for part in found.model.parts] == [False]


def _point() -> Model:
    (part,) = _model(0.3).parts
    mesh = dataclasses.replace(part.mesh, positions=torch.ones_like(part.mesh.positions))
    return Model((dataclasses.replace(part, mesh=mesh),))


@pytest.mark.parametrize("name", ["model", "reference"])
@pytest.mark.parametrize("unknown", ["shape", "pose"])
def test_meshes_without_extent_are_refused_before_a_step(name: str, unknown: str) -> None:
    targets, steps = _targets(), []
    options = FitOptions(unknown, holdout="none", steps=1)
    with pytest.raises(InputError, match=f"{name}: model must be from 1e-06 .* got 0; scale it"):
        fit_mesh(
            dataclasses.replace(targets, **{name: _point()}), options,
            progress=lambda *words: steps.append(words),
        )  # fmt: skip
    assert not steps


@pytest.mark.parametrize("unknown", ["pose", "shape"])
def test_a_model_out_of_sight_is_refused_before_a_step(unknown: str) -> None:
    targets = _targets()
    turned = 2.0 * targets.camera.position - targets.camera.target
    away = dataclasses.replace(
        targets, camera=dataclasses.replace(targets.camera, target=turned), masks=None
    )
    options = FitOptions(unknown, holdout="none", steps=1)
    with pytest.raises(InputError, match=r"targets.json: model must be in sight in a fitted view"):
        fit_mesh(away, options)
    assert targets.masks is not None
    black = dataclasses.replace(targets, masks=torch.zeros_like(targets.masks))
    with pytest.raises(InputError, match=r"targets.json: masks of fitted views must show an obj"):
        fit_mesh(black, options)


@pytest.mark.parametrize("name", ["model", "reference"])
def test_a_file_without_extent_is_named(name: str, tmp_path: Path) -> None:
    write_targets(tmp_path / "in", _targets())
    (mesh,) = (part.mesh for part in _point().parts)
    write_obj(tmp_path / "in" / "point.obj", mesh)
    path = tmp_path / "in" / "targets.json"
    path.write_text(path.read_text().replace(f"{name}.glb", "point.obj"))
    with pytest.raises(InputError, match=r"point.obj: model must be from 1e-06 to"):
        read_targets(path)


@pytest.mark.parametrize("unknown", ["pose", "texture", "material"])
def test_a_model_is_needed_for_all_but_a_shape(unknown: str) -> None:
    bare = dataclasses.replace(_targets(), model=None)
    with pytest.raises(InputError, match=rf"targets.json: model must be given for .* {unknown}"):
        fit_mesh(bare, FitOptions(unknown, holdout="none", steps=1, texels=16))


@pytest.mark.parametrize("unknown", ["pose", "shape"])
def test_lights_are_found_with_maps_alone(unknown: str) -> None:
    with pytest.raises(RangeError, match="must go with texture or material"):
        FitOptions(unknown, lights="refine")


def test_what_lies_above_one_is_measured_apart() -> None:
    targets = _targets()
    bright = dataclasses.replace(targets, images=50.0 * targets.images)
    found = fit_mesh(bright, FitOptions("pose", holdout="none", steps=1))
    plain = fit_mesh(targets, FitOptions("pose", holdout="none", steps=1))
    assert bright.hdr
    assert found.errors[0].rmse < 1.0
    assert found.errors[0].rmse_linear > 10.0 * plain.errors[0].rmse_linear

"""What z means for poses, shapes, maps and lights, by hand."""

import math

import pytest
import torch

from diffgfx.data import make_cube, make_icosphere, make_sphere
from diffgfx.errors import InputError, RangeError
from diffgfx.inverse import Level
from diffgfx.scene import (
    DistantLight,
    HarmonicsLight,
    MaterialMaps,
    Mesh,
    Model,
    Part,
    PointLight,
)
from diffgfx.tasks.mesh import FitOptions
from diffgfx.tasks.mesh.fit import choose_views
from diffgfx.tasks.mesh.lamps import LampUnknown
from diffgfx.tasks.mesh.maps import MapsUnknown
from diffgfx.tasks.mesh.pose import PoseUnknown
from diffgfx.tasks.mesh.shape import ShapeUnknown

FIRST, SECOND = Level(0, (16, 16), 10, 5), Level(1, (32, 32), 10, 5)
GREY = MaterialMaps.from_tensor(
    torch.tensor([0.0, 0, 1, 0.5, 0.5, 0.5, 0.04, 0.04, 0.04, 0.5]).view(1, 10, 1, 1)
)
SUN = DistantLight(torch.tensor([[0.0, 2.0, 0.0]]), torch.tensor([[1.0, 2.0, 3.0]]))
LAMP = PointLight(torch.tensor([[0.0, 0.0, 4.0]]), torch.tensor([[8.0, 8.0, 8.0]]))
SKY = HarmonicsLight(torch.ones(1, 9, 3))


def test_a_pose_turns_about_the_middle_of_the_box_and_shifts_by_parts_of_its_size():
    cube = make_cube()
    aside = Mesh(
        cube.positions + torch.tensor([3.0, 0, 0]), cube.triangles, cube.normals,
        cube.normal_triangles,
    )  # fmt: skip
    unknown = PoseUnknown(Model((Part(aside, GREY),)), (SUN,))
    start = unknown.posed(unknown.start(FIRST))
    assert torch.allclose(start.parts[0].mesh.positions, aside.positions, atol=1e-6)
    assert start.lights == (SUN,)
    z = {"turn": torch.tensor([0.0, 0.0, math.pi / 2]), "shift": torch.tensor([0.0, 1.0, 0.0])}
    moved = unknown.posed(z).parts[0].mesh
    x, y, z_axis = (aside.positions - torch.tensor([3.0, 0, 0])).unbind(1)
    wanted = torch.stack([-y + 3.0, x + math.sqrt(3.0), z_axis], dim=1)
    assert torch.allclose(moved.positions, wanted, atol=1e-5)
    n = cube.normals
    assert torch.allclose(moved.normals, torch.stack([-n[:, 1], n[:, 0], n[:, 2]], 1), atol=1e-6)
    assert unknown.step_lengths(SECOND)["turn"] == 0.5 * unknown.step_lengths(FIRST)["turn"]


def test_a_shape_starts_as_it_is_and_is_cut_while_it_may():
    model = Model((Part(make_icosphere(1, 2.0), GREY),))
    unknown = ShapeUnknown(model, (SUN,), most=320)
    z = unknown.start(FIRST)
    assert torch.allclose(unknown.vertices(z), model.parts[0].mesh.positions, atol=1e-4)
    finer = unknown.prolong(z, SECOND)
    assert len(unknown.triangles) == 320
    posed = unknown.posed(finer).parts[0].mesh
    assert posed.normals is None
    assert torch.allclose(posed.positions[:42], model.parts[0].mesh.positions, atol=1e-4)
    assert unknown.prolong(finer, SECOND) is finer


def test_maps_are_between_their_bounds_and_double_their_texels():
    model = Model((Part(make_sphere(4), GREY),))
    unknown = MapsUnknown(
        model, ("diffuse", "roughness"), (SUN,), texels=32, levels=2, refine=False
    )
    z = unknown.start(FIRST)
    assert set(unknown.step_lengths(FIRST)) == {"diffuse.0", "roughness.0"}
    assert z["diffuse.0"].shape == (1, 3, 16, 16)
    material = unknown.posed(z).parts[0].material
    assert float(material.diffuse.mean()) == pytest.approx(0.4)
    assert material.specular.shape == (1, 3, 16, 16)
    assert z["roughness.0"].shape == (1, 1, 2, 2)
    assert material.roughness.shape == (1, 1, 16, 16)
    assert float(material.specular.mean()) == pytest.approx(0.04)
    assert float(unknown.prior(z, FIRST)) == pytest.approx(0.0, abs=1e-9)
    low = unknown.posed({**z, "roughness.0": torch.full((1, 1, 2, 2), -99.0)})
    assert float(low.parts[0].material.roughness.min()) == pytest.approx(0.03)
    finer = unknown.prolong(z, SECOND)
    assert finer["diffuse.0"].shape == (1, 3, 32, 32)
    assert torch.equal(finer["power.0"], z["power.0"])
    rough = {**z, "diffuse.0": torch.randn(1, 3, 16, 16)}
    assert float(unknown.prior(rough, FIRST)) > 0.0


def test_lights_are_changed_by_factors_shifts_and_sums():
    unknown = LampUnknown((SUN, LAMP, SKY), torch.zeros(3))
    z = unknown.start()
    assert set(z) == {"power.0", "place.0", "power.1", "place.1", "harmonics.2"}
    sun, lamp, sky = unknown.lamps(z)
    assert torch.equal(sun.direction, SUN.direction)
    assert torch.equal(lamp.position, LAMP.position)
    assert torch.equal(sky.coefficients, SKY.coefficients)
    z["power.0"] = torch.full((1, 3), math.log(2.0))
    z["place.0"] = z["place.1"] = torch.tensor([[0.5, 0.0, 0.0]])
    z["harmonics.2"] = torch.full((1, 9, 3), 0.5)
    sun, lamp, sky = unknown.lamps(z)
    assert torch.allclose(sun.irradiance, torch.tensor([[2.0, 4.0, 6.0]]))
    assert torch.allclose(sun.direction, torch.tensor([[1.0, 2.0, 0.0]]))
    assert torch.allclose(lamp.position, torch.tensor([[2.0, 0.0, 4.0]]))
    assert torch.equal(lamp.intensity, LAMP.intensity)
    assert torch.equal(sky.coefficients, torch.full((1, 9, 3), 1.5))


def test_what_does_not_suit_is_refused():
    bare = Model((Part(make_icosphere(0), GREY, "ball"),))
    with pytest.raises(InputError, match=r"got none in part 0 \('ball'\); unwrap the mesh"):
        MapsUnknown(bare, ("diffuse",), (SUN,), texels=16, levels=1, refine=False)
    with pytest.raises(InputError, match=r"model must be one mesh .*, got 2 meshes"):
        ShapeUnknown(Model((bare.parts[0], bare.parts[0])), (SUN,))
    with pytest.raises(RangeError, match="--texels must be a power of two"):
        FitOptions("texture", texels=100)


def test_views_are_held_out_as_asked():
    assert choose_views(3, FitOptions("pose")) == ()
    assert choose_views(12, FitOptions("pose")) == (2, 6, 10)
    assert choose_views(12, FitOptions("pose", holdout="none")) == ()
    assert choose_views(12, FitOptions("pose", holdout=(7, 3, 3))) == (3, 7)
    with pytest.raises(RangeError, match="must name views from 0 to 2, got -1"):
        choose_views(3, FitOptions("pose", holdout=(-1,)))
    with pytest.raises(RangeError, match="must leave a view to fit, got all 2"):
        choose_views(2, FitOptions("pose", holdout=(0, 1)))

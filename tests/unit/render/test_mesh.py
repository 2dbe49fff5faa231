"""Pictures of meshes: what a camera sees where, and the gradients of it."""

import dataclasses
import math

import pytest
import torch
from torch import Tensor

from diffgfx.data import make_cube, make_icosphere
from diffgfx.errors import DtypeError, RangeError, ShapeError
from diffgfx.render import render
from diffgfx.scene import (
    Camera,
    DistantLight,
    HarmonicsLight,
    MaterialMaps,
    Mesh,
    Part,
    PointLight,
    Scene,
)


def plain(
    colour: tuple[float, float, float], size: int = 1, roughness: float = 0.5
) -> MaterialMaps:
    values = [0.0, 0.0, 1.0, *colour, 0.04, 0.04, 0.04, roughness]
    maps = torch.tensor(values, dtype=torch.float64).view(1, 10, 1, 1)
    return MaterialMaps.from_tensor(maps.repeat(1, 1, size, size))


def double(mesh: Mesh) -> Mesh:
    fields = {f.name: getattr(mesh, f.name) for f in dataclasses.fields(mesh)}
    return Mesh(
        **{
            k: v.double() if v is not None and v.is_floating_point() else v
            for k, v in fields.items()
        }
    )


def test_a_normal_of_one_texel_leans_too() -> None:
    square = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]).double()
    tri = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    mesh = Mesh(square, tri, uv=0.5 + 0.5 * square[:, :2], uv_triangles=tri)
    wide, one = (plain((0.5, 0.5, 0.5), size) for size in (4, 1))
    leaning = torch.tensor([0.4, 0.2, 0.8], dtype=torch.float64).view(1, 3, 1, 1)
    pictures = []
    for maps in (wide, one):
        normal = leaning.expand_as(maps.normal).clone().requires_grad_()
        part = Part(mesh, dataclasses.replace(maps, normal=normal))
        colour = render(Scene((part,), front(), (lamp(),)), 8).colour
        (slope,) = torch.autograd.grad(colour.sum(), normal)
        pictures.append((colour.detach(), slope.sum(dim=(2, 3))))
    for one_texel, many in zip(*pictures, strict=True):
        torch.testing.assert_close(one_texel, many, rtol=1e-9, atol=1e-9)
    assert bool(pictures[0][1].abs().min() > 1e-3)


def test_a_scene_has_one_precision() -> None:
    cube = make_cube()
    with pytest.raises(DtypeError, match="camera"):
        Scene((Part(cube, plain((0.5, 0.5, 0.5))),), front(), (lamp(),))


def moved(mesh: Mesh, by: tuple[float, float, float]) -> Mesh:
    return dataclasses.replace(mesh, positions=mesh.positions + torch.tensor(by).to(mesh.positions))


def front(distance: float = 3.0, **changes: Tensor) -> Camera:
    at = torch.tensor([[0.0, 0.0, distance]], dtype=torch.float64)
    still = {"target": torch.zeros(1, 3), "up": torch.tensor([[0.0, 1.0, 0.0]])}
    fov = torch.tensor([math.radians(40.0)], dtype=torch.float64)
    return Camera(
        **{"position": at, **{k: v.double() for k, v in still.items()}, "fov_y": fov} | changes
    )


def lamp() -> DistantLight:
    return DistantLight(
        torch.tensor([[0.0, 0.0, 1.0]]).double(), torch.full((1, 3), math.pi).double()
    )


def cube_scene(**changes: object) -> Scene:
    part = Part(double(make_cube()), plain((0.6, 0.3, 0.2)))
    return dataclasses.replace(Scene((part,), front(), (lamp(),)), **changes)


def test_a_cube_seen_head_on():
    found = render(cube_scene(), 64)
    middle = (0, slice(None), 32, 32)
    assert found.depth[0, 0, 32, 32].item() == pytest.approx(2.5)
    assert found.normal[middle].tolist() == pytest.approx([0.0, 0.0, 1.0])
    x = (2.0 * 32.5 / 64.0 - 1.0) * 2.5 * math.tan(math.radians(20.0))
    assert found.position[middle].tolist() == pytest.approx([x, -x, 0.5])
    # the face is 1 m wide at 2.5 m
    width = 1.0 / (2.0 * 2.5 * math.tan(math.radians(20.0)))
    assert found.mask.mean().item() == pytest.approx(width**2, rel=2e-3)
    assert found.depth[0, 0, 0, 0] == 0.0
    assert found.colour[0, :, 0, 0].tolist() == [0.0, 0.0, 0.0]


def test_a_matte_face_has_the_radiance_of_its_albedo():
    maps = plain((0.6, 0.3, 0.2))
    matte = dataclasses.replace(
        maps, specular=0.0 * maps.specular, roughness=torch.ones_like(maps.roughness)
    )
    part = Part(double(make_cube()), matte)
    found = render(cube_scene(parts=(part,)), 33).colour[0, :, 16, 16]
    # F = (1 - v.h)^5 = 0 head on, and so the whole of d / pi times pi
    assert found.tolist() == pytest.approx([0.6, 0.3, 0.2], rel=1e-3)


def test_row_0_is_the_top_and_column_0_the_left():
    ball = moved(double(make_icosphere(1, 0.2)), (-0.5, 0.6, 0.0))
    mask = render(cube_scene(parts=(Part(ball, plain((1.0, 1.0, 1.0))),)), 32).mask[0, 0]
    assert mask[:16, :16].sum() > 0.0
    assert mask[16:].sum() == 0.0
    assert mask[:, 16:].sum() == 0.0


def test_parts_keep_their_materials_and_hide_one_another():
    red, blue = plain((0.8, 0.0, 0.0)), plain((0.0, 0.0, 0.8), size=4)
    near = moved(double(make_cube(0.4)), (0.0, 0.0, 1.0))
    found = render(cube_scene(parts=(Part(double(make_cube()), red), Part(near, blue))), 64).colour[
        0
    ]
    assert found[0, 32, 32] < 0.25 * found[2, 32, 32]
    assert found[2, 32, 15] < 0.25 * found[0, 32, 15]
    turned = render(
        cube_scene(parts=(Part(near, blue), Part(double(make_cube()), red))), 64
    ).colour[0]
    torch.testing.assert_close(turned, found)


def test_a_batch_is_as_its_pictures():
    camera = Camera.orbit(torch.tensor([0.1, 2.0]).double(), 0.3, 3.0)
    light = PointLight(
        torch.tensor([[1.0, 2.0, 3.0], [3.0, 1.0, -2.0]]).double(), torch.full((1, 3), 9.0).double()
    )
    together = cube_scene(camera=camera, lights=(light, lamp()))

    def one(index: int) -> PointLight:
        return dataclasses.replace(light, position=light.position[index : index + 1])

    for two_sided in (True, False):
        parts = tuple(dataclasses.replace(part, two_sided=two_sided) for part in together.parts)
        found = render(dataclasses.replace(together, parts=parts), 24)
        for index in range(2):
            alone = dataclasses.replace(
                together, parts=parts,
                camera=Camera.orbit([0.1, 2.0][index] + torch.zeros(1).double(), 0.3, 3.0),
                lights=(one(index), lamp()),
            )  # fmt: skip
            torch.testing.assert_close(found.colour[index : index + 1], render(alone, 24).colour)


def quad() -> Mesh:
    corners = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]).double()
    return Mesh(corners, torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32))


def test_a_back_is_lit_where_it_shows_and_is_not_there_where_it_does_not():
    behind = front(-3.0)
    light = dataclasses.replace(lamp(), direction=-lamp().direction)
    part = Part(quad(), plain((0.5, 0.5, 0.5)))
    scene = Scene((part,), behind, (light,))
    assert render(scene, 16).colour[0, 0, 8, 8].item() > 0.4
    assert render(scene, 16).normal[0, 2, 8, 8].item() == pytest.approx(-1.0)
    hidden = dataclasses.replace(scene, parts=(dataclasses.replace(part, two_sided=False),))
    assert render(hidden, 16).mask.sum() == 0.0


def test_samples_are_averaged():
    scene = cube_scene(camera=Camera.orbit(torch.tensor([0.4]).double(), 0.3, 3.0))
    large, small = render(scene, 48), render(scene, 24, samples=4)
    mean = torch.nn.functional.avg_pool2d
    torch.testing.assert_close(small.colour, mean(large.colour, 2))
    torch.testing.assert_close(small.mask, mean(large.mask, 2))
    inside = small.mask[0, 0] == 1.0
    depth = mean(large.depth, 2)[0, 0]
    torch.testing.assert_close(small.depth[0, 0][inside], depth[inside])


def test_a_constant_sky_lights_all_sides_alike():
    coefficients = torch.zeros(1, 9, 3).double()
    coefficients[:, 0] = math.sqrt(4.0 * math.pi)
    found = render(cube_scene(lights=(HarmonicsLight(coefficients),)), 32)
    inside = found.mask[0, 0] == 1.0
    wanted = torch.tensor([0.6, 0.3, 0.2]).double() * 0.96
    torch.testing.assert_close(
        found.colour[0][:, inside], wanted[:, None].expand(3, int(inside.sum()))
    )


def test_the_background_shows_through_the_share_that_is_not_covered():
    sky = torch.tensor([[0.1, 0.2, 0.7]]).double()
    scene = cube_scene(lights=())
    found = render(dataclasses.replace(scene, background=sky), 32)
    torch.testing.assert_close(found.colour, (1.0 - found.mask) * sky[:, :, None, None])


@pytest.mark.parametrize("what", ["positions", "maps", "eye", "light", "fov"])
def test_gradients_are_those_of_central_differences(what: str):
    """Smooth shading well inside the outline, where pixels do not change their triangles."""
    mesh = double(make_icosphere(2))
    textured = plain((0.6, 0.3, 0.2))
    direction = torch.randn(
        mesh.positions.shape, generator=torch.Generator().manual_seed(1)
    ).double()

    def loss(step: Tensor) -> Tensor:
        zero = 0.0 * step
        positions = mesh.positions + (step if what == "positions" else zero) * 0.1 * direction
        material = MaterialMaps.from_tensor(
            textured.to_tensor() * (1.0 + (step if what == "maps" else zero))
        )
        shift = torch.tensor([[0.3, -0.2, 0.4]]).double()
        camera = front(
            position=torch.tensor([[0.2, 0.1, 4.0]]).double()
            + (step if what == "eye" else zero) * shift,
            fov_y=torch.tensor([0.4]).double() + (step if what == "fov" else zero),
        )
        place = (
            torch.tensor([[2.0, 1.0, 3.0]]).double() + (step if what == "light" else zero) * shift
        )
        light = PointLight(place, torch.full((1, 3), 30.0).double())
        round_ = Mesh(positions, mesh.triangles)
        picture = render(Scene((Part(round_, material),), camera, (light,)), 16).colour
        return (picture[..., 5:11, 5:11] ** 2).sum()

    start = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(loss(start), start)
    with torch.no_grad():
        h = torch.tensor(1e-6, dtype=torch.float64)
        expected = (loss(h) - loss(-h)) / (2e-6)
    assert abs(expected.item()) > 1e-3
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_silhouettes_move_the_mask():
    ball = double(make_icosphere(3))
    radius = torch.ones((), dtype=torch.float64, requires_grad=True)
    grown = dataclasses.replace(ball, positions=radius * ball.positions)
    camera = front(8.0)
    area = render(Scene((Part(grown, plain((1.0, 1.0, 1.0))),), camera), 64).mask.sum()
    (found,) = torch.autograd.grad(area, radius)

    # a cone of sin = r / 8 about the axis, at whose edge tan 20 is 32 pixels off
    def pixels(r: float) -> float:
        return math.pi * (32.0 * math.tan(math.asin(r / 8.0)) / math.tan(math.radians(20.0))) ** 2

    assert found.item() == pytest.approx((pixels(1.001) - pixels(0.999)) / 0.002, rel=0.03)


@pytest.mark.parametrize("size", [0, -3, (4, 0)])
def test_a_size_that_is_none_is_refused(size: object):
    with pytest.raises(ShapeError, match="size must be"):
        render(cube_scene(), size)


@pytest.mark.parametrize("samples", [0, 2, -1])
def test_samples_must_be_a_square(samples: int):
    with pytest.raises(RangeError, match="samples must be a square number"):
        render(cube_scene(), 8, samples=samples)

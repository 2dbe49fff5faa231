"""Maps at pixels: those that ask for gradients beside those that are kept."""

import dataclasses

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.render import Kept, render
from diffgfx.scene import Camera, DistantLight, MaterialMaps, Mesh, Part, Scene

MAPS = ("normal", "diffuse", "specular", "roughness")


def material(bent: bool = True) -> MaterialMaps:
    draw = torch.Generator().manual_seed(4)
    maps = 0.2 + 0.6 * torch.rand((1, 10, 8, 8), generator=draw, dtype=torch.float64)
    maps[:, :2] *= 0.4 * bent
    maps[:, 2] = 1.0
    return MaterialMaps.from_tensor(maps)


def scene(maps: MaterialMaps) -> Scene:
    """A square seen aslant."""
    corners = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]).double()
    tri = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    mesh = Mesh(corners, tri, uv=0.5 + 0.5 * corners[:, :2], uv_triangles=tri)
    at, up = torch.tensor([[1.0, 0.4, 2.5]]).double(), torch.tensor([[0.0, 1.0, 0.0]]).double()
    camera = Camera(at, 0.0 * at, up, torch.tensor([0.9]).double())
    return Scene((Part(mesh, maps),), camera, (DistantLight(at, 3.0 + 0.0 * at),))


def gradients(maps: MaterialMaps, names: tuple[str, ...]) -> tuple[Tensor, dict[str, Tensor]]:
    leaves = {name: getattr(maps, name).clone().requires_grad_() for name in names}
    picture = render(scene(dataclasses.replace(maps, **leaves)), 24).colour
    weights = torch.linspace(-1.0, 2.0, picture.numel(), dtype=torch.float64).view_as(picture)
    found = torch.autograd.grad((weights * picture).sum(), list(leaves.values()))
    return picture.detach(), dict(zip(names, found, strict=True))


@pytest.mark.parametrize("bent", [True, False])
@pytest.mark.parametrize(
    "names", [("roughness",), ("diffuse", "roughness"), ("normal", "specular"), ("specular",)]
)
def test_some_maps_are_followed_as_among_all(names: tuple[str, ...], bent: bool) -> None:
    together, all_found = gradients(material(bent), MAPS)
    picture, found = gradients(material(bent), names)
    torch.testing.assert_close(picture, together, rtol=0, atol=1e-14)
    for name in names:
        assert found[name].abs().max() > 1e-3
        torch.testing.assert_close(found[name], all_found[name], rtol=1e-12, atol=1e-14)


def test_pictures_come_again_and_edits_are_seen() -> None:
    shown, kept = scene(material()), Kept()
    first = render(shown, 24, kept=kept).colour
    assert len(kept) > 0
    assert torch.equal(render(shown, 24, kept=kept).colour, first)
    assert torch.equal(render(shown, 24).colour, first)
    part = shown.parts[0]
    for tensor, name in ((part.material.diffuse, "diffuse"), (part.mesh.positions, "positions")):
        tensor *= 0.5
        edited = render(shown, 24, kept=kept).colour
        again = scene(dataclasses.replace(part.material, diffuse=part.material.diffuse.clone()))
        moved = dataclasses.replace(part.mesh, positions=part.mesh.positions.clone())
        anew = dataclasses.replace(again.parts[0], mesh=moved)
        expected = render(dataclasses.replace(shown, parts=(anew,)), 24).colour
        assert torch.equal(edited, expected), name
        assert not torch.equal(edited, first), name


@pytest.mark.parametrize("batch", [1, 2])
def test_levels_side_by_side_are_not_copied(batch: int) -> None:
    from diffgfx.ops.texture import _side_by_side

    draw = torch.Generator().manual_seed(1)
    tex = torch.rand((batch, 8, 8, 3), generator=draw)
    levels = [level[:, None].flatten(1, 3) for level in ops.construct_mip(tex)]
    joined = _side_by_side(levels)
    assert (joined is not None) == (batch == 1)
    if joined is not None:
        assert torch.equal(joined, torch.cat(levels, dim=1))
        assert joined.data_ptr() == levels[0].data_ptr()
        assert _side_by_side(levels[::-1]) is None
        assert _side_by_side([levels[0].clone(), *levels[1:]]) is None

"""Pictures with ambient light: the same that the rendering loss compares."""

import pytest
import torch

from diffgfx.ops import shade_svbrdf, svbrdf_render_loss
from diffgfx.render import render_planar

SIZE = (2.0, 1.5)


def maps(batch: int = 2, height: int = 6, width: int = 8) -> torch.Tensor:
    values = torch.rand(batch, 10, height, width, generator=torch.Generator().manual_seed(1))
    values = 0.1 + 0.8 * values
    values[:, :2] = 0.3 * (values[:, :2] - 0.5)
    values[:, 2] = 1.0
    return values


def pairs(batch: int = 1) -> dict[str, torch.Tensor]:
    position = torch.tensor([[[0.2, 0.1, 3.0], [-0.5, 0.4, 2.5]]]).expand(batch, 2, 3)
    return {
        "light_position": position,
        "light_intensity": torch.tensor([[[9.0, 8.0, 7.0], [5.0, 6.0, 7.0]]]).expand(batch, 2, 3),
        "camera_position": position + torch.tensor([0.1, 0.0, 0.2]),
    }


AMBIENT = torch.tensor([[[0.3, 0.2, 0.1], [0.0, 0.5, 0.05]]])


def test_without_ambient_it_is_the_shading_op():
    found = render_planar(maps(), SIZE, **pairs())
    given = pairs()
    wanted = shade_svbrdf(maps(), given["light_position"], given["light_intensity"],
                          given["camera_position"], SIZE)  # fmt: skip
    assert torch.equal(found, wanted)
    coned = render_planar(maps(), SIZE, cone=torch.tensor([[2.0, 5.0]]), **pairs())
    assert (coned < found).any()
    assert not (coned > found).any()


def test_ambient_light_by_hand():
    material = maps(1, 1, 1)
    material[0, 3:, 0, 0] = torch.tensor([0.5, 0.4, 0.3, 0.1, 0.2, 0.6, 0.5])
    dark = {**pairs(), "light_intensity": torch.zeros(1, 2, 3)}
    found = render_planar(material, SIZE, ambient=AMBIENT, **dark)
    albedo = torch.tensor([0.5, 0.4, 0.3]) * (1 - 0.6) + torch.tensor([0.1, 0.2, 0.6])
    assert torch.allclose(found[0, :, :, 0, 0], AMBIENT[0] * albedo)


@pytest.mark.parametrize("batch", [1, 2])
def test_the_loss_of_its_own_picture_is_zero(batch):
    material = maps(2)
    light = {**pairs(batch), "cone": torch.full((batch, 2), 1.5)}
    ambient = AMBIENT.expand(batch, 2, 3)
    picture = render_planar(material, SIZE, ambient=ambient, **light)
    assert picture.shape == (2, 2, 3, 6, 8)
    loss = svbrdf_render_loss(material, picture, size=SIZE, ambient=ambient, **light)
    assert loss.shape == (2,)
    assert loss.max().item() < 1e-6
    dimmer = svbrdf_render_loss(material, picture, size=SIZE, ambient=0.9 * ambient, **light)
    assert dimmer.min().item() > 1e-3


def test_gradients_reach_maps_light_and_ambient():
    material = maps().requires_grad_()
    light = {name: value.clone().requires_grad_() for name, value in pairs().items()}
    ambient = AMBIENT.clone().requires_grad_()
    render_planar(material, SIZE, ambient=ambient, **light).sum().backward()
    for value in (material, ambient, *light.values()):
        assert torch.isfinite(value.grad).all()
        assert value.grad.abs().max() > 0.0

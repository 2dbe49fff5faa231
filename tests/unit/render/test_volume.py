"""The camera frames the box; smoke is lit from above left and stands before a background."""

import math

import pytest
import torch
from torch import Tensor

from diffgfx.errors import RangeError, ShapeError
from diffgfx.render import frame_box, render_smoke

CELL = 0.25


def _seen(camera: Tensor, point: Tensor, perspective: bool) -> tuple[float, float]:
    """Return s and t at which a point is seen."""
    rows = camera[0].double()
    if perspective:
        along = point - rows[0]
        along = along / (along @ rows[3])  # the rows are orthogonal, row 3 of length one
        return tuple(float(along @ rows[k] / rows[k].square().sum()) for k in (4, 5))
    return tuple(float((point - rows[0]) @ rows[k] / rows[k].square().sum()) for k in (1, 2))


@pytest.mark.parametrize("pixels", [(40, 30), (20, 50)])
@pytest.mark.parametrize("angle", [0.0, 0.5, 1.5])
def test_the_box_touches_the_edge_of_the_image_and_stays_inside(pixels, angle: float) -> None:
    density = torch.zeros((1, 1, 3, 9, 4), dtype=torch.float64)
    camera = frame_box(density, CELL, pixels, view=(0.5, 0.3, 1.0), angle=angle)
    box = CELL * torch.tensor([4.0, 9.0, 3.0], dtype=torch.float64)
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3) * box
    seen = torch.tensor([_seen(camera, corner, angle > 0.0) for corner in corners])
    assert float(seen.abs().max()) == pytest.approx(1.0, abs=1e-6)
    rows = camera[0]
    across, above = (rows[4], rows[5]) if angle > 0.0 else (rows[1], rows[2])
    assert float(across.norm() / above.norm()) == pytest.approx(pixels[0] / pixels[1])
    assert float(above[1]) > 0.0
    assert float(across[0]) > 0.0
    if angle > 0.0:
        longer = float(torch.maximum(across.norm(), above.norm()))
        assert longer == pytest.approx(math.tan(0.5 * angle))


def test_a_flat_box_fills_the_picture_face_on() -> None:
    density = torch.ones((1, 1, 6, 12))
    image = render_smoke(density, CELL, extinction=100.0, pixels=(24, 12), background=(9.0,) * 3)
    assert float(image[..., 1:-1, 1:-1].max()) < 3.0  # no background seen


@pytest.mark.parametrize("shape", [(2, 1, 8, 10, 9), (2, 1, 16, 14)])
def test_smoke_is_bright_above_left_and_empty_space_is_background(shape) -> None:
    density = torch.zeros(shape)
    places = torch.meshgrid(*[torch.linspace(-1, 1, n) for n in shape[2:]], indexing="ij")
    density[1, 0] = 3.0 * (sum(place**2 for place in places) < 0.6)
    background = (0.1, 0.2, 0.3)
    image = render_smoke(density, CELL, pixels=(20, 20), background=background)
    assert image.shape == (2, 3, 20, 20)
    wanted = torch.tensor(background)[:, None, None].expand(3, 20, 20)
    assert torch.equal(image[0], wanted)
    light = image[1].mean(dim=0)
    assert float(light[3:10, 3:10].mean()) > 1.15 * float(light[10:17, 10:17].mean())


def test_negative_density_is_none_and_gradients_reach_density_and_light() -> None:
    density = torch.full((1, 1, 4, 4, 4), -1.0)
    density[..., 1:3, 1:3, 1:3] = 1.0
    smoke = density.clone().requires_grad_()
    light = torch.tensor([[[-0.5, 0.7, 0.4], [1.0, 1.0, 1.0], [0.1, 0.1, 0.1]]]).requires_grad_()
    image = render_smoke(smoke, CELL, light=light, pixels=(6, 6))
    assert torch.equal(
        image, render_smoke(density.clamp_min(0.0), CELL, light=light, pixels=(6, 6))
    )
    g_smoke, g_light = torch.autograd.grad(image.sum(), [smoke, light])
    assert float(g_light[0, 1:].min()) > 0.0
    assert bool((g_smoke[density < 0.0] == 0.0).all())
    assert bool((g_smoke[density > 0.0] != 0.0).all())


def test_wrong_arguments_are_named() -> None:
    density = torch.zeros((1, 1, 2, 2, 2))
    with pytest.raises(RangeError, match="view must not point along y"):
        frame_box(density, CELL, (4, 4), view=(0.0, 1.0, 0.0))
    with pytest.raises(RangeError, match="angle must be"):
        frame_box(density, CELL, (4, 4), angle=3.2)
    with pytest.raises(RangeError, match="extinction must be"):
        render_smoke(density, CELL, extinction=0.0)
    for wrong in (density[0, 0], density[:, :, :0]):
        with pytest.raises(ShapeError, match="density must have shape"):
            render_smoke(wrong, CELL)
    with pytest.raises(ShapeError, match="density must have shape"):
        frame_box(density[0, 0], CELL, (4, 4))

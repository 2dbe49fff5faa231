"""Where a material shows highlights, on flat ones whose highlights are known."""

import math

import pytest
import torch

from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture.highlight import seen_highlights

ABOVE = torch.tensor([[0.0, 0.0, 2.0]])


def _flat(side: int = 8, *, d: float = 0.2, s: float = 0.04, r: float = 0.5) -> MaterialMaps:
    values = torch.tensor([0.0, 0.0, 1.0, d, d, d, s, s, s, r])
    return MaterialMaps.from_tensor(values.view(1, 10, 1, 1).expand(1, 10, side, side), (1.0, 1.0))


def test_a_highlight_is_seen_within_alpha_of_the_mirror_direction() -> None:
    """From 2 above the middle, texels within a radius of 2 alpha = 0.18 lie within alpha."""
    side, alpha = 64, 0.09
    usable = torch.ones(1, side, side, dtype=torch.bool)
    seen = seen_highlights(_flat(side, r=math.sqrt(alpha)), ABOVE, ABOVE, usable)
    x = (torch.arange(side) + 0.5) / side - 0.5
    radius = torch.hypot(x[:, None], x[None])
    assert torch.equal(seen, radius <= 2 * alpha)


def test_a_tilted_normal_moves_the_highlight() -> None:
    side = 64
    maps = _flat(side, r=0.2).to_tensor().clone()
    maps[:, 0] = 0.1   # normals lean to +x: they look at the camera from the left, x = -0.2
    tilted = MaterialMaps.from_tensor(maps, (1.0, 1.0))
    seen = seen_highlights(tilted, ABOVE, ABOVE, torch.ones(1, side, side, dtype=torch.bool))
    columns = torch.nonzero(seen)[:, 1].double().mean()
    assert float(columns) == pytest.approx((0.5 - 0.2) * side, abs=1.0)


def test_clipped_pixels_show_nothing() -> None:
    side = 16
    usable = torch.ones(2, side, side, dtype=torch.bool)
    usable[0, :8] = False
    place = torch.cat([ABOVE, ABOVE])
    assert seen_highlights(_flat(side, r=0.7), place, place, usable).all()
    usable[1] = False
    assert torch.equal(seen_highlights(_flat(side, r=0.7), place, place, usable), usable[0])


@pytest.mark.parametrize(("d", "r", "seen"), [(0.6, 0.85, False), (0.02, 0.85, True)])
def test_a_matte_lobe_under_a_bright_body_is_not_seen(d: float, r: float, seen: bool) -> None:
    """Head on the lobe is s / (4 alpha^2 (1 - s) d) of the diffuse one: 3 % here, or most of it."""
    usable = torch.ones(1, 8, 8, dtype=torch.bool)
    assert bool(seen_highlights(_flat(d=d, r=r), ABOVE, ABOVE, usable).any()) is seen


def test_a_flash_beside_the_camera_is_seen_between_the_two() -> None:
    """Light and eye at height 2, 0.4 either side of x = 0.2: their mirror image is at 0.2."""
    side, alpha = 64, 0.0225
    usable = torch.ones(1, side, side, dtype=torch.bool)
    light, eye = torch.tensor([[0.6, 0.0, 2.0]]), torch.tensor([[-0.2, 0.0, 2.0]])
    seen = seen_highlights(_flat(side, r=math.sqrt(alpha)), light, eye, usable)
    place = torch.nonzero(seen).double().mean(dim=0)
    assert place.tolist() == pytest.approx([0.5 * side - 0.5, 0.7 * side - 0.5], abs=0.5)

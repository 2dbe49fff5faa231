"""Other programs' shading: where it must equal ours, and where it may not."""

import math

import pytest
import torch
from torch import Tensor

from diffgfx.io import to_unreal
from diffgfx.ops import shade_svbrdf
from diffgfx.render import lobe_pairs, shade_openpbr, shade_unreal

UP = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)


def _flat(d: tuple[float, ...], s: tuple[float, ...], r: float) -> Tensor:
    return torch.tensor([0.0, 0.0, 1.0, *d, *s, r], dtype=torch.float64).view(1, 10, 1, 1)


def _ours(maps: Tensor, light: Tensor, view: Tensor) -> Tensor:
    place = light.view(1, 1, 3)
    return shade_svbrdf(
        maps, place, torch.ones_like(place), view.view(1, 1, 3), (1.0, 1.0),
        directional=True, orthographic=True, backend="torch",
    )[:, 0]  # fmt: skip


def _unreal(maps: Tensor, light: Tensor, view: Tensor) -> Tensor:
    found = to_unreal(maps)
    return shade_unreal(maps, found.base, found.metallic, found.specular, light, view)


@pytest.mark.parametrize("f0", [(0.04,) * 3, (0.02,) * 3, (0.9, 0.6, 0.2)])
def test_all_agree_head_on(f0: tuple[float, ...]) -> None:
    """Smooth: E = F0 there, and every masking is 1. Unreal knows no coloured dielectric."""
    diffuse = (0.5, 0.3, 0.1) if f0[0] < 0.1 else (0.0, 0.0, 0.0)
    maps = _flat(diffuse, f0, 0.05)
    ours = _ours(maps, UP, UP)
    torch.testing.assert_close(shade_openpbr(maps, UP, UP), ours, rtol=2e-3, atol=0.0)
    torch.testing.assert_close(_unreal(maps, UP, UP), ours, rtol=1e-6, atol=0.0)


def test_openpbr_by_hand() -> None:
    """At 60 degrees in the mirrored direction, n = 1.5: F is .0892 (s .1770, p .0018)."""
    maps, side = _flat((0.0,) * 3, (0.04,) * 3, 0.5), math.sqrt(3.0) / 2.0
    light = torch.tensor([side, 0.0, 0.5], dtype=torch.float64)
    view = torch.tensor([-side, 0.0, 0.5], dtype=torch.float64)
    alpha = 0.25
    masking = 0.5 / (2.0 * 0.5 * math.sqrt(0.25 * (1.0 - alpha**2) + alpha**2))
    wanted = 0.0891867 * masking * 0.5 / (math.pi * alpha**2)
    assert float(shade_openpbr(maps, light, view)[0, 0]) == pytest.approx(wanted, rel=1e-4)


def test_openpbr_tints_the_whole_reflection_and_dims_by_its_albedo() -> None:
    tinted, grey = _flat((0.0,) * 3, (0.08, 0.04, 0.02), 0.5), _flat((0.0,) * 3, (0.08,) * 3, 0.5)
    for light, view in lobe_pairs():
        ratio = shade_openpbr(tinted, light, view) / shade_openpbr(grey, light, view)
        assert ratio.flatten().tolist() == pytest.approx([1.0, 0.5, 0.25])
    white = _flat((1.0,) * 3, (0.04,) * 3, 0.7)
    # energy: the albedo toward the zenith by quadrature over the light
    total, count = 0.0, 24
    for ring in range(count):
        cosine = (ring + 0.5) / count
        light = torch.tensor([math.sqrt(1.0 - cosine**2), 0.0, cosine], dtype=torch.float64)
        total += float(shade_openpbr(white, light, UP)[0, 0]) * 2.0 * math.pi / count
    assert total == pytest.approx(1.0, abs=4e-3)


def test_unreal_by_hand() -> None:
    """D, the approximate V and F at 60 degrees for roughness .5 and Specular .5."""
    maps, side = _flat((0.0,) * 3, (0.04,) * 3, 0.5), math.sqrt(3.0) / 2.0
    light = torch.tensor([side, 0.0, 0.5], dtype=torch.float64)
    view = torch.tensor([-side, 0.0, 0.5], dtype=torch.float64)
    alpha = 0.25
    masking = 0.5 / (2.0 * 0.5 * (0.5 * (1.0 - alpha) + alpha))
    fresnel = 0.5**5 + (1.0 - 0.5**5) * 0.04
    wanted = fresnel * masking * 0.5 / (math.pi * alpha**2)
    assert float(_unreal(maps, light, view)[0, 0]) == pytest.approx(wanted, rel=1e-9)


def test_nothing_shines_from_behind() -> None:
    maps = _flat((0.5,) * 3, (0.04,) * 3, 0.5)
    below = torch.tensor([0.0, math.sqrt(0.75), -0.5], dtype=torch.float64)
    for light, view in ((below, UP), (UP, below)):
        assert float(shade_openpbr(maps, light, view).abs().max()) == 0.0
        assert float(_unreal(maps, light, view).abs().max()) == 0.0


def test_the_pairs_are_nine_unit_vectors_above_the_sample() -> None:
    pairs = lobe_pairs()
    assert len(pairs) == 9
    for vector in (vector for pair in pairs for vector in pair):
        assert float(vector.norm()) == pytest.approx(1.0)
        assert float(vector[2]) > 0.4

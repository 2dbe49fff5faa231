"""Differences from a known material, on materials that differ by known amounts."""

import math

import pytest
import torch
from torch import Tensor

from diffgfx.errors import ShapeError
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.validation.truth import best_scale, compare_maps


def _flat(side: int = 8, *, d: float = 0.2, s: float = 0.04, r: float = 0.5) -> MaterialMaps:
    values = torch.tensor([0.0, 0.0, 1.0, d, d, d, s, s, s, r])
    return MaterialMaps.from_tensor(values.view(1, 10, 1, 1).expand(1, 10, side, side), (1.0, 1.0))


def _everywhere(side: int = 8) -> Tensor:
    return torch.ones(side, side, dtype=torch.bool)


def test_a_material_is_itself() -> None:
    error = compare_maps(_flat(), _flat(), _everywhere())
    assert (error.diffuse, error.specular, error.alpha, error.normal) == (0.0, 0.0, 0.0, 0.0)
    assert (error.scale, error.seen) == (pytest.approx(1.0), 1.0)


def test_every_difference_by_hand() -> None:
    found = _flat(d=0.3, s=0.1, r=0.6)
    tilt = torch.tensor([math.sin(0.1), 0.0, math.cos(0.1)]).view(1, 3, 1, 1)
    found = MaterialMaps(
        3.0 * tilt.expand(1, 3, 8, 8), found.diffuse, found.specular, found.roughness, (1.0, 1.0)
    )
    error = compare_maps(_flat(), found, _everywhere())
    scale = (0.2 * 0.3 + 0.04 * 0.1) / (0.3**2 + 0.1**2)
    assert error.diffuse == pytest.approx(0.1)
    assert error.specular == pytest.approx(0.06)
    assert error.alpha == pytest.approx(0.36 - 0.25)
    assert error.normal == pytest.approx(math.degrees(0.1), rel=1e-5)
    assert error.scale == pytest.approx(scale)
    assert error.diffuse_scaled == pytest.approx(abs(scale * 0.3 - 0.2))
    assert error.specular_scaled == pytest.approx(abs(scale * 0.1 - 0.04))


def test_only_the_mask_counts() -> None:
    truth, wrong = _flat().to_tensor().clone(), _flat().to_tensor().clone()
    wrong[..., 0, :] = torch.rand(1, 10, 8, generator=torch.Generator().manual_seed(0))
    mask = _everywhere()
    mask[0] = False
    maps = [MaterialMaps.from_tensor(tensor) for tensor in (truth, wrong)]
    assert compare_maps(*maps, mask).diffuse == 0.0
    assert compare_maps(*maps, mask).seen == 7 / 8
    assert compare_maps(*maps, _everywhere()).diffuse > 0.01


def test_another_resolution_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"found.diffuse must have shape \(1, 3, 8, 8\), got"):
        compare_maps(_flat(), _flat(4), _everywhere())


def test_the_best_scale_is_the_least_squares_one() -> None:
    truth, found = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0])
    scale = best_scale(truth, found)
    assert scale == pytest.approx(8 / 13)

    def miss(k: float) -> float:
        return float((k * found - truth).square().sum())

    assert miss(scale) < min(miss(scale + 0.01), miss(scale - 0.01))

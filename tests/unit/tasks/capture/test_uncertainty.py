"""Deviations of maps: what noise, masks and highlights do to them."""

import dataclasses

import pytest
import torch
from torch import Tensor

from diffgfx.render import render_planar
from diffgfx.tasks.capture import uncertainty
from diffgfx.tasks.capture.problem import display
from diffgfx.tasks.capture.uncertainty import (
    Evidence,
    Moments,
    estimate_uncertainty,
    map_deviations,
)

SIDE = 16
SIZE = (1.0, 1.0)


def flat(*, d: float = 0.3, s: float = 0.04, r: float = 0.5) -> Tensor:
    values = torch.tensor([0.0, 0.0, 1.0, d, 0.8 * d, 0.6 * d, s, s, s, r])
    return values.view(1, 10, 1, 1).repeat(1, 1, SIDE, SIDE)


def detailed(maps: Tensor) -> Tensor:
    """Give each texel a material of its own: where maps are smooth, the fit counts as smooth."""
    detail = torch.rand(1, 10, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    maps = maps * (0.8 + 0.4 * detail)
    maps[:, :2] = 0.1 * detail[:, :2]
    return maps


def seen(maps: Tensor, places: list[list[float]], noise: float = 0.005) -> Evidence:
    """Photograph maps from places, the flash at the lens, with noise of display-like values."""
    place = torch.tensor([places])
    count = place.shape[1]
    pairs = {
        "light_position": place,
        "light_intensity": torch.full((1, count, 3), 6.0),
        "camera_position": place,
        "cone": torch.zeros(1, count),
        "ambient": torch.zeros(1, count, 3),
    }
    random = torch.Generator().manual_seed(0)
    pictures = display(render_planar(maps, SIZE, **pairs)[0])
    pictures = pictures + noise * torch.randn(pictures.shape, generator=random)
    images = (pictures.clamp_min(0.0) ** 2.2 - 0.02).clamp(0.0, 1.0)
    ones = torch.ones(count, 1, SIDE, SIDE)
    return Evidence(maps, SIZE, pairs, images, (images >= 1.0).any(1, True).float(), ones)


GRID = [[x, y, 2.0] for x in (-0.4, 0.0, 0.4) for y in (-0.4, 0.0, 0.4)]
LEFT = [[x, y, 2.0] for x in (-0.4, -0.2) for y in (-0.3, 0.0, 0.3)]


def test_twice_the_noise_is_twice_the_deviation_where_photographs_tell():
    maps = detailed(flat(d=0.02, s=0.3, r=0.5))
    low, high = (estimate_uncertainty(seen(maps, GRID, noise)) for noise in (1e-4, 2e-4))
    assert high.variance**0.5 == pytest.approx(2.0 * low.variance**0.5, rel=0.05)
    assert float(high.alpha.mean() / low.alpha.mean()) == pytest.approx(2.0, rel=0.1)
    assert float(high.normal.mean() / low.normal.mean()) == pytest.approx(2.0, rel=0.1)


def test_what_no_photograph_shows_is_left_to_belief():
    evidence = seen(flat(), GRID)
    valid = evidence.valid.clone()
    valid[..., :4] = 0.0
    found = estimate_uncertainty(dataclasses.replace(evidence, valid=valid))
    d, s, alpha = 0.3, 0.04, 0.25
    assert float(found.diffuse[0, 0, :, :4].mean()) == pytest.approx(0.5 * d, rel=0.01)
    wanted = ((0.5 * s) ** 2 + 0.02**2 + (0.01 * s) ** 2) ** 0.5
    assert float(found.specular[..., :4].mean()) == pytest.approx(wanted, rel=0.01)
    assert float(found.alpha[..., :4].mean()) == pytest.approx(0.5 * alpha, rel=0.01)
    assert float(found.normal[..., :4].mean()) == pytest.approx(0.2 * 2**0.5, rel=0.01)
    assert bool((found.diffuse[..., 8:] < 0.2 * found.diffuse[..., :1]).all())
    assert bool(found.no_highlight[:, :4].all())


@pytest.mark.parametrize(("d", "roughness"), [(0.8, 0.7), (0.8, 0.9), (0.13, 0.97)])
def test_a_matte_texel_may_be_as_matte_as_can_be(d, roughness):
    """Its lobe was not seen: all from where it would be, a tenth of the light, is as likely."""
    evidence = seen(flat(d=d, s=0.04, r=roughness), GRID)
    found = estimate_uncertainty(dataclasses.replace(evidence, valid=0.0 * evidence.valid))
    alpha = roughness**2
    least = min(0.5, (0.04 / (4.0 * (0.1 / 0.9) * 0.8 * d)) ** 0.5)
    wanted = (1.0 - least) ** 2 / 12.0 + (0.5 * (1.0 + least) - alpha) ** 2
    assert float(found.alpha.mean()) == pytest.approx(wanted**0.5, rel=0.01)


def test_gloss_is_known_where_a_highlight_was_seen():
    found = estimate_uncertainty(seen(detailed(flat(d=0.1, s=0.05, r=0.3)), LEFT))
    blind = found.no_highlight
    assert 0.2 < float(blind.float().mean()) < 0.8
    alpha = found.alpha[0, 0]
    assert float(alpha[~blind].mean()) < 0.8 * float(alpha[blind].mean())


def test_patches_make_no_difference(monkeypatch):
    evidence = seen(detailed(flat()), GRID)
    whole = estimate_uncertainty(evidence)
    monkeypatch.setattr(uncertainty, "_PICTURED", 9 * 40)   # two rows at a time
    for name, deviation in estimate_uncertainty(evidence).kinds().items():
        torch.testing.assert_close(deviation, whole.kinds()[name], rtol=1e-5, atol=0.0)


def test_a_clipped_pixel_tells_something_when_it_is_darker_in_the_render():
    evidence = seen(flat(), [[0.0, 0.0, 2.0]], noise=0.0)
    white = dataclasses.replace(evidence, images=torch.ones_like(evidence.images))
    near = white.pairs | {"light_intensity": 6.0 * white.pairs["light_intensity"]}
    found = estimate_uncertainty(dataclasses.replace(white, pairs=near))
    assert float(found.diffuse[0, 0, 0].max()) < 0.12    # the row farthest from the highlight


def test_a_clipped_pixel_tells_nothing_when_it_is_brighter_in_the_render():
    evidence = seen(flat(), [[0.0, 0.0, 2.0]], noise=0.0)
    white = dataclasses.replace(evidence, images=torch.ones_like(evidence.images))
    dim = white.pairs | {"light_intensity": 60.0 * white.pairs["light_intensity"]}
    found = estimate_uncertainty(dataclasses.replace(white, pairs=dim))
    assert float(found.diffuse[0, 0].min()) == pytest.approx(0.15, rel=0.01)


def test_the_angle_of_a_normal_whose_slopes_move():
    """Slopes (0.5, -0.2) with two small correlated errors, against normals turned at random."""
    random = torch.Generator().manual_seed(0)
    slope = torch.tensor([0.5, -0.2], dtype=torch.float64)
    spread = 1e-3 * torch.tensor([[2.0, 0.0], [1.5, 1.0]], dtype=torch.float64)
    moved = slope + torch.randn(100_000, 2, generator=random, dtype=torch.float64) @ spread.T
    normals = torch.nn.functional.normalize(
        torch.nn.functional.pad(torch.cat([slope[None], moved]), (0, 1), value=1.0), dim=1
    )
    angle = torch.linalg.cross(normals[:1].expand_as(normals), normals).norm(dim=1)[1:]
    covariance = spread @ spread.T
    noise = torch.zeros(10, 1, 1, dtype=torch.float64)
    noise[0], noise[1], noise[9] = covariance[0, 0], covariance[1, 1], covariance[0, 1]
    parameters = torch.zeros(9, 1, 1, dtype=torch.float64)
    parameters[:2, 0, 0] = slope
    moments = Moments(noise, torch.zeros_like(noise))
    found = map_deviations(moments, torch.ones_like(parameters), parameters)[7]
    assert float(found) == pytest.approx(float(angle.square().mean().sqrt()), rel=0.01)


def test_smoothing_takes_noise_away_and_leaves_belief():
    one = torch.ones(10, 1, 1)
    parameters = torch.zeros(9, 1, 1)
    passed = torch.full((9, 1, 1), 0.25)
    noise = map_deviations(Moments(one, 0 * one), passed, parameters)
    belief = map_deviations(Moments(0 * one, one), passed, parameters)
    assert noise[6].item() == pytest.approx(0.5)
    assert belief[6].item() == pytest.approx(1.0)


def test_slopes_that_are_smoothed_unlike_share_the_mean_of_it():
    """Slopes (1, 1) whose errors are one: unsmoothed they turn no normal sideways."""
    noise, passed = torch.ones(10, 1, 1), torch.ones(9, 1, 1)
    passed[0], passed[1] = 0.25, 0.04
    parameters = torch.zeros(9, 1, 1)
    parameters[:2] = 1.0
    found = map_deviations(Moments(noise, 0 * noise), passed, parameters)[7]
    # (0.25 * 2 + 0.04 * 2 - 2 * sqrt(0.25 * 0.04)) / 3^2
    assert float(found) == pytest.approx(((0.5 + 0.08 - 0.2) / 9) ** 0.5)

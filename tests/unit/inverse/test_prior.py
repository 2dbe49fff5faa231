"""Priors by hand: each value can be checked on paper."""

import math

import pytest
import torch

from diffgfx.inverse import broad_share, charbonnier, curl, edge_weights, smoothness
from diffgfx.ops import normals_from_height


def test_charbonnier():
    found = charbonnier(torch.tensor([0.0, 3.0, -3.0]), 4.0)
    assert found.tolist() == [0.0, 1.0, 1.0]


def test_edge_weights():
    guide = torch.zeros(1, 2, 2, 3)
    guide[:, :, :, 2] = 1.0  # a step of length sqrt(2) over the two channels
    right, down = edge_weights(guide, math.sqrt(2.0))
    assert right.shape == (1, 1, 2, 2)
    assert down.shape == (1, 1, 1, 3)
    assert torch.allclose(right[0, 0], torch.tensor([1.0, math.exp(-0.5)]).expand(2, 2))
    assert torch.equal(down, torch.ones(1, 1, 1, 3))


def test_smoothness_of_a_step():
    x = torch.zeros(1, 1, 2, 3)
    x[..., 2] = 3.0
    ones = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 3)
    assert float(smoothness(x, ones, 4.0)) == pytest.approx(0.5)  # 1 on two of four
    assert float(
        smoothness(x.transpose(2, 3), (torch.ones(1, 1, 3, 1), torch.ones(1, 1, 2, 2)), 4.0)
    ) == pytest.approx(0.5)
    half = ones[0] * 0.5, ones[1]
    assert float(smoothness(x, half, 4.0)) == pytest.approx(0.25)
    assert float(smoothness(torch.full((1, 1, 2, 3), 7.0), ones, 4.0)) == 0.0


def test_smoothness_of_a_single_texel_is_nothing_and_differentiable():
    x = torch.ones(1, 2, 1, 1, requires_grad=True)
    empty = torch.ones(1, 1, 1, 0), torch.ones(1, 1, 0, 1)
    assert float(smoothness(x, empty, 0.1).detach()) == 0.0
    column = torch.ones(1, 2, 3, 1, requires_grad=True)
    smoothness(column, (torch.ones(1, 1, 3, 0), torch.ones(1, 1, 2, 1)), 0.1).backward()
    assert torch.equal(column.grad, torch.zeros_like(column))


def test_the_broad_share_by_hand():
    x = torch.zeros(1, 1, 4, 4)
    x[..., :2, :2] = 4.0  # one quarter: means 1 | 4 0 0 0 | the texels themselves
    assert float(broad_share(x, 0.0)) == pytest.approx((1 / 1 + 4 / 4 + 4 / 16) / 4)
    assert float(broad_share(x, 0.0, finest=2)) == pytest.approx((1 + 1) / 4)
    assert float(broad_share(3.0 * x, 0.0)) == pytest.approx(float(broad_share(x, 0.0)))
    assert float(broad_share(x, 2.0)) == pytest.approx((1 / 1 + 4 / 4 + 4 / 16) / 8)
    pores = torch.tensor([1.0, -1.0]).repeat(4, 2)[None, None]
    assert float(broad_share(pores, 0.0)) == pytest.approx(1 / 16)  # broad in nothing
    assert float(broad_share(torch.full((1, 2, 1, 3), 2.0), 0.0)) == pytest.approx(1.0)


def test_the_broad_share_pulls_at_what_is_broad_alone():
    x = torch.tensor([1.5, -0.5]).repeat(4, 2)[None, None].requires_grad_()
    broad_share(x, 0.1, finest=2).backward()
    assert torch.allclose(x.grad, x.grad.mean().expand_as(x.grad))
    assert x.grad.mean() > 0.0
    assert float(broad_share(torch.zeros(1, 1, 4, 4), 0.1)) == 0.0


def test_slopes_of_a_surface_have_no_curl_and_a_whirl_has():
    generator = torch.Generator().manual_seed(0)
    rough = torch.rand(1, 1, 12, 9, generator=generator)
    y, x = torch.meshgrid(torch.arange(12.0), torch.arange(9.0), indexing="ij")
    bowl = (0.3 * x * x + 0.2 * x * y - 0.1 * y * y)[None, None] / 50
    normal = normals_from_height(bowl, (9.0, 12.0), boundary="free")
    inner = (normal[:, :2] / normal[:, 2:3])[..., 1:-1, 1:-1]
    assert float(curl(inner, 1e-6)) < 1e-5
    assert float(inner.abs().max()) > 0.05
    whirl = torch.stack([-(5.5 - y), x - 4.0])[None]  # x right, y up: turns against the clock
    # each slope changes by one a texel: the curl is two everywhere
    assert float(curl(whirl, 1e-6)) == pytest.approx(2.0, rel=1e-5)
    assert float(curl(whirl.flip(1), 1e-6)) < 1e-5
    assert float(curl(rough.expand(1, 2, 12, 9)[..., :1], 0.1)) == 0.0

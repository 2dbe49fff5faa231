"""Priors by hand: each value can be checked on paper."""

import math

import pytest
import torch

from diffgfx.inverse import charbonnier, edge_weights, smoothness


def test_charbonnier():
    found = charbonnier(torch.tensor([0.0, 3.0, -3.0]), 4.0)
    assert found.tolist() == [0.0, 1.0, 1.0]


def test_edge_weights():
    guide = torch.zeros(1, 2, 2, 3)
    guide[:, :, :, 2] = 1.0             # a step of length sqrt(2) over the two channels
    right, down = edge_weights(guide, math.sqrt(2.0))
    assert right.shape == (1, 1, 2, 2)
    assert down.shape == (1, 1, 1, 3)
    assert torch.allclose(right[0, 0], torch.tensor([1.0, math.exp(-0.5)]).expand(2, 2))
    assert torch.equal(down, torch.ones(1, 1, 1, 3))


def test_smoothness_of_a_step():
    x = torch.zeros(1, 1, 2, 3)
    x[..., 2] = 3.0
    ones = torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 3)
    assert float(smoothness(x, ones, 4.0)) == pytest.approx(0.5)        # 1 on two of four
    assert float(smoothness(x.transpose(2, 3), (torch.ones(1, 1, 3, 1), torch.ones(1, 1, 2, 2)),
                            4.0)) == pytest.approx(0.5)
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

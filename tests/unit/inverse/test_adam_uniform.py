"""Adam with one step length for a whole tensor."""

import pytest
import torch

from diffgfx.inverse import AdamUniform


def gradients() -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.randn(5, 3, generator=random, dtype=torch.float64) for _ in range(4)]


def test_the_first_step_keeps_the_direction_of_the_field():
    x = torch.zeros(5, 3, dtype=torch.float64, requires_grad=True)
    g = gradients()[0]
    optimiser = AdamUniform([{"params": [x], "lr": 0.1}], (0.9, 0.99))
    x.grad = g.clone()
    optimiser.step()
    assert torch.allclose(x, -0.1 * g / g.abs().max(), rtol=1e-6)


def test_later_steps_follow_the_published_rule():
    x = torch.zeros(5, 3, dtype=torch.float64, requires_grad=True)
    optimiser = AdamUniform([{"params": [x], "lr": 0.1}], (0.9, 0.99))
    wanted = torch.zeros(5, 3, dtype=torch.float64)
    for count, g in enumerate(gradients(), start=1):
        x.grad = g.clone()
        optimiser.step()
        past = gradients()[:count]
        mean = sum(0.1 * 0.9 ** (count - 1 - k) * p for k, p in enumerate(past))
        square = sum(0.01 * 0.99 ** (count - 1 - k) * p.square() for k, p in enumerate(past))
        mean, square = mean / (1 - 0.9**count), square / (1 - 0.99**count)
        wanted -= 0.1 * mean / (square.max().sqrt() + 1e-8)
    assert torch.allclose(x, wanted, rtol=1e-9)


def test_each_group_has_its_own_length_and_what_has_no_gradient_stays():
    a, b, c = (torch.ones(2, requires_grad=True) for _ in range(3))
    groups = [{"params": [a], "lr": 0.5}, {"params": [b, c], "lr": 0.25}]
    optimiser = AdamUniform(groups, (0.9, 0.99))

    def closure():
        optimiser.zero_grad()
        loss = a.sum() + 7 * b.sum()
        loss.backward()
        return loss.detach()

    assert optimiser.step(closure).item() == 16.0
    assert a.tolist() == pytest.approx([0.5, 0.5])
    assert b.tolist() == pytest.approx([0.75, 0.75])
    assert c.tolist() == [1.0, 1.0]

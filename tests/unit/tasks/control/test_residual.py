"""Residuals at several blurs: scale, split and reach."""

import pytest
import torch

from diffgfx.tasks.control.residual import FrameResidual


def disc(x: float, size: int = 32) -> torch.Tensor:
    c = torch.arange(size) + 0.5
    return ((c[None, :] - x) ** 2 + (c[:, None] - size / 2) ** 2 < 9.0).float()[None, None]


@pytest.mark.parametrize("shape", [(3, 1, 13, 9), (2, 3, 5, 7), (2, 1, 9, 8, 11), (1, 1, 2, 2)])
@pytest.mark.parametrize("part", ["all", "fitted"])
def test_a_clear_frame_has_a_residual_of_one(shape, part):
    clear = torch.full((1, *shape[1:]), 0.25)
    even = FrameResidual(clear + torch.full(shape, 0.5), clear)
    assert float(even.mean(clear.expand(shape), part)) == pytest.approx(1.0, rel=1e-5)
    assert float(even.mean(clear + torch.full(shape, 0.5), part)) == 0.0
    assert float(even.relative(clear).square().mean()) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize("shape", [(4, 1, 19, 30), (2, 1, 17, 16, 18)])
def test_what_is_kept_aside_at_one_blur_is_not_seen_at_another(shape):
    target = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    residual = FrameResidual(target, torch.zeros(1, *shape[1:]))
    seen = {}
    for part in ("fitted", "stopping", "all"):
        x = torch.zeros(shape, requires_grad=True)
        (gradient,) = torch.autograd.grad(residual.mean(x, part), x)
        seen[part] = gradient != 0.0
    assert not (seen["fitted"] & seen["stopping"]).any()
    assert torch.equal(seen["fitted"] | seen["stopping"], seen["all"])
    assert 0.0 < float(seen["stopping"].float().mean()) < 0.4


def test_discs_that_do_not_overlap_are_drawn_together():
    residual = FrameResidual(disc(10.0), torch.zeros(1, 1, 32, 32))
    far, near = (float(residual.mean(disc(x), "all")) for x in (23.0, 18.0))
    plain = [float(residual.relative(disc(x)).square().mean()) for x in (23.0, 18.0)]
    assert plain[0] == pytest.approx(plain[1])
    assert near < 0.99 * far

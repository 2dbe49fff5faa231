import pytest
import torch
from torch import Tensor

ti = pytest.importorskip("taichi")

from diffgfx_kernels.taichi_ import runtime  # noqa: E402
from diffgfx_kernels.taichi_.residual import residual  # noqa: E402
from diffgfx_kernels.taichi_.svbrdf_render_loss import ENCODINGS, PENALTIES  # noqa: E402

EPSILON, DELTA, WHITE = 0.02, 0.3, 0.8


@ti.kernel
def _weigh(
    radiance: ti.types.ndarray(ndim=1),
    target: ti.types.ndarray(ndim=1),
    numbers: ti.types.ndarray(ndim=1),
    losses: ti.types.ndarray(ndim=1),
    slopes: ti.types.ndarray(ndim=1),
    encoding: ti.template(),
    penalty: ti.template(),
):
    for i in range(radiance.shape[0]):
        losses[i], slopes[i] = residual(radiance[i], target[i], numbers, encoding, penalty)


def _found(
    radiance: Tensor, target: Tensor, encoding: str, penalty: str, white: float = WHITE
) -> tuple[Tensor, Tensor]:
    runtime.start(radiance.device)
    numbers = radiance.new_tensor([0.0, 0.0, 0.0, EPSILON, DELTA, white, 1 / 2.2])
    found = torch.empty_like(radiance), torch.empty_like(radiance)
    kinds = (ENCODINGS.index(encoding), PENALTIES.index(penalty))
    _weigh(radiance, target, numbers, *found, *kinds)
    return found


def _expected(radiance: Tensor, target: Tensor, encoding: str, penalty: str) -> Tensor:
    encode = {
        "linear": lambda x: x,
        "log": lambda x: torch.log(x + EPSILON),
        "display": lambda x: (x + EPSILON) ** (1 / 2.2),
    }[encoding]
    e = encode(radiance) - encode(target)
    weigh = {
        "l1": torch.abs,
        "l2": torch.square,
        "charbonnier": lambda x: torch.sqrt(x * x + DELTA * DELTA) - DELTA,
    }
    return weigh[penalty](e)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_each_kind_and_its_slope(encoding: str, penalty: str) -> None:
    draw = torch.Generator().manual_seed(0)
    target = 0.7 * torch.rand(200, generator=draw, dtype=torch.float64)
    radiance = (2.0 * torch.rand(200, generator=draw, dtype=torch.float64)).requires_grad_()
    expected = _expected(radiance, target, encoding, penalty)
    slope = torch.autograd.grad(expected.sum(), radiance)[0]
    losses, slopes = _found(radiance.detach(), target, encoding, penalty)
    torch.testing.assert_close(losses, expected.detach(), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(slopes, slope, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_nothing_brighter_than_a_clipped_target_counts(penalty: str) -> None:
    target = torch.tensor([WHITE, 1.0, 1.0, 0.79], dtype=torch.float64)
    radiance = torch.tensor([0.9, 5.0, 0.6, 0.9], dtype=torch.float64)
    losses, slopes = _found(radiance, target, "linear", penalty)
    assert losses[:2].tolist() == slopes[:2].tolist() == [0.0, 0.0]
    assert bool((losses[2:] > 0).all())
    assert float(slopes[2]) < 0.0 < float(slopes[3])


@pytest.mark.parametrize("penalty", PENALTIES)
def test_no_difference_has_no_slope(penalty: str) -> None:
    same = torch.tensor([0.0, 0.3, 2.0], dtype=torch.float64)
    losses, slopes = _found(same, same.clone(), "log", penalty)
    assert losses.tolist() == slopes.tolist() == [0.0, 0.0, 0.0]

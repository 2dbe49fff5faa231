from typing import Any, get_args

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.types import LossKind
from tests.contract.cases.shade_svbrdf import build_shading

BACKENDS = ("taichi", "torch")


def _shading(batch: int = 2, **more: Any) -> tuple[dict[str, Any], Tensor]:
    arguments = build_shading(torch.float64, "cpu", batch, 3, least=0.1, **more)
    return arguments, ops.shade_svbrdf(**arguments, backend="torch")


def _target(image: Tensor) -> Tensor:
    draw = torch.Generator().manual_seed(5)
    return image * (0.5 + torch.rand(image.shape, generator=draw, dtype=torch.float64))


def _mask(image: Tensor) -> Tensor:
    draw = torch.Generator().manual_seed(6)
    b, n, _, h, w = image.shape
    mask = torch.rand((b, n, h, w), generator=draw, dtype=torch.float64)
    mask[..., 0] = 0.0
    return mask


def _by_hand(image: Tensor, target: Tensor, residual: ops.Residual) -> Tensor:
    encoding, _, penalty = residual.kind.rpartition("_")
    if encoding == "log":
        image, target = (image + residual.epsilon).log(), (target + residual.epsilon).log()
    if encoding == "display":
        power = 1 / 2.2
        image, target = (image + residual.epsilon) ** power, (target + residual.epsilon) ** power
    e = image - target
    if penalty == "charbonnier":
        return (e.square() + residual.delta**2).sqrt() - residual.delta
    return e.square() if penalty == "l2" else e.abs()


@pytest.mark.parametrize("kind", get_args(LossKind))
def test_the_reference_is_shading_then_comparing(kind: LossKind) -> None:
    arguments, image = _shading()
    target, mask = _target(image), _mask(image)
    residual = ops.Residual(kind, epsilon=0.03, delta=0.2)
    found = ops.svbrdf_render_loss(
        target=target, mask=mask, residual=residual, backend="torch", **arguments
    )
    weights = mask[:, :, None].expand_as(image)
    expected = (weights * _by_hand(image, target, residual)).flatten(1).sum(1)
    torch.testing.assert_close(found, expected / weights.flatten(1).sum(1))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_default_is_l1_of_logarithms(backend: str) -> None:
    arguments, image = _shading()
    target = _target(image)
    found = ops.svbrdf_render_loss(target=target, backend=backend, **arguments)
    expected = ((image + 0.01).log() - (target + 0.01).log()).abs().mean(dim=(1, 2, 3, 4))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("backend", BACKENDS)
def test_maps_as_a_target_are_their_pictures(backend: str) -> None:
    arguments, _ = _shading()
    other = build_shading(torch.float64, "cpu", 2, 8, least=0.1)["maps"]
    pictures = ops.shade_svbrdf(**(arguments | {"maps": other}), backend="torch")
    maps = arguments["maps"].requires_grad_()
    found = [
        ops.svbrdf_render_loss(target=target, backend=backend, **arguments)
        for target in (other, pictures)
    ]
    torch.testing.assert_close(*found)
    slopes = [torch.autograd.grad(loss.sum(), maps)[0] for loss in found]
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize("poison", [float("inf"), float("nan"), -5.0])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_target_of_weight_zero_may_be_anything(poison: float, backend: str) -> None:
    arguments, image = _shading()
    target, mask = _target(image), _mask(image)
    maps = arguments["maps"].requires_grad_()
    clean = ops.svbrdf_render_loss(target=target, mask=mask, backend=backend, **arguments)
    poisoned = torch.where(mask[:, :, None] > 0, target, poison)
    found = ops.svbrdf_render_loss(target=poisoned, mask=mask, backend=backend, **arguments)
    torch.testing.assert_close(found, clean)
    torch.testing.assert_close(
        torch.autograd.grad(found.sum(), maps)[0], torch.autograd.grad(clean.sum(), maps)[0]
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_weight_at_all_gives_zero_and_no_slope(backend: str) -> None:
    arguments, image = _shading()
    mask = torch.zeros_like(_mask(image))
    maps = arguments["maps"].requires_grad_()
    loss = ops.svbrdf_render_loss(target=_target(image), mask=mask, backend=backend, **arguments)
    assert loss.tolist() == [0.0, 0.0]
    assert not torch.autograd.grad(loss.sum(), maps)[0].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_clipped_target_is_only_a_lower_bound(backend: str) -> None:
    arguments, image = _shading(batch=1)
    white = 0.5 * float(image.min())
    maps = arguments["maps"].requires_grad_()
    residual = ops.Residual(white=white)

    def loss(target: Tensor) -> Tensor:
        return ops.svbrdf_render_loss(
            target=target, residual=residual, backend=backend, **arguments
        )

    clipped = loss(torch.full_like(image, white))
    assert clipped.tolist() == [0.0]
    assert not torch.autograd.grad(clipped.sum(), maps)[0].any()
    target = 3.0 * image  # brighter than the picture: counts in full
    expected = ((image + 0.01).log() - (target + 0.01).log()).abs()
    torch.testing.assert_close(loss(target), expected.mean()[None])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_shared_mask_weighs_every_pair_alike(backend: str) -> None:
    arguments, image = _shading()
    one = _mask(image)[:1, :1]
    every = one.expand(2, 2, -1, -1)
    found = [
        ops.svbrdf_render_loss(target=_target(image), mask=mask, backend=backend, **arguments)
        for mask in (one, every)
    ]
    assert torch.equal(*found)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_upstream_gradient_weighs_each_material(backend: str) -> None:
    arguments, image = _shading()
    maps = arguments["maps"].requires_grad_()
    loss = ops.svbrdf_render_loss(target=_target(image), backend=backend, **arguments)
    both = torch.autograd.grad(loss.sum(), maps, retain_graph=True)[0]
    weighed = torch.autograd.grad((loss * torch.tensor([3.0, 0.0])).sum(), maps)[0]
    torch.testing.assert_close(weighed[0], 3.0 * both[0])
    assert not weighed[1].any()

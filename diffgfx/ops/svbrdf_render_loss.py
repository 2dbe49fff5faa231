"""The rendering loss of SVBRDF capture, value and gradient in one pass over the texels."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, get_args

import torch
from torch import Tensor

from diffgfx.check import (
    check_choice,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.errors import RangeError, ShapeError
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._pairs import check_maps, pack_pairs
from diffgfx.ops.shade_svbrdf import check_size
from diffgfx.types import Backend, LossKind
from diffgfx_kernels import load

__all__ = ["Residual", "svbrdf_render_loss"]


class Residual(NamedTuple):
    """How a radiance is held against its target.

    Attributes:
        kind: An encoding and a penalty: ``log_`` compares log(x + epsilon), ``display_`` compares
            (x + epsilon)^(1/2.2), neither compares radiance; then ``l1``, ``l2`` (the square) or
            ``charbonnier`` (sqrt(e^2 + delta^2) - delta).
        epsilon: Added before encoding; > 0.
        delta: Where Charbonnier turns from a square to an absolute value; > 0.
        white: A target at or above this is a clipped pixel, which says "at least this bright": no
            difference is counted above it.
    """

    kind: LossKind = "log_l1"
    epsilon: float = 0.01
    delta: float = 0.01
    white: float = float("inf")


DESCHAINTRE = Residual()
"""L1 of log(x + 0.01)."""


@torch.library.custom_op("diffgfx::svbrdf_render_loss", mutates_args=())
def _loss(
    maps: Tensor,
    target: Tensor,
    mask: Tensor,
    pairs: Tensor,
    numbers: Sequence[float],
    kind: str,
    flags: Sequence[bool],
    wants: Sequence[bool],
    backend: str,
) -> tuple[Tensor, Tensor, Tensor]:
    kernel = load("svbrdf_render_loss", backend)
    encoding, _, penalty = kind.rpartition("_")
    found: tuple[Tensor, Tensor, Tensor] = kernel.forward(
        plain(maps), plain(target), plain(mask), plain(pairs), tuple(numbers),
        (encoding or "linear", penalty), tuple(flags), tuple(wants),
    )  # fmt: skip
    return found


@_loss.register_fake
def _(
    maps: Tensor,
    target: Tensor,
    mask: Tensor,
    pairs: Tensor,
    numbers: Sequence[float],
    kind: str,
    flags: Sequence[bool],
    wants: Sequence[bool],
    backend: str,
) -> tuple[Tensor, Tensor, Tensor]:
    b = maps.shape[0]
    g_maps = maps.new_empty(maps.shape) if any(wants) else maps.new_empty((0,))
    g_pairs = maps.new_empty((b, *pairs.shape[1:])) if wants[1] else maps.new_empty((0,))
    return maps.new_empty((b,)), g_maps, g_pairs


@torch.library.custom_op("diffgfx::svbrdf_render_loss_backward", mutates_args=())
def _loss_backward(
    g_loss: Tensor, g_maps: Tensor, g_pairs: Tensor, maps: Tensor, pairs: Tensor
) -> tuple[Tensor, Tensor]:
    # maps and pairs are taken so that a second derivative, which has no formula, raises
    first = g_maps * g_loss[:, None, None, None]
    if not g_pairs.numel():
        return first, torch.zeros_like(pairs)
    second = g_pairs * g_loss[:, None, None]
    return first, second if len(pairs) == len(second) else second.sum(dim=0, keepdim=True)


@_loss_backward.register_fake
def _(
    g_loss: Tensor, g_maps: Tensor, g_pairs: Tensor, maps: Tensor, pairs: Tensor
) -> tuple[Tensor, Tensor]:
    return maps.new_empty(maps.shape), pairs.new_empty(pairs.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(*output[1:], inputs[0], inputs[3])
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)  # else a zero gradient as large as the maps is made for them


def _differentiate(ctx, g_loss, *_):  # type: ignore[no-untyped-def]
    if g_loss is None:
        return (None,) * 9
    first, second = _loss_backward(g_loss, *ctx.saved_tensors)
    second = second if ctx.needs_input_grad[3] else None
    return first, None, None, second, None, None, None, None, None


_loss.register_autograd(_differentiate, setup_context=_save)


def _check_target(target: Tensor, mask: Tensor | None, maps: Tensor, sizes: dict[str, int]) -> None:
    check_tensor("target", target)
    if target.requires_grad:
        raise RangeError("target must not require a gradient: it is the goal; pass target.detach()")
    remedy = "an image is (B, N, 3, H, W) and maps are (B, 10, H, W)"
    if target.ndim == 4:
        check_shape("target", target, ("B", 10, "H", "W"), sizes, remedy)
    elif target.ndim == 5:
        check_shape("target", target, ("B", "N", 3, "H", "W"), sizes, remedy)
    else:
        raise ShapeError(f"target must have 4 or 5 dimensions, got {target.ndim}; {remedy}")
    if mask is not None:
        check_tensor("mask", mask)
        check_shape("mask", mask, ("B|1", "N|1", "H", "W"), sizes)
        if mask.requires_grad:
            raise RangeError("mask must not require a gradient: it is given; pass mask.detach()")
    check_same_dtype({"maps": maps, "target": target, "mask": mask})
    check_same_device({"maps": maps, "target": target, "mask": mask})


def _check_goal_stands_still(target: Tensor, pairs: Mapping[str, Tensor | None]) -> None:
    """Maps as a target are shaded too: a gradient to the pairs would miss the target's share."""
    for name, value in pairs.items():
        if target.ndim == 4 and value is not None and value.requires_grad:
            raise RangeError(
                f"{name} must not require a gradient where target is maps; pass {name}.detach(), "
                "or a target of pictures"
            )


def _check_residual(residual: Residual) -> None:
    check_choice("residual.kind", residual.kind, get_args(LossKind))
    for name in ("epsilon", "delta", "white"):
        if not getattr(residual, name) > 0:
            raise RangeError(f"residual.{name} must be above zero, got {getattr(residual, name)}")


def _check(
    maps: Tensor,
    target: Tensor,
    mask: Tensor | None,
    residual: Residual,
    given: Mapping[str, Tensor | None],
) -> Tensor:
    """Check everything that is not a plain number, and return the packed pairs."""
    sizes: dict[str, int] = {}
    check_maps(maps, sizes)
    pairs = pack_pairs(maps, given, sizes)
    _check_target(target, mask, maps, sizes)
    _check_goal_stands_still(target, given)
    _check_residual(residual)
    refuse_forward_mode("svbrdf_render_loss", maps, pairs, target, mask)
    return pairs


def _evaluate(
    maps: Tensor,
    target: Tensor,
    mask: Tensor | None,
    pairs: Tensor,
    size: Sequence[float],
    residual: Residual,
    flags: list[bool],
    backend: Backend,
) -> Tensor:
    chosen = choose_backend("svbrdf_render_loss", backend, maps.device)
    numbers = [*check_size(size), residual.epsilon, residual.delta, residual.white]
    graded = torch.is_grad_enabled()
    wants = [graded and maps.requires_grad, graded and pairs.requires_grad]
    weights = maps.new_empty((0,)) if mask is None else mask
    loss: Tensor = _loss(
        maps, target, weights, pairs, numbers, residual.kind, flags, wants, chosen
    )[0]
    return loss


def svbrdf_render_loss(
    maps: Tensor,
    target: Tensor,
    light_position: Tensor,
    light_intensity: Tensor,
    camera_position: Tensor,
    size: Sequence[float],
    *,
    residual: Residual = DESCHAINTRE,
    mask: Tensor | None = None,
    ambient: Tensor | None = None,
    axis: Tensor | None = None,
    cone: Tensor | None = None,
    directional: bool = False,
    orthographic: bool = False,
    backend: Backend = "auto",
) -> Tensor:
    """Return the mean difference between a material's pictures and their target.

    Equal to shading with `shade_svbrdf` and comparing, but value and gradient come from one pass
    over the texels, and no picture is stored. What is not explained here is explained there.

    Args:
        maps: The material, shape (B, 10, H, W).
        target: Pictures, linear, shape (B, N, 3, H, W); or maps (B, 10, H, W) that are shaded
            beside the material under the same pairs. No gradient.
        light_position: Shape (B or 1, N, 3).
        light_intensity: Shape (B or 1, N, 3); a photograph's exposure is a factor on it.
        camera_position: Shape (B or 1, N, 3).
        size: Width and height of the sample [m].
        residual: How a radiance is held against its target.
        mask: Weight of each texel, >= 0, shape (B or 1, N or 1, H, W); a target under weight zero
            may be anything. No gradient.
        ambient: Radiance of a uniform surrounding light, shape (B or 1, N, 3), reflected with
            ``d (1 - max_c s_c) + s``; default: none.
        axis: Shape (B or 1, N, 3).
        cone: Shape (B or 1, N).
        directional: The light is distant.
        orthographic: The eye is distant.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The weighted mean for each material, shape (B,); zero where all weights are zero.

    Raises:
        ShapeError, DtypeError, DeviceError, RangeError, BackendError: As `shade_svbrdf`.

    Gradients: to maps and, for a target of pictures, to all of the pairs; none of second order.
    Source: V. Deschaintre et al., SIGGRAPH 2018, section 4.2 (the default residual).
    """
    given = {
        "light_position": light_position, "light_intensity": light_intensity,
        "camera_position": camera_position, "axis": axis, "cone": cone, "ambient": ambient,
    }  # fmt: skip
    pairs = _check(maps, target, mask, residual, given)
    flags = [directional, orthographic, cone is not None, ambient is not None]
    return _evaluate(maps, target, mask, pairs, size, residual, flags, backend)

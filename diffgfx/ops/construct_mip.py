"""Mip levels of textures, as a differentiable op: means of two by two texels, again and again."""

import torch
from torch import Tensor

from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._mips import check_faces, top_level
from diffgfx.types import Backend
from diffgfx_kernels import load
from diffgfx_kernels.sampling import level_sizes, level_starts

__all__ = ["construct_mip", "packed_mips"]


@torch.library.custom_op("diffgfx::construct_mip", mutates_args=())
def _construct(tex: Tensor, top: int, backend: str) -> Tensor:
    found: Tensor = load("construct_mip", backend).forward(plain(tex), top)
    return found


@_construct.register_fake
def _(tex: Tensor, top: int, backend: str) -> Tensor:
    n, faces, height, width, channels = tex.shape
    return tex.new_empty((n, level_starts(faces, level_sizes(height, width, top))[-1], channels))


@torch.library.custom_op("diffgfx::construct_mip_backward", mutates_args=())
def _construct_backward(g_mips: Tensor, tex: Tensor, top: int, backend: str) -> Tensor:
    found: Tensor = load("construct_mip", backend).backward(plain(g_mips), plain(tex), top)
    return found


@_construct_backward.register_fake
def _(g_mips: Tensor, tex: Tensor, top: int, backend: str) -> Tensor:
    return tex.new_empty(tex.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    tex, top, backend = inputs
    ctx.save_for_backward(tex)
    ctx.choices = (top, backend)


def _differentiate(ctx, g_mips):  # type: ignore[no-untyped-def]
    (tex,) = ctx.saved_tensors
    return _construct_backward(g_mips, tex, *ctx.choices), None, None


_construct.register_autograd(_differentiate, setup_context=_save)


def packed_mips(faces: Tensor, top: int, backend: str) -> Tensor:
    """Return levels 1 to ``top`` of (N, F, h, w, C), packed: (N, texels, C); checks nothing."""
    packed: Tensor = _construct(faces, top, backend)
    return packed


def construct_mip(
    tex: Tensor,
    *,
    max_mip_level: int | None = None,
    cube_mode: bool = False,
    backend: Backend = "auto",
) -> list[Tensor]:
    """Return the mip levels of a texture, for several calls of `texture` with the same one.

    Each level holds means over two by two texels of the one before, and over two where it is one
    texel high or wide.

    Args:
        tex: Textures [any unit], shape (N, h, w, C), or (N, 6, s, s, C) with ``cube_mode``. Every
            side that is halved must be even.
        max_mip_level: The coarsest level; by default that of a single texel.
        cube_mode: The textures are cube maps; faces are halved by themselves.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        Levels 1, 2, ... [unit of ``tex``], shaped as the texture but for height and width.

    Raises:
        ShapeError: If a side is odd where it is halved; the message names the level.
        DtypeError, RangeError: If another argument does not fit; it is named.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to tex. No forward mode and no second derivative.

    Source: L. Williams, "Pyramidal Parametrics", SIGGRAPH 1983.
    """
    faces = check_faces(tex, cube_mode)
    _, count, height, width, channels = faces.shape
    top = top_level(height, width, max_mip_level)
    refuse_forward_mode("construct_mip", tex)
    packed = packed_mips(faces, top, choose_backend("construct_mip", backend, tex.device))
    sizes = level_sizes(height, width, top)
    starts = level_starts(count, sizes)
    face = (6,) if cube_mode else ()
    return [
        packed[:, starts[i] : starts[i + 1]].reshape(len(tex), *face, *sizes[i + 1], channels)
        for i in range(top)
    ]

"""Textures looked up at pixels, as a differentiable op: bilinear, mipmapped, cube maps.

Texel (i, j) has its centre at u = (j + 1/2) / w, v = (i + 1/2) / h; row 0 is at the bottom. The mip
level of a pixel is half the binary logarithm of the largest squared stretch of its footprint, in
texels, plus the bias; it is clamped to the levels there are. Below level 0 the texture is read
bilinearly. Cube maps have faces +x, -x, +y, -y, +z, -z, oriented as in OpenGL, and are filtered
across their edges; at a corner of the cube the missing fourth texel is the mean of the other three.

A pixel whose uv is not finite, or whose direction is zero, is zero and passes no gradient on.
Derivatives that are not numbers count as level 0, infinite ones as the last.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

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
from diffgfx.ops._mips import MOST_NUMBERS, MadeLevels, check_faces, check_mips, top_level
from diffgfx.ops._nvdiffrast import check_nvdiffrast
from diffgfx.ops.construct_mip import packed_mips
from diffgfx.types import Backend
from diffgfx_kernels import load
from diffgfx_kernels.sampling import Sampling

__all__ = ["BoundaryMode", "FilterMode", "texture"]

FilterMode = Literal["auto", "nearest", "linear", "linear-mipmap-nearest", "linear-mipmap-linear"]
"""How texels are weighted; ``"auto"`` is linear, with mip levels where derivatives are given."""

BoundaryMode = Literal["wrap", "clamp", "zero", "cube"]
"""What lies beyond a texture: itself again, its edge, zeros, or a cube map's other faces."""

_DERIVED = "derived"


@torch.library.custom_op("diffgfx::texture", mutates_args=())
def _texture(
    tex: Tensor,
    mips: Tensor,
    uv: Tensor,
    uv_da: Tensor | None,
    bias: Tensor | None,
    rules: str,
    top: int,
    backend: str,
) -> Tensor:
    kernel = load("texture", backend)
    found: Tensor = kernel.forward(
        plain(tex), plain(mips), plain(uv), _plain(uv_da), _plain(bias), _sampling(rules, top)
    )
    return found


@_texture.register_fake
def _(tex: Tensor, mips: Tensor, uv: Tensor, *rest: object) -> Tensor:
    return uv.new_empty((*uv.shape[:3], tex.shape[4]))


@torch.library.custom_op("diffgfx::texture_backward", mutates_args=())
def _texture_backward(
    g_out: Tensor,
    tex: Tensor,
    mips: Tensor,
    uv: Tensor,
    uv_da: Tensor | None,
    bias: Tensor | None,
    rules: str,
    top: int,
    wanted: Sequence[bool],
    backend: str,
) -> list[Tensor]:
    kernel = load("texture", backend)
    return list(
        kernel.backward(
            plain(g_out), plain(tex), plain(mips), plain(uv), _plain(uv_da), _plain(bias),
            _sampling(rules, top), (wanted[0], wanted[1]),
        )
    )  # fmt: skip


@_texture_backward.register_fake
def _(
    g_out: Tensor,
    tex: Tensor,
    mips: Tensor,
    uv: Tensor,
    *rest: object,
) -> list[Tensor]:
    pixels = uv.shape[:3]
    step = uv.new_empty((*pixels, 2 * uv.shape[3]))
    return [*(part.new_empty(part.shape) for part in (tex, mips, uv)), step, uv.new_empty(pixels)]


def _plain(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else plain(tensor)


def _sampling(rules: str, top: int) -> Sampling:
    chosen, boundary, origin = rules.split()
    return Sampling(chosen, boundary, top, origin == _DERIVED)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    tex, mips, uv, uv_da, bias, rules, top, backend = inputs
    ctx.save_for_backward(tex, mips, uv, uv_da, bias)
    ctx.choices = (rules, top, backend)


def _differentiate(ctx, g_out):  # type: ignore[no-untyped-def]
    tex, mips, uv, uv_da, bias = ctx.saved_tensors
    rules, top, backend = ctx.choices
    needs = ctx.needs_input_grad
    wanted = [needs[0] or needs[1], any(needs[2:5])]
    found = _texture_backward(g_out, tex, mips, uv, uv_da, bias, rules, top, wanted, backend)
    given = [gradient if need else None for gradient, need in zip(found, needs, strict=False)]
    return (*given, None, None, None)


_texture.register_autograd(_differentiate, setup_context=_save)


def texture(
    tex: Tensor,
    uv: Tensor,
    *,
    uv_da: Tensor | None = None,
    mip_level_bias: Tensor | None = None,
    mip: Sequence[Tensor] | None = None,
    filter_mode: FilterMode = "auto",
    boundary_mode: BoundaryMode = "wrap",
    max_mip_level: int | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Return the values of a texture where pixels look.

    Args:
        tex: Textures [any unit], shape (B|1, h, w, C), or cube maps, (B|1, 6, s, s, C).
        uv: Where pixels look, shape (B, H, W, 2), the texture being [0, 1] wide and high; of cube
            maps a direction of any positive length, (B, H, W, 3).
        uv_da: How uv changes from pixel to pixel, in pairs along X and Y, as `interpolate` returns
            it [1/pixel], shape (B, H, W, 4), of cube maps (B, H, W, 6).
        mip_level_bias: Added to the mip level, shape (B, H, W); without ``uv_da`` it is the level.
        mip: Levels from 1 on, as of `construct_mip` or others of the same sizes, shaped as tex but
            for height and width; by default they are made from the texture.
        filter_mode: ``"nearest"``, ``"linear"``, ``"linear-mipmap-nearest"``: bilinear in the finer
            of the two mip levels around (nvdiffrast's rule; OpenGL rounds), trilinear, or
            ``"auto"``: trilinear where ``uv_da`` or ``mip_level_bias`` is given, else linear.
        boundary_mode: What lies beyond the texture; ``"cube"`` for cube maps, and only them.
        max_mip_level: The coarsest level used; by default the last there is.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        The values [unit of ``tex``], shape (B, H, W, C).

    Raises:
        ShapeError: If shapes do not go together, or a side is odd where mip levels halve it; the
            message names the level and says how to go on.
        DtypeError, DeviceError, RangeError: If another argument does not fit; it is named.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to tex (through the levels made from it), to each tensor of ``mip``, to uv (not if
    nearest), and to uv_da and mip_level_bias (trilinear only, and not where the level is clamped).
    Where both stretches of a footprint are one, the level's slope is the mean of those of either
    side. Sums are made in one order, run for run. No forward mode and no second derivative.

    Source: S. Laine et al., "Modular Primitives for High-Performance Differentiable Rendering",
    ACM TOG 39(6), 2020, section 3.4; L. Williams, "Pyramidal Parametrics", SIGGRAPH 1983.
    """
    cube = _check_modes(filter_mode, boundary_mode)
    faces = check_faces(tex, cube)
    pixels = {"uv": uv, "uv_da": uv_da, "mip_level_bias": mip_level_bias}
    _check_pixels(faces, pixels, mip, cube)
    chosen_filter = _resolve(filter_mode, uv_da, mip_level_bias)
    refuse_forward_mode("texture", tex, uv, uv_da, mip_level_bias, *(mip or ()))
    chosen = choose_backend("texture", backend, uv.device)
    check_nvdiffrast("texture", chosen, uv)
    mips, top, derived = _levels(faces, mip, len(uv), chosen_filter, max_mip_level, chosen)
    rules = f"{chosen_filter} {boundary_mode} {_DERIVED if derived else 'given'}"
    da, bias = (uv_da, mip_level_bias) if "mipmap" in chosen_filter else (None, None)
    value: Tensor = _texture(faces, mips, uv, da, bias, rules, top, chosen)
    return value


def _check_modes(filter_mode: str, boundary_mode: str) -> bool:
    """Return whether the texture is a cube map; raise unless both modes are known."""
    check_choice("filter_mode", filter_mode, get_args(FilterMode))
    check_choice("boundary_mode", boundary_mode, get_args(BoundaryMode))
    return boundary_mode == "cube"


def _check_pixels(
    faces: Tensor, pixels: Mapping[str, Tensor | None], mip: Sequence[Tensor] | None, cube: bool
) -> None:
    """Raise unless all tensors have shapes, dtypes and devices that go together."""
    sizes: dict[str, int] = {}
    axes = 3 if cube else 2
    shapes = {"uv": (axes,), "uv_da": (2 * axes,), "mip_level_bias": ()}
    for name, rest in shapes.items():
        value = pixels[name]
        if value is not None or name == "uv":
            check_shape(name, check_tensor(name, value), ("B", "H", "W", *rest), sizes)
    if faces.shape[0] not in (1, sizes["B"]):
        raise ShapeError(
            f"tex must have the batch of uv ({sizes['B']}) or 1, got {faces.shape[0]}; "
            "pass one texture an image, or one for all"
        )
    levels = {f"mip[{i}]": level for i, level in enumerate(mip or ())}
    for name, level in levels.items():
        check_tensor(name, level)
    everything = {"tex": faces, **pixels, **levels}
    check_same_dtype(everything)
    check_same_device(everything)
    area = sizes["B"] * sizes["H"] * sizes["W"]
    most = area * max(faces.shape[4], 2 * axes)
    if most > MOST_NUMBERS:
        raise ShapeError(
            f"uv must need at most {MOST_NUMBERS} numbers, got {most} of {area} pixels and "
            f"{faces.shape[4]} channels; look up fewer at a time"
        )


def _resolve(filter_mode: str, uv_da: Tensor | None, bias: Tensor | None) -> str:
    """Return the filter that ``"auto"`` stands for; raise if one has nothing to find levels by."""
    given = uv_da is not None or bias is not None
    if filter_mode == "auto":
        return "linear-mipmap-linear" if given else "linear"
    if "mipmap" in filter_mode and not given:
        raise RangeError(
            f"filter_mode {filter_mode!r} needs uv_da or mip_level_bias to find levels by, got "
            "neither; pass the derivatives that interpolate returns, or use 'linear'"
        )
    return filter_mode


def _levels(
    faces: Tensor, mip: Sequence[Tensor] | None, batch: int, chosen: str, most: int | None,
    backend: str,
) -> tuple[Tensor, int, bool]:  # fmt: skip
    """Return packed levels from 1 on, the coarsest, and whether they are made from the texture."""
    made = isinstance(mip, MadeLevels)
    if mip is None or "mipmap" not in chosen or (made and backend == "nvdiffrast"):
        return _derived(faces, chosen, most if mip is None else len(mip[:most]), backend)
    packed, top = _given(faces, mip, len(faces) if made else batch, most)
    if made and top > 0 and len(packed) != len(faces):
        raise ShapeError(
            f"mip must be made of as many textures as tex has ({len(faces)}), got {len(packed)}; "
            "make it of this texture"
        )
    return packed, top, made


def _derived(
    faces: Tensor, chosen: str, most: int | None, backend: str
) -> tuple[Tensor, int, bool]:
    """Return packed levels from 1 on made from a texture, the coarsest, and that they are."""
    if "mipmap" not in chosen:
        return faces.new_empty((len(faces), 0, faces.shape[4])), 0, False
    top = top_level(faces.shape[2], faces.shape[3], most)
    if backend == "nvdiffrast":  # it makes its own
        return faces.new_empty((len(faces), 0, faces.shape[4])), top, True
    return packed_mips(faces.detach(), top, backend), top, True


def _given(
    faces: Tensor, mip: Sequence[Tensor], batch: int, most: int | None
) -> tuple[Tensor, int]:
    """Return packed levels from 1 on that were given, and the coarsest."""
    if most is not None and most < 0:
        raise RangeError(f"max_mip_level must be at least 0, got {most}")
    shaped = check_mips(mip, faces, batch, faces.shape[1] == 6)[:most]
    rows = next((len(level) for level in shaped if len(level) != 1), 1)
    packed = [level.flatten(1, 3).expand(rows, -1, -1) for level in shaped]
    if not packed:
        return faces.new_empty((1, 0, faces.shape[4])), 0
    joined = _side_by_side(packed)
    return torch.cat(packed, dim=1) if joined is None else joined, len(shaped)


def _side_by_side(packed: Sequence[Tensor]) -> Tensor | None:
    """Return levels (1, texels, C) as one where they lie so, as `construct_mip` leaves them.

    Those of several textures have rows of other levels between theirs.
    """
    if torch.compiler.is_compiling() or len(packed[0]) != 1:
        return None
    if any(level.requires_grad for level in packed):
        return None
    base, start = packed[0]._base, packed[0].storage_offset()
    for level in packed:
        beside = level.storage_offset() == start and level.is_contiguous()
        if base is None or level._base is not base or not beside:
            return None
        start += level.numel()
    texels = sum(level.shape[1] for level in packed)
    return packed[0].as_strided((1, texels, packed[0].shape[2]), packed[0].stride())

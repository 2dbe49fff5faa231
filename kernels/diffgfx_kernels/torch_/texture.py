"""Look textures up at pixels, in plain torch: every texel is taken by its number."""

from typing import NamedTuple

import torch
from torch import Tensor

from diffgfx_kernels.sampling import Sampling, level_sizes, level_starts
from diffgfx_kernels.torch_ import construct_mip
from diffgfx_kernels.torch_.cube import face_of, fold, on_face
from diffgfx_kernels.torch_.fixed_order import take_at
from diffgfx_kernels.torch_.mip_level import clamped_level
from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward"]


class Place(NamedTuple):
    """Where pixels look: a face, u and v on it, derivatives of both, and whether all is finite."""

    face: Tensor
    u: Tensor
    v: Tensor
    da: Tensor | None
    good: Tensor


class Grid(NamedTuple):
    """Each pixel's level: height, width, and where it starts among the texels of all levels."""

    height: Tensor
    width: Tensor
    start: Tensor


def place_of(uv: Tensor, uv_da: Tensor | None, boundary: str) -> Place:
    """Return where pixels look."""
    good = uv.isfinite().all(dim=-1)
    if boundary != "cube":
        u, v = torch.where(good[..., None], uv, 0.0).unbind(-1)
        if boundary == "wrap":
            u, v = u - u.floor(), v - v.floor()
        return Place(torch.zeros_like(u, dtype=torch.long), u, v, uv_da, good)
    good = good & (uv != 0).any(dim=-1)
    direction = torch.where(good[..., None], uv, 1.0)
    face = face_of(direction.detach())
    a, b, outward = on_face(direction, face)
    s, t = a / outward, b / outward
    da = None
    if uv_da is not None:
        steps = []
        for axis in range(2):
            a_step, b_step, out_step = on_face(uv_da[..., axis::2], face)
            steps += [(a_step - s * out_step) / outward, (b_step - t * out_step) / outward]
        da = 0.5 * torch.stack([steps[0], steps[2], steps[1], steps[3]], dim=-1)
    return Place(face, 0.5 * (s + 1.0), 0.5 * (t + 1.0), da, good)


def texel_number(
    face: Tensor, x: Tensor, y: Tensor, grid: Grid, boundary: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Return texels' numbers, whether there is one, and whether it lies past a cube's corner."""
    corner = torch.zeros_like(face, dtype=torch.bool)
    if boundary == "cube":
        face, x, y, corner = fold(face, x, y, grid.width)
    inside = (x >= 0) & (x < grid.width) & (y >= 0) & (y < grid.height)
    if boundary == "wrap":
        x, y = x.remainder(grid.width), y.remainder(grid.height)
    x, y = x.clamp(min=0).minimum(grid.width - 1), y.clamp(min=0).minimum(grid.height - 1)
    there = inside if boundary == "zero" else torch.ones_like(inside)
    return grid.start + (face * grid.height + y) * grid.width + x, there, corner


def nearest(texels: Tensor, place: Place, grid: Grid, boundary: str) -> Tensor:
    """Return the texel around each place, (B, H, W, C)."""
    x = (place.u.detach() * grid.width).floor().clamp(min=-2.0)
    y = (place.v.detach() * grid.height).floor().clamp(min=-2.0)
    x, y = x.minimum(grid.width + 1.0).long(), y.minimum(grid.height + 1.0).long()
    if boundary == "cube":
        x, y = x.minimum(grid.width - 1), y.minimum(grid.height - 1)
    number, there, _ = texel_number(place.face, x, y, grid, boundary)
    return torch.where(there[..., None], take(texels, number), 0.0)


def take(texels: Tensor, number: Tensor) -> Tensor:
    """Return texels (N|1, P, C) by number (B, H, W), shape (B, H, W, C)."""
    batch, height, width = number.shape
    spread = texels.transpose(1, 2).expand(batch, -1, -1)
    taken = take_at(spread, number.reshape(batch, height * width))
    return taken.transpose(1, 2).reshape(batch, height, width, texels.shape[2])


def linear(texels: Tensor, place: Place, grid: Grid, boundary: str) -> Tensor:
    """Return bilinear values of one level, (B, H, W, C)."""
    x = (place.u * grid.width - 0.5).clamp(min=-2.0).minimum(grid.width + 1.0)
    y = (place.v * grid.height - 0.5).clamp(min=-2.0).minimum(grid.height + 1.0)
    x0, y0 = x.detach().floor(), y.detach().floor()
    fx, fy = x - x0, y - y0
    values, weights, corners = [], [], []
    for dy in range(2):
        for dx in range(2):
            number, there, corner = texel_number(
                place.face, x0.long() + dx, y0.long() + dy, grid, boundary
            )
            values.append(torch.where((there & ~corner)[..., None], take(texels, number), 0.0))
            weights.append((fx if dx else 1.0 - fx) * (fy if dy else 1.0 - fy))
            corners.append(corner)
    missing = sum(torch.where(corners[k], weights[k], 0.0) for k in range(4)) / 3.0
    parts = [(weights[k] + missing)[..., None] * values[k] for k in range(4)]
    return parts[0] + parts[1] + parts[2] + parts[3]


def sample(
    tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None, bias: Tensor | None,
    sampling: Sampling,
) -> Tensor:  # fmt: skip
    """Return the values at pixels, (B, H, W, C); see `forward`."""
    faces, height, width = tex.shape[1:4]
    place = place_of(uv, uv_da, sampling.boundary)
    base = tex.flatten(1, 3)
    batch = 1 if len(tex) == len(mips) == 1 else len(uv)
    texels = torch.cat([base.expand(batch, -1, -1), mips.expand(batch, -1, -1)], dim=1)
    sizes = level_sizes(height, width, sampling.top)
    starts = [0, *(base.shape[1] + start for start in level_starts(faces, sizes))]
    table = torch.tensor(
        [[*size, start] for size, start in zip(sizes, starts, strict=False)], device=uv.device
    )

    def grid_of(level: Tensor) -> Grid:
        return Grid(*table[level.long()].unbind(-1))

    zero = torch.zeros_like(place.u).detach()
    if sampling.filter == "nearest":
        value = nearest(texels, place, grid_of(zero), sampling.boundary)
    elif sampling.filter == "linear":
        value = linear(texels, place, grid_of(zero), sampling.boundary)
    else:
        scale = torch.tensor([width, width, height, height], dtype=uv.dtype, device=uv.device)
        jacobian = None if place.da is None else place.da * scale
        level = clamped_level(jacobian, zero if bias is None else bias, sampling.top)
        if sampling.filter == "linear-mipmap-nearest":
            wanted = level.detach().floor()
            value = linear(texels, place, grid_of(wanted), sampling.boundary)
        else:
            low = level.detach().floor().clamp(max=max(sampling.top - 1, 0))
            high = (low + 1).clamp(max=sampling.top)
            share = (level - low)[..., None]
            coarse = linear(texels, place, grid_of(high), sampling.boundary)
            fine = linear(texels, place, grid_of(low), sampling.boundary)
            value = (1.0 - share) * fine + share * coarse
    return torch.where(place.good[..., None], value, 0.0)


def forward(
    tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None, bias: Tensor | None,
    sampling: Sampling,
) -> Tensor:  # fmt: skip
    """Return the values at pixels, (B, H, W, C).

    Args:
        tex: Textures, (N|1, F, h, w, C), six faces of a cube or one.
        mips: Levels from 1 on, packed, (N|1, texels, C).
        uv: Where pixels look, (B, H, W, 2 or 3).
        uv_da: How that changes along X and Y, in pairs, (B, H, W, 4 or 6).
        bias: Added to the level, (B, H, W).
        sampling: How to read.
    """
    return sample(tex, mips, uv, uv_da, bias, sampling).contiguous()


def backward(
    g_out: Tensor, tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None,
    bias: Tensor | None, sampling: Sampling, wanted: tuple[bool, bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the gradients to tex, mips, uv, uv_da and bias; zeros where there is none.

    Args:
        g_out: Gradient to the values.
        tex: See `forward`.
        mips: See `forward`.
        uv: See `forward`.
        uv_da: See `forward`.
        bias: See `forward`.
        sampling: See `forward`.
        wanted: Whether gradients to texels, and those to the rest, are wanted.
    """
    step = uv.new_zeros((*uv.shape[:3], 2 * uv.shape[3])) if uv_da is None else uv_da
    added = uv.new_zeros(uv.shape[:3]) if bias is None else bias

    def value(t: Tensor, m: Tensor, p: Tensor, d: Tensor, a: Tensor) -> Tensor:
        levels = construct_mip.forward(t, sampling.top) if sampling.derived else m
        return sample(
            t, levels, p, None if uv_da is None else d, None if bias is None else a, sampling
        )

    found = pull(value, (tex, mips, uv, step, added), g_out)[1]
    g_tex, g_mips = (g.clone(memory_format=torch.contiguous_format) for g in found[:2])
    g_uv, g_da, g_bias = (torch.where(g.isfinite(), g, 0.0).contiguous() for g in found[2:])
    return g_tex, g_mips, g_uv, g_da, g_bias

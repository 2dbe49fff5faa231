"""March rays through smoke, and the adjoint: what samples read is scattered back to the cells.

Density and lit density (density times transmittance to the light) stand side by side in one padded
volume, so that a sample reads four short runs of memory and never asks whether it is inside. All
that a ray finds are two numbers, opacity and light; colours are put on once a pixel.

The scatter is dealt out to blocks of image rows, each with a volume of its own, which are added in
their order: results do not depend on threads.
"""

from typing import NamedTuple

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.grid import grid_for
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.light_sweep import length_of, main_axis, sweep, sweep_gradient
from diffgfx_kernels.taichi_.rays import (
    TERMS,
    absorb,
    corner_of,
    make_frame,
    ray_of,
    sample,
    sample_gradient,
)
from diffgfx_kernels.taichi_.scalar import exponential

__all__ = ["backward", "forward"]

BLOCKS = {"cpu": 8, "cuda": 64}
"""Blocks of image rows, each with a volume that it scatters to, for a batch of one."""

MOST_SCATTERED = 1 << 27
"""Numbers that these volumes may have together; there are fewer of large ones."""


@kernel
def pack(
    density: ti.types.ndarray(ndim=2),
    light: ti.types.ndarray(ndim=2),
    axes: ti.types.ndarray(ndim=1),
    frame: ti.types.ndarray(ndim=1),
    ahead: ti.types.ndarray(ndim=2),
    pairs: ti.types.ndarray(ndim=1),
    filled: ti.types.ndarray(ndim=1),
    depth: int,
    height: int,
    width: int,
    spread: int,
):
    for item in range(density.shape[0] * depth * height * spread):
        if item % spread == 0:
            line = item // spread
            b, z, y = line // height // depth, line // height % depth, line % height
            length = length_of(light, ti.min(b, light.shape[0] - 1), axes[b], frame)
            to = ((b * (depth + 2) + z + 1) * (height + 2) + y + 1) * (width + 2) + 1
            for x in range(width):
                smoke = density[b, (z * height + y) * width + x]
                behind = ahead[b, (z * height + y) * width + x]
                pairs[2 * (to + x)] = smoke
                pairs[2 * (to + x) + 1] = smoke * exponential(0.5 * length * smoke - behind)
                if smoke != 0.0:
                    for k, j, i in ti.static(ti.ndrange(2, 2, 2)):
                        below = (k * (height + 2) + j) * (width + 2) + i
                        filled[to + x - below] = ti.u8(1)  # by whichever thread: all write one


@kernel
def march(
    pairs: ti.types.ndarray(ndim=1),
    filled: ti.types.ndarray(ndim=1),
    light: ti.types.ndarray(ndim=2),
    camera: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    image: ti.types.ndarray(ndim=3),
    depth: int,
    height: int,
    width: int,
    columns: int,
    rows: int,
    spread: int,
    terms: ti.template(),
):
    for item in range(image.shape[0] * rows * spread):
        if item % spread == 0:
            b, row = item // spread // rows, item // spread % rows
            grid, pixels = ti.Vector([width, height, depth]), ti.Vector([columns, rows])
            line, plane = width + 2, (width + 2) * (height + 2)
            first = 2 * b * (depth + 2) * plane
            view, lamp = ti.min(b, camera.shape[0] - 1), ti.min(b, light.shape[0] - 1)
            for column in range(columns):
                place, way, count = ray_of(camera, view, row, column, grid, pixels, frame)
                clear = 0.0 * place[0] + 1.0
                seen = ti.Vector([0.0 * clear, 0.0 * clear])
                for k in range(count):
                    at, part = corner_of(place + k * way, grid)
                    if filled[first // 2 + at] != 0:  # most of a box is empty
                        smoke = sample(pairs, first + 2 * at, part, line, plane)
                        lit = sample(pairs, first + 2 * at + 1, part, line, plane)
                        left, mean, _ = absorb(smoke * frame[2], frame, terms)
                        seen += clear * mean * frame[2] * ti.Vector([smoke, lit])
                        clear = clear * left
                for c in ti.static(range(3)):
                    colour = light[lamp, 3 + c] * seen[1] + light[lamp, 6 + c] * seen[0]
                    image[b, c, row * columns + column] = light[lamp, 9 + c] * colour
                image[b, 3, row * columns + column] = seen[0]


@kernel
def march_gradient(
    pairs: ti.types.ndarray(ndim=1),
    filled: ti.types.ndarray(ndim=1),
    camera: ti.types.ndarray(ndim=3),
    frame: ti.types.ndarray(ndim=1),
    g_seen: ti.types.ndarray(ndim=3),
    seen: ti.types.ndarray(ndim=3),
    g_pairs: ti.types.ndarray(ndim=1),
    depth: int,
    height: int,
    width: int,
    columns: int,
    rows: int,
    blocks: int,
    spread: int,
    terms: ti.template(),
):
    for item in range(g_seen.shape[0] * blocks * spread):
        if item % spread == 0:
            b, block = item // spread // blocks, item // spread % blocks
            grid, pixels = ti.Vector([width, height, depth]), ti.Vector([columns, rows])
            line, plane = width + 2, (width + 2) * (height + 2)
            first = 2 * b * (depth + 2) * plane
            own = 2 * (b * blocks + block) * (depth + 2) * plane
            view = ti.min(b, camera.shape[0] - 1)
            for pixel in range(
                rows * block // blocks * columns, rows * (block + 1) // blocks * columns
            ):
                row, column = pixel // columns, pixel % columns
                place, way, count = ray_of(camera, view, row, column, grid, pixels, frame)
                clear = 0.0 * place[0] + 1.0
                whole = ti.Vector([0.0 * clear, 0.0 * clear])
                for k in range(count):
                    at, part = corner_of(place + k * way, grid)
                    if filled[first // 2 + at] != 0:  # most of a box is empty
                        smoke = sample(pairs, first + 2 * at, part, line, plane)
                        lit = sample(pairs, first + 2 * at + 1, part, line, plane)
                        left, mean, _ = absorb(smoke * frame[2], frame, terms)
                        whole += clear * mean * frame[2] * ti.Vector([smoke, lit])
                        clear = clear * left
                seen[b, 0, pixel], seen[b, 1, pixel] = whole[0], whole[1]
                through = clear
                behind = whole[1]
                clear = 0.0 * clear + 1.0
                for k in range(count):
                    at, part = corner_of(place + k * way, grid)
                    smoke = sample(pairs, first + 2 * at, part, line, plane)
                    lit = sample(pairs, first + 2 * at + 1, part, line, plane)
                    left, mean, slope = absorb(smoke * frame[2], frame, terms)
                    weight = clear * frame[2]
                    behind -= weight * mean * lit
                    change = weight * frame[2] * slope * lit - frame[2] * behind
                    g_density = g_seen[b, 1, pixel] * change
                    g_density += g_seen[b, 0, pixel] * frame[2] * through
                    g_lit = g_seen[b, 1, pixel] * weight * mean
                    sample_gradient(g_pairs, own, at, part, line, plane, g_density, g_lit)
                    clear = clear * left


@kernel
def pack_gradient(
    density: ti.types.ndarray(ndim=2),
    light: ti.types.ndarray(ndim=2),
    axes: ti.types.ndarray(ndim=1),
    frame: ti.types.ndarray(ndim=1),
    ahead: ti.types.ndarray(ndim=2),
    g_pairs: ti.types.ndarray(ndim=1),
    g_density: ti.types.ndarray(ndim=2),
    g_depth: ti.types.ndarray(ndim=2),
    depth: int,
    height: int,
    width: int,
    blocks: int,
    spread: int,
):
    for item in range(density.shape[0] * depth * height * spread):
        if item % spread == 0:
            line = item // spread
            b, z, y = line // height // depth, line // height % depth, line % height
            length = length_of(light, ti.min(b, light.shape[0] - 1), axes[b], frame)
            for x in range(width):
                at = (z * height + y) * width + x
                smoke = density[b, at]
                g_smoke, g_lit = 0.0 * smoke, 0.0 * smoke
                for block in range(blocks):
                    to = ((b * blocks + block) * (depth + 2) + z + 1) * (height + 2) + y + 1
                    to = 2 * (to * (width + 2) + x + 1)
                    g_smoke += g_pairs[to]
                    g_lit += g_pairs[to + 1]
                clear = exponential(0.5 * length * smoke - ahead[b, at])
                g_density[b, at] = g_smoke + g_lit * clear
                g_depth[b, at] = -g_lit * clear * smoke


def _padded(cells: tuple[int, int, int]) -> int:
    return 2 * (cells[0] + 2) * (cells[1] + 2) * (cells[2] + 2)


class _Volume(NamedTuple):
    """Density prepared for rays.

    Attributes:
        cells: D, H, W.
        axes: Of `main_axis`.
        ahead: Of `sweep`.
        pairs: Density and lit density of the padded cells.
        filled: Whether one of the eight cells from this one up, right and near has smoke.
    """

    cells: tuple[int, int, int]
    axes: Tensor
    ahead: Tensor
    pairs: Tensor
    filled: Tensor


def _prepare(density: Tensor, light: Tensor, frame: Tensor) -> _Volume:
    batch, _, depth, height, width = density.shape
    cells, flat = (depth, height, width), density.view(batch, -1)
    axes = main_axis(light, batch)
    ahead = sweep(flat, light, axes, frame, cells)
    pairs = density.new_zeros(batch * _padded(cells))
    filled = torch.zeros(pairs.shape[0] // 2, dtype=torch.uint8, device=density.device)
    spread = grid_for(density.device).spread
    pack(flat, light, axes, frame, ahead, pairs, filled, *cells, spread)
    return _Volume(cells, axes, ahead, pairs, filled)


def forward(
    density: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    step: float,
    pixels: tuple[int, int],
) -> Tensor:
    """Return premultiplied linear RGB and opacity, shape (B, 4, h, w), row 0 at the top.

    Args:
        density: Extinction [1/m], shape (B, 1, D, H, W).
        light: Direction toward it 3, radiance 3, ambient 3, albedo 3; shape (B or 1, 12).
        camera: Rows as in `ops`, shape (B or 1, 6, 3).
        cell: Side of a cell [m].
        step: Between samples [cells].
        pixels: Width and height of the image.
    """
    runtime.start(density.device)
    image = density.new_empty((density.shape[0], 4, pixels[1] * pixels[0]))
    if image.numel() == 0:
        return image.view(-1, 4, pixels[1], pixels[0])
    frame = make_frame(density, cell, step, pixels)
    cells, _, _, pairs, filled = _prepare(density, light, frame)
    spread = grid_for(density.device).spread
    march(pairs, filled, light, camera, frame, image, *cells, *pixels, spread, TERMS[density.dtype])
    return image.view(-1, 4, pixels[1], pixels[0])


def backward(
    g_image: Tensor,
    density: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    step: float,
    pixels: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Return the gradients to density and light."""
    runtime.start(density.device)
    batch = density.shape[0]
    if batch == 0:
        return torch.zeros_like(density), torch.zeros_like(light)
    frame, spread = make_frame(density, cell, step, pixels), grid_for(density.device).spread
    cells, axes, ahead, pairs, filled = _prepare(density, light, frame)
    flat = density.view(batch, -1)
    numbers = batch * _padded(cells)
    blocks = max(1, min(BLOCKS[density.device.type] // batch, MOST_SCATTERED // numbers))
    g_pairs = density.new_zeros(blocks * numbers)
    upstream = g_image.view(batch, 4, -1)
    g_seen = seen_gradient(upstream, light)
    seen = torch.empty_like(g_seen)
    march_gradient(
        pairs, filled, camera, frame, g_seen, seen, g_pairs,
        *cells, *pixels, blocks, spread, TERMS[density.dtype],
    )  # fmt: skip
    g_flat, g_depth = torch.empty_like(flat), torch.empty_like(flat)
    pack_gradient(flat, light, axes, frame, ahead, g_pairs, g_flat, g_depth, *cells, blocks, spread)
    g_direction = sweep_gradient(flat, light, axes, frame, ahead, g_depth, g_flat, cells)
    g_light = torch.cat([g_direction, colour_gradient(upstream, light, seen)], dim=1)
    g_light = g_light.sum(dim=0, keepdim=True) if light.shape[0] == 1 else g_light
    return g_flat.view(density.shape), g_light


def seen_gradient(upstream: Tensor, light: Tensor) -> Tensor:
    """Return the gradient to opacity and light of every pixel, shape (B, 2, h w)."""
    radiance, ambient, albedo = (light[:, i : i + 3, None] for i in (3, 6, 9))
    g_colour = upstream[:, :3] * albedo
    g_opacity = upstream[:, 3] + (g_colour * ambient).sum(dim=1)
    return torch.stack([g_opacity, (g_colour * radiance).sum(dim=1)], dim=1)


def colour_gradient(upstream: Tensor, light: Tensor, seen: Tensor) -> Tensor:
    """Return the gradient to radiance, ambient and albedo of every image, shape (B, 9)."""
    radiance, ambient, albedo = (light[:, i : i + 3] for i in (3, 6, 9))
    opacity = (upstream[:, :3] * seen[:, :1]).sum(dim=2)
    lit = (upstream[:, :3] * seen[:, 1:]).sum(dim=2)
    return torch.cat([albedo * lit, albedo * opacity, radiance * lit + ambient * opacity], dim=1)

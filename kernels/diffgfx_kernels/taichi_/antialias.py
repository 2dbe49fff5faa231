"""Antialias silhouettes: pairs of neighbours first, then the pixels that take part in any.

A pair leaves two numbers in the place of its left or lower pixel: the edge that passes between the
two (0: none; 1 to 3 of that pixel's triangle, 4 to 6 of the other's), and its share, above zero if
that pixel takes of the next, else below. A pixel finds its four shares in its own place and in
those to the left and below. Gradients to vertices come from the few pairs alone: a list of them is
sorted by vertex and summed in order. Nothing is kept from the forward pass.
"""

import taichi as ti
import torch
from torch import Tensor

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.launch import kernel
from diffgfx_kernels.taichi_.silhouette import (
    SCREEN_SIZE,
    corner_of,
    find_crossing,
    find_outlines,
    project,
)

__all__ = ["backward", "forward"]

EPSILON = 1e-3
"""What nvdiffrast adds to the height of an edge [px] where it divides a gradient by it."""


@ti.func
def pair_share(
    rast: ti.template(),
    screen: ti.template(),
    tri: ti.template(),
    outlines: ti.template(),
    p,
    first,
    second,
    x,
    y,
    upward: ti.template(),
    bounded: ti.template(),
):
    """Return the edge between two pixels and its share; x, y is the first's centre."""
    edge, alpha = 0, 0.0 * rast[first, 2]
    one, other = ti.cast(rast[first, 3], ti.i32) - 1, ti.cast(rast[second, 3], ti.i32) - 1
    if one != other:
        own = other < 0 or (one >= 0 and rast[first, 2] < rast[second, 2])
        t, sign, offset = other, 0.0 * alpha - 1.0, 3
        if own:
            t, sign, offset = one, 0.0 * alpha + 1.0, 0
        bits = outlines[p, t]
        if bits != 0:
            if not own:
                if ti.static(upward):
                    y += 1.0
                else:
                    x += 1.0
            found, way = find_crossing(screen, tri, p, t, x, y, upward, sign, bits, bounded)
            if found > 0:
                edge, alpha = found + offset, sign * (0.5 - way)
    return edge, alpha


@kernel
def find_pairs(
    rast: ti.types.ndarray(ndim=2),
    pos: ti.types.ndarray(ndim=3),
    tri: ti.types.ndarray(ndim=2),
    edges: ti.types.ndarray(ndim=2),
    screen: ti.types.ndarray(ndim=3),
    outlines: ti.types.ndarray(ndim=2),
    cut: ti.types.ndarray(ndim=2),
    share: ti.types.ndarray(ndim=2),
    width: int,
    height: int,
    real: ti.template(),
    bounded: ti.template(),
):
    wide, high = 0.5 * ti.cast(width, real), 0.5 * ti.cast(height, real)
    for i in range(pos.shape[0] * pos.shape[1]):
        project(pos, screen, i // pos.shape[1], i % pos.shape[1], wide, high, bounded)
    for i in range(pos.shape[0] * tri.shape[0]):
        p, t = i // tri.shape[0], i % tri.shape[0]
        outlines[p, t] = find_outlines(screen, tri, edges, p, t, bounded)
    for i in range(rast.shape[0]):
        p = i // (width * height) % pos.shape[0]
        column, row = i % width, i // width % height
        x, y = column + 0.5 - wide, row + 0.5 - high
        edge, alpha = 0, 0.0 * wide
        if column + 1 < width:
            edge, alpha = pair_share(
                rast, screen, tri, outlines, p, i, i + 1, x, y, False, bounded
            )
        cut[0, i], share[0, i] = ti.cast(edge, ti.i8), alpha
        edge, alpha = 0, 0.0 * wide
        if row + 1 < height:
            edge, alpha = pair_share(
                rast, screen, tri, outlines, p, i, i + width, x, y, True, bounded
            )
        cut[1, i], share[1, i] = ti.cast(edge, ti.i8), alpha


@ti.func
def neighbours(i, pixels, width):
    """The pixels right, left, above and below; shares with those of another row are zero."""
    return ti.Vector([
        (i + 1) % pixels, (i + pixels - 1) % pixels,
        (i + width) % pixels, (i + pixels - width) % pixels,
    ])  # fmt: skip


@ti.func
def takes_part(cut: ti.template(), i, near):
    """Whether an outline passes between a pixel and any of its neighbours."""
    return (cut[0, i] | cut[0, near[1]] | cut[1, i] | cut[1, near[3]]) != 0


@ti.func
def shares_of(share: ti.template(), i, near, bounded: ti.template()):
    """What a pixel takes of each neighbour, and what that was divided by."""
    taken = ti.Vector([
        ti.max(share[0, i], 0.0), ti.max(-share[0, near[1]], 0.0),
        ti.max(share[1, i], 0.0), ti.max(-share[1, near[3]], 0.0),
    ])  # fmt: skip
    whole = 0.0 * taken[0] + 1.0
    if ti.static(bounded):
        whole = ti.max(taken[0] + taken[1] + taken[2] + taken[3], 1.0)
    return taken / whole, whole


@kernel
def blend(
    color: ti.types.ndarray(ndim=2),
    cut: ti.types.ndarray(ndim=2),
    share: ti.types.ndarray(ndim=2),
    out: ti.types.ndarray(ndim=2),
    width: int,
    bounded: ti.template(),
):
    for i in range(out.shape[0]):
        near = neighbours(i, out.shape[0], width)
        if takes_part(cut, i, near):
            taken, _ = shares_of(share, i, near, bounded)
            for c in range(out.shape[1]):
                own = color[i, c]
                value = own
                for k in ti.static(range(4)):
                    value += taken[k] * (color[near[k], c] - own)
                out[i, c] = value


@kernel
def blend_gradient(
    g_out: ti.types.ndarray(ndim=2),
    cut: ti.types.ndarray(ndim=2),
    share: ti.types.ndarray(ndim=2),
    g_color: ti.types.ndarray(ndim=2),
    width: int,
    bounded: ti.template(),
):
    for i in range(g_out.shape[0]):
        near = neighbours(i, g_out.shape[0], width)
        if takes_part(cut, i, near):
            taken, _ = shares_of(share, i, near, bounded)
            kept = 1.0 - taken.sum()
            given = 0.0 * taken
            for k in ti.static(range(4)):
                beyond = neighbours(near[k], g_out.shape[0], width)
                theirs, _ = shares_of(share, near[k], beyond, bounded)
                given[k] = theirs[k ^ 1]
            for c in range(g_out.shape[1]):
                g = kept * g_out[i, c]
                for k in ti.static(range(4)):
                    g += given[k] * g_out[near[k], c]
                g_color[i, c] = g


@ti.func
def share_gradient(
    g_out: ti.template(),
    color: ti.template(),
    share: ti.template(),
    taker,
    slot,
    width,
    bounded: ti.template(),
):
    """The gradient to what a pixel takes of the neighbour in a slot, before the division."""
    near = neighbours(taker, color.shape[0], width)
    taken, whole = shares_of(share, taker, near, bounded)
    wanted, mean = 0.0 * whole, 0.0 * whole
    for k in ti.static(range(4)):
        if k == slot or (ti.static(bounded) and whole > 1.0 and taken[k] > 0.0):
            change = 0.0 * whole
            for c in range(color.shape[1]):
                change += g_out[taker, c] * (color[near[k], c] - color[taker, c])
            mean += taken[k] * change
            if k == slot:
                wanted = change
    if whole > 1.0:
        wanted -= mean
    return wanted / whole


@ti.func
def crossing_gradient(a, b, bounded: ti.template()):
    """How the place where an edge crosses the axis changes with x, y and w of its ends."""
    rise = b[1] * a[2] - a[1] * b[2]
    if ti.static(not bounded):
        rise += ti.select(rise < 0, -EPSILON, EPSILON)
    at = (a[0] * b[1] - b[0] * a[1]) / rise
    one = ti.Vector([b[1], at * b[2] - b[0], -at * b[1]]) / rise
    other = ti.Vector([-a[1], a[0] - at * a[2], at * a[1]]) / rise
    if ti.static(not bounded):  # no change along the ray of a vertex
        one[2] = -(a[0] * one[0] + a[1] * one[1])
        other[2] = -(b[0] * other[0] + b[1] * other[1])
    return one, other


@ti.func
def store_gradient(
    values: ti.template(), screen: ti.template(), p, v, at, slope, x, y, size, upward
):
    """Write the gradient to X, Y and W of a vertex, from that to where a pixel sees it."""
    gx, gy = slope[0], slope[1]
    if upward:
        gx, gy = gy, gx
    scale = screen[p, v, 4]
    values[at, 0] = scale * size[0] * gx
    values[at, 1] = scale * size[1] * gy
    values[at, 2] = scale * (slope[2] - x * gx - y * gy)


@kernel
def pair_gradients(
    listed: ti.types.ndarray(ndim=1),
    g_out: ti.types.ndarray(ndim=2),
    color: ti.types.ndarray(ndim=2),
    rast: ti.types.ndarray(ndim=2),
    tri: ti.types.ndarray(ndim=2),
    screen: ti.types.ndarray(ndim=3),
    cut: ti.types.ndarray(ndim=2),
    share: ti.types.ndarray(ndim=2),
    keys: ti.types.ndarray(ndim=1),
    values: ti.types.ndarray(ndim=2),
    width: int,
    height: int,
    real: ti.template(),
    bounded: ti.template(),
):
    pixels = color.shape[0]
    size = ti.Vector([0.5 * ti.cast(width, real), 0.5 * ti.cast(height, real)])
    for n in range(listed.shape[0]):
        place = ti.cast(listed[n], ti.i32)
        way = place // pixels
        first = place % pixels
        second = first + 1 if way == 0 else first + width
        edge, alpha = ti.cast(cut[way, first], ti.i32), share[way, first]
        taker, slot, turn = second, 2 * way + 1, 0.0 * alpha + 1.0
        if alpha > 0:
            taker, slot, turn = first, 2 * way, 0.0 * alpha - 1.0
        g = 0.0 * alpha
        if ti.abs(alpha) < 0.5:
            g = turn * share_gradient(g_out, color, share, taker, slot, width, bounded)
        own = first if edge < 4 else second
        p, k = own // (width * height) % screen.shape[0], (edge - 1) % 3
        x, y = own % width + 0.5 - size[0], own // width % height + 0.5 - size[1]
        t = ti.cast(rast[own, 3], ti.i32) - 1
        v, u = tri[t, (k + 1) % 3], tri[t, (k + 2) % 3]
        one, other = crossing_gradient(
            corner_of(screen, p, v, x, y, way == 1), corner_of(screen, p, u, x, y, way == 1), bounded
        )
        store_gradient(values, screen, p, v, 2 * n, g * one, x, y, size, way == 1)
        store_gradient(values, screen, p, u, 2 * n + 1, g * other, x, y, size, way == 1)
        keys[2 * n] = p * screen.shape[1] + v
        keys[2 * n + 1] = p * screen.shape[1] + u


@kernel
def add_by_vertex(
    keys: ti.types.ndarray(ndim=1),
    order: ti.types.ndarray(ndim=1),
    values: ti.types.ndarray(ndim=2),
    g_pos: ti.types.ndarray(ndim=2),
):
    count = keys.shape[0]
    for n in range(count):
        key = keys[n]
        if n == 0 or keys[ti.max(n - 1, 0)] != key:
            total = 0.0 * ti.Vector([values[0, 0], values[0, 0], values[0, 0]])
            m = n
            while m < count and keys[ti.min(m, count - 1)] == key:
                at = ti.cast(order[m], ti.i32)
                for c in ti.static(range(3)):
                    total[c] += values[at, c]
                m += 1
            g_pos[key, 0] = total[0]
            g_pos[key, 1] = total[1]
            g_pos[key, 3] = total[2]


def _find(
    rast: Tensor, pos: Tensor, tri: Tensor, edges: Tensor, bounded: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the projected vertices, and the edges and shares of all pairs, shape (2, B H W)."""
    _, height, width, _ = rast.shape
    flat = rast.view(-1, 4)
    screen = pos.new_empty((*pos.shape[:2], SCREEN_SIZE))
    outlines = tri.new_empty((pos.shape[0], tri.shape[0]))
    cut = torch.empty((2, len(flat)), dtype=torch.int8, device=pos.device)
    share = pos.new_empty((2, len(flat)))
    find_pairs(
        flat, pos, tri, edges, screen, outlines, cut, share,
        width, height, runtime.real_of(pos), bounded,
    )  # fmt: skip
    return screen, cut, share


def forward(
    color: Tensor, rast: Tensor, pos: Tensor, tri: Tensor, edges: Tensor, bounded: bool
) -> Tensor:
    """Return the picture, shape (B, H, W, C)."""
    runtime.start(color.device)
    out = color.clone()
    if color.numel() and len(tri):
        _, cut, share = _find(rast, pos, tri, edges, bounded)
        flat = color.view(-1, color.shape[3])
        blend(flat, cut, share, out.view(flat.shape), color.shape[2], bounded)
    return out


def backward(
    g_out: Tensor,
    color: Tensor,
    rast: Tensor,
    pos: Tensor,
    tri: Tensor,
    edges: Tensor,
    bounded: bool,
    moved: bool,
) -> tuple[Tensor, Tensor]:
    """Return the gradients to the colours and (zero unless ``moved``) to the positions."""
    runtime.start(color.device)
    g_color, g_pos = g_out.clone(), torch.zeros_like(pos)
    if not (color.numel() and len(tri)):
        return g_color, g_pos
    _, height, width, channels = color.shape
    screen, cut, share = _find(rast, pos, tri, edges, bounded)
    g_flat, flat = g_out.view(-1, channels), color.view(-1, channels)
    blend_gradient(g_flat, cut, share, g_color.view(flat.shape), width, bounded)
    listed = cut.view(-1).nonzero()[:, 0] if moved else cut.new_empty(0)
    if len(listed):
        keys, values = tri.new_empty(2 * len(listed)), pos.new_empty((2 * len(listed), 3))
        pair_gradients(
            listed, g_flat, flat, rast.view(-1, 4), tri, screen, cut, share, keys, values,
            width, height, runtime.real_of(pos), bounded,
        )  # fmt: skip
        ordered, order = torch.sort(keys, stable=True)
        add_by_vertex(ordered, order, values, g_pos.view(-1, 4))
    return g_color, g_pos

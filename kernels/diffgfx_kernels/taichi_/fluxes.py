"""What a projection does on faces: couplings, net flux, correction, and the gradients of them.

Faces are flat, (B, faces), x-, y- and z-faces in tensors of their own; in two dimensions the
z-faces are a stand-in and never read. ``grid`` holds cells along x, y and z, then the kind of each
side: `FIXED`, `OUTFLOW` or `PERIODIC`. Lengths are counted in cells. Of a periodic axis face 0 is
read.
"""

import taichi as ti

from diffgfx_kernels.taichi_.launch import kernel

__all__ = [
    "FIXED", "OUTFLOW", "PERIODIC",
    "correct", "couple", "face_gradients", "net_flux", "potential_gradient",
]  # fmt: skip

FIXED, OUTFLOW, PERIODIC = 0, 1, 2


@ti.func
def face_at(spot, axis: ti.template(), up, grid):
    """Where the face below (up = 0) or above (1) a cell lies among the flat faces of an axis."""
    size = ti.Vector([grid[0], grid[1], grid[2]])
    place = spot
    place[axis] += up
    if grid[3 + 2 * axis] == PERIODIC and place[axis] == size[axis]:
        place[axis] = 0
    size[axis] += 1
    return (place[2] * size[1] + place[1]) * size[0] + place[0]


@ti.func
def kind_of(place, axis: ti.template(), grid):
    """What a face is: -1 between two cells, else the kind of the side it lies on."""
    kind = -1
    if place == 0:
        kind = grid[3 + 2 * axis]
    if place == grid[axis]:
        kind = grid[4 + 2 * axis]
    return kind


@ti.func
def slope_at(p: ti.template(), b, spot, axis: ti.template(), grid):
    """The difference of the potential across a face that is not fixed; ``spot`` is the face's."""
    nx, ny = grid[0], grid[1]
    count = grid[axis]
    below, above = spot, spot
    below[axis] -= 1
    sign_below, sign_above = 1, 1
    kind = kind_of(spot[axis], axis, grid)
    if kind == PERIODIC:
        below[axis], above[axis] = count - 1, 0
    if kind == OUTFLOW and spot[axis] == 0:  # the potential is zero on the side itself
        below[axis], sign_below = 0, -1
    if kind == OUTFLOW and spot[axis] == count:
        above[axis], sign_above = count - 1, -1
    low = (below[2] * ny + below[1]) * nx + below[0]
    high = (above[2] * ny + above[1]) * nx + above[0]
    return sign_above * p[b, high] - sign_below * p[b, low]


@kernel
def couple(
    open_x: ti.types.ndarray(ndim=2),
    open_y: ti.types.ndarray(ndim=2),
    open_z: ti.types.ndarray(ndim=2),
    grid: ti.types.ndarray(ndim=1),
    coupling: ti.types.ndarray(ndim=3),
    chunks: int,
    spread: int,
    dim: ti.template(),
):
    """The finest couplings of the matrix."""
    for item in range(coupling.shape[0] * chunks * spread):
        if item % spread == 0:
            g = ti.Vector([grid[c] for c in ti.static(range(9))])
            rows = g[1] * g[2]
            share = (rows + chunks - 1) // chunks
            first = ti.min(item // spread % chunks * share, rows)
            w = item // spread // chunks
            for row in range(first, ti.min(first + share, rows)):
                for i in range(g[0]):
                    spot = ti.Vector([i, row % g[1], row // g[1]])
                    at = row * g[0] + i
                    for a in ti.static(range(dim)):
                        opening = ti.static((open_x, open_y, open_z)[a])
                        low = opening[w, face_at(spot, a, 0, g)]
                        high = opening[w, face_at(spot, a, 1, g)]
                        inner = spot[a] > 0 or (g[3 + 2 * a] == PERIODIC and g[a] > 1)
                        coupling[w, a, at] = ti.select(inner, low, 0.0 * low)
                        extra = 0.0 * low
                        if spot[a] == 0 and g[3 + 2 * a] == OUTFLOW:
                            extra += 2.0 * low
                        if spot[a] == g[a] - 1 and g[4 + 2 * a] == OUTFLOW:
                            extra += 2.0 * high
                        coupling[w, dim + a, at] = extra


@ti.func
def flux(
    velocity: ti.template(),
    opening: ti.template(),
    solid: ti.template(),
    b,
    at,
    is_open: ti.template(),
    moves: ti.template(),
):
    """What flows through a face: the fluid through its opening, the solid through the rest."""
    total = velocity[b, at]
    if ti.static(is_open):
        share = opening[b % opening.shape[0], at]
        total *= share
        if ti.static(moves):
            total += (1.0 - share) * solid[b % solid.shape[0], at]
    return total


@kernel
def net_flux(
    u_x: ti.types.ndarray(ndim=2), u_y: ti.types.ndarray(ndim=2), u_z: ti.types.ndarray(ndim=2),
    w_x: ti.types.ndarray(ndim=2), w_y: ti.types.ndarray(ndim=2), w_z: ti.types.ndarray(ndim=2),
    s_x: ti.types.ndarray(ndim=2), s_y: ti.types.ndarray(ndim=2), s_z: ti.types.ndarray(ndim=2),
    grid: ti.types.ndarray(ndim=1),
    right: ti.types.ndarray(ndim=2),
    chunks: int,
    spread: int,
    dim: ti.template(),
    is_open: ti.template(),
    moves: ti.template(),
):  # fmt: skip
    """What flows into each cell, less what flows out; zero in cells that are closed."""
    for item in range(chunks * spread):
        if item % spread == 0:
            g = ti.Vector([grid[c] for c in ti.static(range(9))])
            rows = u_x.shape[0] * g[1] * g[2]
            share = (rows + chunks - 1) // chunks
            first = ti.min(item // spread * share, rows)
            for row in range(first, ti.min(first + share, rows)):
                j, k, b = row % g[1], row // g[1] % g[2], row // (g[1] * g[2])
                for i in range(g[0]):
                    spot = ti.Vector([i, j, k])
                    total = 0.0 * u_x[b, 0]
                    around = 0.0 * u_x[b, 0]
                    for a in ti.static(range(dim)):
                        u = ti.static((u_x, u_y, u_z)[a])
                        w = ti.static((w_x, w_y, w_z)[a])
                        s = ti.static((s_x, s_y, s_z)[a])
                        low, high = face_at(spot, a, 0, g), face_at(spot, a, 1, g)
                        total += flux(u, w, s, b, low, is_open, moves)
                        total -= flux(u, w, s, b, high, is_open, moves)
                        if ti.static(is_open):
                            o = b % w.shape[0]
                            if kind_of(spot[a], a, g) != FIXED and low != high:
                                around += w[o, low]
                            if kind_of(spot[a] + 1, a, g) != FIXED and low != high:
                                around += w[o, high]
                    if ti.static(is_open):
                        total = ti.select(around > 0.0, total, 0.0 * total)
                    right[b, (k * g[1] + j) * g[0] + i] = total


@kernel
def correct(
    u_x: ti.types.ndarray(ndim=2), u_y: ti.types.ndarray(ndim=2), u_z: ti.types.ndarray(ndim=2),
    w_x: ti.types.ndarray(ndim=2), w_y: ti.types.ndarray(ndim=2), w_z: ti.types.ndarray(ndim=2),
    s_x: ti.types.ndarray(ndim=2), s_y: ti.types.ndarray(ndim=2), s_z: ti.types.ndarray(ndim=2),
    p: ti.types.ndarray(ndim=2),
    o_x: ti.types.ndarray(ndim=2), o_y: ti.types.ndarray(ndim=2), o_z: ti.types.ndarray(ndim=2),
    grid: ti.types.ndarray(ndim=1),
    chunks: int,
    spread: int,
    dim: ti.template(),
    is_open: ti.template(),
    moves: ti.template(),
):  # fmt: skip
    """Take the potential's gradient from the velocity; closed faces get the solid's."""
    for a in ti.static(range(dim)):
        for item in range(chunks * spread):
            if item % spread == 0:
                u = ti.static((u_x, u_y, u_z)[a])
                w = ti.static((w_x, w_y, w_z)[a])
                s = ti.static((s_x, s_y, s_z)[a])
                out = ti.static((o_x, o_y, o_z)[a])
                g = ti.Vector([grid[c] for c in ti.static(range(9))])
                size = ti.Vector([g[0], g[1], g[2]])
                size[a] += 1
                rows = u_x.shape[0] * size[1] * size[2]
                share = (rows + chunks - 1) // chunks
                first = ti.min(item // spread * share, rows)
                for row in range(first, ti.min(first + share, rows)):
                    b = row // (size[1] * size[2])
                    for i in range(size[0]):
                        spot = ti.Vector([i, row % size[1], row // size[1] % size[2]])
                        kind = kind_of(spot[a], a, g)
                        from_ = spot
                        if kind == PERIODIC:
                            from_[a] = 0
                        at = (from_[2] * size[1] + from_[1]) * size[0] + from_[0]
                        value = u[b, at]
                        if kind != FIXED:
                            value -= slope_at(p, b, spot, a, g)
                            if ti.static(is_open) and w[b % w.shape[0], at] <= 0.0:
                                value = 0.0 * value
                                if ti.static(moves):
                                    value = s[b % s.shape[0], at]
                        out[b, (spot[2] * size[1] + spot[1]) * size[0] + i] = value


@ti.func
def upstream(g: ti.template(), b, spot, axis: ti.template(), grid):
    """The gradient on a face: that of both ends together, where the axis is periodic."""
    size = ti.Vector([grid[0], grid[1], grid[2]])
    size[axis] += 1
    place = spot
    value = g[b, (place[2] * size[1] + place[1]) * size[0] + place[0]]
    if kind_of(spot[axis], axis, grid) == PERIODIC:
        place[axis] = grid[axis] - spot[axis]
        value += g[b, (place[2] * size[1] + place[1]) * size[0] + place[0]]
    return value


@kernel
def potential_gradient(
    g_x: ti.types.ndarray(ndim=2), g_y: ti.types.ndarray(ndim=2), g_z: ti.types.ndarray(ndim=2),
    w_x: ti.types.ndarray(ndim=2), w_y: ti.types.ndarray(ndim=2), w_z: ti.types.ndarray(ndim=2),
    g_p: ti.types.ndarray(ndim=2),
    grid: ti.types.ndarray(ndim=1),
    total: ti.types.ndarray(ndim=2),
    chunks: int,
    spread: int,
    dim: ti.template(),
    is_open: ti.template(),
):  # fmt: skip
    """The transpose of the correction: what the loss gains by a cell's potential."""
    for item in range(chunks * spread):
        if item % spread == 0:
            g = ti.Vector([grid[c] for c in ti.static(range(9))])
            rows = g_x.shape[0] * g[1] * g[2]
            share = (rows + chunks - 1) // chunks
            first = ti.min(item // spread * share, rows)
            for row in range(first, ti.min(first + share, rows)):
                b = row // (g[1] * g[2])
                for i in range(g[0]):
                    spot = ti.Vector([i, row % g[1], row // g[1] % g[2]])
                    at = (spot[2] * g[1] + spot[1]) * g[0] + i
                    gain = 0.0 * g_p[b, at]
                    around = 0
                    for a in ti.static(range(dim)):
                        g_face = ti.static((g_x, g_y, g_z)[a])
                        w = ti.static((w_x, w_y, w_z)[a])
                        for up in ti.static(range(2)):
                            face = spot
                            face[a] += up
                            kind = kind_of(face[a], a, g)
                            free = ti.cast(kind != FIXED, ti.i32)
                            if kind == PERIODIC and g[a] == 1:
                                free = 0
                            at_w = face_at(spot, a, up, g)
                            if ti.static(is_open) and w[b % w.shape[0], at_w] <= 0.0:
                                free = 0
                            around += free
                            sign = ti.select(kind == OUTFLOW, 2, 1) * free
                            value = sign * upstream(g_face, b, face, a, g)
                            if ti.static(up == 1):
                                gain += value
                            else:
                                gain -= value
                    total[b, at] = ti.select(around > 0, g_p[b, at] + gain, 0.0 * gain)


@kernel
def face_gradients(
    g_x: ti.types.ndarray(ndim=2), g_y: ti.types.ndarray(ndim=2), g_z: ti.types.ndarray(ndim=2),
    u_x: ti.types.ndarray(ndim=2), u_y: ti.types.ndarray(ndim=2), u_z: ti.types.ndarray(ndim=2),
    w_x: ti.types.ndarray(ndim=2), w_y: ti.types.ndarray(ndim=2), w_z: ti.types.ndarray(ndim=2),
    s_x: ti.types.ndarray(ndim=2), s_y: ti.types.ndarray(ndim=2), s_z: ti.types.ndarray(ndim=2),
    dual: ti.types.ndarray(ndim=2),
    gu_x: ti.types.ndarray(ndim=2), gu_y: ti.types.ndarray(ndim=2), gu_z: ti.types.ndarray(ndim=2),
    gw_x: ti.types.ndarray(ndim=2), gw_y: ti.types.ndarray(ndim=2), gw_z: ti.types.ndarray(ndim=2),
    gs_x: ti.types.ndarray(ndim=2), gs_y: ti.types.ndarray(ndim=2), gs_z: ti.types.ndarray(ndim=2),
    grid: ti.types.ndarray(ndim=1),
    chunks: int,
    spread: int,
    dim: ti.template(),
    is_open: ti.template(),
    moves: ti.template(),
):  # fmt: skip
    """Gradients to velocity, openings and solids, from the adjoint; ``u`` is the projected one."""
    for a in ti.static(range(dim)):
        for item in range(chunks * spread):
            if item % spread == 0:
                g_face = ti.static((g_x, g_y, g_z)[a])
                u_face = ti.static((u_x, u_y, u_z)[a])
                w = ti.static((w_x, w_y, w_z)[a])
                s = ti.static((s_x, s_y, s_z)[a])
                gu_face = ti.static((gu_x, gu_y, gu_z)[a])
                gw_face = ti.static((gw_x, gw_y, gw_z)[a])
                gs_face = ti.static((gs_x, gs_y, gs_z)[a])
                g = ti.Vector([grid[c] for c in ti.static(range(9))])
                size = ti.Vector([g[0], g[1], g[2]])
                size[a] += 1
                rows = u_x.shape[0] * size[1] * size[2]
                share = (rows + chunks - 1) // chunks
                first = ti.min(item // spread * share, rows)
                for row in range(first, ti.min(first + share, rows)):
                    b = row // (size[1] * size[2])
                    for i in range(size[0]):
                        spot = ti.Vector([i, row % size[1], row // size[1] % size[2]])
                        at = (spot[2] * size[1] + spot[1]) * size[0] + i
                        kind = kind_of(spot[a], a, g)
                        direct = upstream(g_face, b, spot, a, g)
                        through = flux_gradient(dual, b, spot, a, g)
                        g_velocity, g_open, g_solid = direct + through, 0.0 * through, 0.0 * through
                        if ti.static(is_open):
                            share_ = w[b % w.shape[0], at]
                            apart = u_face[b, at]
                            g_velocity = direct + share_ * through
                            if ti.static(moves):
                                apart -= s[b % s.shape[0], at]
                                g_solid = (1.0 - share_) * through
                            g_open = apart * through
                            if kind != FIXED and share_ <= 0.0:
                                g_velocity, g_open = 0.0 * through, 0.0 * through
                                g_solid = direct + through
                        if kind == PERIODIC and spot[a] > 0:
                            g_velocity, g_open, g_solid = 0.0 * direct, 0.0 * direct, 0.0 * direct
                        gu_face[b, at] = g_velocity
                        if ti.static(is_open):
                            gw_face[b, at] = g_open
                            if ti.static(moves):
                                gs_face[b, at] = g_solid


@ti.func
def flux_gradient(dual: ti.template(), b, spot, axis: ti.template(), grid):
    """What the loss gains by flux through a face: the adjoint above it less that below it."""
    below, above = spot, spot
    below[axis] -= 1
    has_below, has_above = 1, 1
    if spot[axis] == 0:
        has_below = 0
        below[axis] = 0
    if spot[axis] == grid[axis]:
        has_above = 0
        above[axis] = grid[axis] - 1
    if kind_of(spot[axis], axis, grid) == PERIODIC:
        has_below, has_above = 1, 1
        below[axis], above[axis] = grid[axis] - 1, 0
    low = (below[2] * grid[1] + below[1]) * grid[0] + below[0]
    high = (above[2] * grid[1] + above[1]) * grid[0] + above[0]
    return has_above * dual[b, high] - has_below * dual[b, low]

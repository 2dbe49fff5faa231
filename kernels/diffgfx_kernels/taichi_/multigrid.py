"""One symmetric multigrid cycle for a matrix of couplings between neighbouring cells.

The matrix is ``sum over faces of coupling (x_here - x_there) + extra x_here``. A coarse cell takes
the sum of its children's residuals and gives them its value; a coarse coupling is the sum of the
couplings between two coarse cells' children over the ratio of distances. That is a finite-volume
scheme on the coarse grid, half of what the constant transfer by itself would make it, and
what makes up for the transfer's low order. Closed faces thus stay closed. Where a closed face
splits a pair, the upper child joins the next pair, so that walls fall between coarse cells at every
level.

In-place sums are written out: Taichi takes ``+=`` on a tensor for an atomic one.

Smoothing is red-black before and black-red after, in the reverse order, so that the cycle is
symmetric. Levels of few cells are done by one launch, one thread a batch item.

Source: O. Tatebe, "The multigrid preconditioned conjugate gradient method", 1993; D. Braess,
"Towards algebraic multigrid for elliptic problems of second order", Computing 55, 1995 (constant
transfer, and the factor that it needs).
"""

import taichi as ti

__all__ = [
    "centre_rows",
    "compose_rows",
    "halve_rows",
    "neighbour_sum",
    "prolong_rows",
    "relax_rows",
    "restrict_rows",
    "row_shifts",
    "walk",
]

CLOSED = 0.0009765625
"""A coupling below this share of the one behind it counts as a wall when pairs are made."""


@ti.func
def row_shifts(j, k, nx, ny, nz):
    """How far the neighbours of a row lie in memory: y low, y high, z low, z high; all wrap."""
    plane = nx * ny
    yl = ti.select(j > 0, -nx, (ny - 1) * nx)
    yh = ti.select(j < ny - 1, nx, (1 - ny) * nx)
    zl = ti.select(k > 0, -plane, (nz - 1) * plane)
    zh = ti.select(k < nz - 1, plane, (1 - nz) * plane)
    return ti.Vector([yl, yh, zl, zh])


@ti.func
def neighbour_sum(
    x: ti.template(), coupling: ti.template(), b, w, at, i, nx, shifts, dim: ti.template()
):
    """The couplings of a cell times its neighbours' values; a wall's coupling is zero."""
    low = ti.select(i > 0, at - 1, at + nx - 1)
    high = ti.select(i < nx - 1, at + 1, at - nx + 1)
    total = coupling[w, 0, at] * x[b, low] + coupling[w, 0, high] * x[b, high]
    low, high = at + shifts[0], at + shifts[1]
    total += coupling[w, 1, at] * x[b, low] + coupling[w, 1, high] * x[b, high]
    if ti.static(dim == 3):
        low, high = at + shifts[2], at + shifts[3]
        total += coupling[w, 2, at] * x[b, low] + coupling[w, 2, high] * x[b, high]
    return total


@ti.func
def relax_rows(
    x: ti.template(),
    right: ti.template(),
    coupling: ti.template(),
    centre: ti.template(),
    plan: ti.template(),
    level,
    first,
    last,
    colour,
    back,
    dim: ti.template(),
):
    """Solve each cell of one colour for its own value, in rows [first, last) of all items."""
    start, nx, ny, nz = plan[level, 0, 0], plan[level, 0, 1], plan[level, 0, 2], plan[level, 0, 3]
    for turn in range(last - first):
        row = ti.select(back == 1, last - 1 - turn, first + turn)
        j, k, b = row % ny, row // ny % nz, row // (ny * nz)
        w = b % coupling.shape[0]
        shifts = row_shifts(j, k, nx, ny, nz)
        origin = start + (k * ny + j) * nx
        odd = (colour + j + k) % 2
        count = (nx - odd + 1) // 2
        for step in range(count):
            i = odd + 2 * ti.select(back == 1, count - 1 - step, step)
            at = origin + i
            total = neighbour_sum(x, coupling, b, w, at, i, nx, shifts, dim)
            x[b, at] = (right[b, at] + total) * centre[w, 1, at]


@ti.func
def restrict_rows(
    x: ti.template(),
    right: ti.template(),
    coupling: ti.template(),
    centre: ti.template(),
    code: ti.template(),
    moves: ti.template(),
    plan: ti.template(),
    level,
    first,
    last,
    dim: ti.template(),
):
    """Sum the residuals of coarse cells' children, in coarse rows [first, last) of all items."""
    start, nx, ny, nz = plan[level, 0, 0], plan[level, 0, 1], plan[level, 0, 2], plan[level, 0, 3]
    to = level + 1
    begin, mx, my, mz = plan[to, 0, 0], plan[to, 0, 1], plan[to, 0, 2], plan[to, 0, 3]
    for row in range(first, last):
        cj, ck, b = row % my, row // my % mz, row // (my * mz)
        w = b % coupling.shape[0]
        reach = moves[w, level]
        target = (ck * my + cj) * mx
        for ci in range(mx):
            right[b, begin + target + ci] = 0.0 * x[b, start]
            x[b, begin + target + ci] = 0.0 * x[b, start]
        for kk in range(2 * ck - ti.select(nz > 2, reach, 0), ti.min(2 * ck + 2, nz)):
            k = ti.select(kk < 0, nz - 1, kk)
            for jj in range(2 * cj - ti.select(ny > 2, reach, 0), ti.min(2 * cj + 2, ny)):
                j = ti.select(jj < 0, ny - 1, jj)
                shifts = row_shifts(j, k, nx, ny, nz)
                origin = start + (k * ny + j) * nx
                if kk >= 2 * ck and jj >= 2 * cj:
                    for ci in range(mx):
                        total = 0.0 * x[b, start]
                        for i in range(2 * ci, ti.min(2 * ci + 2, nx)):
                            at = origin + i
                            if reach == 0 or code[w, at] == 0:
                                around = neighbour_sum(x, coupling, b, w, at, i, nx, shifts, dim)
                                total += right[b, at] - centre[w, 0, at] * x[b, at] + around
                        place = begin + target + ci
                        right[b, place] = right[b, place] + total
                if reach == 1:
                    for i in range(nx):
                        at = origin + i
                        bits = ti.cast(code[w, at], ti.i32)
                        if bits > 0:
                            parent = parent_of(bits, i, j, k, mx, my, mz)
                            if parent >= target and parent < target + mx:
                                around = neighbour_sum(x, coupling, b, w, at, i, nx, shifts, dim)
                                rest = right[b, at] - centre[w, 0, at] * x[b, at] + around
                                place = begin + parent
                                right[b, place] = right[b, place] + rest


@ti.func
def parent_of(bits, i, j, k, mx, my, mz):
    """The coarse cell that a cell belongs to: its pair's, or the next one along moved axes."""
    ci, cj, ck = (i >> 1) + (bits & 1), (j >> 1) + ((bits >> 1) & 1), (k >> 1) + (bits >> 2)
    ci, cj = ti.select(ci < mx, ci, 0), ti.select(cj < my, cj, 0)
    return (ti.select(ck < mz, ck, 0) * my + cj) * mx + ci


@ti.func
def prolong_rows(
    x: ti.template(), code: ti.template(), moves: ti.template(), plan: ti.template(),
    level, first, last,
):  # fmt: skip
    """Add to each cell the value of its coarse cell, in rows [first, last) of all items."""
    start, nx, ny, nz = plan[level, 0, 0], plan[level, 0, 1], plan[level, 0, 2], plan[level, 0, 3]
    to = level + 1
    begin, mx, my, mz = plan[to, 0, 0], plan[to, 0, 1], plan[to, 0, 2], plan[to, 0, 3]
    for row in range(first, last):
        j, k, b = row % ny, row // ny % nz, row // (ny * nz)
        w = b % code.shape[0]
        origin = start + (k * ny + j) * nx
        if moves[w, level] == 0:
            source = begin + ((k >> 1) * my + (j >> 1)) * mx
            for i in range(nx):
                x[b, origin + i] = x[b, origin + i] + x[b, source + (i >> 1)]
        else:
            for i in range(nx):
                at = origin + i
                parent = parent_of(ti.cast(code[w, at], ti.i32), i, j, k, mx, my, mz)
                x[b, at] = x[b, at] + x[b, begin + parent]


@ti.func
def walk(
    x: ti.template(),
    right: ti.template(),
    coupling: ti.template(),
    centre: ti.template(),
    code: ti.template(),
    moves: ti.template(),
    plan: ti.template(),
    b,
    top,
    sweeps,
    dim: ti.template(),
):
    """One item's cycle from a level whose values are zero down to the coarsest, and back."""
    deepest = plan.shape[0] - 1
    for leg in range(2 * (deepest - top) + 1):
        level = ti.select(leg <= deepest - top, top + leg, 2 * deepest - top - leg)
        rows = plan[level, 0, 2] * plan[level, 0, 3]
        first, last = b * rows, b * rows + rows
        if leg > deepest - top:
            prolong_rows(x, code, moves, plan, level, first, last)
        before = ti.select(level == deepest, sweeps, ti.select(leg < deepest - top, 2, 0))
        after = ti.select(level == deepest, sweeps, ti.select(leg > deepest - top, 2, 0))
        for turn in range(2 * (before + after)):
            back = ti.cast(turn >= 2 * before, ti.i32)
            relax_rows(
                x, right, coupling, centre, plan, level, first, last,
                (turn + back) % 2, back, dim,
            )  # fmt: skip
        if leg < deepest - top:
            wide = plan[level + 1, 0, 2] * plan[level + 1, 0, 3]
            restrict_rows(
                x, right, coupling, centre, code, moves, plan, level,
                b * wide, b * wide + wide, dim,
            )  # fmt: skip


@ti.func
def moved(coupling: ti.template(), centre: ti.template(), w, at, place, count, stride, axis):
    """Whether the upper cell of a pair joins the next one: a wall parts it from its partner."""
    answer = 0
    if place % 2 == 1:
        high = ti.select(place < count - 1, at + stride, at - place * stride)
        behind = coupling[w, axis, high]
        apart = coupling[w, axis, at] < CLOSED * behind
        answer = ti.cast(apart and centre[w, 0, at - stride] > 0.0, ti.i32)
    return answer


@ti.func
def halve_rows(
    coupling: ti.template(), centre: ti.template(), moves: ti.template(), plan: ti.template(),
    ratios: ti.template(), level, step, w, first, last, dim: ti.template(),
):  # fmt: skip
    """Couplings of a grid halved along one axis, in rows [first, last) of the halved grid."""
    start, nx, ny = plan[level, step, 0], plan[level, step, 1], plan[level, step, 2]
    axis = plan[level, step, 4]
    begin, mx, my = plan[level, step + 1, 0], plan[level, step + 1, 1], plan[level, step + 1, 2]
    strides = ti.Vector([1, nx, nx * ny])
    stride = strides[axis]
    count = plan[level, step, 1 + axis]
    halved = plan[level, step + 1, 1 + axis]
    for row in range(first, last):
        for i in range(mx):
            spot = ti.Vector([i, row % my, row // my])
            to = begin + row * mx + i
            here = spot[axis]
            fine = spot
            for c in ti.static(range(3)):
                fine[c] = ti.select(axis == c, 2 * spot[c], spot[c])
            own = start + (fine[2] * ny + fine[1]) * nx + fine[0]
            before = ti.select(here > 0, own - stride, own + (count - 1) * stride)
            up, down = 2 * here + 1, ti.select(here > 0, 2 * here - 1, count - 1)
            joined = moved(coupling, centre, w, before, down, count, stride, axis)
            stays = 0
            if up < count:
                stays = 1 - moved(coupling, centre, w, own + stride, up, count, stride, axis)
            if joined == 1 or (stays == 0 and up < count):
                moves[w, level] = 1
            which = ti.select(here == halved - 1, 2, 0)
            ratio = ratios[level, step, ti.select(here == 0, 1, which)]
            for a in ti.static(range(dim)):
                size = plan[level, step, 1 + a]
                back = ti.select(fine[a] > 0, -strides[a], (size - 1) * strides[a])
                total, extra = coupling[w, a, own], coupling[w, dim + a, own]
                if stays == 1:  # the pair's upper cell, and those beside it that stay too
                    extra += coupling[w, dim + a, own + stride]
                    if a != axis:
                        place = own + stride + back
                        near = moved(coupling, centre, w, place, up, count, stride, axis)
                        total += (1 - near) * coupling[w, a, own + stride]
                if joined == 1:  # the last pair's upper cell
                    extra += coupling[w, dim + a, before]
                    if a != axis:
                        place = before + back
                        near = moved(coupling, centre, w, place, down, count, stride, axis)
                        total += near * coupling[w, a, before]
                if a == axis:
                    total = ratio * coupling[w, a, ti.select(joined == 1, before, own)]
                    total *= ti.select(halved > 1, 1, 0)  # a cell is no neighbour of itself
                    extra *= ratios[level, step, ti.select(here == 0, 3, 4)]
                coupling[w, a, to] = total
                coupling[w, dim + a, to] = extra


@ti.func
def centre_rows(
    coupling: ti.template(),
    centre: ti.template(),
    plan: ti.template(),
    level,
    step,
    w,
    first,
    last,
    dim: ti.template(),
):
    """Sums of a cell's couplings and their inverses (zero where all is closed)."""
    start, nx = plan[level, step, 0], plan[level, step, 1]
    ny, nz = plan[level, step, 2], plan[level, step, 3]
    for row in range(first, last):
        shifts = row_shifts(row % ny, row // ny, nx, ny, nz)
        for i in range(nx):
            at = start + row * nx + i
            high = ti.select(i < nx - 1, at + 1, at - nx + 1)
            total = coupling[w, 0, at] + coupling[w, 0, high]
            total += coupling[w, 1, at] + coupling[w, 1, at + shifts[1]]
            if ti.static(dim == 3):
                total += coupling[w, 2, at] + coupling[w, 2, at + shifts[3]]
            for a in ti.static(range(dim)):
                total += coupling[w, dim + a, at]
            centre[w, 0, at] = total
            centre[w, 1, at] = ti.select(total > 0.0, 1.0 / total, 0.0 * total)


@ti.func
def compose_rows(
    coupling: ti.template(),
    centre: ti.template(),
    code: ti.template(),
    plan: ti.template(),
    level,
    w,
    first,
    last,
    dim: ti.template(),
):
    """Along which axes each cell of a level joins the next pair, one bit an axis."""
    start, nx, ny = plan[level, 0, 0], plan[level, 0, 1], plan[level, 0, 2]
    for row in range(first, last):
        for i in range(nx):
            spot = ti.Vector([i, row % ny, row // ny])
            bits, step = 0, 0
            for a in ti.static(range(dim)):
                count = plan[level, 0, 1 + a]
                if count > 1:
                    move = 0
                    if spot[a] & 1 == 1:
                        begin, mx, my = (
                            plan[level, step, 0], plan[level, step, 1], plan[level, step, 2],
                        )  # fmt: skip
                        stride = ti.Vector([1, mx, mx * my])[a]
                        at = begin + (spot[2] * my + spot[1]) * mx + spot[0]
                        move = moved(coupling, centre, w, at, spot[a], count, stride, a)
                    bits += move << a
                    spot[a] = (spot[a] >> 1) + move
                    if spot[a] == (count + 1) >> 1:
                        spot[a] = 0
                    step += 1
            code[w, start + row * nx + i] = ti.cast(bits, ti.i8)

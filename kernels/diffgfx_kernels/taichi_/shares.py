"""What pixels take of their neighbours where outlines pass, and how that is bounded.

The pairs of a pixel with its right and its upper neighbour are kept in its own place, in rows 0 and
1. ``cut`` holds the edge that passes between the two: 0 if none does, 3 t + k + 1 for the one
across from corner k of triangle t, negative if it was found from the other pixel. ``share``, valid
where there is an edge, is above zero if the pixel takes of the neighbour, else below. Slots of a
pixel are right, left, up and down: two of them are kept in its own place, two in those of its
neighbours.
"""

import taichi as ti

__all__ = ["blended", "given_gradient", "leads", "neighbours", "share_gradient"]


@ti.func
def neighbours(i, pixels, width):
    """The pixels right, left, above and below; those of another row or image share nothing."""
    return ti.Vector([
        ti.select(i + 1 < pixels, i + 1, 0), ti.select(i > 0, i - 1, pixels - 1),
        ti.select(i + width < pixels, i + width, 0),
        ti.select(i >= width, i - width, pixels - 1),
    ])  # fmt: skip


@ti.func
def leads(cut: ti.template(), i, near, slot):
    """Whether a slot is the first of a pixel that an outline passes: each pixel has one."""
    found = True
    if slot > 0 and cut[0, i] != 0:
        found = False
    if slot > 1 and cut[0, near[1]] != 0:
        found = False
    if slot > 2 and cut[1, i] != 0:
        found = False
    return found


@ti.func
def share_at(cut: ti.template(), share: ti.template(), way, i, turn):
    """What a pair's first pixel (turn 1) or second one (turn -1) takes of the other."""
    found = 0.0 * turn
    if cut[way, i] != 0:
        found = ti.max(turn * share[way, i], 0.0)
    return found


@ti.func
def shares_of(cut: ti.template(), share: ti.template(), i, near, one, bounded: ti.template()):
    """What a pixel takes of each neighbour, and what that was divided by; ``one`` is typed."""
    taken = ti.Vector([
        share_at(cut, share, 0, i, one), share_at(cut, share, 0, near[1], -one),
        share_at(cut, share, 1, i, one), share_at(cut, share, 1, near[3], -one),
    ])  # fmt: skip
    whole = one
    if ti.static(bounded):
        whole = ti.max(taken[0] + taken[1] + taken[2] + taken[3], one)
    return taken / whole, whole


@ti.func
def blended(
    color: ti.template(), cut: ti.template(), share: ti.template(), out: ti.template(),
    i, near, one, bounded: ti.template(),
):  # fmt: skip
    """Write a pixel with what it takes of its neighbours."""
    taken, _ = shares_of(cut, share, i, near, one, bounded)
    for c in range(out.shape[1]):
        own = color[i, c]
        value = own
        for k in ti.static(range(4)):
            value += taken[k] * (color[near[k], c] - own)
        out[i, c] = value


@ti.func
def given_gradient(
    g_out: ti.template(), cut: ti.template(), share: ti.template(), g_color: ti.template(),
    i, near, width, one, bounded: ti.template(),
):  # fmt: skip
    """Write the gradient to a pixel: of what it kept, and of what each neighbour took of it."""
    taken, _ = shares_of(cut, share, i, near, one, bounded)
    kept = one - taken.sum()
    given = 0.0 * taken
    for k in ti.static(range(4)):
        theirs, _ = shares_of(
            cut, share, near[k], neighbours(near[k], g_out.shape[0], width), one, bounded
        )
        given[k] = theirs[k ^ 1]
    for c in range(g_out.shape[1]):
        g = kept * g_out[i, c]
        for k in ti.static(range(4)):
            g += given[k] * g_out[near[k], c]
        g_color[i, c] = g


@ti.func
def share_gradient(
    g_out: ti.template(), color: ti.template(), cut: ti.template(), share: ti.template(),
    taker, slot, width, one, bounded: ti.template(),
):  # fmt: skip
    """The gradient to what a pixel takes of the neighbour in a slot, before the division."""
    near = neighbours(taker, color.shape[0], width)
    taken, whole = shares_of(cut, share, taker, near, one, bounded)
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

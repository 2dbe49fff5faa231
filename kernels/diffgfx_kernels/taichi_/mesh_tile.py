"""A tile of pixels of a mesh: load it, aim at eye and lights, and add up what they see.

Rows of the tile and of a view are those of `surface`; then come the position 3 and, where there are
tangents, the frame (`mesh_frame`). The scene is one row of numbers: 1 / pi, eye 3, harmonics 27 if
there are any, then 7 a light: position or direction 3, 1 if it is a position, radiance 3.
"""

from typing import NamedTuple

import taichi as ti

from diffgfx_kernels.taichi_.grid import run_start
from diffgfx_kernels.taichi_.harmonics import TERMS, irradiance
from diffgfx_kernels.taichi_.mesh_frame import FRAME_ROWS, frame_lane, inverse_length
from diffgfx_kernels.taichi_.mesh_planes import load_rows
from diffgfx_kernels.taichi_.surface import (
    EYE,
    GATE,
    INVERSE,
    INVERSE_V,
    LENGTH,
    LIGHT,
    MATTE,
    TILE_ROWS,
    R,
    column,
    look_lane,
    prepare_colours,
    put,
    reflectance,
)

__all__ = [
    "FRAME",
    "POSITION",
    "MeshMode",
    "add_around",
    "add_lamp",
    "load_harmonics",
    "load_lamp",
    "load_mesh",
    "look_at_lamp",
    "mesh_rows",
]

POSITION, FRAME = TILE_ROWS, TILE_ROWS + 3
SCENE_EYE, SCENE_HARMONICS, HARMONICS, LAMP = 1, 4, 3 * TERMS, 7


class MeshMode(NamedTuple):
    """What a kernel is compiled for.

    Attributes:
        framed: There are tangents, so that the maps' normals count.
        around: There are harmonics.
        masked: Some pixels are hidden.
        posed: Gradients to more than the maps are wanted.
    """

    framed: bool
    around: bool
    masked: bool
    posed: bool = False


def mesh_rows(mode: MeshMode) -> int:
    """Return how many rows a tile needs."""
    return FRAME + FRAME_ROWS * mode.framed


@ti.func
def load_lamp(scene: ti.template(), row, n, mode: ti.template()):
    """Read a light into registers, before the loop over lanes that uses it."""
    start = SCENE_HARMONICS + ti.static(HARMONICS * mode.around) + LAMP * n
    return ti.Vector([scene[row, start + i] for i in ti.static(range(LAMP))])


@ti.func
def load_harmonics(scene: ti.template(), row):
    """Read the harmonics into registers, before the loop over lanes that uses them."""
    return ti.Vector([scene[row, SCENE_HARMONICS + i] for i in ti.static(range(HARMONICS))])


@ti.func
def prepare_lane(tile: ti.template(), j, inv_pi, mode: ti.template()):
    """Turn what was loaded into the shading normal and what follows from the colours."""
    prepare_colours(tile, j, inv_pi)
    if ti.static(mode.framed):
        frame_lane(tile, FRAME, j)
    else:
        n = column(tile, 0, j)
        inverse = inverse_length(n.dot(n), 0.0 * n[0])
        put(tile, 0, j, n * inverse)
        tile[LENGTH, j] = inverse


@ti.func
def aim_at_eye(tile: ti.template(), view: ti.template(), j, eye, mode: ti.template()):
    """Fill the direction to the eye and, if posed, 1 / distance."""
    away = eye - column(tile, POSITION, j)
    inverse = inverse_length(away.dot(away), 0.0 * away[0])
    put(view, EYE, j, away * inverse)
    if ti.static(mode.posed):
        view[INVERSE_V, j] = inverse


@ti.func
def load_mesh(
    tile: ti.template(),
    view: ti.template(),
    position: ti.template(),
    normal: ti.template(),
    tangent: ti.template(),
    maps: ti.template(),
    mask: ti.template(),
    scene: ti.template(),
    row,
    b,
    first,
    lanes,
    pixels,
    mode: ti.template(),
):
    """Load the shown pixels of a tile and make them ready for the first light."""
    shown = run_start(b, pixels, first)
    if ti.static(mode.framed):
        load_rows(tile, 0, maps, 10 * b, 10, mask, shown, first, lanes, pixels, mode)
        load_rows(tile, FRAME, normal, 3 * b, 3, mask, shown, first, lanes, pixels, mode)
        load_rows(tile, FRAME + 3, tangent, 4 * b, 4, mask, shown, first, lanes, pixels, mode)
    else:
        load_rows(tile, 3, maps, 10 * b + 3, 7, mask, shown, first, lanes, pixels, mode)
        load_rows(tile, 0, normal, 3 * b, 3, mask, shown, first, lanes, pixels, mode)
    load_rows(tile, POSITION, position, 3 * b, 3, mask, shown, first, lanes, pixels, mode)
    if ti.static(mode.masked):
        for j in range(lanes):
            tile[R, j] = ti.select(mask[shown + j] != 0, tile[R, j], 1.0)
    for j in range(lanes):
        prepare_lane(tile, j, scene[row, 0], mode)
    eye = ti.Vector([scene[row, SCENE_EYE + i] for i in ti.static(range(3))])
    for j in range(lanes):
        aim_at_eye(tile, view, j, eye, mode)


@ti.func
def aim_at_lamp(tile: ti.template(), view: ti.template(), j, lamp, mode: ti.template()):
    """Fill the direction to a light, the falloff and, if posed, 1 / distance."""
    toward = ti.Vector([lamp[i] - lamp[3] * tile[POSITION + i, j] for i in ti.static(range(3))])
    inverse = inverse_length(toward.dot(toward), 0.0 * toward[0])
    put(view, LIGHT, j, toward * inverse)
    view[GATE, j] = ti.select(lamp[3] > 0.0, inverse * inverse, 1.0)
    if ti.static(mode.posed):
        view[INVERSE, j] = inverse


@ti.func
def look_at_lamp(
    tile: ti.template(),
    view: ti.template(),
    lanes,
    lamp,
    inv_pi,
    mode: ti.template(),
    graded: ti.template(),
):
    """What pixels see of a light and, if `graded`, how that changes: fill the rows of the view."""
    for j in range(lanes):
        aim_at_lamp(tile, view, j, lamp, mode)
    for j in range(lanes):
        look_lane(tile, view, j, inv_pi, mode.posed, graded)


@ti.func
def add_lamp(tile: ti.template(), view: ti.template(), colour: ti.template(), j, lamp):
    """Add what a pixel reflects of the light that `look_at_lamp` was given to its colour."""
    f = reflectance(tile, view, j)
    for c in ti.static(range(3)):
        colour[c, j] += f[c] * lamp[4 + c]


@ti.func
def add_around(tile: ti.template(), view: ti.template(), colour: ti.template(), j, harmonics):
    """Add what a pixel reflects of the harmonics to its colour."""
    n = column(tile, 0, j)
    matte = ti.select(n.dot(column(view, EYE, j)) > 0.0, tile[MATTE, j], 0.0)
    light = irradiance(harmonics, n)
    for c in ti.static(range(3)):
        colour[c, j] += matte * tile[3 + c, j] * light[c]

"""The gradient of a tile of pixels of a mesh, light by light, carried back to what was loaded.

To the gradient's rows of `surface` are added those of the position 3, of the direction to the eye
3, of the normal 3 and of the tangent 4. Rows of sums over lanes, and after summing numbers of the
scene: position and radiance of a light 6, eye 3, then the harmonics.
"""

import taichi as ti

from diffgfx_kernels.taichi_.brdf import normalise_gradient
from diffgfx_kernels.taichi_.grid import rolled
from diffgfx_kernels.taichi_.harmonics import (
    TERMS,
    irradiance,
    irradiance_gradient,
    polynomials,
)
from diffgfx_kernels.taichi_.mesh_frame import frame_gradient
from diffgfx_kernels.taichi_.mesh_planes import blank, store_rows
from diffgfx_kernels.taichi_.mesh_tile import (
    FRAME,
    MeshMode,
    load_harmonics,
    load_lamp,
    look_at_lamp,
)
from diffgfx_kernels.taichi_.surface import (
    DOWN,
    EYE,
    GRADIENT_ROWS,
    INVERSE,
    INVERSE_V,
    LENGTH,
    LIGHT,
    MATTE,
    add_lobe_gradient,
    clear,
    colours_gradient,
    column,
    put,
    reflectance,
    take_sum,
)

__all__ = [
    "LAMP_SUMS",
    "add_light_gradient",
    "adjoint_rows",
    "blank_adjoint",
    "store_adjoint",
    "store_scene_sums",
    "sum_rows",
]

G_POSITION, G_EYE, G_NORMAL, G_TANGENT = 11, 14, 17, 20
LAMP_SUMS, EYE_SUMS, HARMONIC_SUMS = 6, 6, 9


def adjoint_rows(mode: MeshMode) -> int:
    """Return how many rows a tile's gradient needs."""
    return G_TANGENT + 4 * mode.framed if mode.posed else GRADIENT_ROWS


def sum_rows(mode: MeshMode) -> int:
    """Return how many rows of sums over lanes there are; at least one."""
    return HARMONIC_SUMS + 3 * TERMS * mode.around if mode.posed else 1


@ti.func
def add_lamp_gradient(
    tile: ti.template(),
    view: ti.template(),
    gradient: ti.template(),
    sums: ti.template(),
    j,
    lamp,
    g_radiance,
    inv_pi,
    mode: ti.template(),
):
    """Add a pixel's share, for the light that `look_at_lamp` was given, to its gradient.

    And, if posed, to the sums of the light.
    """
    radiance = ti.Vector([lamp[4 + i] for i in ti.static(range(3))])
    g_log, g_l, g_v = add_lobe_gradient(
        tile, view, gradient, j, g_radiance * radiance, inv_pi, mode.posed
    )
    if ti.static(mode.posed):
        light, inverse = column(view, LIGHT, j), view[INVERSE, j]
        g_nearer = (-2.0 * lamp[3]) * g_log * inverse
        g_toward = normalise_gradient(light, inverse, g_l) + g_nearer * light
        g_lamp = g_radiance * reflectance(tile, view, j)
        for c in ti.static(range(3)):
            gradient[G_POSITION + c, j] -= lamp[3] * g_toward[c]
            gradient[G_EYE + c, j] += g_v[c]
            sums[c, j] += g_toward[c]
            sums[3 + c, j] += g_lamp[c]


@ti.func
def add_around_gradient(
    tile: ti.template(),
    view: ti.template(),
    gradient: ti.template(),
    upstream: ti.template(),
    terms: ti.template(),
    j,
    harmonics,
    inv_pi,
    mode: ti.template(),
):
    """Add a pixel's share, under the harmonics, to its gradient.

    If posed, the gradient on the irradiance takes the upstream's place, beside its polynomials.
    """
    n, d, g = column(tile, 0, j), column(tile, 3, j), column(upstream, 0, j)
    front = ti.select(n.dot(column(view, EYE, j)) > 0.0, 1.0, 0.0 * g[0])
    matte = front * tile[MATTE, j]
    light = irradiance(harmonics, n)
    g_light = matte * (g * d)
    g_n = irradiance_gradient(harmonics, n, g_light)
    for c in ti.static(range(3)):
        gradient[c, j] += g_n[c]
        gradient[3 + c, j] += matte * g[c] * light[c]
    gradient[DOWN, j] += front * inv_pi * (g * d).dot(light)
    if ti.static(mode.posed):
        put(upstream, 0, j, g_light)
        b = polynomials(n)
        for i in ti.static(range(TERMS)):
            terms[i, j] = b[i]


@ti.func
def place_gradient(
    tile: ti.template(),
    view: ti.template(),
    gradient: ti.template(),
    sums: ti.template(),
    j,
    mode: ti.template(),
):
    """Carry a pixel's gradient back to what was loaded."""
    colours_gradient(tile, gradient, j)
    g = column(gradient, 0, j)
    if ti.static(mode.framed):
        g_map, g_normal, g_tangent, g_hand = frame_gradient(tile, FRAME, j, g)
        put(gradient, 0, j, g_map)
        if ti.static(mode.posed):
            put(gradient, G_NORMAL, j, g_normal)
            put(gradient, G_TANGENT, j, g_tangent)
            gradient[G_TANGENT + 3, j] = g_hand
    else:
        put(gradient, 0, j, 0.0 * g)
        if ti.static(mode.posed):
            g_normal = normalise_gradient(column(tile, 0, j), tile[LENGTH, j], g)
            put(gradient, G_NORMAL, j, g_normal)
    if ti.static(mode.posed):
        g_v = column(gradient, G_EYE, j)
        g_eye = normalise_gradient(column(view, EYE, j), view[INVERSE_V, j], g_v)
        for c in ti.static(range(3)):
            gradient[G_POSITION + c, j] -= g_eye[c]
            sums[EYE_SUMS + c, j] += g_eye[c]


@ti.func
def add_light_gradient(
    tile: ti.template(),
    view: ti.template(),
    gradient: ti.template(),
    upstream: ti.template(),
    terms: ti.template(),
    sums: ti.template(),
    scene: ti.template(),
    row,
    partial: ti.template(),
    b,
    chunk,
    lights,
    lanes,
    width: ti.template(),
    mode: ti.template(),
):
    """Find the gradient of a loaded tile under all lights and harmonics, and add to its sums."""
    clear(gradient, ti.static(adjoint_rows(mode)), lanes)
    inv_pi = scene[row, 0]
    for n in range(lights):
        lamp = load_lamp(scene, row, n, mode)
        look_at_lamp(tile, view, lanes, lamp, inv_pi, mode, True)
        for j in range(lanes):
            g = column(upstream, 0, j)
            add_lamp_gradient(tile, view, gradient, sums, j, lamp, g, inv_pi, mode)
        if ti.static(mode.posed):
            for i in range(LAMP_SUMS):  # not unrolled: that would take long to compile
                at = LAMP_SUMS * n + i
                partial[b, chunk, at] = partial[b, chunk, at] + take_sum(sums, i, width)
    if ti.static(mode.around):
        harmonics = load_harmonics(scene, row)
        for j in range(lanes):
            add_around_gradient(tile, view, gradient, upstream, terms, j, harmonics, inv_pi, mode)
        if ti.static(mode.posed):
            for i in range(rolled(3 * TERMS, lanes)):
                for j in range(lanes):
                    sums[HARMONIC_SUMS + i, j] += terms[i // 3, j] * upstream[i % 3, j]
    for j in range(lanes):
        place_gradient(tile, view, gradient, sums, j, mode)


@ti.func
def store_adjoint(
    gradient: ti.template(),
    g_maps: ti.template(),
    g_position: ti.template(),
    g_normal: ti.template(),
    g_tangent: ti.template(),
    b,
    first,
    lanes,
    pixels,
    mode: ti.template(),
):
    """Write a tile's gradient out."""
    store_rows(gradient, 0, g_maps, 10 * b, 10, first, lanes, pixels)
    if ti.static(mode.posed):
        store_rows(gradient, G_POSITION, g_position, 3 * b, 3, first, lanes, pixels)
        store_rows(gradient, G_NORMAL, g_normal, 3 * b, 3, first, lanes, pixels)
        if ti.static(mode.framed):
            store_rows(gradient, G_TANGENT, g_tangent, 4 * b, 4, first, lanes, pixels)


@ti.func
def store_scene_sums(
    sums: ti.template(),
    partial: ti.template(),
    b,
    chunk,
    lights,
    width: ti.template(),
    mode: ti.template(),
):
    """Write a chunk's sums of the eye and the harmonics behind those of its lights."""
    for i in range(ti.static(sum_rows(mode) - LAMP_SUMS)):
        partial[b, chunk, LAMP_SUMS * lights + i] = take_sum(sums, LAMP_SUMS + i, width)


@ti.func
def blank_adjoint(
    g_maps: ti.template(),
    g_position: ti.template(),
    g_normal: ti.template(),
    g_tangent: ti.template(),
    b,
    first,
    lanes,
    pixels,
    mode: ti.template(),
):
    """Set a tile's gradient to zero where it is kept."""
    blank(g_maps, 10 * b, 10, first, lanes, pixels)
    if ti.static(mode.posed):
        blank(g_position, 3 * b, 3, first, lanes, pixels)
        blank(g_normal, 3 * b, 3, first, lanes, pixels)
        if ti.static(mode.framed):
            blank(g_tangent, 4 * b, 4, first, lanes, pixels)

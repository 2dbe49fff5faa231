"""Pictures of smoke, as a differentiable op: emission, absorption, and one shadowed light.

Along a ray with density s, ``C = integral of T s albedo (radiance exp(-depth) + ambient)``, where T
is the transmittance to the eye and depth the optical depth to the light.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import (
    check_positive,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.errors import RangeError, ShapeError
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._flow import check_cells
from diffgfx.types import Backend
from diffgfx_kernels import load

__all__ = ["march_volume"]

MOST_NUMBERS = 2**31 - 8192
"""What a kernel can count in 32 bits."""


@torch.library.custom_op("diffgfx::march_volume", mutates_args=())
def _march(
    density: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    step: float,
    pixels: Sequence[int],
    backend: str,
) -> Tensor:
    kernel = load("march_volume", backend)
    image: Tensor = kernel.forward(
        plain(density), plain(light), plain(camera), cell, step, (pixels[0], pixels[1])
    )
    return image


@_march.register_fake
def _(
    density: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    step: float,
    pixels: Sequence[int],
    backend: str,
) -> Tensor:
    return density.new_empty((density.shape[0], 4, pixels[1], pixels[0]))


@torch.library.custom_op("diffgfx::march_volume_backward", mutates_args=())
def _march_backward(
    g_image: Tensor,
    density: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    step: float,
    pixels: Sequence[int],
    backend: str,
) -> tuple[Tensor, Tensor]:
    kernel = load("march_volume", backend)
    found: tuple[Tensor, Tensor] = kernel.backward(
        plain(g_image), plain(density), plain(light), plain(camera), cell, step,
        (pixels[0], pixels[1]),
    )  # fmt: skip
    return found


@_march_backward.register_fake
def _(
    g_image: Tensor,
    density: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    step: float,
    pixels: Sequence[int],
    backend: str,
) -> tuple[Tensor, Tensor]:
    return density.new_empty(density.shape), light.new_empty(light.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    density, light, camera, cell, step, pixels, backend = inputs
    ctx.save_for_backward(density, light, camera)
    ctx.choices = (cell, step, list(pixels), backend)


def _differentiate(ctx, g_image):  # type: ignore[no-untyped-def]
    density, light, camera = ctx.saved_tensors
    g_density, g_light = _march_backward(g_image, density, light, camera, *ctx.choices)
    return g_density, g_light, None, None, None, None, None


_march.register_autograd(_differentiate, setup_context=_save)


def march_volume(
    density: Tensor,
    albedo: Tensor,
    light: Tensor,
    camera: Tensor,
    cell: float,
    *,
    pixels: Sequence[int],
    step: float = 0.5,
    backend: Backend = "auto",
) -> Tensor:
    """Return pictures of smoke that scatters a distant light and a uniform surrounding one, once.

    The light's way to each cell is followed first, plane by plane (the shadow of an oblique light
    blurs by about the root of half the planes that it passes, in cells). Rays are then marched from
    the eye; each step holds its sample's density. Samples are trilinear, and around the box lie
    cells without smoke, so that it fades out within half a cell of the box's sides. No pixel is
    brighter than ``albedo (radiance + ambient)`` times its opacity.

    Args:
        density: Extinction [1/m], at least 0: a concentration times its extinction. Shape (B, 1, D,
            H, W), or (B, 1, H, W) for a slab one cell deep. Rows grow upward, planes toward +z; the
            box is [0, W] x [0, H] x [0, D] cells.
        albedo: Share that is scattered, not absorbed, linear RGB in [0, 1], shape (B or 1, 3).
        light: Three rows, shape (B or 1, 3, 3): direction toward the light (any positive length),
            its radiance, and the radiance of the surroundings, which casts no shadow. The light's
            is what smoke of albedo 1 sends to every side: irradiance / (4 pi) [W/(m^2 sr)].
        camera: Six rows, shape (B or 1, 6, 3): the ray at s in (-1, 1) rightward and t in (-1, 1)
            upward in the image starts at ``row 0 + s row 1 + t row 2`` [m] and goes along ``row 3 +
            s row 4 + t row 5`` (any positive length). Of a pinhole camera rows 1 and 2 are zero, of
            an orthographic one rows 4 and 5.
        cell: Side of a cell [m].
        pixels: Width and height of the image.
        step: Between samples [cells].
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        Premultiplied linear RGB and opacity, shape (B, 4, height, width), row 0 at the top.

    Raises:
        ShapeError, DtypeError, DeviceError, RangeError: If an argument does not fit; it is named.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to density, albedo and light, its direction included (one-sided where a component is
    zero or the largest two tie); none to the camera. No forward mode and no second derivative.

    Source: N. Max, "Optical Models for Direct Volume Rendering", TVCG 1(2), 1995,
    "Absorption plus emission" and "Shadows".
    """
    given = {"density": density, "albedo": albedo, "light": light, "camera": camera}
    width, height = _check(given, pixels)
    check_positive("cell", cell)
    check_positive("step", step)
    refuse_forward_mode("march_volume", density, albedo, light)
    volume = density[:, :, None] if density.ndim == 4 else density
    lamp = _lamp(light, albedo)
    chosen = choose_backend("march_volume", backend, density.device)
    image: Tensor = _march(volume, lamp, camera, float(cell), float(step), [width, height], chosen)
    return image


def _lamp(light: Tensor, albedo: Tensor) -> Tensor:
    """Return rows of 12 numbers, one if light and albedo are both shared."""
    rows = next((n for n in (albedo.shape[0], light.shape[0]) if n != 1), 1)
    return torch.cat([light.flatten(1).expand(rows, -1), albedo.expand(rows, -1)], dim=1)


def _check(given: dict[str, Tensor], pixels: Sequence[int]) -> tuple[int, int]:
    """Return the image's width and height; raise unless all sizes, kinds and places fit."""
    density = given["density"]
    cells = check_cells("density", density).cells
    if density.shape[1] != 1 or 0 in cells:
        raise ShapeError(
            f"density must have one channel and at least one cell an axis, got "
            f"{tuple(density.shape)}; render other channels by themselves"
        )
    sizes = {"B": int(density.shape[0])}
    for name, shape in (("albedo", (3,)), ("light", (3, 3)), ("camera", (6, 3))):
        check_shape(name, check_tensor(name, given[name]), ("B|1", *shape), sizes)
    check_same_dtype(given)
    check_same_device(given)
    if given["camera"].requires_grad:
        raise RangeError(
            "camera must not require a gradient, which it does not get; pass camera.detach()"
        )
    if len(pixels) != 2:
        raise ShapeError(f"pixels must hold two numbers (width, height), got {len(pixels)}")
    width, height = int(pixels[0]), int(pixels[1])
    for name, count in (("pixels[0] (width)", width), ("pixels[1] (height)", height)):
        if count < 1:
            raise RangeError(f"{name} must be at least 1, got {count}")
    _check_countable(sizes["B"], cells, width * height)
    return width, height


def _check_countable(batch: int, cells: Sequence[int], area: int) -> None:
    padded = math.prod([n + 2 for n in (1, *cells)[-3:]])
    numbers = batch * max(2 * padded, 4 * area)
    if numbers > MOST_NUMBERS:
        raise ShapeError(
            f"pixels and density must need at most {MOST_NUMBERS} numbers, got {numbers} of "
            f"{batch} volumes of {tuple(cells)} cells and {area} pixels; render fewer at a time"
        )

"""Shading of flat materials under light/view pairs, as a differentiable op.

``L = f(n, l, v) (n.l) I / |x - light|^2 (cos to the axis)^cone``, with
``f = (1 - max_c F_c) d / pi + D V F``: GGX with the height-correlated Smith term and Schlick's
Fresnel, and no epsilon in it.

Source: B. Walter et al., "Microfacet Models for Refraction through Rough Surfaces", EGSR 2007;
E. Heitz, "Understanding the Masking-Shadowing Function", JCGT 2014; Khronos, glTF 2.0, appendix B,
and KHR_materials_specular.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import check_positive
from diffgfx.errors import ShapeError
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._pairs import check_maps, pack_pairs
from diffgfx.types import Backend
from diffgfx_kernels import load

__all__ = ["shade_svbrdf"]


@torch.library.custom_op("diffgfx::shade_svbrdf", mutates_args=())
def _shade(
    maps: Tensor,
    pairs: Tensor,
    size: Sequence[float],
    directional: bool,
    orthographic: bool,
    coned: bool,
    backend: str,
) -> Tensor:
    kernel = load("shade_svbrdf", backend)
    image: Tensor = kernel.forward(
        plain(maps), plain(pairs), (size[0], size[1]), directional, orthographic, coned
    )
    return image.detach()


@_shade.register_fake
def _(
    maps: Tensor,
    pairs: Tensor,
    size: Sequence[float],
    directional: bool,
    orthographic: bool,
    coned: bool,
    backend: str,
) -> Tensor:
    b, _, h, w = maps.shape
    return maps.new_empty((b, pairs.shape[1], 3, h, w))


@torch.library.custom_op("diffgfx::shade_svbrdf_backward", mutates_args=())
def _shade_backward(
    g_image: Tensor,
    maps: Tensor,
    pairs: Tensor,
    size: Sequence[float],
    flags: Sequence[bool],
    lit: bool,
    backend: str,
) -> tuple[Tensor, Tensor]:
    kernel = load("shade_svbrdf", backend)
    found: tuple[Tensor, Tensor] = kernel.backward(
        plain(g_image), plain(maps), plain(pairs), (size[0], size[1]), *flags, lit
    )
    return found


@_shade_backward.register_fake
def _(
    g_image: Tensor,
    maps: Tensor,
    pairs: Tensor,
    size: Sequence[float],
    flags: Sequence[bool],
    lit: bool,
    backend: str,
) -> tuple[Tensor, Tensor]:
    return maps.new_empty(maps.shape), pairs.new_empty(pairs.shape)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    maps, pairs, size, directional, orthographic, coned, backend = inputs
    ctx.save_for_backward(maps, pairs)
    ctx.choices = (list(size), [directional, orthographic, coned], backend)


def _differentiate(ctx, g_image):  # type: ignore[no-untyped-def]
    maps, pairs = ctx.saved_tensors
    size, flags, backend = ctx.choices
    lit = ctx.needs_input_grad[1]
    g_maps, g_pairs = _shade_backward(g_image, maps, pairs, size, flags, lit, backend)
    return g_maps, g_pairs if lit else None, None, None, None, None, None


_shade.register_autograd(_differentiate, setup_context=_save)


def shade_svbrdf(
    maps: Tensor,
    light_position: Tensor,
    light_intensity: Tensor,
    camera_position: Tensor,
    size: Sequence[float],
    *,
    axis: Tensor | None = None,
    cone: Tensor | None = None,
    directional: bool = False,
    orthographic: bool = False,
    backend: Backend = "auto",
) -> Tensor:
    """Return the radiance that flat materials send to a camera, under point or distant lights.

    Each of B materials is shaded under each of N light/view pairs in one launch; this module's head
    has the equations. It is black where the light or the eye is below the surface, and at grazing
    view can reflect more than it receives, as glTF's does. Valid for roughness from 0.03 to 1.

    Args:
        maps: Normal 3 (tangent space, +y up, any positive length), diffuse 3, specular F0 3,
            roughness 1 (alpha = r^2), linear; shape (B, 10, H, W), row 0 at the top. The sample
            lies in z = 0, centred at the origin, +x right, +y up.
        light_position: Position of the light [m], z > 0, shape (B or 1, N, 3); with
            ``directional``, the direction toward it (any positive length).
        light_intensity: Radiant intensity [W/sr], linear RGB, shape (B or 1, N, 3); with
            ``directional``, the irradiance on a plane that faces the light.
        camera_position: Position of the eye [m], shape (B or 1, N, 3); with ``orthographic``, the
            direction toward it.
        size: Width and height of the sample [m].
        axis: Direction in which the light points, shape (B or 1, N, 3); default: from the light
            toward the plane's origin. Used with ``cone`` only.
        cone: Exponent of the cosine to the axis, >= 0, shape (B or 1, N); default: no fall-off.
        directional: The light is distant.
        orthographic: The eye is distant.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        Radiance [W/(m^2 sr)], linear RGB, shape (B, N, 3, H, W), row 0 at the top.

    Raises:
        ShapeError, DtypeError, DeviceError, RangeError: If an argument does not fit; it is named.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to maps, light position and intensity, camera position, axis and cone; zero where
    light or eye is below the surface. Where channels tie for the largest F, they share its gradient
    evenly. No forward mode and no second derivative.
    """
    sizes: dict[str, int] = {}
    check_maps(maps, sizes)
    given = {
        "light_position": light_position, "light_intensity": light_intensity,
        "camera_position": camera_position, "axis": axis, "cone": cone,
    }  # fmt: skip
    pairs = pack_pairs(maps, given, sizes)
    extent = list(check_size(size))
    refuse_forward_mode("shade_svbrdf", maps, pairs)
    chosen = choose_backend("shade_svbrdf", backend, maps.device)
    image: Tensor = _shade(maps, pairs, extent, directional, orthographic, cone is not None, chosen)
    return image


def check_size(size: Sequence[float]) -> tuple[float, float]:
    """Return the width and height of a sample; raise unless they are two numbers above zero."""
    if len(size) != 2:
        raise ShapeError(f"size must hold two numbers (width, height), got {len(size)}")
    width, height = float(size[0]), float(size[1])
    check_positive("size[0] (width)", width)
    check_positive("size[1] (height)", height)
    return width, height

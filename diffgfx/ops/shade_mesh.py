"""Shading of the pixels of a mesh under lights and spherical harmonics, as a differentiable op.

``L = sum_i f(n, l_i, v) (n.l_i) E_i + (1 - max_c s_c) d / pi E(n)``, with the BRDF f of
`ops.shade_svbrdf`, E_i = radiant intensity / distance^2 of a point light or the irradiance of a
distant one, and E(n) the irradiance on a plane that faces n under the spherical harmonics.

Each pixel is lit by itself: light that other parts of the mesh block or reflect is left out (no
shadows, no interreflection), and so is the highlight of the harmonics, of which the diffuse term
takes (1 - max F) at F = F0. The harmonics are real, degree by degree, order m from -l to l, without
the Condon-Shortley sign: 0.282; 0.489 (y, z, x); 1.093 xy, 1.093 yz, 0.315 (3 z^2 - 1), 1.093 xz,
0.546 (x^2 - y^2). Where their irradiance is negative, it is not clamped.

Source: that of `ops.shade_svbrdf`; R. Ramamoorthi and P. Hanrahan, "An Efficient Representation for
Irradiance Environment Maps", SIGGRAPH 2001, equations 7 to 9; Khronos, glTF 2.0, section 3.7.2.1
(tangents).
"""

import torch
from torch import Tensor

from diffgfx.check import check_same_device, check_same_dtype, check_shape, check_tensor
from diffgfx.errors import DeviceError, DtypeError, ShapeError
from diffgfx.ops._backend import choose_backend, plain, refuse_forward_mode
from diffgfx.ops._pairs import MOST_NUMBERS, check_maps
from diffgfx.types import Backend
from diffgfx_kernels import load

__all__ = ["shade_mesh"]


def _plain(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else plain(tensor)


@torch.library.custom_op("diffgfx::shade_mesh", mutates_args=())
def _shade(
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lamps: Tensor,
    camera: Tensor,
    tangent: Tensor | None,
    harmonics: Tensor | None,
    mask: Tensor | None,
    backend: str,
) -> Tensor:
    given = (position, normal, maps, lamps, camera, tangent, harmonics, mask)
    image: Tensor = load("shade_mesh", backend).forward(*(_plain(value) for value in given))
    return image.detach()


@_shade.register_fake
def _(
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lamps: Tensor,
    camera: Tensor,
    tangent: Tensor | None,
    harmonics: Tensor | None,
    mask: Tensor | None,
    backend: str,
) -> Tensor:
    return position.new_empty(position.shape)


@torch.library.custom_op("diffgfx::shade_mesh_backward", mutates_args=())
def _shade_backward(
    g_image: Tensor,
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lamps: Tensor,
    camera: Tensor,
    tangent: Tensor | None,
    harmonics: Tensor | None,
    mask: Tensor | None,
    posed: bool,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    given = (g_image, position, normal, maps, lamps, camera, tangent, harmonics, mask)
    found: tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor] = load(
        "shade_mesh", backend
    ).backward(*(_plain(value) for value in given), posed)
    return found


@_shade_backward.register_fake
def _(
    g_image: Tensor,
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lamps: Tensor,
    camera: Tensor,
    tangent: Tensor | None,
    harmonics: Tensor | None,
    mask: Tensor | None,
    posed: bool,
    backend: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    def like(value: Tensor | None) -> Tensor:
        return maps.new_empty(value.shape if posed and value is not None else (0,))

    others = (like(value) for value in (position, normal, lamps, camera, tangent, harmonics))
    g_position, g_normal, g_lamps, g_camera, g_tangent, g_harmonics = others
    g_maps = maps.new_empty(maps.shape)
    return g_maps, g_position, g_normal, g_lamps, g_camera, g_tangent, g_harmonics


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, backend = inputs
    ctx.save_for_backward(*tensors)
    ctx.backend = backend


def _differentiate(ctx, g_image):  # type: ignore[no-untyped-def]
    given = ctx.saved_tensors
    needs = ctx.needs_input_grad
    posed = any(needs[i] for i in (0, 1, 3, 4, 5, 6))
    g_maps, *others = _shade_backward(g_image, *given, posed, ctx.backend)
    position, normal, lamps, camera, tangent, harmonics = others
    found = (position, normal, g_maps, lamps, camera, tangent, harmonics)
    return *(g if need else None for g, need in zip(found, needs, strict=False)), None, None


_shade.register_autograd(_differentiate, setup_context=_save)


def shade_mesh(
    position: Tensor,
    normal: Tensor,
    maps: Tensor,
    lights: Tensor,
    radiance: Tensor,
    camera_position: Tensor,
    *,
    tangent: Tensor | None = None,
    harmonics: Tensor | None = None,
    mask: Tensor | None = None,
    backend: Backend = "auto",
) -> Tensor:
    """Return the radiance that the pixels of a mesh send to the eye, each lit by itself.

    This module's head has the equations and what they leave out. One-sided: black where the normal,
    after the map's, points away from the eye (n.v <= 0), whatever the light; flip normals for
    two-sided surfaces. Black too where the normal has no length, or eye or light is at the pixel.

    Args:
        position: World position [m], shape (B, 3, H, W).
        normal: Interpolated world normal, any positive length, shape (B, 3, H, W).
        maps: The channels of `ops.shade_svbrdf`, shape (B, 10, H, W).
        lights: Homogeneous positions, shape (B or 1, N, 4), N >= 0: with w = 0 a distant light
            toward which xyz points (any length), else a point at xyz / w [m].
        radiance: Radiant intensity [W/sr] of a point, irradiance [W/m^2] facing a distant light,
            linear RGB, shape (B or 1, N, 3).
        camera_position: The eye's [m], shape (B or 1, 3).
        tangent: World direction of +x of the maps, any length, made orthogonal to the normal here,
            and handedness w = +-1 as in glTF: +y is ``w (normal x tangent)``; shape (B, 4, H, W).
            Where it is parallel to the normal (sine < 1e-5) only z of the map's normal counts. By
            default the map's normal is ignored.
        harmonics: Incident radiance [W/(m^2 sr)] in real spherical harmonics of world directions,
            in the order above, shape (B or 1, 9, 3).
        mask: Pixels whose mask is 0 are black, cost little, and may hold anything; any kind of
            number, shape (B, 1, H, W). By default all are shown.
        backend: ``"auto"`` takes the fastest one that serves the tensors' device.

    Returns:
        Radiance [W/(m^2 sr)], linear RGB, shape (B, 3, H, W).

    Raises:
        ShapeError, DtypeError, DeviceError: If an argument does not fit; it is named.
        BackendError: If ``backend`` does not serve the device; the message says what to do.

    Gradients: to all but the mask and the tangent's w (and lights' w where it is 0); zero where the
    pixel is black. Where channels tie for the largest F, they share its gradient evenly. No forward
    mode and no second derivative.
    """
    given = {
        "position": position, "normal": normal, "maps": maps, "lights": lights,
        "radiance": radiance, "camera_position": camera_position, "tangent": tangent,
        "harmonics": harmonics,
    }  # fmt: skip
    _check(given, mask)
    refuse_forward_mode("shade_mesh", *given.values())
    lamps, shown = _lamps(lights, radiance), None if mask is None else mask != 0
    tensors = (position, normal, maps, lamps, camera_position, tangent, harmonics, shown)
    image: Tensor = _shade(*tensors, choose_backend("shade_mesh", backend, position.device))
    return image


def _lamps(lights: Tensor, radiance: Tensor) -> Tensor:
    """Return rows of 7 numbers: position or direction 3, 1 where it is a position, radiance 3."""
    w = lights[..., 3:]
    near = w != 0
    parts = [lights[..., :3] / torch.where(near, w, 1.0), near.to(w), radiance]
    count = next((part.shape[0] for part in parts if part.shape[0] != 1), 1)
    return torch.cat([part.expand(count, -1, -1) for part in parts], dim=-1)


RULES: dict[str, tuple[str | int, ...]] = {
    "position": ("B", 3, "H", "W"),
    "normal": ("B", 3, "H", "W"),
    "tangent": ("B", 4, "H", "W"),
    "lights": ("B|1", "N", 4),
    "radiance": ("B|1", "N", 3),
    "camera_position": ("B|1", 3),
    "harmonics": ("B|1", 9, 3),
}


def _check(given: dict[str, Tensor | None], mask: Tensor | None) -> None:
    """Raise unless all sizes, kinds of numbers and places fit."""
    sizes: dict[str, int] = {}
    for name, value in given.items():
        if name == "maps":
            check_maps(value, sizes)  # type: ignore[arg-type]
        elif value is not None or name not in ("tangent", "harmonics"):
            check_shape(name, check_tensor(name, value), RULES[name], sizes)
    check_same_dtype(given)
    device = check_same_device(given)
    if mask is not None:
        if not isinstance(mask, Tensor):
            raise DtypeError(
                f"mask must be a torch.Tensor, got {type(mask).__name__}; "
                "wrap it in torch.as_tensor"
            )
        check_shape("mask", mask, ("B", 1, "H", "W"), sizes)
        if mask.device != device:
            raise DeviceError(
                f"mask must have the device of position ({device}), got {mask.device}; move it "
                f"with .to({device})"
            )
    numbers = 10 * sizes["B"] * sizes["H"] * sizes["W"]
    if numbers > MOST_NUMBERS:
        raise ShapeError(
            f"maps must have at most {MOST_NUMBERS} numbers, got {numbers} of {sizes['B']} images "
            f"of {sizes['W']} x {sizes['H']} pixels; shade fewer at a time"
        )

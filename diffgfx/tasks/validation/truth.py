"""How far a captured material is from the one that was photographed, where that is known."""

import dataclasses

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diffgfx.check import check_shape
from diffgfx.render import render_planar
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture import CaptureResult

__all__ = ["TruthError", "best_scale", "compare_maps", "measure_truth", "seen_highlights"]

Mask = Bool[Tensor, "h w"]

_SPECULAR_SHARE = 0.1
"""A lobe counts as seen where it is at least so much of a texel's light. On a matte dielectric it
is 3 %, and as broad as the diffuse one: no photograph shows it."""

_USABLE = 0.5
"""A photograph tells of a texel when at least so much of it is neither clipped nor masked."""


@dataclasses.dataclass(frozen=True)
class TruthError:
    """Differences from the truth, over the texels of a mask.

    Attributes:
        diffuse: Root mean square difference of d, linear.
        specular: Of F0.
        alpha: Of alpha = r^2.
        normal: Mean angle between the normals [degrees].
        diffuse_scaled: As ``diffuse`` after the best factor on d and F0 together.
        specular_scaled: As ``specular`` after it.
        scale: That factor: the least squares one over d and F0.
        seen: Share of all texels that showed a highlight, which are those compared; where there is
            none, 0, and all texels are compared.
    """

    diffuse: float
    specular: float
    alpha: float
    normal: float
    diffuse_scaled: float
    specular_scaled: float
    scale: float
    seen: float


def measure_truth(truth: MaterialMaps, result: CaptureResult) -> TruthError:
    """Hold a captured material against the true one, where the fit saw a highlight.

    Args:
        truth: The material that was photographed, at the resolution of the capture.
        result: What `capture_material` returned, in the unit of ``truth.size``.

    Returns:
        The differences over the texels of `seen_highlights`, or over all if there is none.

    Raises:
        ShapeError: If the resolutions differ.
    """
    fitted = [i for i in range(len(result.photos.images)) if i not in result.held_out]
    photos = result.photos
    usable = (1.0 - photos.saturated[fitted, 0]) * photos.valid[fitted, 0] > _USABLE
    seen = seen_highlights(truth, result.light.camera.cpu()[fitted], usable)
    share = float(seen.double().mean())
    mask = seen if share > 0.0 else torch.ones_like(seen)
    return dataclasses.replace(compare_maps(truth, result.maps, mask), seen=share)


def seen_highlights(
    truth: MaterialMaps, position: Float[Tensor, "n 3"], usable: Bool[Tensor, "n h w"]
) -> Mask:
    """Say which texels showed a highlight to a flash at the camera.

    A texel did if in one photograph where it can be used the tangent of the angle between its true
    normal and the half vector, here the direction to the camera, is at most its true alpha (GGX is
    then above a quarter of its peak), and the specular lobe is a tenth of its light or more.

    Args:
        truth: The true material.
        position: Place of camera and flash of each photograph [unit of ``truth.size``].
        usable: Where each photograph may be used.
    """
    height, width = truth.resolution
    x = ((torch.arange(width) + 0.5) / width - 0.5) * truth.size[0]
    y = (0.5 - (torch.arange(height) + 0.5) / height) * truth.size[1]
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    texel = torch.stack([columns, rows, torch.zeros_like(rows)])
    half = torch.nn.functional.normalize(position[:, :, None, None] - texel, dim=1)
    normal = torch.nn.functional.normalize(truth.normal.cpu(), dim=1)
    along = (half * normal).sum(dim=1)
    across = torch.linalg.cross(half, normal.expand_as(half), dim=1).norm(dim=1)
    near: Tensor = across <= truth.roughness.cpu()[:, 0] ** 2 * along
    seen: Tensor = (near & _shines(truth, position) & usable.cpu()).any(dim=0)
    return seen


def _shines(truth: MaterialMaps, position: Float[Tensor, "n 3"]) -> Bool[Tensor, "n h w"]:
    """Say where the specular lobe is a tenth of the light or more, by rendering it alone."""
    maps = truth.to_tensor().cpu()
    place, unit = position.to(maps)[None], torch.ones(1, len(position), 3).to(maps)
    lit = [
        render_planar(
            material, truth.size, light_position=place, light_intensity=unit, camera_position=place
        )[0].sum(dim=1)
        for material in (torch.cat([maps[:, :3], 0.0 * maps[:, 3:6], maps[:, 6:]], dim=1), maps)
    ]
    return lit[0] >= _SPECULAR_SHARE * lit[1]


def compare_maps(truth: MaterialMaps, found: MaterialMaps, mask: Mask) -> TruthError:
    """Return the differences of two materials over the texels of a mask, which may not be empty.

    Raises:
        ShapeError: If the resolutions differ.
    """
    sizes = {"h": truth.resolution[0], "w": truth.resolution[1]}
    check_shape("found.diffuse", found.diffuse, (1, 3, "h", "w"), sizes)
    check_shape("mask", mask, ("h", "w"), sizes)
    true, ours = (_split(maps, mask) for maps in (truth, found))
    scale = best_scale(true["reflectance"], ours["reflectance"])
    normals = [torch.nn.functional.normalize(maps["normal"], dim=0) for maps in (true, ours)]
    across = torch.linalg.cross(normals[0], normals[1], dim=0).norm(dim=0)
    angle = torch.rad2deg(torch.atan2(across, (normals[0] * normals[1]).sum(dim=0)))
    apart = ours["reflectance"] - true["reflectance"]
    apart_scaled = scale * ours["reflectance"] - true["reflectance"]
    return TruthError(
        diffuse=_rms(apart[:3]),
        specular=_rms(apart[3:]),
        alpha=_rms(ours["alpha"] - true["alpha"]),
        normal=float(angle.mean()),
        diffuse_scaled=_rms(apart_scaled[:3]),
        specular_scaled=_rms(apart_scaled[3:]),
        scale=scale,
        seen=float(mask.double().mean()),
    )


def best_scale(truth: Tensor, found: Tensor) -> float:
    """Return the factor on ``found`` that brings it nearest to ``truth``, by least squares."""
    return float((truth * found).sum() / found.square().sum().clamp_min(1e-12))


def _split(maps: MaterialMaps, mask: Mask) -> dict[str, Tensor]:
    """Return what is compared, float64, each of shape (channels, texels in the mask)."""
    tensor = maps.to_tensor().detach().cpu().double()[0][:, mask.cpu()]
    return {"normal": tensor[:3], "reflectance": tensor[3:9], "alpha": tensor[9:] ** 2}


def _rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())

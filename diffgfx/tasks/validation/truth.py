"""How far a captured material is from the one that was photographed, where that is known."""

import dataclasses

import torch
from jaxtyping import Bool
from torch import Tensor

from diffgfx.check import check_shape
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture import CaptureResult
from diffgfx.tasks.capture.highlight import seen_highlights, usable_texels

__all__ = ["TruthError", "best_scale", "compare_maps", "measure_truth"]

Mask = Bool[Tensor, "h w"]


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
    usable = usable_texels(photos.saturated[fitted], photos.valid[fitted])
    place = result.light.camera.cpu()[fitted]
    seen = seen_highlights(truth, place, place, usable)
    share = float(seen.double().mean())
    mask = seen if share > 0.0 else torch.ones_like(seen)
    return dataclasses.replace(compare_maps(truth, result.maps, mask), seen=share)


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

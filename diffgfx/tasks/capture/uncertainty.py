"""How far the maps may be off, texel by texel, as far as the photographs say.

Each texel's nine parameters have their Gauss-Newton matrix J^T W J / sigma^2, whole: d and F0 trade
with one another, which its diagonal alone would not see. With a broad belief it gives what noise
leaves and what is left to belief (`inverse.posterior_of`). A fit that smooths averages the noise
out; by how much is read from how much smoother the maps are than the noise of texels that stand for
themselves (`inverse.noise_passed`). What photographs leave to belief is not averaged out.

Not in it: the common scale of light and material where no photograph tells it, relief, lobes that
the BRDF does not have.
"""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from diffgfx.inverse import neighbour_roughness, noise_passed, posterior_of
from diffgfx.io import PhotoSet
from diffgfx.render import render_planar
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture.evidence import (
    PARAMETERS,
    Patch,
    parameters_of,
    patches,
    sensitivity,
    texel_information,
)
from diffgfx.tasks.capture.highlight import SPECULAR_SHARE, seen_highlights, usable_texels
from diffgfx.tasks.capture.problem import RESIDUAL, display

__all__ = ["Evidence", "MapUncertainty", "Moments", "estimate_uncertainty", "map_deviations"]

# The broad belief: what a texel is known to before any photograph tells of it.
_SLOPE = 0.2             # root mean square slope, about zero
_RELATIVE = 0.5          # of d, F0 and alpha: each is known to half its value
_BLACKEST = 0.002        # and d to what the blackest paints reflect
_SPECULAR = 0.02         # and F0 to the spread of dielectrics
_DIELECTRIC = 0.04       # about which it lies where there is body colour
_BODY = 0.2              # d at which body colour is certain, as in the fit
_NARROWEST = 0.5          # least width of the interval of alphas that show no lobe
_LIGHT = 0.01             # of d and F0: common error of power, exposures and fall-off

_OWN = 5                 # of the nine parameters: d and slopes; gloss is shared among texels
_NEIGHBOURS = 4          # texels on either side over which roughness and noise are averaged
_PICTURED = 9 * 32768    # texels of a patch times photographs: 64 MB of derivatives in float64


@dataclasses.dataclass(frozen=True)
class MapUncertainty:
    """Standard deviation of each map's error, texel by texel.

    Attributes:
        diffuse: Of d, linear, shape (1, 3, h, w).
        specular: Of F0, likewise.
        alpha: Of alpha = roughness^2, shape (1, 1, h, w).
        normal: Root mean square angle of the normal [rad], shape (1, 1, h, w).
        no_highlight: Texels on which no fitted photograph showed a highlight, as
            `seen_highlights` tells by the solved maps, shape (h, w).
        variance: Mean square of all residuals of the fit, in display-like values.
        passed: Share of the noise of each of the nine parameters that the fit passed, (9, h, w).
    """

    diffuse: Float[Tensor, "1 3 h w"]
    specular: Float[Tensor, "1 3 h w"]
    alpha: Float[Tensor, "1 1 h w"]
    normal: Float[Tensor, "1 1 h w"]
    no_highlight: Bool[Tensor, "h w"]
    variance: float
    passed: Float[Tensor, "9 h w"]

    def kinds(self) -> dict[str, Tensor]:
        """Return the four kinds of deviations by name."""
        names = ("diffuse", "specular", "alpha", "normal")
        return {name: getattr(self, name) for name in names}


@dataclasses.dataclass(frozen=True)
class Evidence:
    """The fitted photographs and what was made of them.

    Attributes:
        maps: The solved maps n3 d3 s3 r1; the normal of any length.
        size: Width and height of the sample.
        pairs: Light/view pairs of the photographs, as `FlashLight.pairs` returns them.
        images: The photographs, linear.
        saturated: Share of each texel that is clipped.
        valid: Weight of each texel.
    """

    maps: Float[Tensor, "1 10 h w"]
    size: tuple[float, float]
    pairs: dict[str, Tensor]
    images: Float[Tensor, "n 3 h w"]
    saturated: Float[Tensor, "n 1 h w"]
    valid: Float[Tensor, "n 1 h w"]

    @classmethod
    def of(
        cls,
        maps: Float[Tensor, "1 10 h w"],
        size: tuple[float, float],
        pairs: dict[str, Tensor],
        photos: PhotoSet,
        fitted: Sequence[int],
    ) -> "Evidence":
        """Take the fitted ones of all photographs and light/view pairs, on the maps' device."""
        chosen = list(fitted)
        own = {name: value[:, chosen].to(maps.device) for name, value in pairs.items()}
        images, saturated, valid = (
            x[chosen].to(maps.device) for x in (photos.images, photos.saturated, photos.valid)
        )
        return cls(maps, size, own, images, saturated, valid)


@dataclasses.dataclass(frozen=True)
class Moments:
    """What is known of some texels.

    Attributes:
        noise: Variances that noise leaves to the nine parameters of texels which stand for
            themselves, and the covariance of the two slopes, shape (10, h, w).
        belief: The same of what is left to belief.
    """

    noise: Float[Tensor, "10 h w"]
    belief: Float[Tensor, "10 h w"]

    @classmethod
    def of(
        cls,
        information: Float[Tensor, "t p p"],
        parameters: Float[Tensor, "1 p h w"],
    ) -> "Moments":
        """Add the broad belief to J^T W J / sigma^2 of texels in rows."""
        rows = parameters[0].flatten(1).T
        precision, offset = _belief(rows)
        found = posterior_of(information, precision, offset)
        shape = (PARAMETERS + 1, *parameters.shape[-2:])
        noise, belief = (
            torch.cat([x.diagonal(dim1=-2, dim2=-1), x[:, :1, 1]], dim=1).T.reshape(shape)
            for x in found
        )
        return cls(noise, belief)


def _belief(rows: Float[Tensor, "t p"]) -> tuple[Tensor, Tensor]:
    """Return precisions, and means less values, of the broad belief about parameters.

    A lobe is not seen on a matte texel: the peak of a dielectric's, F0 / (4 pi alpha^2), beside
    d / pi is less than the share of the light from which `highlight` counts it as seen. Then alpha
    may be anything from where it would be seen up to 1, however it came out.
    """
    diffuse, specular, alpha = rows[:, 2:5], rows[:, 5:8], rows[:, 8:]
    body = diffuse.mean(dim=1, keepdim=True).clamp_min(_BLACKEST)
    beside = SPECULAR_SHARE / (1.0 - SPECULAR_SHARE)  # of the diffuse light
    seen_to = (_DIELECTRIC / (4.0 * beside * body)).sqrt()
    matte, least = alpha > seen_to, seen_to.clamp(max=1.0 - _NARROWEST)
    deviation = torch.cat(
        [
            torch.full_like(rows[:, :2], _SLOPE),
            (_RELATIVE * diffuse).square().add(_BLACKEST**2).sqrt(),
            (_RELATIVE * specular).square().add(_SPECULAR**2).sqrt(),
            torch.where(matte, (1.0 - least) / 12.0**0.5, _RELATIVE * alpha),
        ],
        dim=1,
    )
    coloured = (diffuse.amax(dim=1, keepdim=True) / _BODY).clamp(max=1.0)
    offset = torch.zeros_like(rows)
    offset[:, :2] = -rows[:, :2]
    offset[:, 5:8] = coloured * (_DIELECTRIC - specular)
    offset[:, 8:] = torch.where(matte, 0.5 * (1.0 + least) - alpha, 0.0)
    return deviation.pow(-2), offset


def estimate_uncertainty(evidence: Evidence) -> MapUncertainty:
    """Return the deviations of solved maps, on the CPU.

    The variance of a texel's residuals is half that of all and half its own: a texel that the model
    explains worse than others is known less.
    """
    height, width = (int(side) for side in evidence.maps.shape[-2:])
    variance = _variance(evidence)
    noise = torch.empty(PARAMETERS + 1, height, width)
    belief = torch.empty_like(noise)
    for patch in patches((height, width), _PICTURED // len(evidence.images)):
        found = Moments.of(*told_by(evidence, patch, variance))
        patch.of(noise).copy_(found.noise)
        patch.of(belief).copy_(found.belief)
    parameters = parameters_of(evidence.maps).cpu().float()[0]
    rough = _neighbourhood(neighbour_roughness(parameters))
    passed = noise_passed(rough / _neighbourhood(noise[:PARAMETERS]).clamp_min(1e-30))
    d = map_deviations(Moments(noise, belief), passed, parameters)[None]
    seen = seen_highlights(
        MaterialMaps.from_tensor(evidence.maps.cpu().float(), evidence.size),
        evidence.pairs["light_position"][0],
        evidence.pairs["camera_position"][0],
        usable_texels(evidence.saturated, evidence.valid),
    )
    return MapUncertainty(d[:, :3], d[:, 3:6], d[:, 6:7], d[:, 7:], ~seen, variance, passed)


def _variance(evidence: Evidence) -> float:
    """Return the mean square of the residuals, those left out that tell nothing."""
    total, count = 0.0, 0.0
    for i in range(len(evidence.images)):
        own = {name: value[:, i : i + 1] for name, value in evidence.pairs.items()}
        picture = display(render_planar(evidence.maps, evidence.size, **own)[0])
        residuals, weights = _residuals(
            picture, evidence.images[i : i + 1], evidence.valid[i : i + 1]
        )
        total += float((weights * residuals.square()).double().sum())
        count += float(weights.double().sum())
    return total / max(count, 1.0)


def _residuals(picture: Tensor, photos: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Return residuals of display-like pictures, and their weights: 0 above a clipped pixel."""
    residuals = picture - display(photos)
    clipped = (photos >= RESIDUAL.white) & (residuals > 0)
    return residuals, valid.expand_as(picture).masked_fill(clipped, 0.0)


def told_by(
    evidence: Evidence, patch: Patch, variance: float
) -> tuple[Float[Tensor, "t p p"], Float[Tensor, "1 p h w"]]:
    """Return J^T W J / sigma^2 of the texels of a patch, and their parameters."""
    picture, derivatives = sensitivity(evidence.maps, patch, evidence.size, evidence.pairs)
    photos, valid = (patch.of(x).double() for x in (evidence.images, evidence.valid))
    residuals, weights = _residuals(picture, photos, valid)
    count = weights.sum(dim=(0, 1))
    free = torch.maximum(count - _OWN, count / 3).clamp_min(1e-9)
    own = (weights * residuals.square()).sum(dim=(0, 1)) / free
    sigma2 = (0.5 * (own + variance)).clamp_min(1e-12).flatten()[:, None, None]
    return texel_information(derivatives, weights) / sigma2, parameters_of(
        patch.of(evidence.maps).double()
    )


def map_deviations(
    moments: Moments, passed: Float[Tensor, "9 h w"], parameters: Float[Tensor, "9 h w"]
) -> Float[Tensor, "8 h w"]:
    """Return deviations of d RGB, F0 RGB, alpha and the normal [rad].

    Args:
        moments: What is known of the texels.
        passed: Share of each parameter's noise that the fit passed.
        parameters: Their parameters.
    """
    variance = passed * moments.noise[:PARAMETERS] + moments.belief[:PARAMETERS]
    product = (passed[0] * passed[1]).sqrt() * moments.noise[PARAMETERS]
    product = product + moments.belief[PARAMETERS]
    reflectance = variance[2:8] + (_LIGHT * parameters[2:8]).square()
    x, y = parameters[0], parameters[1]
    length2 = 1.0 + x.square() + y.square()
    # angle^2 of the normal (x, y, 1) moved by (a, b): (|(a, b)|^2 + (x b - y a)^2) / length^4
    turned = variance[0] * (1.0 + y.square()) + variance[1] * (1.0 + x.square())
    normal = (turned - 2.0 * x * y * product) / length2.square()
    found = torch.cat([reflectance, variance[8:], normal[None]])
    return found.clamp_min(0.0).sqrt()


def _neighbourhood(x: Float[Tensor, "c h w"]) -> Float[Tensor, "c h w"]:
    """Return the mean over the square of texels about each, of those that there are."""
    side = 2 * _NEIGHBOURS + 1
    return torch.nn.functional.avg_pool2d(
        x[None], side, stride=1, padding=_NEIGHBOURS, count_include_pad=False
    )[0]

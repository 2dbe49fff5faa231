"""The material as unknowns: slopes, diffuse, and few shared specular materials with deviations.

Per texel: two slopes of the surface, logits of d, and a deviation of the logits of (F0, r) from the
texel's mix of shared materials. The deviation is shrunk toward zero, so that a texel that never saw
a highlight takes its gloss from texels that look like it.
"""

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.inverse import (
    SharedBasis,
    Unknowns,
    bounded,
    broad_share,
    charbonnier,
    cluster,
    curl,
    edge_weights,
    prolong_field,
    smoothness,
    unbounded,
)
from diffgfx.tasks.capture.observations import PhotoPyramid, View

__all__ = ["MaterialModel", "PriorWeights"]

ROUGHNESS_RANGE = (0.03, 1.0)
_FEATURE_SIDE = 128  # texels of the photographs that are clustered first
_LOG_FLOOR = 0.01
_EVIDENCE_FLOOR = 0.02  # what a texel far from every highlight still says of its material
_SMOOTHED_SIDE = 64  # texels a side for which the weights of differences are stated
_DIELECTRIC = math.log(0.04 / 0.96)
_MATTE = 1.5
_SPECULAR_START = 0.05
_ROUGHNESS_START = 0.4


@dataclasses.dataclass(frozen=True)
class PriorWeights:
    """Weights of the priors; all zero means that every texel stands for itself.

    Smoothness and curl are stated for 64 texels a side, and grow with their number.

    Attributes:
        materials: Shared materials at most; 1 where sharing is off.
        feature_width: Distance of log colours at which a texel stops to belong to a material.
        gloss: Edge-aware smoothness of F0 and r.
        slope: Edge-aware smoothness of the slopes.
        diffuse: Edge-aware smoothness of d.
        flat: Square of the slopes.
        broad: Share of the slopes that is broad.
        curl: What of the slopes is not of one surface.
        deviation: Deviation of a texel from its shared materials.
        shares: Square of what the data changes about the shares.
        metal: Body colour under a mirror: d times the square of the largest F0.
        dielectric: Logits of F0 away from that of 0.04, where there is body colour.
        matte: Logits of r away from that of 0.8: rough, unless a highlight says otherwise.
        edge: Difference of log colours that counts as an edge.
    """

    materials: int = 16
    feature_width: float = 0.3
    gloss: float = 0.03
    slope: float = 0.05
    diffuse: float = 0.003
    flat: float = 0.1
    broad: float = 0.5
    curl: float = 0.08
    deviation: float = 0.1
    shares: float = 0.01
    metal: float = 0.5
    dielectric: float = 0.001
    matte: float = 0.0003
    edge: float = 0.5

    @classmethod
    def none(cls) -> "PriorWeights":
        """Return the weights under which every texel stands for itself."""
        return cls(
            materials=1, feature_width=1.0, gloss=0.0, slope=0.0, diffuse=0.0, flat=0.0, broad=0.0,
            curl=0.0, deviation=0.0, shares=0.0, metal=0.0, dielectric=0.0, matte=0.0, edge=1.0,
        )  # fmt: skip


@dataclasses.dataclass(frozen=True)
class MaterialModel:
    """Unknowns to maps, and what is believed of them.

    Attributes:
        photos: The photographs, for first guesses and for features.
        weights: Weights of the priors.
        seed: Seed of the clustering.
    """

    photos: PhotoPyramid
    weights: PriorWeights
    seed: int

    def first_diffuse(
        self, resolution: tuple[int, int], power: Tensor, distance: float
    ) -> Float[Tensor, "1 3 h w"]:
        """Return d as if the median photograph were of a matte surface under a given power."""
        median = self.photos.reflectance(resolution).median(dim=0).values[None]
        irradiance = power[None, :, None, None] / distance**2
        return (math.pi * median / irradiance).clamp(0.02, 0.9)

    def start(self, resolution: tuple[int, int], diffuse: Tensor) -> Unknowns:
        """Return the unknowns at the coarsest level, clustered by the photographs' colours."""
        like = self.photos.images
        finest = (int(like.shape[-2]), int(like.shape[-1]))
        middle = min(finest, (_FEATURE_SIDE, _FEATURE_SIDE))
        centres = cluster(self.photos.features(middle), self.weights.materials, seed=self.seed)
        basis = SharedBasis(centres, self.weights.feature_width)
        first = basis.first_shares(self.photos.features(resolution))
        materials = like.new_empty(len(centres), 4)
        materials[:, :3] = unbounded(like.new_tensor(_SPECULAR_START), 0.0, 1.0)
        materials[:, 3] = unbounded(like.new_tensor(_ROUGHNESS_START), *ROUGHNESS_RANGE)
        return {
            "slope": like.new_zeros(1, 2, *resolution),
            "diffuse": unbounded(diffuse * 0.8, 0.0, 1.0),
            "deviation": like.new_zeros(1, 4, *resolution),
            "shares": torch.zeros_like(first),
            "materials": materials,
            "first": first,
        }

    def prolong(self, unknowns: Unknowns, resolution: tuple[int, int]) -> Unknowns:
        """Carry the unknowns to a finer grid, and cluster anew by the d found so far.

        The fitted d is a better feature than any photograph: its highlights are gone. Materials
        become the means of the gloss found so far, weighed by share and by how nearly a texel saw
        a highlight; the maps stay as they were.
        """
        gloss = prolong_field(self.gloss(unknowns), resolution)
        slope = prolong_field(unknowns["slope"], resolution)
        diffuse = prolong_field(unknowns["diffuse"], resolution)
        features = (bounded(diffuse[0], 0.0, 1.0) + _LOG_FLOOR).log()
        centres = cluster(features, self.weights.materials, seed=self.seed)
        first = SharedBasis(centres, self.weights.feature_width).first_shares(features)
        weight = first.softmax(dim=1) * (self.photos.evidence(resolution) + _EVIDENCE_FLOOR)
        total = weight.sum(dim=(0, 2, 3))[:, None].clamp_min(1e-9)
        materials = torch.einsum("bkhw,bphw->kp", weight, gloss) / total
        return {
            **unknowns,
            "slope": slope,
            "diffuse": diffuse,
            "deviation": gloss - SharedBasis.mix(first, materials),
            "shares": torch.zeros_like(first),
            "materials": materials,
            "first": first,
        }

    def step_lengths(self) -> dict[str, float]:
        """Return the step length of each unknown."""
        lengths = {"slope": 0.03, "diffuse": 0.03, "deviation": 0.03, "materials": 0.03}
        return {**lengths, "shares": 0.02} if self.weights.materials > 1 else lengths

    def gloss(self, unknowns: Unknowns) -> Float[Tensor, "1 4 h w"]:
        """Return the logits of F0 and r."""
        materials, deviation = unknowns["materials"], unknowns["deviation"]
        if len(materials) == 1:
            return deviation + materials[0][None, :, None, None]
        return SharedBasis.mix(unknowns["first"] + unknowns["shares"], materials) + deviation

    def maps(self, unknowns: Unknowns) -> Float[Tensor, "1 10 h w"]:
        """Return the maps n3 d3 s3 r1; the normal is not normalised."""
        slope = unknowns["slope"]
        gloss = self.gloss(unknowns)
        return torch.cat(
            [
                slope,
                torch.ones_like(slope[:, :1]),
                bounded(unknowns["diffuse"], 0.0, 1.0),
                bounded(gloss[:, :3], 0.0, 1.0),
                bounded(gloss[:, 3:], *ROUGHNESS_RANGE),
            ],
            dim=1,
        )

    def rescaled(self, unknowns: Unknowns, factor: Float[Tensor, "3"]) -> Unknowns:
        """Return the unknowns of a material whose reflectance is ``factor`` times as high."""
        materials = unknowns["materials"].clone()
        materials[:, :3] += factor.log()
        diffuse = bounded(unknowns["diffuse"], 0.0, 1.0) * factor[None, :, None, None]
        return {
            **unknowns, "materials": materials, "diffuse": unbounded(diffuse, 0.0, 1.0),
        }  # fmt: skip

    def prior(self, unknowns: Unknowns, view: View) -> Tensor:
        """Return the weighted priors."""
        w = self.weights
        slope = unknowns["slope"]
        if w == PriorWeights.none():
            return slope.new_zeros(())
        edges = edge_weights(view.guide, w.edge)
        smooth = (
            w.gloss * smoothness(unknowns["deviation"], edges, 0.05)
            + w.slope * smoothness(slope, edges, 0.02)
            + w.diffuse * smoothness(unknowns["diffuse"], edges, 0.05)
            + w.curl * curl(slope, 0.01)
        )
        # differences are counted a length, not a texel: the finer the grid, the less one is
        fineness = min(slope.shape[-2:]) / _SMOOTHED_SIDE
        return (
            fineness * smooth
            + w.flat * slope.square().mean()
            + w.broad * broad_share(slope, 0.03)
            + w.deviation * charbonnier(unknowns["deviation"], 0.2).mean()
            + w.shares * unknowns["shares"].square().mean()
            + self._plausible(unknowns)
        )

    def _plausible(self, unknowns: Unknowns) -> Tensor:
        """Return how unlike real surfaces the material is.

        A metal has no body colour; what has one reflects about 4 %; and a surface is rough unless a
        highlight says otherwise: r, slopes and d of a matte surface lie on a ridge that photographs
        do not see.
        """
        w = self.weights
        gloss = self.gloss(unknowns)
        logits, rough = gloss[:, :3], gloss[:, 3:]
        diffuse = bounded(unknowns["diffuse"], 0.0, 1.0)
        mirror = bounded(logits, 0.0, 1.0).amax(dim=1, keepdim=True).detach()
        body = (diffuse.amax(dim=1, keepdim=True).detach() / 0.2).clamp(max=1.0)
        return (
            w.metal * (diffuse * mirror.square()).mean()
            + w.dielectric * (body * charbonnier(logits - _DIELECTRIC, 0.5)).mean()
            + w.matte * charbonnier(rough - _MATTE, 0.5).mean()
        )

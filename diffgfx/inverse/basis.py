"""Few materials for many texels: a shared basis with learned shares and shrunken deviations.

A photograph shows the highlight of few texels, but most surfaces are made of few materials: texels
that look alike share what is learned of any of them (H. Lensch et al., "Image-Based Reconstruction
of Spatially Varying Materials", EGRW 2001). Each texel is a softmax mix of K materials; its first
guess comes from how near its features lie to the K cluster centres, and the data may move it.
"""

import dataclasses

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

__all__ = ["SharedBasis", "cluster"]


def cluster(
    features: Float[Tensor, "c h w"], count: int, *, samples: int = 16384, seed: int = 0
) -> Float[Tensor, "k c"]:
    """Return up to ``count`` cluster centres of an image's texels (k-means++, by OpenCV)."""
    texels = features.flatten(1).T.contiguous().cpu().numpy().astype(np.float32)
    if len(texels) > samples:
        texels = texels[np.random.default_rng(seed).permutation(len(texels))[:samples]]
    count = min(count, len(np.unique(texels, axis=0)))
    cv2.setRNGSeed(seed)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 50, 1e-4)
    start = np.empty(0, dtype=np.int32)
    _, _, centres = cv2.kmeans(texels, count, start, stop, 3, cv2.KMEANS_PP_CENTERS)
    return torch.from_numpy(np.asarray(centres)).to(features)


@dataclasses.dataclass(frozen=True)
class SharedBasis:
    """First guesses of the shares, from features.

    Attributes:
        centres: Cluster centres in feature space, shape (k, c).
        width: Distance in feature space over which a share falls to exp(-1/2).
    """

    centres: Float[Tensor, "k c"]
    width: float

    def first_shares(self, features: Float[Tensor, "c h w"]) -> Float[Tensor, "1 k h w"]:
        """Return the logits of each texel's shares, shape (1, k, h, w)."""
        texels = features.flatten(1).T
        distance = torch.cdist(texels, self.centres).square()
        logits = (-0.5 / self.width**2) * distance
        return logits.T.reshape(1, len(self.centres), *features.shape[1:]).contiguous()

    @staticmethod
    def mix(
        shares: Float[Tensor, "1 k h w"], materials: Float[Tensor, "k p"]
    ) -> Float[Tensor, "1 p h w"]:
        """Return each texel's mix of the materials' parameters, from the logits of its shares."""
        return torch.einsum("bkhw,kp->bphw", shares.softmax(dim=1), materials)

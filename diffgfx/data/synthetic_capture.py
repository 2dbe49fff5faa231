"""Photographs of a known material, as a hand-held phone with its flash would take them.

The renderer is the caller's, so that a fit can be tried against images made by the same equations
or by another program. What a camera adds is here: a wandering hand, automatic exposure, the noise
of photons and of reading, clipping, an encoding and eight bits.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.check import check_positive, check_shape
from diffgfx.errors import RangeError
from diffgfx.io.image import decode_transfer, encode_transfer
from diffgfx.scene import MaterialMaps, Transfer

__all__ = ["CameraModel", "Renderer", "SyntheticCapture", "colocated_poses", "synthetic_capture"]

Renderer = Callable[[MaterialMaps, Tensor, Tensor], Tensor]
"""Called as ``render(maps, position, intensity)`` with the common place of camera and light
[unit of maps.size], shape (1, n, 3), and the light's radiant intensity, shape (1, n, 3); returns
linear radiance of shape (1, n, 3, h, w)."""


@dataclasses.dataclass(frozen=True)
class CameraModel:
    """How the camera departs from an ideal one; the defaults are those of a phone.

    Attributes:
        exposure: Standard deviation of the logarithm of a photo's exposure.
        electrons: Full-well electrons of a pixel: shot noise has variance signal / electrons.
        read: Standard deviation of the read noise [fraction of full scale].
        levels: Number of stored levels per channel; 0 stores the encoded value unrounded.
        transfer: Encoding of the stored values.
    """

    exposure: float = 0.1
    electrons: float = 8000.0
    read: float = 0.001
    levels: int = 256
    transfer: Transfer = "srgb"


@dataclasses.dataclass(frozen=True)
class SyntheticCapture:
    """Photographs with all that was chosen in making them.

    Attributes:
        stored: Values as an image file would hold them, in [0, 1], shape (n, 3, h, w).
        images: The same decoded to linear light, shape (n, 3, h, w).
        saturated: 1 where any channel is at full scale, else 0, shape (n, 1, h, w).
        position: Place of camera and light [unit of the maps' size], shape (n, 3).
        exposure: Linear factor applied to each photo, shape (n,).
        power: Radiant intensity of the light [radiance x unit^2], the same in all channels.
        transfer: Encoding of ``stored``.
    """

    stored: Float[Tensor, "n 3 h w"]
    images: Float[Tensor, "n 3 h w"]
    saturated: Float[Tensor, "n 1 h w"]
    position: Float[Tensor, "n 3"]
    exposure: Float[Tensor, " n"]
    power: float
    transfer: Transfer


def colocated_poses(
    size: tuple[float, float], *, seed: int = 0, distance: float = 2.4, jitter: float = 0.05
) -> Float[Tensor, "9 3"]:
    """Place nine hand-held cameras whose flash highlights form a 3 x 3 grid on the sample.

    Args:
        size: Width and height of the sample [any unit].
        seed: Names the instance.
        distance: Mean height above the sample, in units of its longer side.
        jitter: Standard deviation of each coordinate about its grid point, in the same units;
            three times larger along z.

    Returns:
        Positions [unit of ``size``], row by row from the upper left, float32.
    """
    check_positive("distance", distance)
    rng = np.random.default_rng([seed, 9])
    side = max(size)
    places = [
        (0.32 * column * size[0], -0.32 * row * size[1], distance * side)
        for row in (-1, 0, 1)
        for column in (-1, 0, 1)
    ]
    shake = jitter * side * np.clip(rng.standard_normal((9, 3)), -2.0, 2.0) * (1.0, 1.0, 3.0)
    return torch.from_numpy((np.array(places) + shake).astype(np.float32))


def synthetic_capture(
    maps: MaterialMaps,
    render: Renderer,
    *,
    seed: int = 0,
    power: float | None = None,
    camera: CameraModel | None = None,
    position: Tensor | None = None,
) -> SyntheticCapture:
    """Photograph a material, a batch of one, with a flash at the camera.

    Args:
        maps: The true material.
        render: The renderer; see `Renderer`.
        seed: Names the instance: poses, exposures and noise.
        power: Radiant intensity of the flash [radiance x unit^2]; None meters it: nine tenths of
            all pixels then lie below 0.6 of full scale before the exposure's variation.
        camera: How the camera departs from an ideal one; None is a phone.
        position: Places of camera and light [unit of the maps' size], shape (n, 3); None takes
            `colocated_poses`.

    Returns:
        The photographs and the truth about them, float32.

    Raises:
        RangeError: If ``power`` is not positive, or metering finds no light.
        ShapeError: If ``position`` or what ``render`` returned has the wrong shape.
    """
    camera = CameraModel() if camera is None else camera
    position = colocated_poses(maps.size, seed=seed) if position is None else position
    check_shape("position", position, ("n", 3), {})
    count = position.shape[0]
    place = position.to(maps.diffuse)[None]
    unit = torch.ones_like(place)
    radiance = render(maps, place, unit)
    check_shape("render(...)", radiance, (1, count, 3, *maps.resolution), {})
    ideal = radiance[0].detach().cpu().numpy().astype(np.float64)
    if power is None:
        power = _metered(ideal)
    check_positive("power", power)
    rng = np.random.default_rng([seed, 1])
    exposure = np.exp(camera.exposure * rng.standard_normal(count))
    signal = ideal * (power * exposure[:, None, None, None])
    stored = _photograph(signal, camera, rng)
    clipped = (stored >= 1.0).any(axis=1, keepdims=True)
    encoded = torch.from_numpy(stored.astype(np.float32))
    return SyntheticCapture(
        stored=encoded,
        images=decode_transfer(encoded, camera.transfer),
        saturated=torch.from_numpy(clipped.astype(np.float32)),
        position=position.float(),
        exposure=torch.from_numpy(exposure.astype(np.float32)),
        power=float(power),
        transfer=camera.transfer,
    )


def _metered(ideal: np.ndarray) -> float:
    """Light power that puts the 90th percentile of the brightest channel at 0.6."""
    bright = float(np.quantile(ideal.max(axis=1), 0.9))
    if not bright > 0.0:
        raise RangeError(f"render(...) must show light to be metered, got {bright}; give power")
    return 0.6 / bright


def _photograph(signal: np.ndarray, camera: CameraModel, rng: np.random.Generator) -> np.ndarray:
    """Add noise to linear images, clip, encode and round them."""
    deviation = np.sqrt(np.maximum(signal, 0.0) / camera.electrons + camera.read**2)
    noisy = signal + deviation * rng.standard_normal(signal.shape)
    encoded = np.asarray(encode_transfer(noisy, camera.transfer))
    if camera.levels:
        encoded = np.round(encoded * (camera.levels - 1)) / (camera.levels - 1)
    return encoded

"""Captures of materials that are known: procedural ones photographed here, and a published one."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from diffgfx.data import colocated_poses, make_material, synthetic_capture
from diffgfx.io import (
    balance_diffuse,
    from_materialgan,
    read_capture,
    read_image,
    write_capture,
    write_png,
)
from diffgfx.render import render_planar
from diffgfx.scene import Capture, MaterialMaps, Photo
from diffgfx.tasks.capture import CaptureOptions, CaptureResult, capture_material

__all__ = [
    "Known",
    "capture_known",
    "flash",
    "metered_power",
    "photograph_material",
    "read_synthetic_random",
]

Progress = Callable[[int, int, float | None], object]
"""Told of what is done of a fit, how much it is, and the current error."""

_SIDE = 10.0  # cm
_MOST = (0.9, 0.6)  # quantile of the pixels and the value it has at most: well exposed,
_BRIGHT = (0.98, 0.95)  # and highlights that are clipped in few


@dataclasses.dataclass(frozen=True)
class Known:
    """A capture and the material it shows.

    Attributes:
        capture: The photographs.
        truth: The material, at the photographs' resolution.
    """

    capture: Capture
    truth: MaterialMaps


def photograph_material(name: str, folder: Path, *, resolution: int = 256, seed: int = 0) -> Known:
    """Photograph one of `data.MATERIALS` nine times with noise, and write the photographs.

    The exposure spares the highlights: of all pixels, before exposures vary, nine tenths lie below
    0.6 of full scale and 98 % are not clipped. Exposures vary by a tenth and are not told; the
    power is, for their geometric mean.

    Args:
        name: The material.
        folder: Existing folder for nine 8-bit PNG files and ``capture.json``.
        resolution: Texels and pixels a side.
        seed: Names material, poses, exposures and noise.

    Returns:
        The capture, as read back from the folder, and the truth.
    """
    truth = make_material(name, resolution, seed=seed, size=_SIDE)
    place = colocated_poses(truth.size, seed=seed)
    taken = synthetic_capture(
        truth, flash, seed=seed, power=metered_power(truth, place), position=place
    )
    photos = []
    for index, (image, place) in enumerate(zip(taken.stored, taken.position, strict=True)):
        write_png(folder / f"{index}.png", image.permute(1, 2, 0).numpy())
        x, y, z = place.tolist()
        photos.append(Photo(f"{index}.png", camera=(x, y, z), light=(x, y, z)))
    power = taken.power * float(taken.exposure.log().mean().exp())
    capture = Capture(
        folder, "cm", truth.size, taken.transfer, tuple(photos), light_power=(power,) * 3
    )
    write_capture(folder, capture)
    return Known(read_capture(folder), truth)


def metered_power(maps: MaterialMaps, place: Tensor) -> float:
    """Return the power of one who watches the highlights: metals come out dark, few are clipped."""
    radiance = flash(maps, place[None], torch.ones(1, len(place), 3))[0]
    bright = radiance.amax(dim=1).flatten().sort().values
    return min(
        value / float(bright[int(share * (len(bright) - 1))]) for share, value in (_MOST, _BRIGHT)
    )


def flash(maps: MaterialMaps, place: Tensor, intensity: Tensor) -> Tensor:
    """Return pictures of a material with the flash at the camera; see `data.Renderer`."""
    return render_planar(
        maps.to_tensor(),
        maps.size,
        light_position=place,
        light_intensity=intensity,
        camera_position=place,
    )


def read_synthetic_random(data: Path, *, power: float | None = 1500.0) -> Known:
    """Read MaterialGAN's synthetic capture and its material, diffuse balanced for our BRDF.

    Args:
        data: The folder of published data.
        power: What to say of the light's power; None for nothing.

    Raises:
        InputError: If a file is missing or broken.
    """
    capture = read_capture(data / "capture" / "synthetic_random")
    normal, diffuse, specular, roughness = (
        torch.from_numpy(read_image(capture.folder / "maps" / f"{name}.png")).movedim(-1, 0)[None]
        for name in ("normal", "diffuse", "specular", "roughness")
    )
    maps = from_materialgan(normal, diffuse, specular, roughness[:, :1])
    truth = MaterialMaps.from_tensor(balance_diffuse(maps, "materialgan"), capture.sample_size)
    given = None if power is None else (power,) * 3
    return Known(dataclasses.replace(capture, light_power=given), truth)


def capture_known(known: Known, progress: Progress | None = None) -> CaptureResult:
    """Capture a known material at its own resolution, all photographs fitted."""

    def tell(stage: str, done: int, total: int, error: float | None) -> None:
        if progress is not None and stage == "fit":
            progress(done, total, error)

    options = CaptureOptions(max(known.truth.resolution), holdout="none")
    return capture_material(known.capture, options, progress=tell)

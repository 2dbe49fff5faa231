"""Do the published image models, fed by our readers, reproduce the published pictures?

If they do, maps, encodings, axes, poses and units of these systems are read as their authors meant.
"""

from pathlib import Path

import torch
from torch import Tensor

from diffgfx.io.capture_file import read_capture
from diffgfx.io.encodings import from_gao, from_materialgan
from diffgfx.io.image import read_image
from diffgfx.render.published import render_gao, render_materialgan
from diffgfx.scene import Capture

__all__ = ["measure_gao", "measure_materialgan"]

_GAO = Path("capture", "msraig", "leather_x_marble")
_MATERIALGAN = Path("capture", "synthetic_random")


def measure_gao(data_folder: Path | str) -> float:
    """Render Gao's published maps by Gao's equations and compare with the 20 published pictures.

    Args:
        data_folder: The folder of published data, which holds ``capture/msraig``.

    Returns:
        RMSE over all pixels of display values in [0, 1]; 0.0011 where everything is read as meant.

    Raises:
        InputError: If a file of the set is missing or broken.
    """
    capture = read_capture(Path(data_folder) / _GAO)
    maps = from_gao(*_stored_maps(capture))
    return _rmse(capture, render_gao(maps, _cameras(capture)))


def measure_materialgan(data_folder: Path | str) -> float:
    """Render MaterialGAN's maps by its equations and compare with the nine published pictures.

    Args:
        data_folder: The folder of published data, which holds ``capture/synthetic_random``.

    Returns:
        RMSE over all pixels of display values in [0, 1]; 0.0023 where everything is read as meant
        (the pictures are truncated to 8 bits, not rounded).

    Raises:
        InputError: If a file of the set is missing or broken.
    """
    capture = read_capture(Path(data_folder) / _MATERIALGAN)
    maps = from_materialgan(*_stored_maps(capture))
    return _rmse(capture, render_materialgan(maps, _cameras(capture), capture.sample_size))


def _stored_maps(capture: Capture) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    names = ("normal", "diffuse", "specular", "roughness")
    normal, diffuse, specular, roughness = (
        _load(capture.folder / "maps" / f"{name}.png") for name in names
    )
    return normal, diffuse, specular, roughness[:, :1]


def _load(path: Path) -> Tensor:
    return torch.from_numpy(read_image(path)).double().permute(2, 0, 1).unsqueeze(0)


def _cameras(capture: Capture) -> Tensor:
    return torch.tensor([photo.camera for photo in capture.photos], dtype=torch.float64)


def _rmse(capture: Capture, images: Tensor) -> float:
    photos = torch.cat([_load(capture.folder / photo.file) for photo in capture.photos])
    return float((images[0] - photos).square().mean().sqrt())

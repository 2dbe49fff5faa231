"""The height of a sphere's cap from its normals, through the files that programs read."""

import pytest
import torch
from torch import Tensor

from diffgfx.io import read_image, write_maps
from diffgfx.ops import height_from_normals
from diffgfx.scene import MaterialMaps

RADIUS = 20.0    # cm


def cap(rows: int, columns: int, width: float, rim: float) -> tuple[Tensor, Tensor]:
    """Return normals and height [cm] of a cap of a given rim on a plate of square texels."""
    texel = width / columns
    x = (torch.arange(columns, dtype=torch.float64) + 0.5 - columns / 2) * texel
    y = (rows / 2 - torch.arange(rows, dtype=torch.float64) - 0.5) * texel
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    square = (grid_x.square() + grid_y.square()).clamp(max=RADIUS**2)
    on = square <= rim**2
    up = (RADIUS**2 - square).sqrt()
    height = torch.where(on, up - (RADIUS**2 - rim**2) ** 0.5, 0.0)
    normal = torch.stack([grid_x * on, grid_y * on, torch.where(on, up, RADIUS)]) / RADIUS
    return torch.nn.functional.normalize(normal, dim=0)[None], height


@pytest.mark.parametrize(
    ("rows", "columns", "rim"),
    [(64, 64, 100.0), (48, 96, 100.0), (128, 128, 3.0)],
    ids=["all of the plate", "texels of a wide plate", "a lens on a plate"],
)
def test_a_caps_height_within_two_percent(tmp_path, rows: int, columns: int, rim: float) -> None:
    width = 10.0
    rim = min(rim, RADIUS * 0.99)
    normal, height = cap(rows, columns, width, rim)
    size = (width, width * rows / columns)
    found = height_from_normals(normal, size)
    flat = torch.ones(1, 7, rows, columns)
    maps = MaterialMaps.from_tensor(torch.cat([normal.float(), 0.5 * flat], dim=1), size)
    write_maps(tmp_path, maps, found.float(), units="cm")
    stored = torch.from_numpy(read_image(tmp_path / "height.exr")[..., 0]).double()
    wanted = 10.0 * height                                   # mm
    difference = (stored - stored.mean()) - (wanted - wanted.mean())
    span = float(wanted.max() - wanted.min())
    assert span > 2.0
    assert float(difference.abs().max()) < 0.02 * span
    assert float(stored.max() - stored.min()) == pytest.approx(span, rel=0.02)

"""The packed material: what a browser unpacks is the material."""

import base64
import zlib

import numpy as np
import torch

from diffgfx.data import make_material
from diffgfx.io import decode_transfer
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture.report.view import pack_view, view_maps


def unpacked(data) -> torch.Tensor:
    """Read the planes as their description says, apart from the code that made them."""
    raw = zlib.decompress(base64.b64decode(data.planes))
    steps = np.frombuffer(raw, np.uint8).reshape(12, data.height, data.width)
    codes = np.cumsum(steps.astype(np.int64), axis=2) % 256
    fine = (256 * codes[0:6:2] + codes[1:6:2]) / 65535
    slant = 2 * fine[:2] - 1
    rise = np.sqrt(1 - (slant**2).sum(axis=0, keepdims=True))
    colours = decode_transfer(codes[6:] / 255, "srgb")
    return torch.from_numpy(np.concatenate([slant, rise, colours, fine[2:]]))[None]


def test_a_small_material_is_kept():
    whole = make_material("hammered_steel", 40)
    maps = MaterialMaps.from_tensor(whole.to_tensor()[..., :30, :].contiguous(), (8.0, 6.0))
    data = pack_view(maps)
    assert (data.width, data.height, data.size) == (40, 30, (1.0, 0.75))
    found, wanted = unpacked(data), maps.to_tensor().double()
    error = (found - wanted).abs().amax(dim=(0, 2, 3))
    assert error[:2].max() < 2e-5
    assert error[9] < 1e-5
    stored = 0.5 / 255
    assert error[3:9].max() < 2.4 * stored       # the steepest that sRGB's decoding gets
    assert data.power > 0.0


def test_a_large_material_is_averaged_down():
    maps = make_material("leather", 96)
    small = view_maps(maps, 32)
    assert small.resolution == (32, 32)
    wanted = maps.diffuse.reshape(1, 3, 32, 3, 32, 3).mean(dim=(3, 5))
    assert torch.allclose(small.diffuse, wanted, atol=1e-6)
    assert torch.allclose(small.normal.norm(dim=1), torch.ones(1, 32, 32), atol=1e-5)
    assert small.size == maps.size

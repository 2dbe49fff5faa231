"""GLB files for tests, taken apart and put together without the library's own reader."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from diffgfx.scene import MaterialMaps

Fields = dict[str, Any]


def random_maps(height: int = 5, width: int = 7, seed: int = 0) -> MaterialMaps:
    random = torch.Generator().manual_seed(seed)
    draw = torch.rand(1, 10, height, width, generator=random)
    normal = torch.cat([draw[:, :2] - 0.5, torch.ones(1, 1, height, width)], dim=1)
    normal = torch.nn.functional.normalize(normal, dim=1)
    return MaterialMaps(normal, draw[:, 3:6], draw[:, 6:9] ** 2, draw[:, 9:], (6.848, 4.0))


def split_glb(data: bytes) -> tuple[Fields, bytes]:
    (size,) = struct.unpack_from("<I", data, 12)
    return json.loads(data[20 : 20 + size]), data[28 + size :]


def join_glb(root: Any, blob: bytes) -> bytes:
    text = root if isinstance(root, bytes) else json.dumps(root).encode()
    text += b" " * (-len(text) % 4)
    blob += b"\0" * (-len(blob) % 4)
    total = 28 + len(text) + len(blob)
    head = struct.pack("<4sII", b"glTF", 2, total) + struct.pack("<II", len(text), 0x4E4F534A)
    return head + text + struct.pack("<II", len(blob), 0x004E4942) + blob


def edit_glb(path: Path, change: Callable[[Fields], object]) -> Path:
    root, blob = split_glb(path.read_bytes())
    change(root)
    path.write_bytes(join_glb(root, blob))
    return path


def build_glb(path: Path, material: Fields, pictures: list[bytes], mime: str = "image/png") -> Path:
    """Write a GLB of one material and its pictures, texture i showing picture i."""
    views, blob = [], b""
    for data in pictures:
        views.append({"buffer": 0, "byteOffset": len(blob), "byteLength": len(data)})
        blob += data
    count = range(len(pictures))
    root = {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": len(blob)}],
        "bufferViews": views,
        "images": [{"bufferView": i, "mimeType": mime} for i in count],
        "textures": [{"source": i} for i in count],
        "materials": [material],
    }
    path.write_bytes(join_glb(root, blob))
    return path


def encode_png(rgb: Any, dtype: type = np.uint8) -> bytes:
    rows = np.asarray(rgb, dtype=dtype)
    if rows.ndim == 3 and rows.shape[2] in (3, 4):
        rows = np.concatenate([rows[..., 2::-1], rows[..., 3:]], axis=2)
    done, encoded = cv2.imencode(".png", rows)
    assert done
    return bytes(encoded.tobytes())

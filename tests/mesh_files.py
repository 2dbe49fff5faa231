"""Files of meshes for tests, made without the library's own writers."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.glb_files import Fields, join_glb

CODES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
QUAD = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
QUAD_UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)  # as glTF has it: v down


class GltfFile:
    """A glTF put together by hand, to be changed before it is written."""

    def __init__(self) -> None:
        self.blob = b""
        self.root: Fields = {
            "asset": {"version": "2.0"}, "buffers": [{"byteLength": 0}], "bufferViews": [],
            "accessors": [], "meshes": [{"primitives": []}], "nodes": [{"mesh": 0}],
            "scenes": [{"nodes": [0]}], "scene": 0,
        }  # fmt: skip

    def view(self, data: bytes, **more: Any) -> int:
        view = {"buffer": 0, "byteOffset": len(self.blob), "byteLength": len(data), **more}
        self.blob += data + b"\0" * (-len(data) % 4)
        self.root["buffers"][0]["byteLength"] = len(self.blob)
        self.root["bufferViews"].append(view)
        return len(self.root["bufferViews"]) - 1

    def accessor(self, values: Any, kind: str = "f4", **more: Any) -> int:
        array = np.asarray(values).astype(f"<{kind}")
        layout = "SCALAR" if array.ndim == 1 else f"VEC{array.shape[1]}"
        self.root["accessors"].append(
            {"bufferView": self.view(array.tobytes()), "componentType": CODES[kind],
             "count": len(array), "type": layout, **more}
        )  # fmt: skip
        return len(self.root["accessors"]) - 1

    def primitive(self, indices: Any = None, **attributes: Any) -> Fields:
        entry: Fields = {"attributes": {k: self.accessor(v) for k, v in attributes.items()}}
        if indices is not None:
            entry["indices"] = self.accessor(np.asarray(indices).reshape(-1), "u2")
        self.root["meshes"][0]["primitives"].append(entry)
        return entry

    def picture(self, png: bytes, **sampler: Any) -> int:
        for key in ("images", "textures", "samplers"):
            self.root.setdefault(key, [])
        self.root["images"].append({"bufferView": self.view(png), "mimeType": "image/png"})
        self.root["samplers"].append(sampler)
        last = len(self.root["images"]) - 1
        self.root["textures"].append({"source": last, "sampler": last})
        return last

    def write(self, path: Path) -> Path:
        path.write_bytes(join_glb(self.root, self.blob))
        return path

    def write_gltf(self, path: Path, *, inside: bool) -> Path:
        """Write a .gltf with its buffer beside it, or in a data URI."""
        uri = f"{path.stem}.bin"
        if inside:
            uri = "data:application/octet-stream;base64," + base64.b64encode(self.blob).decode()
        else:
            path.with_suffix(".bin").write_bytes(self.blob)
        root = {**self.root, "buffers": [{"byteLength": len(self.blob), "uri": uri}]}
        path.write_text(json.dumps(root))
        return path


def quad_file(**more: Any) -> GltfFile:
    file = GltfFile()
    file.primitive([0, 1, 2, 0, 2, 3], POSITION=QUAD, **more)
    return file

"""Meshes in whatever format the name of a file says."""

from pathlib import Path

import torch

from diffgfx.errors import InputError
from diffgfx.io._files import show_path
from diffgfx.io.gltf_model import read_gltf
from diffgfx.io.obj import read_obj
from diffgfx.io.ply import read_ply
from diffgfx.scene import Model

__all__ = ["read_mesh"]

_READERS = {".glb": read_gltf, ".gltf": read_gltf, ".obj": read_obj, ".ply": read_ply}


def read_mesh(path: Path | str, *, dtype: torch.dtype = torch.float32) -> Model:
    """Read a file of meshes: glTF 2.0, OBJ or PLY.

    Args:
        path: A ``.glb``, ``.gltf``, ``.obj`` or ``.ply``.
        dtype: Of all tensors, float32 or float64.

    Returns:
        The meshes in the world, with their materials; see `read_gltf`, `read_obj`, `read_ply`.

    Raises:
        InputError: If the name ends in anything else, or the file cannot be used.
    """
    reader = _READERS.get(Path(path).suffix.lower())
    if reader is None:
        raise InputError(
            f"{show_path(Path(path))}: name must end in {', '.join(_READERS)}, got "
            f"{Path(path).suffix or 'no ending'!r}; convert it to one of these"
        )
    return reader(path, dtype=dtype)

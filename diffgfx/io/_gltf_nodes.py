"""The node tree of a glTF: which nodes a scene shows, and where in the world each of them is."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from diffgfx.io._gltf_asset import Asset, Fields

__all__ = ["walk_nodes"]

Matrix = npt.NDArray[np.float64]

_AGAIN = "export the file again"
_IDENTITY = tuple(float(value) for value in np.eye(4).ravel())


def walk_nodes(asset: Asset) -> Iterator[tuple[int, Fields, Matrix]]:
    """Yield each node of the shown scene, parents first, with its matrix to the world, (4, 4).

    The shown scene is the file's default, else its first; without scenes, every node that is
    nobody's child.

    Raises:
        InputError: If the nodes are no tree (a cycle, two parents), or a transform is not finite.
    """
    stack = [(index, place, np.eye(4)) for index, place in reversed(_roots(asset))]
    seen: set[int] = set()
    while stack:
        index, place, parent = stack.pop()
        fields = asset.item("nodes", index, place)
        number = index if isinstance(index, int) else 0
        if number in seen:
            raise asset.fault(place, "must name a node that has no other parent", index, _AGAIN)
        seen.add(number)
        where = f"nodes[{number}]"
        with np.errstate(over="ignore", invalid="ignore"):
            world = parent @ _local(asset, fields, where)
        if not bool(np.isfinite(world).all()):
            raise asset.fault(where, "must have a finite transform", "an overflow", _AGAIN)
        yield number, fields, world
        children = asset.entries(fields, "children", where)
        stack += [(child, f"{where}.children", world) for child in reversed(children)]


def _roots(asset: Asset) -> list[tuple[object, str]]:
    scenes = asset.entries(asset.root, "scenes", "file")
    if scenes or "scene" in asset.root:
        index = asset.root.get("scene", 0)
        scene = asset.item("scenes", index, "scene")
        place = f"scenes[{index}].nodes"
        return [(node, place) for node in asset.entries(scene, "nodes", f"scenes[{index}]")]
    nodes = asset.entries(asset.root, "nodes", "file")
    children = {
        child
        for index in range(len(nodes))
        for child in asset.entries(asset.item("nodes", index, "nodes"), "children", "nodes")
        if isinstance(child, int)
    }
    if nodes and len(children) >= len(nodes):
        raise asset.fault("nodes", "must hold one that is nobody's child", len(nodes), _AGAIN)
    return [(index, "nodes") for index in range(len(nodes)) if index not in children]


def _local(asset: Asset, fields: Fields, where: str) -> Matrix:
    if "matrix" in fields:
        numbers = asset.numbers(fields, "matrix", _IDENTITY, where, low=-math.inf)
        return np.array(numbers).reshape(4, 4).T
    move = asset.numbers(fields, "translation", (0.0, 0.0, 0.0), where, low=-math.inf)
    turn = asset.numbers(fields, "rotation", (0.0, 0.0, 0.0, 1.0), where, low=-math.inf)
    scale = asset.numbers(fields, "scale", (1.0, 1.0, 1.0), where, low=-math.inf)
    matrix = np.eye(4)
    matrix[:3, :3] = _rotation(asset, turn, where) * np.array(scale)
    matrix[:3, 3] = move
    return matrix


def _rotation(asset: Asset, quaternion: tuple[float, ...], where: str) -> Matrix:
    length = math.hypot(*quaternion)
    if not 0.0 < length < math.inf:
        rule = "must be a quaternion of length 1"
        raise asset.fault(f"{where}.rotation", rule, list(quaternion), _AGAIN)
    x, y, z, w = (value / length for value in quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )

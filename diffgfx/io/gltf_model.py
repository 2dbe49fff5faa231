"""Scenes of glTF 2.0 in: meshes with materials where they are in the world, cameras and lights."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from diffgfx.errors import DiffgfxError
from diffgfx.io._files import read_bytes, show_path
from diffgfx.io._gltf_asset import Asset, Fields, parse_glb, parse_gltf
from diffgfx.io._gltf_nodes import walk_nodes
from diffgfx.io._gltf_primitive import TRIANGLE_MODES, read_primitive
from diffgfx.io._gltf_texture import Material, read_material
from diffgfx.io._mesh_build import TRIANGLE_LIMIT
from diffgfx.scene import Camera, DistantLight, Light, Model, Part, PointLight

__all__ = ["read_gltf"]

_FILE_LIMIT = 1 << 30
_TEXEL_LIMIT = 1 << 25
_VERTEX_LIMIT = 1 << 24
_THING_LIMIT = 10_000
_AGAIN = "export the file again"
_LIGHTS = "KHR_lights_punctual"
_READ = frozenset(
    {"KHR_materials_specular", "KHR_materials_ior", "KHR_texture_transform", _LIGHTS,
     "KHR_mesh_quantization"}
)  # fmt: skip
# A camera without a far plane sees this many times as far as its near plane.
_FAR = 1e5

Matrix = npt.NDArray[np.float64]


def read_gltf(path: Path | str, *, dtype: torch.dtype = torch.float32) -> Model:
    """Read the scene that a glTF file shows.

    Nodes are placed in the world, materials become ten maps (see `diffgfx.io.encodings`), v is
    turned up, and positions of a primitive that are equal to the bit become one vertex.

    Args:
        path: A ``.glb`` or a ``.gltf``; what it names must lie in its own folder.
        dtype: Of all tensors, float32 or float64.

    Returns:
        The model; its ``notes`` say what is left out: emission, occlusion, transparency, colours of
        vertices, skins, morph targets, animations, points, lines, spot lights, orthographic cameras
        and extensions that are not read.

    Raises:
        InputError: If the file is missing, broken or hostile, needs an extension that is not read
            (compression, for one), holds no triangles, more than 2^24 triangles, more than 2^24
            texels in a texture or 2^25 in all materials, or textures of one material that lie in
            different places.
    """
    path = Path(path)
    data, name = read_bytes(path, _FILE_LIMIT), show_path(path)
    parse = parse_gltf if data[:1] == b"{" or path.suffix.lower() == ".gltf" else parse_glb
    return _Reader(parse(data, name, path.parent), dtype).read()


class _Reader:
    """What has been read of a file so far."""

    def __init__(self, asset: Asset, dtype: torch.dtype) -> None:
        self.asset = asset
        self.dtype = dtype
        self.parts: list[Part] = []
        self.cameras: list[Camera] = []
        self.lights: list[Light] = []
        self.notes: dict[str, None] = {}
        self.materials: dict[object, Material] = {}
        self.triangles = self.vertices = self.texels = 0

    def read(self) -> Model:
        """Return the model."""
        self._check_extensions()
        for number, fields, world in walk_nodes(self.asset):
            where = f"nodes[{number}]"
            things = len(self.parts) + len(self.cameras) + len(self.lights) + len(self.notes)
            if things > _THING_LIMIT:
                rule = f"must be among {_THING_LIMIT} meshes, cameras and lights"
                raise self.asset.fault(where, rule, things, "join meshes")
            if "mesh" in fields:
                self._add_mesh(fields, where, world)
            if "camera" in fields:
                self._add_camera(fields["camera"], where, world)
            extensions = self.asset.fields(fields, "extensions", where)
            if _LIGHTS in extensions:
                lamp = self.asset.fields(extensions, _LIGHTS, where)
                self._add_light(lamp.get("light"), where, world)
        if not self.parts:
            remedy = "export the mesh and a scene that shows it"
            raise self.asset.fault("scene", "must show a mesh of triangles", "none", remedy)
        return Model(tuple(self.parts), tuple(self.cameras), tuple(self.lights), tuple(self.notes))

    def _note(self, text: str) -> None:
        self.notes.setdefault(text)

    def _check_extensions(self) -> None:
        root = self.asset.root
        needed = self.asset.entries(root, "extensionsRequired", "file")
        foreign = [name for name in needed if not isinstance(name, str) or name not in _READ]
        if foreign:
            rule = f"must be among {sorted(_READ)}"
            remedy = "export without compression and without these extensions"
            raise self.asset.fault("extensionsRequired", rule, foreign, remedy)
        if self.asset.entries(root, "animations", "file"):
            self._note("animations are left out")

    def _add_mesh(self, node: Fields, where: str, world: Matrix) -> None:
        mesh = self.asset.item("meshes", node["mesh"], f"{where}.mesh")
        place = f"meshes[{node['mesh']}]"
        if "skin" in node:
            self._note(f"{where}: skin is left out, the mesh stands as it was modelled")
        title = node.get("name", mesh.get("name", ""))
        for number, primitive in enumerate(self.asset.entries(mesh, "primitives", place)):
            inside = f"{place}.primitives[{number}]"
            if len(self.parts) > _THING_LIMIT:
                rule = f"must be among {_THING_LIMIT} meshes"
                raise self.asset.fault(inside, rule, number, "join meshes")
            if not isinstance(primitive, dict):
                raise self.asset.fault(inside, "must be an object", primitive, _AGAIN)
            self._add_primitive(primitive, inside, world, title if isinstance(title, str) else "")

    def _add_primitive(self, primitive: Fields, where: str, world: Matrix, title: str) -> None:
        mode = primitive.get("mode", TRIANGLE_MODES[0])
        if mode not in TRIANGLE_MODES:
            if mode not in (0, 1, 2, 3):
                raise self.asset.fault(f"{where}.mode", "must be 0 to 6", mode, _AGAIN)
            self._note(f"{where}: points and lines are left out")
            return
        if "targets" in primitive:
            self._note(f"{where}: morph targets are left out")
        if "COLOR_0" in self.asset.fields(primitive, "attributes", where):
            self._note(f"{where}: colours of vertices are left out")
        extensions = self.asset.fields(primitive, "extensions", where)
        if "KHR_draco_mesh_compression" in extensions:
            rule, remedy = "must be stored plainly", "export without compression"
            raise self.asset.fault(where, rule, "KHR_draco_mesh_compression", remedy)
        self._count_vertices(primitive, where)
        material = self._material(primitive.get("material"), where)
        mesh = read_primitive(
            self.asset, primitive, where, world, placement=material.placement, dtype=self.dtype
        )
        self.triangles += len(mesh.triangles)
        if self.triangles > TRIANGLE_LIMIT:
            rule = f"must show at most {TRIANGLE_LIMIT} triangles"
            raise self.asset.fault("scene", rule, self.triangles, "simplify it")
        self.parts.append(
            Part(mesh, material.maps, title, material.wrap, two_sided=material.two_sided)
        )

    def _count_vertices(self, primitive: Fields, where: str) -> None:
        attributes = self.asset.fields(primitive, "attributes", where)
        index = attributes.get("POSITION")
        accessor = self.asset.item("accessors", index, f"{where}.attributes.POSITION")
        self.vertices += self.asset.whole(accessor, "count", None, f"accessors[{index}]", low=1)
        if self.vertices > _VERTEX_LIMIT:
            rule = f"must show at most {_VERTEX_LIMIT} vertices"
            raise self.asset.fault("scene", rule, self.vertices, "simplify it")

    def _material(self, index: object, where: str) -> Material:
        key = index if isinstance(index, int) else None
        if key not in self.materials:
            fields: Fields = {}
            if index is not None:
                fields = self.asset.item("materials", index, f"{where}.material")
            place = "the default material" if index is None else f"materials[{index}]"
            found = read_material(self.asset, fields, place, self.dtype)
            self.texels += found.maps.resolution[0] * found.maps.resolution[1]
            if self.texels > _TEXEL_LIMIT:
                rule = f"must hold at most {_TEXEL_LIMIT} texels"
                raise self.asset.fault("materials", rule, self.texels, "reduce the textures")
            for note in found.notes:
                self._note(note)
            self.materials[key] = found
        return self.materials[key]

    def _add_camera(self, index: object, where: str, world: Matrix) -> None:
        camera = self.asset.item("cameras", index, f"{where}.camera")
        place = f"cameras[{index}]"
        if camera.get("type") != "perspective":
            self._note(f"{place}: a camera that is not perspective is left out")
            return
        lens = self.asset.fields(camera, "perspective", place)
        inside = f"{place}.perspective"
        near = self.asset.number(lens, "znear", 0.01, inside)
        far = self.asset.number(lens, "zfar", _FAR * near, inside)
        angle = self.asset.number(lens, "yfov", 0.0, inside, high=np.pi)
        eye, ahead, up = world[:3, 3], -_direction(world[:3, 2]), _direction(world[:3, 1])
        position, target, upward, fov = (
            self._row(values) for values in (eye, eye + ahead, up, np.array(angle))
        )
        try:
            made = Camera(position, target, upward, fov[:, 0], near, far)
        except DiffgfxError as error:
            rule = "must make a camera"
            raise self.asset.fault(f"{where}.camera", rule, str(error), _AGAIN) from error
        self.cameras.append(made)

    def _add_light(self, index: object, where: str, world: Matrix) -> None:
        extension = self.asset.fields(
            self.asset.fields(self.asset.root, "extensions", "file"), _LIGHTS, "extensions"
        )
        lights = Asset(self.asset.name, extension, b"")
        fields = lights.item("lights", index, f"{where}.{_LIGHTS}.light")
        place = f"{_LIGHTS}.lights[{index}]"
        colour = lights.numbers(fields, "color", (1.0, 1.0, 1.0), place)
        power = np.array(colour) * lights.number(fields, "intensity", 1.0, place)
        kind = fields.get("type")
        try:
            if kind == "directional":
                toward = self._row(_direction(world[:3, 2]))
                self.lights.append(DistantLight(toward, self._row(power)))
            elif kind == "point":
                self.lights.append(PointLight(self._row(world[:3, 3]), self._row(power)))
            else:
                self._note(f"{place}: a light that is neither point nor directional is left out")
        except DiffgfxError as error:
            raise self.asset.fault(place, "must make a light", str(error), _AGAIN) from error

    def _row(self, values: npt.NDArray[Any]) -> torch.Tensor:
        return torch.tensor(np.atleast_1d(values), dtype=self.dtype)[None]


def _direction(vector: Matrix) -> Matrix:
    largest = float(np.abs(vector).max())
    if not 0.0 < largest < np.inf:
        return vector
    near_one = vector / largest  # the square of a number that a float64 holds may overflow
    unit: Matrix = near_one / np.linalg.norm(near_one)
    return unit

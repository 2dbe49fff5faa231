"""Materials as MaterialX: one document with glTF's surface and with OpenPBR's over the same maps.

The node ``gltf_pbr`` takes this library's material without a change: metallic 0, specular 1 and 25
times s as its specular colour, so that min(0.04 colour, 1) is s, as in `diffgfx.io.gltf`. How a
renderer shades the node is its own affair: the code that MaterialX 1.39 itself generates adds light
scattered more than once, and dims the diffuse lobe by the directional albedo of the specular one
instead of by Fresnel at the half vector.

OpenPBR has no such material. The nearest is a dielectric whose specular weight is 25 times the
largest channel of s and whose specular colour is s divided by that: diffuse and specular agree at
normal incidence. Its Fresnel is that of a dielectric, not Schlick's, and is tinted at every angle.
"""

import xml.etree.ElementTree as ET
from pathlib import Path

from diffgfx.io._files import atomic_path

__all__ = ["write_materialx"]

_VERSION = "1.39"
_GAIN = "25"  # of s over the F0 of 0.04 that an index of 1.5 has
_SMALLEST = "0.000001"
_EXACT = (
    "glTF 2.0 with KHR_materials_specular, metallic 0: the parameters are exact. A renderer that "
    "shades gltf_pbr by glTF's equations shows the captured BRDF"
)
_APPROXIMATE = (
    "approximation for renderers with OpenPBR: equal at normal incidence, with the Fresnel term of "
    "a tinted dielectric elsewhere"
)


def write_materialx(
    path: Path | str, *, textures: str = "maps", openpbr_error: float | None = None
) -> None:
    """Write ``material.mtlx`` over the PNG files that `write_maps` wrote.

    The document holds two materials: ``gltf``, exact, and ``openpbr``, an approximation and
    labelled so, with its error. Colour textures are named sRGB-encoded, the others linear.

    Args:
        path: Where to, customarily ``*.mtlx``.
        textures: Folder of ``diffuse.png``, ``specular.png``, ``roughness.png`` and ``normal.png``,
            relative to the document, with ``/``.
        openpbr_error: Measured relative error of the approximation, for its label.

    Raises:
        OutputError: If the file cannot be written.
    """
    root = ET.Element("materialx", version=_VERSION, colorspace="lin_rec709")
    _add_maps(root, textures)
    common = {"base_color": "diffuse"}
    gltf = ET.SubElement(root, "gltf_pbr", name="gltf_surface", type="surfaceshader")
    _connect(gltf, {**common, "specular_color": "gltf_specular_color", "roughness": "roughness",
                    "normal": "normal"})  # fmt: skip
    for name, value in (("metallic", "0"), ("specular", "1"), ("ior", "1.5")):
        _input(gltf, name, "float", value=value)
    _add_material(root, "gltf", "gltf_surface", _EXACT)
    openpbr = ET.SubElement(root, "open_pbr_surface", name="openpbr_surface", type="surfaceshader")
    _connect(openpbr, {**common, "specular_weight": "openpbr_specular_weight",
                       "specular_color": "openpbr_specular_color",
                       "specular_roughness": "roughness", "geometry_normal": "normal"})  # fmt: skip
    for name, value in (("base_metalness", "0"), ("specular_ior", "1.5")):
        _input(openpbr, name, "float", value=value)
    label = _APPROXIMATE
    if openpbr_error is not None:
        label += f"; relative error over nine pairs of light and view: {openpbr_error:.4f}"
    _add_material(root, "openpbr", "openpbr_surface", label)
    ET.indent(root, "  ")
    text = '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
    with atomic_path(Path(path)) as partial:
        partial.write_text(text, encoding="utf-8")


_TYPES = {
    "diffuse": "color3",
    "gltf_specular_color": "color3",
    "openpbr_specular_color": "color3",
    "openpbr_specular_weight": "float",
    "roughness": "float",
    "normal": "vector3",
}


def _add_maps(root: ET.Element, textures: str) -> None:
    """Add the graph that reads the textures and derives what the surfaces ask for."""
    graph = ET.SubElement(root, "nodegraph", name="maps")

    def node(kind: str, name: str, type_: str, inputs: dict[str, tuple[str, str]]) -> None:
        element = ET.SubElement(graph, kind, name=name, type=type_)
        for key, (input_type, value) in inputs.items():
            link = {"nodename": value[1:]} if value.startswith("@") else {"value": value}
            output = link.get("nodename", "").split(".")
            if len(output) == 2:
                link = {"nodename": output[0], "output": output[1]}
            _input(element, key, input_type, **link)

    for key, type_, space in (
        ("diffuse", "color3", "srgb_texture"), ("specular", "color3", "srgb_texture"),
        ("roughness", "float", "lin_rec709"), ("normal", "vector3", "lin_rec709"),
    ):  # fmt: skip
        image = ET.SubElement(graph, "image", name=f"{key}_image", type=type_)
        _input(image, "file", "filename", value=f"{textures}/{key}.png", colorspace=space)
    node("normalmap", "normal_world", "vector3", {"in": ("vector3", "@normal_image")})
    node("multiply", "gltf_color", "color3",
         {"in1": ("color3", "@specular_image"), "in2": ("float", _GAIN)})  # fmt: skip
    node("separate3", "channels", "multioutput", {"in": ("color3", "@specular_image")})
    node("max", "red_green", "float",
         {"in1": ("float", "@channels.outr"), "in2": ("float", "@channels.outg")})  # fmt: skip
    node("max", "largest", "float",
         {"in1": ("float", "@red_green"), "in2": ("float", "@channels.outb")})  # fmt: skip
    node("multiply", "weight", "float",
         {"in1": ("float", "@largest"), "in2": ("float", _GAIN)})  # fmt: skip
    node("max", "divisor", "float",
         {"in1": ("float", "@largest"), "in2": ("float", _SMALLEST)})  # fmt: skip
    node("divide", "tint", "color3",
         {"in1": ("color3", "@specular_image"), "in2": ("float", "@divisor")})  # fmt: skip
    sources = ("diffuse_image", "gltf_color", "tint", "weight", "roughness_image", "normal_world")
    for (output, type_), source in zip(_TYPES.items(), sources, strict=True):
        ET.SubElement(graph, "output", name=output, type=type_, nodename=source)


def _connect(surface: ET.Element, links: dict[str, str]) -> None:
    for name, output in links.items():
        _input(surface, name, _TYPES[output], nodegraph="maps", output=output)


def _add_material(root: ET.Element, name: str, surface: str, label: str) -> None:
    material = ET.SubElement(root, "surfacematerial", name=name, type="material", doc=label)
    _input(material, "surfaceshader", "surfaceshader", nodename=surface)


def _input(owner: ET.Element, name: str, type_: str, **attributes: str) -> None:
    ET.SubElement(owner, "input", {"name": name, "type": type_, **attributes})

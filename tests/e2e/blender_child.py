"""Run by Blender's Python: import a GLB, light it with one point light, render it with Cycles.

Usage: python blender_child.py SETTINGS.json. The settings say what to import and how to look at it;
the picture is written as linear EXR, and what the importer made of the material is printed as JSON.
"""

import json
import sys
from typing import Any

import bpy


def _look_straight_down(settings: dict[str, Any]) -> None:
    """See the sample, which the importer lays in x-z of its world, without perspective."""
    camera = bpy.data.cameras.new("eye")
    camera.type = "ORTHO"
    camera.ortho_scale = max(settings["size"])
    eye = bpy.data.objects.new("eye", camera)
    # glTF is y up, Blender z up: the sample's +z, toward the viewer, becomes -y.
    eye.location = (0.0, -settings["distance"], 0.0)
    eye.rotation_euler = (1.5707963267948966, 0.0, 0.0)
    camera.clip_end = 10.0 * settings["distance"]
    bpy.context.collection.objects.link(eye)
    bpy.context.scene.camera = eye


def _light(settings: dict[str, Any]) -> None:
    x, y, z = settings["light"]
    lamp = bpy.data.lights.new("lamp", "POINT")
    lamp.energy = settings["watts"]
    lamp.shadow_soft_size = 0.0
    thing = bpy.data.objects.new("lamp", lamp)
    thing.location = (x, -z, y)
    bpy.context.collection.objects.link(thing)


def _describe(material: Any) -> dict[str, Any]:
    nodes = material.node_tree.nodes
    surface = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    return {
        "distribution": surface.distribution,
        "linked": sorted(entry.name for entry in surface.inputs if entry.is_linked),
        "values": {
            entry.name: list(entry.default_value) if hasattr(entry.default_value, "__len__")
            else entry.default_value
            for entry in surface.inputs
            if not entry.is_linked and entry.type in ("VALUE", "RGBA")
        },
        "images": sorted(
            [node.image.name, list(node.image.size), node.image.colorspace_settings.name,
             bool(node.image.has_data)]
            for node in nodes if node.type == "TEX_IMAGE" and node.image
        ),
    }  # fmt: skip


def main(settings: dict[str, Any]) -> dict[str, Any]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.gltf(filepath=settings["file"])
    material = bpy.data.materials[0]
    for node in material.node_tree.nodes:
        if node.type == "TEX_IMAGE":
            node.interpolation = "Closest"  # as the other side samples: at the centres of texels
        if node.type == "BSDF_PRINCIPLED" and settings.get("distribution"):
            node.distribution = settings["distribution"]
    scene = bpy.context.scene
    world = bpy.data.worlds.new("dark")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.0
    scene.world = world
    _look_straight_down(settings)
    _light(settings)
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = settings["samples"]
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 0
    scene.cycles.pixel_filter_type = "BOX"
    scene.cycles.filter_width = 0.01
    scene.render.threads_mode = "FIXED"
    scene.render.threads = 1
    scene.render.resolution_x, scene.render.resolution_y = settings["pixels"]
    scene.render.resolution_percentage = 100
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    scene.render.filepath = settings["out"]
    bpy.ops.render.render(write_still=True)
    return {"version": bpy.app.version_string, **_describe(material)}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as stream:
        print("RESULT " + json.dumps(main(json.load(stream))))

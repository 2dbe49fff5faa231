"""The MaterialX document, judged by the MaterialX library and the GLSL that it makes of it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from diffgfx.io import encode_transfer, write_materialx
from diffgfx.ops import shade_svbrdf
from diffgfx.render import lobe_pairs, shade_openpbr
from diffgfx.scene import MaterialMaps

COUNT = 64


@pytest.fixture(scope="module")
def mx() -> Any:
    return pytest.importorskip("MaterialX", reason="no wheel of materialx here")


@pytest.fixture
def document(mx: Any, tmp_path: Path) -> Any:
    write_materialx(tmp_path / "material.mtlx", openpbr_error=0.0123)
    library, document = mx.createDocument(), mx.createDocument()
    folders = mx.getDefaultDataLibraryFolders()
    mx.loadLibraries(folders, mx.getDefaultDataSearchPath(), library)
    mx.readFromXmlFile(document, str(tmp_path / "material.mtlx"))
    document.setDataLibrary(library)
    return document


def test_the_document_is_valid_and_says_what_is_exact(document: Any) -> None:
    assert document.validate() == (True, "")
    labels = {node.getName(): node.getDocString() for node in document.getMaterialNodes()}
    assert sorted(labels) == ["gltf", "openpbr"]
    assert "exact" in labels["gltf"]
    assert labels["openpbr"].startswith("approximation")
    assert labels["openpbr"].endswith("0.0123")


def test_textures_are_relative_and_their_encoding_is_said(document: Any) -> None:
    found = {}
    for node in document.getNodeGraph("maps").getNodes("image"):
        file = node.getInput("file")
        found[file.getValueString()] = file.getColorSpace()
    assert found == {
        "maps/diffuse.png": "srgb_texture", "maps/specular.png": "srgb_texture",
        "maps/roughness.png": "lin_rec709", "maps/normal.png": "lin_rec709",
    }  # fmt: skip


def test_a_document_without_an_error_and_with_other_textures(tmp_path: Path) -> None:
    write_materialx(tmp_path / "m.mtlx", textures="../png")
    text = (tmp_path / "m.mtlx").read_text()
    assert 'value="../png/normal.png"' in text
    assert "relative error" not in text


def _glsl(mx: Any, document: Any, name: str) -> str:
    """Return the fragment shader that MaterialX's generator emits, lit by one distant light."""
    from MaterialX import PyMaterialXGenGlsl, PyMaterialXGenShader

    generator = PyMaterialXGenGlsl.GlslShaderGenerator.create()
    context = PyMaterialXGenShader.GenContext(generator)
    context.registerSourceCodeSearchPath(mx.getDefaultDataSearchPath())
    colours = PyMaterialXGenShader.DefaultColorManagementSystem.create(generator.getTarget())
    colours.loadLibrary(document)
    generator.setColorManagementSystem(colours)
    options = context.getOptions()
    options.hwMaxActiveLightSources = 1
    light = document.getDataLibrary().getNodeDef("ND_directional_light")
    PyMaterialXGenShader.HwShaderGenerator.bindLightShader(light, 1, context)
    shader = generator.generate(name, document.getNode(name), context)
    return str(shader.getSourceCode("pixel"))


@pytest.mark.parametrize("name", ["gltf", "openpbr"])
def test_the_generator_emits_glsl(mx: Any, document: Any, name: str) -> None:
    code = _glsl(mx, document, name)
    assert "void main()" in code
    node = "open_pbr_surface" if name == "openpbr" else "gltf_pbr"
    assert f"{node}_surfaceshader(" in code
    assert "srgb_texture_to_lin_rec709" in code


VERTEX = """#version 400
out VertexData { vec3 normalWorld; vec3 tangentWorld; vec2 texcoord_0; vec3 bitangentWorld;
                 vec3 positionWorld; } vd;
void main() {
    vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
    gl_Position = vec4(4.0 * corner - 1.0, 0.0, 1.0);
    vd.texcoord_0 = 2.0 * corner;
    vd.normalWorld = vec3(0, 0, 1); vd.tangentWorld = vec3(1, 0, 0);
    vd.bitangentWorld = vec3(0, 1, 0); vd.positionWorld = vec3(0);
}"""


class _Screen:
    """A row of materials, shaded by a generated shader in Mesa or whatever OpenGL there is."""

    def __init__(self, code: str, maps: MaterialMaps) -> None:
        moderngl = pytest.importorskip("moderngl", reason="no wheel of moderngl here")
        try:
            self.context = moderngl.create_standalone_context(backend="egl")
        except Exception as error:  # no libEGL, no driver: whatever it says
            pytest.skip(f"no OpenGL without a display: {error}")
        self.program = self.context.program(vertex_shader=VERTEX, fragment_shader=code)
        shape = (COUNT, 1)
        self.target = self.context.texture(shape, 4, dtype="f4")
        stored = {"diffuse": encode_transfer(maps.diffuse, "srgb"),
                  "specular": encode_transfer(maps.specular, "srgb"),
                  "roughness": maps.roughness, "normal": 0.5 * maps.normal + 0.5}  # fmt: skip
        self.textures = []
        for unit, (key, value) in enumerate(stored.items()):
            rows = value[0].movedim(0, -1).contiguous().float().numpy()
            texture = self.context.texture(shape, rows.shape[2], rows.tobytes(), dtype="f4")
            texture.filter = (moderngl.NEAREST, moderngl.NEAREST)
            texture.use(unit)
            self.program[f"{key}_image_file"] = unit
            self.textures.append(texture)
        dark = self.context.texture((1, 1), 4, bytes(16), dtype="f4")
        dark.use(len(stored))
        for key in ("u_envRadiance", "u_envIrradiance"):
            self.program[key] = len(stored)
        self.textures.append(dark)
        self.frame = self.context.framebuffer([self.target])
        self.array = self.context.vertex_array(self.program, [])
        self.strip = moderngl.TRIANGLES

    def shade(self, light: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
        values = {"u_numActiveLightSources": 1, "u_viewPosition": tuple((1e3 * view).tolist()),
                  "u_lightData[0].type": 1, "u_lightData[0].intensity": 1.0,
                  "u_lightData[0].direction": tuple((-light).tolist()),
                  "u_lightData[0].color": (1.0, 1.0, 1.0)}  # fmt: skip
        for key, value in values.items():
            self.program[key] = value
        self.frame.use()
        self.array.render(self.strip, vertices=3)
        import numpy as np

        pixels = np.frombuffer(self.target.read(), dtype=np.float32).reshape(COUNT, 4)
        return torch.from_numpy(pixels[:, :3].copy()).double().T.view(1, 3, 1, COUNT)


def _row(metal: bool) -> MaterialMaps:
    random = torch.Generator().manual_seed(5)
    draw = torch.rand(1, 10, 1, COUNT, generator=random, dtype=torch.float64)
    draw[:, :2] = 0.4 * draw[:, :2] - 0.2
    draw[:, 2] = 1.0
    draw[:, :3] /= draw[:, :3].norm(dim=1, keepdim=True)
    draw[:, 3:6] *= 0.0 if metal else 0.8
    draw[:, 6:9] = 0.3 + 0.7 * draw[:, 6:9] if metal else 0.02 + 0.06 * draw[:, 6:7]
    draw[:, 9] = 0.2 + 0.3 * draw[:, 9]
    return MaterialMaps.from_tensor(draw)


def _ours(maps: MaterialMaps, light: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    place = light.view(1, 1, 3)
    return shade_svbrdf(
        maps.to_tensor(), place, torch.ones_like(place), view.view(1, 1, 3), (1.0, 1.0),
        directional=True, orthographic=True, backend="torch",
    )[:, 0]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("metal", [False, True], ids=["dielectric", "metal"])
@pytest.mark.parametrize(("name", "bound"), [("gltf", 0.03), ("openpbr", 0.03)])
def test_the_glsl_shades_as_we_do(
    mx: Any, document: Any, name: str, bound: float, metal: bool
) -> None:
    """Up to what MaterialX adds: light scattered more than once, and a fitted albedo."""
    maps = _row(metal)
    screen = _Screen(_glsl(mx, document, name), maps)
    difference = truth = 0.0
    for light, view in lobe_pairs():
        ours = _ours(maps, light, view) if name == "gltf" else shade_openpbr(
            maps.to_tensor(), light, view
        )
        difference += float((screen.shade(light, view) - ours).square().sum())
        truth += float(ours.square().sum())
    error = (difference / truth) ** 0.5
    print(f"{name} {'metal' if metal else 'dielectric'}: relative error {error:.4f}")
    assert 0.0 < error < bound

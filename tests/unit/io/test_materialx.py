"""The MaterialX document, judged by the MaterialX library and the GLSL that it makes of it."""

from pathlib import Path
from typing import Any

import pytest

from diffgfx.io import write_materialx


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
    context.getOptions().hwMaxActiveLightSources = 1
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

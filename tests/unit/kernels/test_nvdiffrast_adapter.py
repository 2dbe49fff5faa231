"""The adapter hands nvdiffrast what it takes, and turns round what it gives.

There is no nvdiffrast here: the library's own face of it, as strict where nvdiffrast is, stands in.
What the real one computes is held against on a GPU, in `tests/cuda`.
"""

import sys
import types
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.data import make_knot
from diffgfx.ops import raster
from diffgfx.scene import Camera
from diffgfx.testing import assert_close
from diffgfx_kernels import load, nvdiffrast_


def _strict_texture(tex: Tensor, uv: Tensor, **more: object) -> Tensor:
    levels = more.get("mip")
    if isinstance(levels, list):
        assert all(len(level) == len(tex) and level.is_contiguous() for level in levels)
    assert len(tex) in (1, len(uv))
    assert tex.numel()
    assert uv.numel()
    return raster.texture(tex, uv, **more)


def _strict_interpolate(
    attr: Tensor, rast: Tensor, tri: Tensor, rast_db: Tensor | None, diff_attrs: object
) -> tuple[Tensor, Tensor]:
    assert diff_attrs in (None, "all") or len(diff_attrs) <= 32
    assert attr.numel()
    assert tri.numel()
    return raster.interpolate(attr, rast, tri, rast_db, diff_attrs)


class _Plugin:
    @staticmethod
    def rasterize_grad_db(
        pos: Tensor, tri: Tensor, rast: Tensor, g_rast: Tensor, g_slopes: Tensor
    ) -> Tensor:
        kernel = load("rasterize", "torch")
        found: Tensor = kernel.backward(g_rast, g_slopes, pos, tri, rast, pos.ndim == 2, False)
        return found

    @classmethod
    def rasterize_grad(cls, pos: Tensor, tri: Tensor, rast: Tensor, g_rast: Tensor) -> Tensor:
        return cls.rasterize_grad_db(pos, tri, rast, g_rast, rast.new_empty(*rast.shape[:3], 0))


@pytest.fixture(autouse=True)
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    package, face = types.ModuleType("nvdiffrast"), types.ModuleType("nvdiffrast.torch")
    for name in raster.__all__:
        setattr(face, name, getattr(raster, name))
    face.texture = _strict_texture
    face.interpolate = _strict_interpolate
    face.ops = types.SimpleNamespace(_nvdiffrast_c=_Plugin)
    package.torch = face
    monkeypatch.setitem(sys.modules, "nvdiffrast", package)
    monkeypatch.setitem(sys.modules, "nvdiffrast.torch", face)
    monkeypatch.setattr(nvdiffrast_, "reason_unavailable", lambda device: None)
    drawing = load("rasterize", "nvdiffrast")
    drawing._context.cache_clear()
    yield
    drawing._context.cache_clear()


@pytest.fixture(scope="module")
def mesh() -> tuple[Tensor, Tensor]:
    """Return a knot in clip space from two sides, (2, V, 4), and its triangles."""
    knot = make_knot(16, 6)
    views = []
    for turn in (0.6, 2.2):
        camera = Camera.framing(knot.bounds, turn, 0.3)
        matrix = (camera.projection_matrix(1.5) @ camera.view_matrix())[0]
        views.append(knot.positions @ matrix[:, :3].T + matrix[:, 3])
    return torch.stack(views).float(), knot.triangles


def _wave(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def _same(made: object, leaves: list[Tensor]) -> None:
    """Hold values and gradients of a call by backend against the reference's."""
    found = {}
    for name in ("nvdiffrast", "torch"):
        followed = [leaf.clone().requires_grad_() for leaf in leaves]
        outs = made(name, *followed)
        total = sum((out * _wave(tuple(out.shape))).sum() for out in outs)
        grads = torch.autograd.grad(total, followed, allow_unused=True)
        found[name] = [*(out.detach() for out in outs), *(g for g in grads if g is not None)]
    assert len(found["nvdiffrast"]) == len(found["torch"])
    for ours, wanted in zip(found["nvdiffrast"], found["torch"], strict=True):
        assert ours.shape == wanted.shape
        largest = float(wanted.abs().max()) if wanted.numel() else 1.0
        assert_close(ours, wanted, rtol=1e-4, atol=1e-4 * largest)


@pytest.mark.parametrize("grad_db", [True, False])
def test_drawing(mesh: tuple[Tensor, Tensor], grad_db: bool) -> None:
    pos, tri = mesh

    def drawn(backend: str, pos: Tensor) -> tuple[Tensor, ...]:
        return ops.rasterize(pos, tri, (10, 15), grad_db=grad_db, grad_z=False, backend=backend)

    _same(drawn, [pos])


def test_drawing_ranges(mesh: tuple[Tensor, Tensor]) -> None:
    pos, tri = mesh
    ranges = torch.tensor([[0, 60], [40, len(tri) - 40], [0, 0]], dtype=torch.int32)

    def drawn(backend: str, pos: Tensor) -> tuple[Tensor, ...]:
        rast, slopes = ops.rasterize(
            pos, tri, (10, 15), ranges=ranges, grad_z=False, backend=backend
        )  # fmt: skip
        colour = 0.2 + rast[..., 3:].detach() / len(tri)
        smooth = ops.antialias(colour, rast, pos, tri, mode="nvdiffrast", backend=backend)
        return rast, slopes, smooth

    _same(drawn, [pos[0]])


@pytest.mark.parametrize("diff", [None, "all", [2, 0], list(range(40))])
def test_attributes(mesh: tuple[Tensor, Tensor], diff: object) -> None:
    pos, tri = mesh
    rast, slopes = ops.rasterize(pos, tri, (10, 15))

    def interpolated(backend: str, attr: Tensor, rast: Tensor, db: Tensor) -> tuple[Tensor, ...]:
        return ops.interpolate(attr, rast, tri, rast_db=db, diff_attrs=diff, backend=backend)

    _same(interpolated, [_wave((1, pos.shape[1], 40)), rast, slopes])


@pytest.mark.parametrize("boundary", ["wrap", "cube"])
@pytest.mark.parametrize(
    "filter_mode", ["nearest", "linear", "linear-mipmap-nearest", "linear-mipmap-linear"]
)
def test_textures(filter_mode: str, boundary: str) -> None:
    cube = boundary == "cube"
    tex = _wave((1, 6, 8, 8, 2) if cube else (1, 8, 4, 2))
    uv, da = _wave((2, 5, 7, 3 if cube else 2)), 0.3 * _wave((2, 5, 7, 6 if cube else 4))
    levelled = "mipmap" in filter_mode

    def looked(backend: str, tex: Tensor, uv: Tensor, da: Tensor) -> tuple[Tensor, ...]:
        value = ops.texture(
            tex, uv, uv_da=da if levelled else None, filter_mode=filter_mode,
            boundary_mode=boundary, backend=backend,
        )  # fmt: skip
        return (value,)

    _same(looked, [tex, uv, da])


@pytest.mark.parametrize(("textures", "sets"), [(1, 2), (2, 1), (2, 2), (1, 1)])
def test_levels_of_ones_own(textures: int, sets: int) -> None:
    leaves = [_wave((textures, 8, 8, 2)), _wave((sets, 4, 4, 2)), _wave((sets, 2, 2, 2))]
    uv, bias = _wave((2, 5, 7, 2)), _wave((2, 5, 7)).abs()

    def looked(backend: str, tex: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
        value = ops.texture(
            tex, uv, mip_level_bias=bias, mip=[first, second], backend=backend
        )  # fmt: skip
        return (value,)

    _same(looked, leaves)


def test_nothing_at_all(mesh: tuple[Tensor, Tensor]) -> None:
    pos, tri = mesh
    rast, _ = ops.rasterize(pos, tri[:0], (4, 5), grad_z=False, backend="nvdiffrast")
    assert rast.shape == (2, 4, 5, 4)
    assert not bool(rast.any())
    empty = ops.interpolate(pos[..., :2], rast, tri[:0], backend="nvdiffrast")[0]
    assert not bool(empty.any())
    nowhere = ops.texture(_wave((1, 4, 4, 2)), _wave((0, 4, 5, 2)), backend="nvdiffrast")
    assert nowhere.shape == (0, 4, 5, 2)
    same = ops.antialias(rast, rast, pos, tri[:0], mode="nvdiffrast", backend="nvdiffrast")
    assert torch.equal(same, rast)

"""On a GPU: the Taichi kernels see what nvdiffrast sees, and pass back the same gradients."""

import importlib.util

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.data import make_knot
from diffgfx.errors import BackendError
from diffgfx.scene import Camera, Mesh

SIDE = 256
WHY = "nvdiffrast is not installed"

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
    pytest.mark.skipif(importlib.util.find_spec("nvdiffrast") is None, reason=WHY),
]


@pytest.fixture(scope="module")
def knot() -> Mesh:
    return make_knot(96, 24)


@pytest.fixture(scope="module")
def views(knot: Mesh) -> Tensor:
    return _views_of(knot)


def _views_of(knot: Mesh) -> Tensor:
    """Return a knot in clip space seen from two sides, (2, V, 4)."""
    found = []
    for turn in (0.6, 2.2):
        camera = Camera.framing(knot.bounds, turn, 0.3)
        matrix = (camera.projection_matrix(1.0) @ camera.view_matrix())[0]
        found.append(knot.positions @ matrix[:, :3].T + matrix[:, 3])
    return torch.stack(found).float().cuda()


def _wave(shape: tuple[int, ...]) -> Tensor:
    """Return fixed weights without a pattern that could cancel."""
    draw = torch.Generator().manual_seed(3)
    return torch.randn(shape, generator=draw).cuda()


def _far(found: Tensor, expected: Tensor) -> float:
    """Return the distance of two tensors over the length of the second."""
    return float((found - expected).norm() / expected.norm())


def _is_inside(rast: Tensor) -> Tensor:
    """Where no barycentric was clamped: there depth is extrapolated by nvdiffrast, not by us.

    Nor do we pass a gradient on where the value is held.
    """
    u, v, seen = rast[..., 0], rast[..., 1], rast[..., 3] > 0
    return seen & (u > 0) & (v > 0) & (u + v < 1)


def _drawn(backend: str, pos: Tensor, tri: Tensor) -> tuple[Tensor, Tensor]:
    found: tuple[Tensor, Tensor] = ops.rasterize(
        pos, tri, (SIDE, SIDE), grad_z=False, backend=backend
    )
    return found


def test_the_same_triangles_are_seen(knot: Mesh, views: Tensor) -> None:
    tri = knot.triangles.cuda()
    ours, theirs = (_drawn(name, views, tri)[0] for name in ("taichi", "nvdiffrast"))
    same = ours[..., 3] == theirs[..., 3]
    assert float((theirs[..., 3] > 0).float().mean()) > 0.1
    assert float((~same).float().mean()) < 1e-3
    seen = same & (ours[..., 3] > 0)
    assert float((ours - theirs)[seen][:, :2].abs().max()) < 1e-3
    inside = same & _is_inside(ours)
    assert float((ours - theirs)[inside][:, 2].abs().max()) < 1e-3


@pytest.fixture(scope="module")
def coarse() -> Mesh:
    """A knot of large triangles: nvdiffrast adds 1e-6 to areas, which tells in small ones."""
    return make_knot(24, 8)


def test_slopes_are_the_same(coarse: Mesh) -> None:
    views, tri = _views_of(coarse), coarse.triangles.cuda()
    (ours, slopes), (theirs, their_slopes) = (
        _drawn(name, views, tri) for name in ("taichi", "nvdiffrast")
    )
    seen = (ours[..., 3] == theirs[..., 3]) & (ours[..., 3] > 0)
    assert _far(slopes[seen], their_slopes[seen]) < 1e-3


def test_gradients_of_barycentrics_are_the_same(coarse: Mesh) -> None:
    views, tri = _views_of(coarse), coarse.triangles.cuda()
    rast = _drawn("nvdiffrast", views, tri)[0]
    found = {}
    for name in ("taichi", "nvdiffrast"):
        pos = views.clone().requires_grad_()
        ours, slopes = _drawn(name, pos, tri)
        same = ((ours[..., 3] == rast[..., 3]) & _is_inside(ours.detach()))[..., None]
        weights = _wave((2, SIDE, SIDE, 2)) * same
        steps = _wave((2, SIDE, SIDE, 4)) * same
        total = (ours[..., :2] * weights).sum() + (slopes * steps).sum()
        (found[name],) = torch.autograd.grad(total, pos)
    assert _far(found["taichi"], found["nvdiffrast"]) < 5e-3


def test_attributes_and_their_gradients_are_the_same(knot: Mesh, views: Tensor) -> None:
    tri = knot.triangles.cuda()
    rast, slopes = _drawn("nvdiffrast", views, tri)
    attr = _wave((2, len(knot.positions), 3))
    found = {}
    for name in ("taichi", "nvdiffrast"):
        leaves = [value.clone().requires_grad_() for value in (attr, rast, slopes)]
        out, da = ops.interpolate(
            leaves[0], leaves[1], tri, rast_db=leaves[2], diff_attrs=[0, 2], backend=name
        )
        total = (out * _wave(tuple(out.shape))).sum() + (da * _wave(tuple(da.shape))).sum()
        g_attr, g_rast, g_slopes = torch.autograd.grad(total, leaves)
        found[name] = (out, da, g_attr, g_rast[..., :2], g_slopes)
    for ours, theirs in zip(found["taichi"], found["nvdiffrast"], strict=True):
        assert _far(ours, theirs) < 1e-5


@pytest.mark.parametrize("boundary", ["wrap", "clamp", "zero", "cube"])
@pytest.mark.parametrize(
    "filter_mode", ["nearest", "linear", "linear-mipmap-nearest", "linear-mipmap-linear"]
)
def test_textures_and_their_gradients_are_the_same(filter_mode: str, boundary: str) -> None:
    cube = boundary == "cube"  # of a batch, nvdiffrast reads a wrong texel at the cubes' corners
    tex = _wave((1, 6, 32, 32, 3) if cube else (2, 32, 64, 3))
    uv = _wave((2, 40, 24, 3 if cube else 2))
    da = 0.05 * _wave((2, 40, 24, 6 if cube else 4))
    bias = 0.5 * _wave((2, 40, 24))
    levelled = "mipmap" in filter_mode
    found = {}
    for name in ("taichi", "nvdiffrast"):
        leaves = [value.clone().requires_grad_() for value in (tex, uv, da, bias)]
        out = ops.texture(
            leaves[0], leaves[1], uv_da=leaves[2] if levelled else None,
            mip_level_bias=leaves[3] if levelled else None, filter_mode=filter_mode,
            boundary_mode=boundary, backend=name,
        )  # fmt: skip
        given = torch.autograd.grad(
            (out * _wave(tuple(out.shape))).sum(), leaves, allow_unused=True
        )
        found[name] = (out, *given)
    if levelled and boundary == "zero":  # coarse levels' borders get more or less there
        found = {name: (out, *rest) for name, (out, _g_tex, *rest) in found.items()}
    for ours, theirs in zip(found["taichi"], found["nvdiffrast"], strict=True):
        if theirs is None or not bool(theirs.abs().max() > 0):
            assert ours is None or not bool(ours.abs().max() > 0)
            continue
        assert ours is not None
        assert _far(ours, theirs) < 1e-3


def test_silhouettes_and_their_gradients_are_the_same(knot: Mesh, views: Tensor) -> None:
    tri = knot.triangles.cuda()
    rast = _drawn("nvdiffrast", views, tri)[0]
    colour = (rast[..., 3:] > 0) * (0.5 + 0.1 * _wave((2, SIDE, SIDE, 3)))
    found = {}
    for name in ("taichi", "nvdiffrast"):
        leaves = [value.clone().requires_grad_() for value in (colour, views)]
        out = ops.antialias(leaves[0], rast, leaves[1], tri, mode="nvdiffrast", backend=name)
        found[name] = (out, *torch.autograd.grad((out * _wave(tuple(out.shape))).sum(), leaves))
    for ours, theirs in zip(found["taichi"], found["nvdiffrast"], strict=True):
        assert _far(ours, theirs) < 5e-3  # 1e-3 px are added to heights of edges there


def test_what_nvdiffrast_cannot_do_is_said(knot: Mesh, views: Tensor) -> None:
    tri = knot.triangles.cuda()
    with pytest.raises(BackendError, match="float32 only"):
        _drawn("nvdiffrast", views.double(), tri)
    with pytest.raises(BackendError, match="gradient to depth"):
        ops.rasterize(views.clone().requires_grad_(), tri, (8, 8), backend="nvdiffrast")
    rast = _drawn("nvdiffrast", views, tri)[0]
    with pytest.raises(BackendError, match="peels by calls"):
        ops.rasterize(views, tri, (SIDE, SIDE), below=rast, backend="nvdiffrast")
    with pytest.raises(BackendError, match="weights of its own"):
        ops.antialias(rast, rast, views, tri, backend="nvdiffrast")

"""What a GPU's many threads do, done by a CPU's: pixels and sums are those of the CPU's own way."""

import importlib
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.data import make_knot
from diffgfx.scene import Camera
from diffgfx.testing import assert_close
from diffgfx_kernels.taichi_ import runtime
from tests.contract.run import RUNS, Run

pytestmark = pytest.mark.skipif(
    runtime.reason_unavailable(torch.device("cpu")) is not None, reason="taichi is not installed"
)

OPS = ("rasterize", "interpolate", "antialias", "construct_mip")
RUN = [run for run in RUNS if run.case.op in OPS and (run.backend, run.device) == ("taichi", "cpu")]


@pytest.fixture
def go_many(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes kernels take the way of many threads from then on."""

    def go() -> None:
        for op in OPS:
            module = importlib.import_module(f"diffgfx_kernels.taichi_.{op}")
            monkeypatch.setattr(module, "many_threads", lambda _device: True)

    return go


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("run", RUN, ids=str)
def test_values_and_gradients_are_the_same(
    run: Run, dtype: torch.dtype, go_many: Callable[[], None]
) -> None:
    arguments = run.arguments(dtype, **run.case.large)
    expected = run.everything(arguments)
    go_many()
    found = run.everything(arguments)
    rtol = 2e-5 if dtype == torch.float32 else 1e-10
    assert bool((expected["value"] != 0).any())
    for name, value in found.items():
        atol = rtol * float(expected[name].abs().max())
        assert_close(value, expected[name], rtol=0.0, atol=atol)


def _knot(size: int = 40) -> tuple[Tensor, Tensor]:
    """Return a knot from two sides in clip space, and its triangles."""
    mesh = make_knot(size, 12)
    seen = []
    for turn in (0.6, 2.2):
        camera = Camera.framing(mesh.bounds, turn, 0.3)
        matrix = (camera.projection_matrix(1.0) @ camera.view_matrix())[0]
        seen.append(mesh.positions @ matrix[:, :3].T + matrix[:, 3])
    return torch.stack(seen), mesh.triangles


def _layers(pos: Tensor, tri: Tensor) -> list[Tensor]:
    first, slopes = ops.rasterize(pos, tri, (90, 110), backend="taichi")
    second, _ = ops.rasterize(pos, tri, (90, 110), below=first, backend="taichi")
    return [first, slopes, second]


@pytest.mark.parametrize("most", [None, 150], ids=["at once", "in parts"])
def test_layers_of_a_mesh_are_the_same_to_the_bit(
    most: int | None, go_many: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pos, tri = _knot()
    expected = _layers(pos, tri)
    go_many()
    if most is not None:
        from diffgfx_kernels.taichi_ import draw_minima

        monkeypatch.setattr(draw_minima, "most_slots", lambda _pixels: most)
    for found, wanted in zip(_layers(pos, tri), expected, strict=True):
        assert torch.equal(found, wanted)
    assert float((expected[2][..., 3] > 0).float().mean()) > 0.05


def test_of_equal_depths_the_first_triangle_is_seen(go_many: Callable[[], None]) -> None:
    go_many()
    flat = torch.tensor([[-1.0, -1.0, 0.0, 1.0], [3.0, -1.0, 0.0, 1.0], [-1.0, 3.0, 0.0, 1.0]])
    pos = torch.cat([flat, flat * torch.tensor([1.0, 1.0, -1.0, 1.0])])  # 0 and -0
    for tri in ([[0, 1, 2], [3, 4, 5]], [[3, 4, 5], [0, 1, 2]]):
        rast, _ = ops.rasterize(
            pos[None], torch.tensor(tri, dtype=torch.int32), (20, 20), backend="taichi"
        )
        assert bool((rast[..., 3] == 1).all())


def test_gradients_do_not_depend_on_the_order_of_triangles(go_many: Callable[[], None]) -> None:
    go_many()
    pos, tri = _knot()
    order = torch.randperm(len(tri), generator=torch.Generator().manual_seed(1))
    found = []
    for triangles in (tri, tri[order]):
        leaf = pos.clone().requires_grad_()
        rast, slopes = ops.rasterize(leaf, triangles, (64, 64), backend="taichi")
        total = (rast[..., 2] * rast[..., 2]).sum() + slopes.abs().sum()
        found += torch.autograd.grad(total, leaf)
    assert torch.equal(*found)


def test_images_of_other_scales_lose_nothing(go_many: Callable[[], None]) -> None:
    pos, tri = _knot()
    found = []
    for way in (lambda: None, go_many):
        way()
        leaf = pos.clone().requires_grad_()
        rast, _ = ops.rasterize(leaf, tri, (64, 64), backend="taichi")
        attr = torch.ones(2, pos.shape[1], 2, requires_grad=True)
        out, _ = ops.interpolate(attr, rast.detach(), tri, backend="taichi")
        scale = torch.tensor([1.0, 1e-14]).view(2, 1, 1, 1)
        total = (scale * rast[..., :3].square()).sum() + (scale * out).sum()
        found.append(torch.autograd.grad(total, (leaf, attr)))
    for ours, wanted in zip(found[1], found[0], strict=True):
        for image in range(2):
            atol = 2e-5 * float(wanted[image].abs().max())
            assert_close(ours[image], wanted[image], rtol=0.0, atol=atol)


def test_more_triangles_than_32_bits_count_are_drawn_in_parts() -> None:
    from diffgfx_kernels.taichi_.draw_minima import _parts

    images, count, most = 300, 1 << 23, 1 << 20
    image = torch.arange(images)
    spans = torch.stack(
        [0 * image, 0 * image + count, count * image, 0 * image], dim=1
    ).int()  # fmt: skip
    parts = _parts(spans[:3], most)
    assert [int(part[:, 1].sum()) for part in parts] == [most] * 24
    for part in (*parts, _parts(spans, 1 << 30)[0]):
        ends = part[:, 1].cumsum(0)
        assert torch.equal(part[:, 2].long(), ends - part[:, 1])


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_what_is_not_finite_spoils_its_vertices_alone(
    wrong: float, go_many: Callable[[], None]
) -> None:
    go_many()
    pos, tri = _knot()
    rast, _ = ops.rasterize(pos[:1], tri, (64, 64), backend="taichi")
    attr = torch.ones(1, pos.shape[1], 2, requires_grad=True)
    upstream = torch.ones(1, 64, 64, 2)
    (sound,) = torch.autograd.grad(
        ops.interpolate(attr, rast, tri, backend="taichi")[0], attr, upstream
    )
    y, x = (int(i) for i in (rast[0, ..., 3] > 0).nonzero()[100])
    upstream[0, y, x, 1] = wrong
    (found,) = torch.autograd.grad(
        ops.interpolate(attr, rast, tri, backend="taichi")[0], attr, upstream
    )
    spoilt = ~torch.isfinite(found)
    corners = tri[int(rast[0, y, x, 3]) - 1].long()
    assert bool(spoilt[0, corners, 1].all())
    assert int(spoilt.sum()) == 3
    assert_close(found[~spoilt], sound[~spoilt])

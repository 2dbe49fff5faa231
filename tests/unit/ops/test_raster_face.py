import pytest
import torch

import diffgfx.ops.raster as dr
from diffgfx import ops
from diffgfx.errors import DtypeError, RangeError, ShapeError, StateError

FULL = ((-1.0, -1.0), (3.0, -1.0), (-1.0, 3.0))


def _stack(*depths: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return triangles that fill the screen at the given depths."""
    corners = [(x, y, z, 1.0) for z in depths for x, y in FULL]
    tri = torch.arange(3 * len(depths), dtype=torch.int32).reshape(-1, 3)
    return torch.tensor(corners, dtype=torch.float64)[None], tri


def test_it_gives_what_the_op_gives() -> None:
    pos, tri = _stack(0.4, -0.2)
    found = dr.rasterize(dr.RasterizeCudaContext(device="cuda"), pos, tri, (3, 4))
    expected = ops.rasterize(pos, tri, (3, 4))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_a_mip_serves_many_look_ups_and_holds_no_graph() -> None:
    draw = torch.Generator().manual_seed(1)
    tex = torch.randn(1, 8, 8, 2, generator=draw, dtype=torch.float64).requires_grad_()
    uv = torch.rand(2, 3, 3, 2, generator=draw, dtype=torch.float64)
    da = 0.4 * torch.randn(2, 3, 3, 4, generator=draw, dtype=torch.float64)
    (wanted,) = torch.autograd.grad(dr.texture(tex, uv, da).square().sum(), tex)
    for context in (torch.enable_grad(), torch.no_grad()):
        with context:
            mip = dr.texture_construct_mip(tex)
        for _ in range(2):
            value = dr.texture(tex, uv, da, mip=mip)
            (found,) = torch.autograd.grad(value.square().sum(), tex)
            torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
    with pytest.raises(ShapeError, match="mip must be made of as many textures"):
        dr.texture(tex.expand(2, -1, -1, -1), uv, da, mip=mip)


def test_layers_come_front_to_back_and_equal_depths_only_once() -> None:
    pos, tri = _stack(0.4, -0.2, 0.9, 0.4)
    context = dr.RasterizeGLContext()
    with dr.DepthPeeler(context, pos, tri, [2, 2]) as peeler:
        seen = [peeler.rasterize_next_layer()[0] for _ in range(5)]
    assert [layer[0, :, :, 3].unique().tolist() for layer in seen] == [[2], [1], [3], [0], [0]]
    assert [float(layer[0, 1, 0, 2]) for layer in seen] == pytest.approx([-0.2, 0.4, 0.9, 0, 0])
    rast, _ = dr.rasterize(context, pos, tri, [2, 2])  # the context is free again
    assert torch.equal(rast, seen[0])


def test_a_peeler_can_start_again_and_layers_have_gradients() -> None:
    pos, tri = _stack(0.4, -0.2)
    pos.requires_grad_()
    peeler = dr.DepthPeeler(dr.RasterizeCudaContext(), pos, tri, (2, 2))
    firsts = []
    for _ in range(2):
        with peeler:
            firsts.append(peeler.rasterize_next_layer()[0])
            second = peeler.rasterize_next_layer()[0]
    assert torch.equal(*firsts)
    gradient = torch.autograd.grad(second[..., 0].sum(), pos)[0]
    assert bool((gradient[0, :3, :2] != 0).any())
    assert bool((gradient[0, 3:] == 0).all())


def test_a_layer_in_range_mode() -> None:
    pos, tri = _stack(0.4, -0.2, 0.9)
    ranges = torch.tensor([[0, 2], [1, 2]], dtype=torch.int32)
    with dr.DepthPeeler(dr.RasterizeCudaContext(), pos[0], tri, (2, 2), ranges) as peeler:
        ids = [peeler.rasterize_next_layer()[0][:, 0, 0, 3].tolist() for _ in range(3)]
    assert ids == [[2, 2], [1, 3], [0, 0]]


def test_misuse_of_a_context_raises() -> None:
    pos, tri = _stack(0.0)
    context = dr.RasterizeCudaContext()
    peeler = dr.DepthPeeler(context, pos, tri, (2, 2))
    with pytest.raises(StateError, match="inside the peeler's 'with' block"):
        peeler.rasterize_next_layer()
    with peeler:
        with pytest.raises(StateError, match="glctx must not be in use"):
            dr.rasterize(context, pos, tri, (2, 2))
        with pytest.raises(StateError, match="glctx must not be in use"), peeler:
            pass
        peeler.rasterize_next_layer()  # a refused entry takes nothing away
        dr.rasterize(dr.RasterizeCudaContext(), pos, tri, (2, 2))
    with pytest.raises(StateError):
        peeler.rasterize_next_layer()
    with pytest.raises(DtypeError, match="glctx must be a RasterizeCudaContext"):
        dr.rasterize(None, pos, tri, (2, 2))  # type: ignore[arg-type]
    with pytest.raises(RangeError, match="mode must be one of automatic, manual"):
        dr.RasterizeGLContext(mode="auto")  # type: ignore[arg-type]


def test_an_error_inside_a_block_frees_the_context() -> None:
    pos, tri = _stack(0.0)
    context = dr.RasterizeCudaContext()
    with pytest.raises(RangeError), dr.DepthPeeler(context, pos, tri + 1, (2, 2)) as peeler:
        peeler.rasterize_next_layer()
    dr.rasterize(context, pos, tri, (2, 2))


def test_slopes_are_given_without_their_gradient_and_left_out_without_output_db() -> None:
    pos, tri = _stack(0.3)
    pos.requires_grad_()
    context = dr.RasterizeCudaContext()
    rast, slopes = dr.rasterize(context, pos, tri, (2, 2), grad_db=False)
    assert slopes.shape == (1, 2, 2, 4)
    assert bool(slopes.any())
    assert not slopes.requires_grad
    assert rast.requires_grad
    _, slopes = dr.rasterize(context, pos, tri, (2, 2))
    assert slopes.requires_grad
    _, none = dr.rasterize(dr.RasterizeGLContext(output_db=False), pos, tri, (2, 2))
    assert none.shape == (1, 2, 2, 0)


def test_depth_has_no_gradient() -> None:
    pos, tri = _stack(0.3)
    pos.requires_grad_()
    rast, _ = dr.rasterize(dr.RasterizeCudaContext(), pos, tri, (2, 2))
    assert bool((torch.autograd.grad(rast[..., 2].sum(), pos)[0] == 0).all())


def test_ranges_of_images_with_positions_of_their_own_are_ignored_as_there() -> None:
    pos, tri = _stack(0.4, -0.2)
    ranges = torch.tensor([[0, 1]], dtype=torch.int32)
    found, _ = dr.rasterize(dr.RasterizeCudaContext(), pos, tri, (2, 2), ranges=ranges)
    assert found[..., 3].unique().tolist() == [2]
    found, _ = dr.rasterize(dr.RasterizeCudaContext(), pos[0], tri, (2, 2), ranges=ranges)
    assert found[..., 3].unique().tolist() == [1]


def test_what_has_nothing_to_do_is_there_all_the_same() -> None:
    context = dr.RasterizeGLContext(mode="manual")
    context.set_context()
    context.release_context()
    dr.set_log_level(2)
    assert dr.get_log_level() == 2
    dr.set_log_level(1)

"""Textures against closed forms, `grid_sample`, and what must be refused."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from diffgfx.testing import assert_close

BACKENDS = ("taichi", "torch")
every_backend = pytest.mark.parametrize("backend", BACKENDS)


def _normal(*shape: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draw, dtype=torch.float64)


def _ramp(height: int, width: int) -> Tensor:
    """Return a texture whose texels hold u and v of their centres."""
    v, u = torch.meshgrid(
        (torch.arange(height, dtype=torch.float64) + 0.5) / height,
        (torch.arange(width, dtype=torch.float64) + 0.5) / width,
        indexing="ij",
    )
    return torch.stack([u, v], dim=-1)[None]


@every_backend
def test_a_ramp_returns_the_coordinate_and_its_slope(backend: str) -> None:
    uv = (0.1 + 0.8 * torch.rand(1, 4, 5, 2, dtype=torch.float64)).requires_grad_()
    value = ops.texture(_ramp(8, 16), uv, filter_mode="linear", backend=backend)
    assert_close(value, uv)
    slope = torch.autograd.grad(value.sum(), uv)[0]
    assert_close(slope, torch.ones_like(slope))


@every_backend
@pytest.mark.parametrize(("boundary", "padding"), [("clamp", "border"), ("zero", "zeros")])
def test_linear_equals_grid_sample(backend: str, boundary: str, padding: str) -> None:
    tex = _normal(2, 5, 7, 3).requires_grad_()
    uv = (0.5 + 0.8 * _normal(2, 6, 4, 2, seed=1)).requires_grad_()
    value = ops.texture(tex, uv, filter_mode="linear", boundary_mode=boundary, backend=backend)
    expected = grid_sample(
        tex.permute(0, 3, 1, 2), 2.0 * uv - 1.0, padding_mode=padding, align_corners=False
    ).permute(0, 2, 3, 1)
    assert_close(value, expected)
    weight = _normal(*value.shape, seed=2)
    found = torch.autograd.grad(value, [tex, uv], weight)
    wanted = torch.autograd.grad(expected, [tex, uv], weight)
    assert_close(found[0], wanted[0], name="tex")
    assert_close(found[1], wanted[1], name="uv")


@every_backend
def test_wrap_equals_a_tiled_texture(backend: str) -> None:
    tex, uv = _normal(1, 4, 6, 2), 3.0 * torch.rand(1, 5, 8, 2, dtype=torch.float64) - 1.0
    tiled = tex.repeat(1, 5, 5, 1)
    expected = grid_sample(
        tiled.permute(0, 3, 1, 2), 2.0 * (uv + 2.0) / 5.0 - 1.0, align_corners=False
    ).permute(0, 2, 3, 1)
    assert_close(ops.texture(tex, uv, filter_mode="linear", backend=backend), expected)


@every_backend
def test_nearest_by_hand(backend: str) -> None:
    tex = torch.tensor([[[[1.0], [2.0]], [[3.0], [4.0]]]])  # row 0 at the bottom
    uv = torch.tensor([[[[0.1, 0.1], [0.9, 0.2], [0.3, 0.7], [1.1, -0.1]]]])
    for boundary, last in (("wrap", 3.0), ("clamp", 2.0), ("zero", 0.0)):
        value = ops.texture(tex, uv, filter_mode="nearest", boundary_mode=boundary, backend=backend)
        assert value.flatten().tolist() == [1.0, 2.0, 3.0, last]


@every_backend
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_scale_of_two_to_the_k_is_level_k(backend: str, level: int) -> None:
    mips = [torch.full((1, 16 >> k, 16 >> k, 1), float(k)) for k in range(1, 5)]
    scale = 2.0**level / 16
    angle = torch.tensor(0.3)
    da = scale * torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()])
    value = ops.texture(
        torch.zeros(1, 16, 16, 1), torch.rand(1, 2, 2, 2), mip=mips,
        uv_da=da.expand(1, 2, 2, 4), backend=backend,
    )  # fmt: skip
    assert_close(value, torch.full_like(value, float(level)))


@every_backend
def test_the_longer_axis_and_the_bias_set_the_level(backend: str) -> None:
    mips = [torch.full((1, 16 >> k, 16 >> k, 1), float(k)) for k in range(1, 5)]
    da = torch.tensor([0.5 / 16, 0.0, 0.0, 4.0 / 16]).expand(1, 1, 3, 4)
    bias = torch.tensor([[[0.0, 0.5, -9.0]]])
    value = ops.texture(
        torch.zeros(1, 16, 16, 1), torch.rand(1, 1, 3, 2), mip=mips, uv_da=da,
        mip_level_bias=bias, backend=backend,
    )  # fmt: skip
    assert_close(value.flatten(), torch.tensor([2.0, 2.5, 0.0]))


@every_backend
def test_an_even_footprint_has_the_mean_of_both_slopes(backend: str) -> None:
    # level = log2(s): both stretches are s = 2^1.5 texels; one side moves it, the other does not.
    mips = [torch.full((1, 16 >> k, 16 >> k, 1), float(k), dtype=torch.float64) for k in (1, 2)]
    s = 2.0**1.5 / 16
    da = torch.tensor([[[[s, 0.0, 0.0, s]]]], dtype=torch.float64, requires_grad=True)
    value = ops.texture(
        torch.zeros(1, 16, 16, 1, dtype=torch.float64),
        torch.rand(1, 1, 1, 2, dtype=torch.float64), mip=mips, uv_da=da, backend=backend,
    )  # fmt: skip
    slope = torch.autograd.grad(value.sum(), da)[0].flatten()
    expected = 0.5 / (s * math.log(2.0))
    assert_close(slope, torch.tensor([expected, 0.0, 0.0, expected], dtype=torch.float64))


@every_backend
def test_a_constant_cube_is_constant_at_seams_and_corners(backend: str) -> None:
    corners = torch.tensor([[x, y, z] for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)])
    directions = corners[corners.abs().sum(dim=1) > 0].double()[None, None]
    tex = torch.full((1, 6, 4, 4, 2), 3.0, dtype=torch.float64)
    for bias in (0.0, 1.3):
        value = ops.texture(
            tex, directions, boundary_mode="cube", backend=backend,
            mip_level_bias=torch.full(directions.shape[:3], bias, dtype=torch.float64),
        )  # fmt: skip
        assert_close(value, torch.full_like(value, 3.0))


def _directions(size: int) -> Tensor:
    """Return the direction of each texel of a cube's faces, as the convention has it."""
    t, s = torch.meshgrid(*(((2 * torch.arange(size) + 1.0) / size - 1.0).double(),) * 2,
                          indexing="ij")  # fmt: skip
    one = torch.ones_like(s)
    faces = [(one, -t, -s), (-one, -t, s), (s, one, t), (s, -one, -t), (s, -t, one), (-s, -t, -one)]
    return torch.stack([torch.stack(face, dim=-1) for face in faces])


@every_backend
def test_a_cube_of_directions_returns_the_direction(backend: str) -> None:
    size = 32
    found = _directions(size)
    tex = (found / found.norm(dim=-1, keepdim=True))[None]
    draw = _normal(1, 20, 20, 3)
    draw[0, 0, :4] = torch.tensor([[1.0, 1.0, 0.2], [-1, 0.3, 1], [1, 1, 1], [-1, 1, -1]])
    wanted = draw / draw.norm(dim=-1, keepdim=True)
    value = ops.texture(tex, 7.0 * draw, boundary_mode="cube", backend=backend)
    assert float((value - wanted).norm(dim=-1).max()) < 2.0 / size**2 * 3
    centres = ops.texture(tex, found[None].reshape(1, 6, -1, 3), boundary_mode="cube",
                          filter_mode="nearest", backend=backend)  # fmt: skip
    assert_close(centres.reshape(tex.shape), tex)


@every_backend
def test_a_cube_is_continuous_across_edges(backend: str) -> None:
    tex = _normal(1, 6, 3, 3, 1)
    along = torch.linspace(-1.0, 1.0, 23, dtype=torch.float64)  # to the corners
    for axis in range(3):
        for sign in (1.0, -1.0):
            edge = torch.stack([torch.ones_like(along), sign * torch.ones_like(along), along], -1)
            edge = edge.roll(axis, dims=-1)[None, None]
            push = torch.zeros(3, dtype=torch.float64)
            push[axis] = 1e-9
            sides = [
                ops.texture(tex, edge + k * push, boundary_mode="cube", backend=backend)
                for k in (1, -1)
            ]
            assert float((sides[0] - sides[1]).abs().max()) < 1e-6


def test_levels_of_a_checkerboard_are_grey() -> None:
    board = (torch.arange(8)[:, None] + torch.arange(8)) % 2
    levels = ops.construct_mip(board[None, :, :, None].float())
    assert [tuple(level.shape) for level in levels] == [(1, n, n, 1) for n in (4, 2, 1)]
    assert all(bool((level == 0.5).all()) for level in levels)


@every_backend
def test_sides_of_one_are_halved_along_the_other(backend: str) -> None:
    line = torch.tensor([1.0, 3.0, 5.0, 9.0]).view(1, 1, 4, 1)
    levels = ops.construct_mip(line, backend=backend)
    assert [level.flatten().tolist() for level in levels] == [[2.0, 7.0], [4.5]]
    one = torch.full((1, 1, 1, 2), 4.0)
    value = ops.texture(one, _normal(1, 3, 3, 2).float(), uv_da=_normal(1, 3, 3, 4).float(),
                        backend=backend)  # fmt: skip
    assert_close(value, torch.full_like(value, 4.0))


@every_backend
def test_levels_given_and_levels_made_are_one(backend: str) -> None:
    tex = _normal(1, 8, 4, 3).requires_grad_()
    uv, da = _normal(1, 5, 6, 2, seed=3), 0.3 * _normal(1, 5, 6, 4, seed=4)
    inside = ops.texture(tex, uv, uv_da=da, backend=backend)
    levels = ops.construct_mip(tex, backend=backend)
    outside = ops.texture(tex, uv, uv_da=da, mip=levels, backend=backend)
    assert_close(inside, outside)
    weight = _normal(*inside.shape, seed=5)
    assert_close(*(torch.autograd.grad(v, tex, weight)[0] for v in (inside, outside)))


@every_backend
def test_levels_of_several_textures_may_lie_in_one_tensor(backend: str) -> None:
    tex, uv = _normal(2, 8, 4, 3), _normal(2, 5, 6, 2, seed=3)
    da = 0.3 * _normal(2, 5, 6, 4, seed=4)
    shapes = [(2, 4, 2, 3), (2, 2, 1, 3), (2, 1, 1, 3)]
    counts = [math.prod(shape) for shape in shapes]
    flat = _normal(sum(counts), seed=6)
    beside = [
        part.view(shape) for part, shape in zip(flat.split(counts), shapes, strict=True)
    ]
    apart = [level.clone() for level in beside]
    one, other = (
        ops.texture(tex, uv, uv_da=da, mip=levels, backend=backend) for levels in (beside, apart)
    )
    assert torch.equal(one, other)


@every_backend
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("boundary", ["wrap", "clamp", "zero"])
def test_uv_past_all_counting_is_harmless(backend: str, dtype: torch.dtype, boundary: str) -> None:
    tex = torch.rand(1, 4, 4, 1, dtype=dtype) + 1.0
    numbers = [1e30, -1e30, 3e9, -3e9, math.inf, math.nan]
    uv = torch.tensor([[[[a, 0.5] for a in numbers]]], dtype=dtype, requires_grad=True)
    da = torch.tensor([0.1, math.inf, math.nan, 1e25, 0.0, 1e-30], dtype=dtype)
    da = da.view(1, 1, 6, 1).repeat(1, 1, 1, 4).requires_grad_()
    for given in (None, da):
        value = ops.texture(tex, uv, uv_da=given, boundary_mode=boundary, backend=backend)
        assert bool(value.isfinite().all())
        assert bool((value[..., 4:, :] == 0).all())
        slope = torch.autograd.grad(value.sum(), [uv] if given is None else [uv, given])
        assert all(bool(g.isfinite().all()) for g in slope)


@pytest.mark.parametrize("length", [2.0**-110, 2.0**-66, 2.0**66, 2.0**110])
@pytest.mark.parametrize("backend", ["taichi", "torch"])
def test_a_direction_of_any_length_looks_the_same_way(backend: str, length: float) -> None:
    """Values do not change with it, and gradients are as much smaller as it is longer."""
    draw = torch.Generator().manual_seed(11)
    tex, d = torch.rand(1, 6, 8, 8, 3, generator=draw), torch.randn(1, 4, 4, 3, generator=draw)
    da = 0.1 * torch.randn(1, 4, 4, 6, generator=draw)

    def look(scale: float) -> list[torch.Tensor]:
        leaves = [(scale * value).requires_grad_() for value in (d, da)]
        value = ops.texture(
            tex, leaves[0], uv_da=leaves[1], boundary_mode="cube", backend=backend,
        )  # fmt: skip
        found = torch.autograd.grad(value.square().sum(), leaves)
        return [value.detach(), *(scale * gradient for gradient in found)]

    for got, want in zip(look(length), look(1.0), strict=True):
        assert torch.allclose(got, want, rtol=1e-5, atol=1e-6)


@every_backend
def test_no_direction_is_black(backend: str) -> None:
    tex = torch.ones(1, 6, 2, 2, 1)
    uv = torch.tensor([[[[0.0, 0.0, 0.0], [math.nan, 1.0, 0.0], [math.inf, 0.0, 0.0]]]])
    uv.requires_grad_()
    value = ops.texture(tex, uv, boundary_mode="cube", backend=backend)
    assert bool((value == 0).all())
    assert bool((torch.autograd.grad(value.sum(), uv)[0] == 0).all())


def test_a_filter_with_nothing_to_find_levels_by_is_refused() -> None:
    tex, uv = torch.rand(1, 4, 4, 1), torch.rand(1, 2, 2, 2)
    with pytest.raises(RangeError, match="filter_mode 'linear-mipmap-linear' needs uv_da"):
        ops.texture(tex, uv, filter_mode="linear-mipmap-linear")


def test_levels_of_wrong_sizes_are_named() -> None:
    tex, uv, bias = torch.rand(1, 8, 4, 1), torch.rand(1, 2, 2, 2), torch.zeros(1, 2, 2)
    levels = [torch.rand(1, 4, 2, 1), torch.rand(1, 2, 2, 1)]
    with pytest.raises(ShapeError, match=r"mip\[1\] must have shape \(B\|1, 2, 1, 1\)"):
        ops.texture(tex, uv, mip=levels, mip_level_bias=bias)
    with pytest.raises(ShapeError, match="cut it into several"):
        ops.texture(torch.empty(1, 1, (1 << 16) + 1, 1), uv)


def test_odd_sides_go_with_a_limit() -> None:
    tex, uv, bias = torch.rand(1, 6, 6, 1), torch.rand(1, 2, 2, 2), torch.full((1, 2, 2), 5.0)
    with pytest.raises(ShapeError, match=r"got 3 x 3 .* at level 1; pass max_mip_level=1"):
        ops.texture(tex, uv, mip_level_bias=bias)
    value = ops.texture(tex, uv, mip_level_bias=bias, max_mip_level=1)
    alone = ops.texture(ops.construct_mip(tex, max_mip_level=1)[0], uv)
    assert_close(value, alone)


def test_pixels_that_look_at_one_place_differ_by_what_tells_them_apart() -> None:
    """Pixels that repeat the one before are copied: not across textures, footprints or biases."""
    generator = torch.Generator().manual_seed(5)
    tex = torch.rand(2, 8, 8, 3, generator=generator)
    uv = torch.tensor([0.3, 0.6]).expand(2, 1, 5, 2).contiguous()
    step = torch.tensor([0.0, 0.0, 0.2, 0.2, 0.4])[:, None].expand(2, 1, 5, 4).contiguous()
    bias = torch.tensor([0.0, 0.5, 0.5, 1.5, 1.5]).expand(2, 1, 5).contiguous()
    for extra in ({}, {"uv_da": step}, {"mip_level_bias": bias}):
        found = ops.texture(tex, uv, **extra, backend="taichi")
        expected = ops.texture(tex, uv, **extra, backend="torch")
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
        assert not torch.equal(found[0], found[1])


@every_backend
@pytest.mark.parametrize("boundary", ["wrap", "clamp", "zero", "cube"])
def test_nearest_passes_nothing_to_places(backend: str, boundary: str) -> None:
    draw = torch.Generator().manual_seed(0)
    cube = boundary == "cube"
    tex = torch.rand((1, 6, 4, 4, 2) if cube else (1, 4, 4, 2), generator=draw)
    uv = torch.randn((1, 5, 5, 3 if cube else 2), generator=draw).requires_grad_()
    value = ops.texture(tex, uv, filter_mode="nearest", boundary_mode=boundary, backend=backend)
    (g_uv,) = torch.autograd.grad(value.sum(), uv)
    assert torch.equal(g_uv, torch.zeros_like(uv))


@every_backend
def test_the_finer_level_is_read_where_one_is(backend: str) -> None:
    tex = torch.zeros(1, 4, 4, 1, dtype=torch.float64)
    mip = [torch.full((1, 2, 2, 1), 1.0), torch.full((1, 1, 1, 1), 2.0)]
    bias = torch.tensor([[[-1.0, 0.4, 0.9, 1.0, 1.6, 2.0, 7.0]]], dtype=torch.float64)
    uv = torch.full((1, 1, 7, 2), 0.3, dtype=torch.float64)
    value = ops.texture(
        tex, uv, mip_level_bias=bias, mip=[level.double() for level in mip],
        filter_mode="linear-mipmap-nearest", backend=backend,
    )  # fmt: skip
    assert value.flatten().tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0]

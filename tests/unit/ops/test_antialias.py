"""Antialiasing on a few pixels, worked by hand; what the two modes do differently; bad input."""

from typing import Any

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import DeviceError, DtypeError, RangeError, ShapeError
from diffgfx.testing import assert_close
from tests.contract.silhouettes import ROOF, build_silhouettes, in_range_mode, rasterise

MODES = ("bounded", "nvdiffrast")
every_mode = pytest.mark.parametrize("mode", MODES)
REAL = torch.float64


def _triangles(*rows: tuple[int, int, int]) -> Tensor:
    return torch.tensor(rows, dtype=torch.int32).reshape(-1, 3)


def _flat(width: int, height: int, *points: tuple[float, float]) -> Tensor:
    """Return vertices (1, V, 4) at places [px from the lower left corner], at z = 0."""
    x, y = torch.tensor(points, dtype=REAL).unbind(1)
    zero = torch.zeros_like(x)
    return torch.stack([2 * x / width - 1, 2 * y / height - 1, zero, zero + 1], dim=1)[None]


def _row(*values: float) -> Tensor:
    """Return a picture one pixel high, of one channel."""
    return torch.tensor(values, dtype=REAL).view(1, 1, -1, 1)


def _left_of(edge: float, width: int) -> Tensor:
    """Return a triangle that covers what lies left of a place in a row of pixels."""
    return _flat(width, 1, (edge, -1.0), (edge, 2.0), (-40.0, 0.5))


ONE = _triangles((0, 1, 2))


@every_mode
@pytest.mark.parametrize(
    ("edge", "expected"),
    [(0.8, (0.8, 0.0)), (1.3, (1.0, 0.3)), (1.0, (1.0, 0.0)), (0.55, (0.55, 0.0))],
)
def test_two_pixels(mode: str, edge: float, expected: tuple[float, float]) -> None:
    """A share of 0.2 is the part of the first pixel beyond the edge; 0.3 that of the second."""
    pos = _left_of(edge, 2)
    rast = rasterise(pos, ONE, 1, 2)
    assert rast[0, 0, :, 3].tolist() == [1.0, 0.0]
    found = ops.antialias(_row(1.0, 0.0), rast, pos, ONE, mode=mode)
    assert_close(found, _row(*expected))


@every_mode
def test_two_pixels_of_which_the_second_is_covered(mode: str) -> None:
    pos = _flat(2, 1, (0.8, -1.0), (0.8, 2.0), (40.0, 0.5))
    found = ops.antialias(_row(0.0, 1.0), rasterise(pos, ONE, 1, 2), pos, ONE, mode=mode)
    assert_close(found, _row(0.2, 1.0))


@every_mode
def test_a_sliver_takes_of_both_sides(mode: str) -> None:
    pos = _flat(3, 1, (1.7, -1.0), (1.7, 2.0), (1.4, 2.0))
    pos = torch.cat([pos, _flat(3, 1, (1.4, -1.0))], dim=1)
    tri = _triangles((0, 1, 2), (0, 2, 3))
    rast = rasterise(pos, tri, 1, 3)
    rast[0, 0, 1, 3] = 1.0  # either triangle has one edge of the two that cross
    of_right, of_left = 0.3 * (0.6 - 1.0), 0.4 * (0.2 - 1.0)
    whole = 1.0 + of_right + of_left  # what it covers, to the letter: the surface is followed
    found = ops.antialias(_row(0.2, 1.0, 0.6), rast, pos, tri, mode=mode)
    assert_close(found, _row(0.2, whole if mode == "bounded" else 1.0 + of_right, 0.6))
    rast[0, 0, 1, 3] = 2.0
    found = ops.antialias(_row(0.2, 1.0, 0.6), rast, pos, tri, mode=mode)
    assert_close(found, _row(0.2, whole if mode == "bounded" else 1.0 + of_left, 0.6))


SPECK = ((1.4, 1.4), (1.6, 1.4), (1.6, 1.8))
"""Its edges are 0.1 right of the middle of 3 x 3 pixels, 0.1 below it, and 0.05 left.

The last passes above it too, but is too steep to be seen from there."""


def _speck(mode: str, pos: Tensor) -> Tensor:
    color = torch.tensor([[0, 0.5, 0], [0.25, 1, 0.75], [0, 0.125, 0]], dtype=REAL)
    rast = rasterise(pos.detach(), ONE, 3, 3)
    assert int((rast[..., 3] > 0).sum()) == 1
    return ops.antialias(color.view(1, 3, 3, 1), rast, pos, ONE, mode=mode)


def test_shares_beyond_one_are_divided_by_their_sum() -> None:
    pos = _flat(3, 3, *SPECK)
    total = 0.4 * 0.75 + 0.45 * 0.25 + 0.4 * 0.5
    assert_close(_speck("bounded", pos)[0, 1, 1, 0], torch.tensor(total / 1.25, dtype=REAL))
    assert_close(_speck("nvdiffrast", pos)[0, 1, 1, 0], torch.tensor(total - 0.25, dtype=REAL))


@every_mode
def test_a_picture_leaves_its_range_only_as_nvdiffrast_does(mode: str) -> None:
    pos = _flat(3, 3, *SPECK)
    color = torch.zeros((1, 3, 3, 1), dtype=REAL)
    color[0, 1, 1] = 1.0
    found = ops.antialias(color, rasterise(pos, ONE, 3, 3), pos, ONE, mode=mode)
    wanted = 0.0 if mode == "bounded" else 1.0 - 1.25
    assert_close(found[0, 1, 1, 0], torch.tensor(wanted, dtype=REAL), atol=1e-12)


@pytest.mark.parametrize("vertical", [False, True])
@every_mode
def test_the_gradient_to_a_vertex(mode: str, vertical: bool) -> None:
    """One pixel loses what the edge gives up; both ends have half of it, and 3 px between them."""
    pos = _left_of(0.8, 2)
    color = _row(1.0, 0.0)
    if vertical:  # the same across the diagonal, one pixel wide and two high
        pos, color = pos[..., [1, 0, 2, 3]], color.transpose(1, 2)
    pos = pos.requires_grad_()
    rast = rasterise(pos.detach(), ONE, color.shape[1], color.shape[2])
    ops.antialias(color, rast, pos, ONE, mode=mode).sum().backward()
    share = 0.5 * (1.0 if mode == "bounded" else 3.0 / 3.001)
    wanted = torch.tensor([share, 0.0, 0.0, 0.2 * share], dtype=REAL)
    if vertical:
        wanted = wanted[[1, 0, 2, 3]]
    assert pos.grad is not None
    epsilon = 0.0 if mode == "bounded" else 1e-4  # nvdiffrast's, across the edge and in w
    assert_close(pos.grad[0, :2], wanted.expand(2, 4), atol=epsilon)
    along = pos.grad[0, 0, int(vertical)]
    assert_close(along, torch.tensor(share, dtype=REAL))
    assert bool((pos.grad[0, 2] == 0).all())


@every_mode
def test_an_edge_on_the_wrong_side_of_a_centre(mode: str) -> None:
    pos = _left_of(0.47, 2).requires_grad_()  # as of a vertex snapped across the centre
    rast = torch.tensor([[0, 0, 0, 1.0], [0, 0, 0, 0]], dtype=REAL).view(1, 1, 2, 4)
    found = ops.antialias(_row(1.0, 0.0), rast, pos, ONE, mode=mode)
    assert_close(found, _row(0.47 if mode == "bounded" else 0.5, 0.0))
    found.sum().backward()
    assert pos.grad is not None
    moved = pos.grad[0, :, 0].sum()  # of both ends: half the width is one pixel
    assert_close(moved, torch.tensor(1.0 if mode == "bounded" else 0.0, dtype=REAL))


@every_mode
def test_the_boost_multiplies_the_gradient_to_vertices_alone(mode: str) -> None:
    arguments = build_silhouettes(REAL, "cpu", 1, 3, mode=mode)
    arguments["tri"] = torch.tensor(ROOF, dtype=torch.int32)
    found = []
    for boost in (1.0, 2.5):
        pos, color = (arguments[name].detach().requires_grad_() for name in ("pos", "color"))
        given = arguments | {"pos": pos, "color": color}
        picture = ops.antialias(**given, pos_gradient_boost=boost)
        found.append(torch.autograd.grad(picture.square().sum(), (pos, color)))
    assert_close(found[1][0], 2.5 * found[0][0])
    assert torch.equal(found[1][1], found[0][1])


@every_mode
def test_edges_inside_a_surface_are_left_alone(mode: str) -> None:
    pos = _flat(4, 4, (-9, -9), (13, -9), (-9, 13.7), (13, 13.7))
    draw = torch.Generator().manual_seed(0)
    color = torch.rand((1, 4, 4, 2), generator=draw, dtype=REAL)
    shared = _triangles((0, 1, 2), (2, 1, 3))
    rast = rasterise(pos, shared, 4, 4)
    assert set(rast[..., 3].flatten().tolist()) == {1.0, 2.0}
    assert torch.equal(ops.antialias(color, rast, pos, shared, mode=mode), color)
    apart = torch.cat([pos, pos], dim=1)
    found = ops.antialias(color, rast, apart, _triangles((0, 1, 2), (6, 5, 7)), mode=mode)
    assert not torch.equal(found, color)


@every_mode
def test_an_edge_that_folds_over_is_an_outline(mode: str) -> None:
    pos = _flat(2, 1, (0.8, -1.0), (0.8, 2.0), (-40.0, 0.5), (-30.0, 0.5))
    pos[..., 3, 2] = 0.5  # behind the other, beyond the same edge
    folded = _triangles((0, 1, 2), (1, 0, 3))
    rast = rasterise(pos, folded, 1, 2)
    assert rast[0, 0, :, 3].tolist() == [1.0, 0.0]
    assert_close(ops.antialias(_row(1.0, 0.0), rast, pos, folded, mode=mode), _row(0.8, 0.0))


def _doubled(mode: str, tri: Tensor) -> Tensor:
    pos = _flat(2, 1, (0.8, -1.0), (0.8, 2.0), (-40.0, 0.5), (40.0, 0.5))
    pos[..., 3, 2] = 0.5  # so that the pair belongs to the triangle on the left
    rast = rasterise(pos, tri, 1, 2)
    return ops.antialias(_row(1.0, 0.0), rast, pos, tri, mode=mode)


def test_triangles_given_twice_close_an_edge_where_all_are_looked_at() -> None:
    twice = _triangles((0, 1, 2), (2, 0, 1), (1, 0, 3))
    assert torch.equal(_doubled("bounded", twice), _row(1.0, 0.0))
    assert torch.equal(_doubled("bounded", twice.flip(0)), _row(1.0, 0.0))
    assert_close(_doubled("nvdiffrast", twice), _row(0.8, 0.0))  # it knows the first two


def test_a_fin_on_a_closed_edge_opens_nothing() -> None:
    pos = _flat(2, 1, (0.8, -1), (0.8, 2), (-40, 0.5), (40, 0.5), (-30, 0.4), (-20, 0.6))
    pos[..., 4:, 2] = 0.5
    rows = torch.tensor([(0, 1, 2), (1, 0, 3), (1, 0, 4), (0, 1, 5)], dtype=torch.int32)
    for order in ([0, 1, 2, 3], [0, 2, 3, 1], [2, 3, 0, 1], [3, 1, 2, 0]):
        tri = rows[order].contiguous()
        rast = rasterise(pos, tri, 1, 2)
        found = ops.antialias(_row(1.0, 0.0), rast, pos, tri)
        assert torch.equal(found, _row(1.0, 0.0)), order


def test_a_triangle_seen_edge_on_continues_nothing() -> None:
    pos = _flat(2, 1, (0.8, -1.0), (0.8, 2.0), (-40.0, 0.5), (0.8, 0.5))
    pos[..., 3, 2] = 0.7
    for tri in (_triangles((0, 1, 2), (1, 0, 3)), _triangles((1, 0, 2), (0, 1, 3))):
        found = ops.antialias(_row(1.0, 0.0), rasterise(pos, tri, 1, 2), pos, tri)
        assert_close(found, _row(0.8, 0.0))


def test_an_edge_to_infinity() -> None:
    """A vertex with w = 0 is a direction: the edge goes straight up from the other end."""
    pos = _left_of(0.8, 2)
    pos[0, 1] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    pos = pos.requires_grad_()
    rast = rasterise(pos.detach(), ONE, 1, 2)
    found = ops.antialias(_row(1.0, 0.0), rast, pos, ONE)
    assert_close(found, _row(0.8, 0.0))
    found.sum().backward()
    assert pos.grad is not None
    assert_close(pos.grad[0, 0], torch.tensor([1.0, 0.0, 0.0, 0.2], dtype=REAL))
    assert bool(torch.isfinite(pos.grad).all())


@pytest.mark.parametrize("w", [-0.5, -1e-30, 0.0, 1e-30])
def test_an_edge_from_behind_the_eye_is_where_its_visible_part_is(w: float) -> None:
    """The end behind is that of a line through (0.8, 2): only the part ahead is seen."""
    pos = _left_of(0.8, 2)
    ahead, beyond = pos[0, 0], pos[0, 1]
    t = (1.0 - w) * 0.5
    pos[0, 1] = (beyond - (1 - t) * ahead) / t  # its line meets what it was halfway or so
    pos[0, 1, 3] = w
    pos[0, 1, 0] = ahead[0] * w  # on the same vertical line of the picture
    pos = pos.requires_grad_()
    rast = torch.tensor([[0, 0, 0, 1.0], [0, 0, 0, 0]], dtype=REAL).view(1, 1, 2, 4)
    found = ops.antialias(_row(1.0, 0.0), rast, pos, ONE)
    assert_close(found, _row(0.8, 0.0))
    found.sum().backward()
    assert pos.grad is not None
    assert bool(torch.isfinite(pos.grad).all())
    assert bool(pos.grad.abs().max() > 0.1)


@every_mode
def test_one_list_of_vertices_gives_the_same_pictures(mode: str) -> None:
    given = build_silhouettes(REAL, "cpu", 3, 1, mode=mode)
    tri = torch.tensor(ROOF, dtype=torch.int32)
    apart = ops.antialias(**given | {"tri": tri})
    rast, pos, together = in_range_mode(given["rast"], given["pos"], tri)
    found = ops.antialias(given["color"], rast, pos, together, mode=mode)
    assert torch.equal(found, apart)


@every_mode
def test_channels_are_alike(mode: str) -> None:
    given = build_silhouettes(REAL, "cpu", 1, 1, mode=mode, channels=3)
    given["tri"] = torch.tensor(ROOF, dtype=torch.int32)
    together = ops.antialias(**given)
    for c in range(3):
        alone = ops.antialias(**given | {"color": given["color"][..., c : c + 1].contiguous()})
        assert torch.equal(alone, together[..., c : c + 1])


@every_mode
@pytest.mark.parametrize("triangles", [0, 1])
def test_nothing_to_see(mode: str, triangles: int) -> None:
    color = torch.rand((2, 3, 4, 2), dtype=REAL, generator=torch.Generator().manual_seed(0))
    color, pos = color.requires_grad_(), torch.ones((2, 3, 4), dtype=REAL, requires_grad=True)
    rast = torch.zeros((2, 3, 4, 4), dtype=REAL)
    found = ops.antialias(color, rast, pos, ONE[:triangles], mode=mode)
    assert torch.equal(found, color)
    g_color, g_pos = torch.autograd.grad(found.sum(), (color, pos))
    assert torch.equal(g_color, torch.ones_like(color))
    assert torch.equal(g_pos, torch.zeros_like(pos))


def test_a_kept_topology_changes_nothing() -> None:
    given = build_silhouettes(REAL, "cpu", 2, 1) | {"tri": torch.tensor(ROOF, dtype=torch.int32)}
    kept = ops.construct_topology(given["tri"])
    assert torch.equal(ops.antialias(**given, topology=kept), ops.antialias(**given))


def _fractions(rast: Tensor) -> Tensor:
    return torch.cat([rast[..., :3], 0.3 * rast[..., 3:]], dim=3)


@every_mode
def test_ids_that_were_averaged_do_no_harm(mode: str) -> None:
    given = build_silhouettes(REAL, "cpu", 1, 1, mode=mode)
    given |= {"tri": torch.tensor(ROOF, dtype=torch.int32), "rast": _fractions(given["rast"])}
    assert bool(torch.isfinite(ops.antialias(**given)).all())


GOOD = ops.construct_topology(_triangles(*ROOF))


@pytest.mark.parametrize(
    ("name", "value", "error", "text"),
    [
        ("tri", ROOF, DtypeError, "tri must be a torch.Tensor, got tuple"),
        ("tri", _triangles(*ROOF).long(), DtypeError, "tri must be int32, got torch.int64"),
        ("tri", _triangles(*ROOF)[:, :2], ShapeError, "tri must have shape (T, 3)"),
        ("tri", _triangles(*ROOF).to("meta"), DeviceError, "tri must have the device of color"),
        ("topology", GOOD[:, 3:], ShapeError, "topology must have shape (4, 21)"),
        ("topology", GOOD.long(), DtypeError, "topology must be an int32 tensor"),
        ("topology", None.__class__, DtypeError, "topology must be an int32 tensor, got type"),
        ("topology", GOOD.to("meta"), DeviceError, "topology must have the device of tri"),
        ("topology", GOOD + 9, RangeError, "topology must hold vertex numbers from 0 to 14"),
        ("pos_gradient_boost", float("inf"), RangeError, "pos_gradient_boost must be a finite"),
    ],
)
def test_bad_input_is_named(name: str, value: Any, error: type[Exception], text: str) -> None:
    given = build_silhouettes(REAL, "cpu", 1, 1) | {"tri": _triangles(*ROOF)}
    with pytest.raises(error) as caught:
        ops.antialias(**given | {name: value})
    assert str(caught.value).startswith(text)

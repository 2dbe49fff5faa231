"""Interpolation of attributes, by hand and at its limits."""

import pytest
import torch

from diffgfx import ops
from diffgfx.errors import DtypeError, RangeError
from diffgfx.testing import assert_close

BACKENDS = ("taichi", "torch")
every_backend = pytest.mark.parametrize("backend", BACKENDS)
TRI = torch.tensor([[0, 1, 2], [2, 1, 3]], dtype=torch.int32)
ATTR = torch.tensor([[1.0, 0.0], [2.0, 5.0], [4.0, -1.0], [8.0, 2.0]])


@every_backend
def test_a_table_by_hand(backend: str) -> None:
    rast = torch.tensor([[[[0.5, 0.25, 9.0, 1.0], [1.0, 0.0, 9.0, 2.0], [0.3, 0.3, 0.0, 0.0]]]])
    db = torch.tensor([1.0, 0.0, 0.0, 2.0]).expand(1, 1, 3, 4)
    out, da = ops.interpolate(ATTR, rast, TRI, rast_db=db, diff_attrs=[1], backend=backend)
    assert_close(out[0, 0], torch.tensor([[2.0, 1.0], [4.0, -1.0], [0.0, 0.0]]))
    # dS/dX = S0 - S2 and dS/dY = 2 (S1 - S2), of channel 1
    assert_close(da[0, 0], torch.tensor([[1.0, 12.0], [-3.0, 6.0], [0.0, 0.0]]))


@every_backend
def test_gradients_by_hand(backend: str) -> None:
    rast = torch.tensor([[[[0.5, 0.25, 9.0, 1.0], [1.0, 0.0, 9.0, 2.0]]]], requires_grad=True)
    attr = ATTR.clone().requires_grad_()
    out, da = ops.interpolate(attr, rast, TRI, backend=backend)
    assert da.shape == (1, 1, 2, 0)
    g_attr, g_rast = torch.autograd.grad(out[..., 0].sum(), [attr, rast])
    assert_close(g_attr[:, 0], torch.tensor([0.5, 0.25, 0.25 + 1.0, 0.0]))
    assert_close(g_rast[0, 0], torch.tensor([[-3.0, -2.0, 0, 0], [-4.0, -6.0, 0, 0]]))


@every_backend
def test_one_triangle_may_fill_the_image(backend: str) -> None:
    rast = torch.rand(2, 40, 50, 4, dtype=torch.float64)
    rast[..., 3] = 1.0
    attr = torch.rand(1, 3, 1, dtype=torch.float64, requires_grad=True)
    out, _ = ops.interpolate(attr, rast, TRI[:1], backend=backend)
    found = torch.autograd.grad(out.sum(), attr)[0].flatten()
    u, v = rast[..., 0].sum(), rast[..., 1].sum()
    assert_close(found, torch.stack([u, v, 4000.0 - u - v]))


@every_backend
def test_triangles_are_told_apart_up_to_the_last(backend: str) -> None:
    """Above 2^23 a half cannot be added to a number in single precision."""
    count = 2**24
    tri = torch.zeros(1, 3, dtype=torch.int32).expand(count, -1).clone()
    tri[-7:] = torch.arange(1, 8, dtype=torch.int32)[:, None]
    tri[2**23 - 2 : 2**23 + 5] = torch.arange(8, 15, dtype=torch.int32)[:, None]
    attr = torch.arange(15.0)[None, :, None]
    ids = [*range(count - 6, count + 1), *range(2**23 - 1, 2**23 + 6)]
    rast = torch.zeros(1, 1, len(ids), 4)
    rast[..., 3] = torch.tensor([float(n) for n in ids])
    found, _ = ops.interpolate(attr, rast, tri, backend=backend)
    assert found.flatten().tolist() == [float(n) for n in range(1, 15)]


@every_backend
def test_an_empty_mesh_gives_zeros(backend: str) -> None:
    rast = torch.zeros(1, 3, 4, 4, requires_grad=True)
    attr = torch.zeros(1, 0, 2, requires_grad=True)
    out, _ = ops.interpolate(attr, rast, TRI[:0], backend=backend)
    assert out.shape == (1, 3, 4, 2)
    g_attr, g_rast = torch.autograd.grad(out.sum(), [attr, rast])
    assert g_attr.shape == (1, 0, 2)
    assert bool((out == 0).all() and (g_rast == 0).all())


@every_backend
@pytest.mark.parametrize("number", [3.0, -2.0, float("nan"), float("inf")])
def test_a_number_that_no_triangle_has_is_refused(backend: str, number: float) -> None:
    rast = torch.zeros(1, 2, 2, 4)
    rast[0, 1, 0, 3] = number
    with pytest.raises(RangeError, match="rast must hold numbers of triangles from 0"):
        ops.interpolate(ATTR, rast, TRI, backend=backend)


def test_triangles_of_another_kind_are_refused() -> None:
    with pytest.raises(DtypeError, match="tri must be an int32"):
        ops.interpolate(ATTR, torch.zeros(1, 2, 2, 4), TRI.long())

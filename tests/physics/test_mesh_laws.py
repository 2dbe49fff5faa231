"""Laws of pictures of meshes, for whatever hypothesis comes up with."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffgfx.tasks.validation import mesh_laws

SEEDS = st.integers(0, 2**31)


@given(SEEDS)
@settings(max_examples=12, deadline=None)
def test_light_and_view_may_be_swapped(seed: int) -> None:
    assert mesh_laws.reciprocity_error(seed) < 1e-12


@given(st.floats(0.1, 1.0), st.floats(0.1, 1.0))
@settings(max_examples=10, deadline=None)
def test_a_white_mirror_sends_no_more_than_it_gets(roughness: float, cosine: float) -> None:
    assert 0.2 < mesh_laws.specular_albedo(roughness, cosine, 200) < 1.0 + 5e-3


@given(SEEDS)
@settings(max_examples=12, deadline=None)
def test_no_order_counts(seed: int) -> None:
    numbered, reordered, turned = mesh_laws.order_difference(seed)
    assert numbered == 0.0
    assert reordered < 1e-12
    assert turned < 1e-10


@given(SEEDS, st.sampled_from([torch.float32, torch.float64]))
@settings(max_examples=20, deadline=None)
def test_shared_edges_have_no_cracks_and_no_double_hits(seed: int, dtype: torch.dtype) -> None:
    assert mesh_laws.miscounted_pixels(seed, dtype) == 0


def test_a_missing_triangle_is_a_crack() -> None:
    """The count can fail: drop a triangle of the net."""
    pos, tri = mesh_laws.jittered_grid(0)
    original = mesh_laws.jittered_grid
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mesh_laws, "jittered_grid", lambda seed: (pos, tri[1:]))
        assert mesh_laws.miscounted_pixels(0) > 0
    assert mesh_laws.jittered_grid is original

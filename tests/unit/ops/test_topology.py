"""Edges and the vertices opposite them, against a dictionary."""

from collections import defaultdict

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import RangeError


def _by_dictionary(tri: Tensor) -> list[list[int]]:
    """Return the opposite vertices, in the order of their triangles, of each triangle's edges."""
    met: dict[object, list[int]] = defaultdict(list)
    keys: list[object] = []
    for t, corners in enumerate(tri.tolist()):
        for k, vertex in enumerate(corners):
            ends = frozenset((corners[(k + 1) % 3], corners[(k + 2) % 3]))
            key: object = ends if len(set(corners)) == 3 else (t, k)
            keys.append(key)
            met[key].append(vertex)
    return [met[key] for key in keys]


@pytest.mark.parametrize("seed", range(5))
def test_random_triangles(seed: int) -> None:
    """Few vertices: edges of many triangles, triangles twice, triangles of two vertices."""
    draw = torch.Generator().manual_seed(seed)
    tri = torch.randint(0, 6, (40, 3), generator=draw, dtype=torch.int32)
    starts, ends, opposite, number = ops.construct_topology(tri)
    found = [opposite[a:b].tolist() for a, b in zip(starts, ends, strict=True)]
    assert found == _by_dictionary(tri)
    assert max(map(len, found)) > 3
    assert torch.equal(tri.flatten()[number.long()], opposite)
    assert sorted(number.tolist()) == list(range(120))


def test_a_square() -> None:
    tri = torch.tensor([(0, 1, 2), (2, 1, 3)], dtype=torch.int32)
    starts, ends, opposite, number = ops.construct_topology(tri)
    assert (ends - starts).tolist() == [2, 1, 1, 1, 1, 2]
    assert opposite[starts[0] : ends[0]].tolist() == [0, 3]
    assert (starts[0], ends[0]) == (starts[5], ends[5])
    assert number[starts[0] : ends[0]].tolist() == [0, 5]


def test_no_triangles() -> None:
    empty = ops.construct_topology(torch.zeros((0, 3), dtype=torch.int32))
    assert empty.shape == (4, 0)
    assert empty.dtype == torch.int32


def test_padding_is_refused() -> None:
    with pytest.raises(RangeError, match="tri must hold vertex numbers from 0, got -1"):
        ops.construct_topology(torch.tensor([(0, 1, -1)], dtype=torch.int32))

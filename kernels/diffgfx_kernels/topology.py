"""Which triangles meet at each edge of a mesh, as one tensor that kernels can walk.

Edges are numbered 3 t + k: the one across from corner k of triangle t. Sorted by their two ends,
edges that are the same stand together, in the order of their triangles. Row 0 of the tensor says
where the group of an edge starts, row 1 where it ends; rows 2 and 3 are the sorted list: the vertex
opposite each edge, and its number.
"""

import torch
from torch import Tensor

__all__ = ["build_topology"]


def build_topology(tri: Tensor) -> Tensor:
    """Return starts and ends of groups, opposite vertices and numbers of edges, int32 (4, 3 T).

    The edges of a triangle that names a vertex twice are in groups of their own: it covers nothing.
    """
    corners = tri.long()
    one, other = corners[:, [1, 2, 0]].flatten(), corners[:, [2, 0, 1]].flatten()
    edge = torch.arange(len(one), device=tri.device)
    flat = (corners == corners[:, [1, 2, 0]]).any(dim=1).repeat_interleave(3)
    key = (torch.minimum(one, other) << 32) + torch.maximum(one, other)
    ordered, order = torch.sort(torch.where(flat, -1 - edge, key), stable=True)
    changes = ordered[1:] != ordered[:-1]
    rim = changes.new_ones(min(len(edge), 1))
    starts = torch.where(torch.cat([rim, changes]), edge, 0).cummax(dim=0).values
    last = torch.where(torch.cat([changes, rim]), edge + 1, len(edge))
    ends = last.flip(0).cummin(dim=0).values.flip(0)
    found = torch.empty((4, len(edge)), dtype=torch.int32, device=tri.device)
    found[0, order], found[1, order] = starts.int(), ends.int()
    found[2], found[3] = corners.flatten()[order].int(), order.int()
    return found

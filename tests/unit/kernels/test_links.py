import pytest
import torch

from diffgfx_kernels.taichi_ import runtime
from diffgfx_kernels.taichi_.components import lay_out
from diffgfx_kernels.taichi_.links import diagonal, linked

runtime.start(torch.device("cpu"))
SIDES = {
    "walls": ("no_slip", "free_slip", "inflow", "outflow"),
    "slip": ("free_slip", "free_slip", "free_slip", "free_slip"),
}


@pytest.mark.parametrize("kind", SIDES)
def test_the_diagonal_is_what_a_point_makes_of_itself(kind: str) -> None:
    from diffgfx.ops._rules import face_rules

    shapes, draw = ((3, 5), (4, 4)), torch.Generator().manual_seed(2)
    faces = [torch.zeros(1, *shape, dtype=torch.float64) for shape in shapes]
    layout = lay_out(faces, face_rules(SIDES[kind]))
    points = sum(face.numel() for face in faces)
    links = 0.2 + torch.rand(1, 2, points, generator=draw, dtype=torch.float64)
    values, scale = torch.zeros(1, 2, 4, dtype=torch.float64), links.new_tensor([0.7])
    found = diagonal(links, values, layout, scale)[0]
    for point in range(points):
        alone = links.new_zeros(1, points)
        alone[0, point] = 1.0
        expected = linked(alone, links, values, layout, scale)[0, point]
        torch.testing.assert_close(found[point], expected, rtol=1e-12, atol=0.0)

"""The sides of a box as tables for kernels."""

import pytest
import torch

from diffgfx import ops
from diffgfx.errors import ShapeError
from diffgfx.ops._flow import FlowSizes
from diffgfx.ops._rules import cell_rules, cell_values, check_extent, face_rules, face_values
from diffgfx_kernels.sides import HELD, SLOPE, TWIN, VALUE, WRAP

SIDES = ("periodic", "periodic", "no_slip", "outflow")


def test_each_component_has_a_rule_at_each_side() -> None:
    assert face_rules(SIDES) == [TWIN, TWIN, VALUE, SLOPE, WRAP, WRAP, HELD, SLOPE]
    assert face_rules(("inflow", "free_slip", "free_slip", "inflow")) == [
        *(HELD, HELD, SLOPE, VALUE), *(VALUE, SLOPE, HELD, HELD),
    ]  # fmt: skip
    assert cell_rules(("fixed", "flux", "zero_gradient", "periodic")) == [VALUE, SLOPE, SLOPE, WRAP]


def test_only_tangential_velocities_of_walls_count() -> None:
    given = torch.arange(1.0, 9.0).view(1, 4, 2)  # side, component
    found = face_values(given, face_rules(SIDES), 3)
    assert found.shape == (3, 2, 4)
    assert torch.equal(found[2], torch.tensor([[0.0, 0.0, 5.0, 0.0], [0.0] * 4]))


def test_a_flux_is_told_as_a_step_between_cells() -> None:
    field, sizes = torch.zeros((2, 3, 4, 5)), FlowSizes(2, (4, 5))
    kinds = ("fixed", "flux", "zero_gradient", "fixed")
    given = torch.full((1, 3, 4), 2.0)
    found = cell_values(given, field, sizes, kinds, 0.25)
    assert torch.equal(found, torch.tensor([2.0, 0.5, 0.0, 2.0]).expand(6, 1, 4))


def test_a_box_without_cells_is_refused() -> None:
    velocity, amount = [torch.zeros((1, 0, 4)), torch.zeros((1, 1, 3))], torch.ones(1)
    with pytest.raises(ShapeError, match="velocity must have one cell or more along each axis"):
        ops.convect(velocity, 0.1, SIDES)
    with pytest.raises(ShapeError, match="velocity must have one cell or more along each axis"):
        ops.diffuse(velocity, amount, 0.1, SIDES)
    with pytest.raises(ShapeError, match="field must have one cell or more along each axis"):
        ops.laplacian_scalar(torch.zeros((1, 1, 3, 0)), 0.1, ("fixed",) * 4)
    check_extent("field", FlowSizes(0, (1, 2)))

"""Velocity carried on into solids."""

import dataclasses

import torch

from diffgfx.fluid import step
from diffgfx.fluid.extend import extend_into_solids
from diffgfx.scene import FluidScene, FluidState


def test_closed_faces_take_the_mean_of_those_that_are_known():
    face = torch.tensor([[[1.0, 9.0, 9.0, 9.0], [5.0, 9.0, 9.0, 9.0], [6.0, 4.0, 9.0, 9.0]]])
    share = torch.tensor([[[0.5, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.1, 1.0, 0.0, 0.0]]])
    (found,) = extend_into_solids([face], [share], layers=2)
    first = [1.0, (5.0 + 4.0) / 2, 4.0]  # beside (0, 0); beside (1, 0) and (2, 1); beside (2, 1)
    second = [1.0, (4.5 + 1.0 + 4.0) / 3]
    wanted = torch.tensor(
        [[[1.0, first[0], 0.0, 9.0], [5.0, first[1], 0.0, 9.0], [6.0, 4.0, first[2], 9.0]]]
    )
    wanted[0, 0, 2] = second[0]
    wanted[0, 1, 2] = (first[1] + first[2]) / 2
    wanted[0, 2, 3] = first[2]
    assert torch.equal(found, wanted)


def test_a_batch_and_three_dimensions_and_gradients():
    torch.manual_seed(0)
    face = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    share = (torch.rand(1, 3, 4, 5, dtype=torch.float64) - 0.6).clamp(min=0.0)
    (found,) = extend_into_solids([face], [share])
    assert torch.equal(found[share.expand_as(found) > 0], face[share.expand_as(face) > 0])
    assert torch.autograd.gradcheck(lambda u: extend_into_solids([u], [share])[0], face)
    (even,) = extend_into_solids([torch.where(share > 0, 2.0, 0.0)], [share], layers=9)
    assert torch.equal(even, torch.full_like(even, 2.0))


def test_a_stream_slips_along_a_solid():
    """Rows 0 and 1 are solid; fluid that leaves the wall must not bring the solid's rest along."""
    state = FluidState.at_rest((8, 10), dtype=torch.float64)
    along, across = (face.clone() for face in state.velocity)
    along[:, 2:] = 1.0
    across[:, 3:-1] = 0.3
    openings = [torch.ones_like(face) for face in (along, across)]
    openings[0][:, :2], openings[1][:, :3] = 0.0, 0.0
    sides = ("periodic", "periodic", "free_slip", "free_slip")
    scene = FluidScene(1.0, 0.5, "smoke", sides, openings=openings, scalars=False)
    with torch.no_grad():
        found = step(dataclasses.replace(state, velocity=(along, across)), scene)
    assert torch.allclose(found.velocity[0][:, 2:], along[:, 2:], atol=1e-12)
    assert not bool(found.velocity[0][:, :2].any())

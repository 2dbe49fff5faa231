"""A photograph is located on a known material under a known light, to four numbers."""

import pytest
import torch
from torch import Tensor

from diffgfx.inverse import Problem, Unknowns
from diffgfx.render import render_planar
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.locate import LocateProblem, locate_photo
from diffgfx.tasks.capture.problem import RESIDUAL_OF_A_HAND
from tests.captures import known_maps

FITTED = torch.tensor([[0.5, 0.2, 20.0], [-3.0, 1.0, 22.0], [2.0, -3.0, 19.0]])
MAPS = known_maps()
VALID = torch.ones(1, 32, 32)


def flash(camera: Tensor) -> tuple[FlashLight, Unknowns]:
    count = len(camera)
    light = FlashLight(
        camera, camera, torch.tensor([900.0, 800.0, 700.0]), False, torch.ones(count),
        torch.zeros(count, dtype=torch.bool), scale=20.0,
    )  # fmt: skip
    offset = {"offset": torch.tensor([0.02, 0.01, 0.0])}
    return light, {**light.start(), **offset}


def photograph(place: tuple[float, float, float], exposure: float) -> Tensor:
    light, unknowns = flash(torch.tensor([place]))
    picture = render_planar(MAPS.to_tensor(), MAPS.size, **light.pairs(unknowns))[0, 0]
    return (exposure * picture).clamp(max=1.0)


@pytest.mark.parametrize(
    ("place", "exposure"), [((-2.0, 3.0, 21.0), 1.2), ((4.0, -1.0, 17.5), 0.7)]
)
def test_pose_and_exposure_are_found(place, exposure):
    picture = photograph(place, exposure)
    problem = LocateProblem.of(picture, VALID, MAPS.to_tensor(), MAPS.size, *flash(FITTED))
    assert isinstance(problem, Problem)
    first = problem.start()
    assert (problem.camera(first)[0] - torch.tensor(place)).norm() < 4.0
    maps, (light, unknowns) = MAPS.to_tensor(), flash(FITTED)
    found = locate_photo(picture, VALID, maps, MAPS.size, light, unknowns)
    assert (found - torch.tensor(place))[:2].norm() < 0.1
    assert found[2].item() == pytest.approx(place[2], rel=0.03)
    assert torch.equal(maps, MAPS.to_tensor())                  # both are frozen
    assert all(torch.equal(unknowns[name], x) for name, x in flash(FITTED)[1].items())


def test_heights_are_believed_less_the_better_a_photograph_is_explained():
    picture = photograph((-2.0, 3.0, 21.0), 1.2)
    problem = LocateProblem.of(picture, VALID, MAPS.to_tensor(), MAPS.size, *flash(FITTED))
    level = problem.levels[0]
    high = {**problem.start(), "height": torch.tensor([0.2])}
    full, more, half = (
        problem.prior_loss(high, level, RESIDUAL_OF_A_HAND * x).item() for x in (1.0, 2.0, 0.5)
    )
    assert full == more > 0.0
    assert half == pytest.approx(full / 4, rel=1e-5)


def test_what_is_masked_has_no_part_in_it():
    picture, valid = photograph((-2.0, 3.0, 21.0), 1.0), VALID.clone()
    valid[:, :8] = 0.0
    first = locate_photo(picture, valid, MAPS.to_tensor(), MAPS.size, *flash(FITTED))
    picture[:, :8] = 0.9
    second = locate_photo(picture, valid, MAPS.to_tensor(), MAPS.size, *flash(FITTED))
    assert torch.allclose(first, second, atol=1e-3)


def test_places_are_found_by_what_is_not_masked():
    """Six tenths masked: the median of all texels would be one of those."""
    place, valid = (-2.0, 3.0, 21.0), VALID.clone()
    valid[:, :20] = 0.0
    found = locate_photo(
        photograph(place, 1.0), valid, MAPS.to_tensor(), MAPS.size, *flash(FITTED)
    )
    assert (found - torch.tensor(place))[:2].norm() < 0.5


def test_what_is_clipped_is_at_least_as_bright():
    place = (-2.0, 3.0, 21.0)
    picture = photograph(place, 6.0).clamp(max=0.98)
    problem = LocateProblem.of(picture, VALID, MAPS.to_tensor(), MAPS.size, *flash(FITTED))
    first, level = problem.start(), problem.levels[-1]
    brighter = {**first, "exposure": first["exposure"] + 9.0}
    rest = problem.residuals(brighter, level, 0)
    assert bool((picture >= 0.98).any())
    assert not rest[picture >= 0.98].any()
    assert rest[picture < 0.98].min() > 0.0


def test_residuals_vanish_at_the_truth():
    place = (-2.0, 3.0, 21.0)
    picture = photograph(place, 1.5)
    problem = LocateProblem.of(picture, VALID, MAPS.to_tensor(), MAPS.size, *flash(FITTED))
    finest = problem.levels[-1]
    true = {
        "place": torch.tensor([place[:2]]) / problem.height,
        "height": (torch.tensor([place[2]]) / problem.height).log(),
        "exposure": torch.tensor([1.5]).log(),
    }
    assert problem.residuals(true, finest, 0).abs().max() < 1e-4
    assert problem.data_loss(true, finest, "all").item() < 1e-6
    moved = {**true, "place": true["place"] + 0.05}
    assert problem.residuals(moved, finest, 0).abs().max() > 1e-2
    assert problem.observations == 1

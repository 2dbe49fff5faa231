"""A photograph is located on a known material under a known light, to four numbers."""

import pytest
import torch
from torch import Tensor

from diffgfx.inverse import Problem, Unknowns
from diffgfx.render import render_planar
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.locate import LocateProblem, locate_photo
from tests.captures import known_maps

FITTED = torch.tensor([[0.5, 0.2, 20.0], [-3.0, 1.0, 22.0], [2.0, -3.0, 19.0]])
MAPS = known_maps(resolution=64)
VALID = torch.ones(1, 64, 64)


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
    before = MAPS.to_tensor().clone()
    found = locate_photo(picture, VALID, MAPS.to_tensor(), MAPS.size, *flash(FITTED))
    assert (found - torch.tensor(place))[:2].norm() < 0.1
    assert found[2].item() == pytest.approx(place[2], rel=0.03)
    assert torch.equal(MAPS.to_tensor(), before)


def test_what_is_masked_has_no_part_in_it():
    picture, valid = photograph((-2.0, 3.0, 21.0), 1.0), VALID.clone()
    valid[:, :16] = 0.0
    first = locate_photo(picture, valid, MAPS.to_tensor(), MAPS.size, *flash(FITTED))
    picture[:, :16] = 0.9
    second = locate_photo(picture, valid, MAPS.to_tensor(), MAPS.size, *flash(FITTED))
    assert torch.allclose(first, second, atol=1e-3)


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


def test_the_light_that_was_fitted_is_only_read():
    light, unknowns = flash(FITTED)
    kept = {name: value.clone() for name, value in unknowns.items()}
    locate_photo(
        photograph((0.0, 0.0, 20.0), 1.0), VALID, MAPS.to_tensor(), MAPS.size, light, unknowns
    )
    assert all(torch.equal(unknowns[name], value) for name, value in kept.items())

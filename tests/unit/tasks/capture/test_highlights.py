"""Where photographs without poses were taken from, against the places they were rendered from."""

import dataclasses

import pytest
import torch
from torch import Tensor

from diffgfx.inverse import Problem
from diffgfx.io import PhotoSet
from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture.highlights import HighlightProblem, find_highlights
from tests.captures import SIZE, known_maps, render

TILE = (-3.0, 0.2, 3.1)


def places(height: float = 21.0) -> Tensor:
    """Nine cameras over a 3 x 3 grid of the sample, no two at one height."""
    grid = [(x, y) for y in TILE for x in TILE]
    return torch.tensor([[x, y, height + 0.2 * (k % 4)] for k, (x, y) in enumerate(grid)])


def photographed(maps: MaterialMaps, position: Tensor) -> PhotoSet:
    """Photographs of a material, exposed to half of full scale, and clipped there and above."""
    place = position[None]
    shown = render(maps, place, torch.ones_like(place))[0]
    shown = 0.5 * shown / shown.flatten(1).quantile(0.9, dim=1)[:, None, None, None]
    white = (shown >= 1.0).any(dim=1, keepdim=True).float()
    return PhotoSet(shown.clamp(max=1.0), white, torch.ones_like(white), maps.resolution)


def glossy(rows: int | None = None) -> MaterialMaps:
    """Leather with the gloss of a varnish."""
    maps = known_maps(rows=rows)
    shiny = maps.to_tensor().clone()
    shiny[:, 9] = 0.35
    return MaterialMaps.from_tensor(shiny, maps.size)


@pytest.fixture(scope="module")
def photos() -> PhotoSet:
    return photographed(glossy(), places())


def off(found: Tensor, true: Tensor) -> Tensor:
    """Distance along the sample, as a share of the height."""
    return (found - true)[:, :2].norm(dim=1) / true[:, 2]


def test_it_is_a_problem(photos):
    assert isinstance(HighlightProblem.of(photos, (SIZE, SIZE), 0), Problem)


def test_places_are_found(photos):
    told: list[tuple[int, int, float]] = []
    found = find_highlights(photos, (SIZE, SIZE), tell=lambda *x: told.append(x))
    assert off(found.position, places()).max() < 0.03
    heights = found.position[:, 2]
    assert heights.min() > 0.6 * 21.0
    assert heights.max() < 1.4 * 21.0
    assert heights.std() / heights.mean() < 0.06
    assert bool(found.found.all())
    done = [entry[0] for entry in told]
    assert done == sorted(done)
    assert told[-1][0] == told[-1][1]


def test_a_sample_that_is_not_square_and_a_photograph_that_is_masked():
    maps = glossy(rows=20)
    position = places() * torch.tensor([1.0, 0.6, 1.0])
    photos = photographed(maps, position)
    valid, images = photos.valid.clone(), photos.images.clone()
    valid[0, :, :10] = 0.0
    images[0, :, :10] = 0.9
    masked = dataclasses.replace(photos, valid=valid, images=images)
    found = find_highlights(masked, maps.size).position
    assert off(found, position).mean() < 0.04
    assert off(found, position).max() < 0.08


def test_one_photograph_is_enough_to_see_a_highlight(photos):
    one = PhotoSet(photos.images[8:], photos.saturated[8:], photos.valid[8:], photos.resolution)
    found = find_highlights(one, (SIZE, SIZE)).position
    assert off(found, places()[8:]).item() < 0.08


def test_a_place_that_was_taken_wrongly_is_looked_for_again(photos):
    problem = HighlightProblem.of(photos, (SIZE, SIZE), 0)
    start = problem.start()
    wrong = start["place"].clone()
    wrong[0] = torch.tensor([0.9, 0.9])
    mended = problem.prolong({**start, "place": wrong}, problem.levels[1])
    assert (mended["place"][0] - places()[0, :2] / SIZE).norm() < 0.2
    assert mended["texture"].shape == problem.levels[1].resolution


def test_a_matte_sample_has_no_highlights():
    maps = known_maps()
    matte = maps.to_tensor().clone()
    matte[:, 6:9] = 0.0
    photos = photographed(MaterialMaps.from_tensor(matte, maps.size), places())
    assert not bool(find_highlights(photos, (SIZE, SIZE)).found.any())

"""The capture as `solve` sees it."""

import pytest
import torch

from diffgfx.inverse import Level, Problem, ladder
from diffgfx.render import render_planar
from diffgfx.scene import GreyPatch
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.model import MaterialModel, PriorWeights
from diffgfx.tasks.capture.observations import PhotoPyramid
from diffgfx.tasks.capture.problem import (
    RESIDUAL,
    RESIDUAL_OF_A_HAND,
    CaptureProblem,
    Model,
)
from diffgfx.tasks.capture.scale import Anchor
from tests.captures import known_maps

LIGHT = torch.tensor([[0.5, 0.2, 20.0], [-3.0, 1.0, 22.0], [2.0, -3.0, 19.0]])
POWER = torch.tensor([900.0, 800.0, 700.0])


def problem(
    anchor: Anchor = "power", patch: GreyPatch | None = None, weights: PriorWeights | None = None
) -> CaptureProblem:
    """Photographs of leather, made by the very model that is to explain them."""
    maps = known_maps()
    flash = FlashLight(LIGHT, LIGHT, POWER, anchor == "power", torch.ones(3),
                       torch.ones(3, dtype=torch.bool))  # fmt: skip
    pairs = flash.pairs(flash.start())
    images = render_planar(maps.to_tensor(), maps.size, **pairs)[0]
    photos = PhotoPyramid(images, torch.ones(3, 1, 32, 32), LIGHT, maps.size, 0)
    model = MaterialModel(photos, weights or PriorWeights(), 0)
    levels = tuple(Level(k, rung, 4, 2) for k, rung in enumerate(ladder((32, 32))))
    return CaptureProblem(photos, model, flash, levels, anchor, patch)


def test_it_is_a_problem_with_a_model():
    assert isinstance(problem(), Problem)
    assert isinstance(problem().model, Model)


def test_the_true_material_has_no_residual(monkeypatch):
    asked = problem()
    unknowns, finest = asked.start(), asked.levels[-1]
    monkeypatch.setattr(type(asked.model), "maps", lambda self, unknowns: known_maps().to_tensor())
    for part in ("fitted", "stopping", "all"):
        assert asked.data_loss(unknowns, finest, part).item() < 1e-7
    brighter = {**unknowns, "power": unknowns["power"] + 0.1}
    assert asked.data_loss(brighter, finest, "all").item() > 1e-4


def test_parts_of_the_pixels_differ():
    asked = problem()
    unknowns, level = asked.start(), asked.levels[0]
    fitted, stopping, all_of_them = (
        asked.data_loss(unknowns, level, part).item() for part in ("fitted", "stopping", "all")
    )
    assert min(fitted, stopping) < all_of_them < max(fitted, stopping)


def test_the_residuals_of_a_photograph_are_those_that_the_loss_counts():
    asked = problem()
    unknowns, level = asked.start(), asked.levels[0]
    assert asked.observations == 3
    residuals = [asked.residuals(unknowns, level, i) for i in range(3)]
    assert {e.shape for e in residuals} == {(3, *level.resolution)}
    e = torch.stack(residuals)
    delta = RESIDUAL.delta
    loss = ((e.square() + delta**2).sqrt() - delta).mean()
    assert loss.item() == pytest.approx(asked.data_loss(unknowns, level, "all").item(), rel=1e-4)
    brighter = {**unknowns, "power": unknowns["power"] + 0.1}
    assert (asked.residuals(brighter, level, 1) > residuals[1]).float().mean() > 0.99


def test_priors_weigh_less_the_better_the_photographs_are_explained():
    asked = problem()
    unknowns, level = asked.start(), asked.levels[0]
    full, more, half = (
        asked.prior_loss(unknowns, level, RESIDUAL_OF_A_HAND * x).item() for x in (1.0, 2.0, 0.5)
    )
    light = asked.light.prior(unknowns).item()
    assert full == more
    assert half - light == pytest.approx((full - light) / 4, rel=1e-4)


def test_a_trial_that_explains_everything_leaves_no_weight_to_the_priors():
    asked = problem()
    unknowns, level = asked.start(), asked.levels[0]
    light = asked.light.prior(unknowns).item()

    def material(bounded) -> float:
        return bounded.prior_loss(unknowns, level, 1.0).item() - light

    full = material(asked)
    assert material(asked.believing(0.0)) == pytest.approx(0.0, abs=1e-6 * full)
    assert material(asked.believing(0.25 * RESIDUAL_OF_A_HAND)) == pytest.approx(full / 4, rel=1e-4)
    assert material(asked.believing(RESIDUAL_OF_A_HAND)) == pytest.approx(full, rel=1e-6)
    trial = asked.trial(1)
    assert [level.resolution for level in trial.levels] == [level.resolution]
    assert 0.0 < material(trial) < 0.05 * full


def test_views_are_kept_for_their_level():
    asked = problem()
    first, second = asked.levels
    assert asked.view(first) is asked.view(first)
    assert asked.view(second).images.shape[-2:] == second.resolution
    assert asked.view(second) is asked.view(second)


def test_every_unknown_with_a_step_length_gets_a_gradient():
    asked = problem("belief")
    level = asked.levels[0]
    lengths = asked.step_lengths(level)
    unknowns = {name: x.requires_grad_(name in lengths) for name, x in asked.start().items()}
    data = asked.data_loss(unknowns, level, "fitted")
    (data + asked.prior_loss(unknowns, level, float(data.detach()))).backward()
    assert {"power", "offset", "cone", "ambient"} <= set(lengths)
    idle = [name for name in lengths if unknowns[name].grad is None]
    assert idle == []
    assert "power" not in problem("power").step_lengths(level)


def test_moving_up_a_level_keeps_the_loss_near():
    asked = problem()
    first, second = asked.levels
    start = asked.start()
    moved = asked.prolong(start, second)
    coarse, fine = asked.data_loss(start, first, "all"), asked.data_loss(moved, second, "all")
    # the finer photographs show more than the coarse material has, and nothing else is amiss
    assert 0.8 * coarse.item() < fine.item() < 1.6 * coarse.item()


def test_an_anchor_moves_power_and_albedo_against_each_other():
    patch = GreyPatch((0.0, 0.0, 0.5, 0.5), 0.1)
    asked = problem("grey_patch", patch)
    start, level = asked.start(), asked.levels[0]
    moved = asked.anchored(start)
    corner = asked.model.maps(moved)[0, 3:6, :8, :8].flatten(1).median(dim=1).values
    assert torch.allclose(corner, torch.full((3,), 0.1), atol=1e-3)
    before, after = (asked.data_loss(x, level, "all").item() for x in (start, moved))
    assert abs(before - after) < 0.1 * before
    assert not torch.equal(moved["power"], start["power"])
    known = problem("power")
    assert known.anchored(start) is start

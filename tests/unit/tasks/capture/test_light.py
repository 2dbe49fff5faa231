"""The flash: what is known has no unknown, and what is solved keeps its meaning."""

import dataclasses

import pytest
import torch

from diffgfx.tasks.capture.light import FlashLight

CAMERA = torch.tensor([[0.0, 0.0, 3.0], [1.0, 0.0, 4.0], [0.0, 1.0, 5.0]])


def flash(**changes: object) -> FlashLight:
    light = FlashLight(
        camera=CAMERA,
        light=CAMERA + torch.tensor([0.5, 0.0, 0.0]),
        reference_power=torch.tensor([10.0, 20.0, 30.0]),
        power_known=False,
        exposure=torch.ones(3),
        exposure_known=torch.zeros(3, dtype=torch.bool),
    )
    return dataclasses.replace(light, **changes)


def test_what_is_known_has_no_unknown():
    assert set(flash().solved()) == {"offset", "cone", "ambient", "power", "exposure"}
    assert "power" not in flash(power_known=True).solved()
    known = torch.ones(3, dtype=torch.bool)
    assert "exposure" not in flash(exposure_known=known).solved()
    assert "exposure" in flash(exposure_known=torch.tensor([True, True, False])).solved()
    assert "shift" in flash(refine=True).solved()
    for light in (flash(), flash(refine=True)):
        assert set(light.solved()) <= set(light.start())


def test_exposures_have_mean_zero_in_logarithms():
    light = flash()
    unknowns = light.start()
    unknowns["exposure"] = torch.tensor([0.3, 0.1, 0.8])
    found = light.exposures(unknowns)
    assert found.log().sum().item() == pytest.approx(0.0, abs=1e-6)
    assert (found[2] / found[0]).log().item() == pytest.approx(0.5, abs=1e-6)
    assert torch.equal(light.exposures(light.start()), torch.ones(3))


def test_known_exposures_stay_and_the_others_are_free():
    light = flash(
        exposure=torch.tensor([0.5, 1.0, 2.0]), exposure_known=torch.tensor([True, False, True])
    )
    unknowns = light.start()
    unknowns["exposure"] = torch.tensor([9.0, 0.7, -9.0])
    found = light.exposures(unknowns)
    assert found[[0, 2]].tolist() == [0.5, 2.0]
    assert found[1].log().item() == pytest.approx(0.7)


def test_pairs_at_the_start():
    pairs = flash().pairs(flash().start())
    assert torch.equal(pairs["camera_position"], CAMERA[None])
    assert torch.equal(pairs["light_position"], flash().light[None])
    assert torch.allclose(pairs["light_intensity"], flash().reference_power.expand(1, 3, 3))
    assert pairs["cone"].shape == (1, 3)
    assert pairs["cone"].min() > 0.0
    assert pairs["ambient"].shape == (1, 3, 3)
    assert pairs["ambient"].max() < 0.01 * 30.0 / 9.0


def test_pairs_move_with_the_unknowns():
    light = flash()
    unknowns = light.start()
    distance = light.distance
    assert distance == pytest.approx((50.0 / 3.0) ** 0.5)
    unknowns["power"] = torch.tensor([2.0, 2.0, 3.0]).log()
    unknowns["offset"] = torch.tensor([0.0, 0.1, -0.2])
    unknowns["shift"] = torch.tensor([[0.1, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.3]])
    unknowns["exposure"] = torch.tensor([1.0, 0.0, -1.0])
    pairs = light.pairs(unknowns)
    moved = unknowns["shift"] * distance
    assert torch.allclose(pairs["camera_position"][0], CAMERA + moved)
    wanted = light.light + moved + unknowns["offset"] * distance
    assert torch.allclose(pairs["light_position"][0], wanted)
    factor = torch.tensor([1.0, 0.0, -1.0]).exp()[:, None]
    power = torch.tensor([20.0, 40.0, 90.0])
    assert torch.allclose(pairs["light_intensity"][0], power * factor)
    ambient = power / distance**2 * unknowns["ambient"].exp() * factor
    assert torch.allclose(pairs["ambient"][0], ambient)


def test_the_prior_is_lowest_where_the_light_is_ordinary():
    light = flash(refine=True)
    start = light.start()
    assert light.prior(start).item() == 0.0
    for name in ("exposure", "offset", "shift"):
        assert light.prior({**start, name: start[name] + 0.1}).item() > 0.0
    tinted = torch.tensor([0.1, 0.0, -0.1])
    assert light.prior({**start, "power": tinted}).item() > 0.0
    assert light.prior({**start, "power": start["power"] + 2.0}).item() == 0.0


def test_gradients_reach_every_unknown_that_is_solved():
    light = flash(refine=True)
    unknowns = {name: value.requires_grad_() for name, value in light.start().items()}
    total = sum(value.square().sum() for value in light.pairs(unknowns).values())
    total.backward()
    assert all(unknowns[name].grad is not None for name in light.solved())


def test_moving_to_a_device_keeps_everything():
    light = flash(refine=True)
    moved = light.to(torch.device("cpu"))
    assert torch.equal(moved.camera, light.camera)
    assert moved.refine is True
    assert moved.solved() == light.solved()

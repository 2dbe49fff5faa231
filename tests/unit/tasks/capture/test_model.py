"""Unknowns to maps, for both parametrisations: ranges, moving up a level, changing the scale."""

import pytest
import torch

from diffgfx.errors import RangeError
from diffgfx.render import render_planar
from diffgfx.tasks.capture.model import MaterialModel, PriorWeights
from diffgfx.tasks.capture.network import NetworkModel
from diffgfx.tasks.capture.observations import PhotoPyramid

SIZE = (4.0, 3.0)
LIGHT = torch.tensor([[0.5, 0.2, 9.0], [-1.0, 0.3, 8.0], [0.1, -1.0, 10.0]])


def pyramid(height: int = 12, width: int = 16) -> PhotoPyramid:
    """Three photographs of two flat colours."""
    images = torch.full((3, 3, height, width), 0.2)
    images[:, 0, :, width // 2 :] = 0.6
    images += 0.02 * torch.rand(images.shape, generator=torch.Generator().manual_seed(0))
    return PhotoPyramid(images, torch.ones(3, 1, height, width), LIGHT, SIZE, 0)


def shared(weights: PriorWeights | None = None) -> MaterialModel:
    return MaterialModel(pyramid(), weights or PriorWeights(), 0)


def started(model: MaterialModel | NetworkModel) -> dict[str, torch.Tensor]:
    power = torch.full((3,), 400.0)
    return model.start((12, 16), model.first_diffuse((12, 16), power, 9.0))


MODELS = {
    "smooth": shared,
    "none": lambda: shared(PriorWeights.none()),
    "dip": lambda: NetworkModel(pyramid(), 0),
}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> MaterialModel | NetworkModel:
    return MODELS[request.param]()


def test_maps_stay_in_range_wherever_the_unknowns_go(model):
    generator = torch.Generator().manual_seed(1)
    for size in (0.1, 3.0, 100.0):
        unknowns = {
            name: value + size * torch.randn(value.shape, generator=generator)
            for name, value in started(model).items()
            if name != "scale"
        }
        unknowns = {**started(model), **unknowns}
        maps = model.maps(unknowns)
        assert maps.shape == (1, 10, 12, 16)
        assert torch.isfinite(maps).all()
        assert (maps[:, 2] == 1.0).all()
        assert maps[:, 3:9].min() >= 0.0
        assert maps[:, 3:9].max() <= 1.0
        assert maps[:, 9].min() >= 0.03
        assert maps[:, 9].max() <= 1.0


def test_the_start_is_flat_and_of_the_photographs_colour(model):
    maps = model.maps(started(model))
    assert maps[:, :2].abs().max() < 0.2
    red = maps[:, 3].mean() / maps[:, 4].mean()
    assert 1.3 < red < 3.0  # 0.4 over 0.2 on average
    assert maps[:, 6:9].mean().item() == pytest.approx(0.05, abs=0.03)


def test_every_unknown_that_moves_is_there_and_moves_the_maps(model):
    unknowns = {name: value.requires_grad_() for name, value in started(model).items()}
    lengths = model.step_lengths()
    assert set(lengths) <= set(unknowns)
    assert min(lengths.values()) > 0.0
    weights = torch.rand(1, 10, 12, 16, generator=torch.Generator().manual_seed(2))
    (model.maps(unknowns) * weights).sum().backward()
    idle = [name for name in lengths if not unknowns[name].grad.abs().max() > 0]
    assert idle == []


def test_rescaled_gives_the_same_pictures_under_less_light(model):
    unknowns = started(model)
    factor = torch.tensor([0.8, 0.7, 0.9])
    moved = model.rescaled(unknowns, factor)

    def picture(values, power):
        place = LIGHT[None]
        return render_planar(
            model.maps(values).detach(), SIZE, light_position=place, camera_position=place,
            light_intensity=power.expand(1, 3, 3),
        )  # fmt: skip

    power = torch.full((3,), 80.0)
    first = picture(unknowns, power)
    same, other = picture(moved, power / factor), picture(moved, power)
    assert ((same - first).abs().mean() / first.mean()).item() < 0.015
    assert ((other - first).abs().mean() / first.mean()).item() > 0.1
    for name, value in started(model).items():
        assert torch.equal(unknowns[name], value)


def test_the_diffuse_map_is_scaled_exactly(model):
    unknowns = started(model)
    factor = torch.tensor([0.8, 0.5, 0.9])
    wanted = model.maps(unknowns)[:, 3:6] * factor[:, None, None]
    assert torch.allclose(model.maps(model.rescaled(unknowns, factor))[:, 3:6], wanted, atol=2e-4)


def test_a_finer_grid_has_the_same_material():
    model = shared()
    coarse = model.start((6, 8), model.first_diffuse((6, 8), torch.full((3,), 80.0), 9.0))
    coarse["deviation"] += 0.5
    fine = model.prolong(coarse, (12, 16))
    assert model.maps(fine).shape == (1, 10, 12, 16)
    old, new = model.maps(coarse), model.maps(fine)
    assert torch.allclose(new.mean(dim=(2, 3)), old.mean(dim=(2, 3)), atol=0.01)


def test_without_priors_every_texel_stands_for_itself():
    model = shared(PriorWeights.none())
    unknowns = started(model)
    assert model.prior(unknowns, model.photos.view((12, 16))).item() == 0.0
    assert len(unknowns["materials"]) == 1
    assert "shares" not in model.step_lengths()


def test_the_prior_prefers_a_smooth_and_shared_material():
    model = shared()
    unknowns, view = started(model), model.photos.view((12, 16))
    plain = model.prior(unknowns, view)
    generator = torch.Generator().manual_seed(0)
    for name in ("slope", "deviation", "diffuse", "shares"):
        noise = 0.3 * torch.randn(unknowns[name].shape, generator=generator)
        assert model.prior({**unknowns, name: unknowns[name] + noise}, view) > plain, name


def test_a_seed_names_the_network():
    first, again, other = (NetworkModel(pyramid(), seed) for seed in (3, 3, 4))
    state = torch.random.get_rng_state()
    assert torch.equal(first.maps(started(first)), again.maps(started(again)))
    assert not torch.equal(first.maps(started(first)), other.maps(started(other)))
    NetworkModel(pyramid(), 9)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_network_takes_short_sides_and_names_those_it_cannot():
    short = NetworkModel(pyramid(3, 40), 0)
    assert short.maps(started(short)).shape == (1, 10, 3, 40)
    with pytest.raises(RangeError, match="at least 3 texels a side with the dip prior, got 40 x 2"):
        NetworkModel(pyramid(2, 40), 0)

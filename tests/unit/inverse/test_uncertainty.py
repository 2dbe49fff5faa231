"""The deviation of unknowns, where a linear problem gives it in closed form."""

import pytest
import torch

from diffgfx.errors import RangeError
from diffgfx.inverse import gauss_newton_deviation

DIAGONAL = torch.tensor([3.0, 0.5, 0.0], dtype=torch.float64)
TARGET = torch.tensor([0.2, -0.1, 0.4], dtype=torch.float64)


def test_a_diagonal_problem_exactly():
    z = {"z": torch.ones(3, dtype=torch.float64), "other": torch.ones(2)}
    found = gauss_newton_deviation(
        [lambda u: DIAGONAL * u["z"] - TARGET], z, ["z"], probes=1, prior_deviation=2.0
    )
    sigma2 = (DIAGONAL - TARGET).square().mean()
    assert set(found) == {"z"}
    assert torch.allclose(found["z"], (DIAGONAL.square() / sigma2 + 0.25).rsqrt())
    assert found["z"][2] == 2.0  # nothing was learned of the third


def test_a_dense_problem_within_the_probes_error():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(60, 4, generator=generator, dtype=torch.float64)
    target = torch.randn(60, generator=generator, dtype=torch.float64)
    z = {"z": torch.zeros(4, dtype=torch.float64)}

    def residuals(unknowns):
        return matrix @ unknowns["z"] - target

    found = gauss_newton_deviation([residuals], z, ["z"], probes=3000)["z"]
    sigma2 = target.square().mean()
    wanted = (matrix.square().sum(dim=0) / sigma2 + 1.0).rsqrt()
    assert torch.allclose(found, wanted, rtol=0.04)
    again = gauss_newton_deviation([residuals], z, ["z"], probes=3, seed=5)["z"]
    assert torch.equal(again, gauss_newton_deviation([residuals], z, ["z"], probes=3, seed=5)["z"])


def test_masked_pixels_do_not_make_the_rest_surer():
    z = {"z": torch.ones(2, dtype=torch.float64)}
    mask = torch.tensor([1.0, 0.0], dtype=torch.float64)
    seen = gauss_newton_deviation([lambda u: 2.0 * u["z"][:1] - 1.5], z, ["z"])["z"]
    masked = gauss_newton_deviation([lambda u: mask * (2.0 * u["z"] - 1.5)], z, ["z"])["z"]
    assert torch.allclose(seen, masked)
    assert masked[1] == 1.0


def test_perfect_fit_and_an_unknown_without_effect():
    z = {"z": torch.tensor([1.0]), "idle": torch.zeros(2)}
    found = gauss_newton_deviation([lambda u: u["z"] - 1.0], z, ["z", "idle"])
    assert 0.0 <= found["z"].item() < 1e-9
    assert found["idle"].tolist() == [1.0, 1.0]


def test_nothing_of_the_callers_changes():
    z = {"z": torch.ones(2, requires_grad=True)}
    gauss_newton_deviation([lambda u: u["z"].square()], z, ["z"])
    assert z["z"].grad is None
    with pytest.raises(RangeError, match="probes must be at least 1, got 0"):
        gauss_newton_deviation([lambda u: u["z"]], z, ["z"], probes=0)


def test_what_several_observations_tell_adds_up():
    z = {"z": torch.ones(3, dtype=torch.float64)}

    def one(unknowns):
        return DIAGONAL * unknowns["z"] - TARGET

    split = [lambda u: one(u)[:1], lambda u: one(u)[1:]]
    together = gauss_newton_deviation([one], z, ["z"], probes=1)["z"]
    assert torch.allclose(gauss_newton_deviation(split, z, ["z"], probes=1)["z"], together)

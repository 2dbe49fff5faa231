"""How deviations are held against errors; the captures themselves are slow."""

from pathlib import Path

import pytest
import torch
from scipy.stats import spearmanr

from diffgfx.scene import MaterialMaps
from diffgfx.tasks.capture import MapUncertainty
from diffgfx.tasks.validation.case import Case, Context, run_case
from diffgfx.tasks.validation.judged import (
    JUDGED_CASES,
    calibration,
    random_places,
    rank_correlation,
)

SHORT = {"plaster: ranks left open"}   # no photograph shows a highlight; see docs/benchmarks.md
CASES = {case.name: case for case in JUDGED_CASES}


def test_ranks_are_those_of_scipy() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.rand(500, generator=random)
    y = (4.0 * (x + torch.rand(500, generator=random))).round()   # with ties
    assert rank_correlation(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    assert rank_correlation(x, -x) == pytest.approx(-1.0)


def test_errors_drawn_from_the_deviations_are_calibrated() -> None:
    """The median of |normal| is 0.674; of a plane angle by its root mean square sqrt(ln 2)."""
    random = torch.Generator().manual_seed(0)
    side = 96
    spread = 0.002 * (1.0 + 4.0 * torch.rand(1, 10, side, side, generator=random))
    spread[:, 1] = spread[:, 0]
    noise = spread * torch.randn(1, 10, side, side, generator=random)
    flat = torch.full((1, 10, side, side), 0.3)
    flat[:, :2], flat[:, 2] = 0.0, 1.0
    noise[:, 2] = 0.0
    moved = flat + noise
    deviation = MapUncertainty(
        spread[:, 3:6], spread[:, 6:9], 2.0 * 0.3 * spread[:, 9:], 2**0.5 * spread[:, :1],
        torch.zeros(side, side, dtype=torch.bool), 0.0, torch.ones(9, side, side),
    )  # fmt: skip
    maps = [MaterialMaps.from_tensor(x) for x in (flat, moved)]
    found = calibration(*maps, deviation)
    assert {name: ratio for name, (ratio, _) in found.items()} == pytest.approx(
        {"diffuse": 0.674, "specular": 0.674, "alpha": 0.674, "normal": 0.833, "all": 0.72},
        rel=0.03,
    )
    assert all(0.3 < ranks < 0.6 for _, ranks in found.values())


def test_random_places_are_on_the_cap() -> None:
    places = random_places(50, 2.5)
    assert torch.allclose(places.norm(dim=1), torch.tensor(2.5))
    assert 2.5 * 2**-0.5 <= places[:, 2].min().item() < 2.0
    assert torch.equal(places, random_places(50, 2.5))


def test_the_cap_of_a_sphere() -> None:
    outcome = run_case(CASES["cap"], Context(None, lambda done, total, error: None))
    assert outcome.status == "pass"
    assert 0.0 < outcome.measures[0].value < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("case", [c for c in JUDGED_CASES if c.long], ids=lambda case: case.name)
def test_captures_know_their_errors(case: Case, data_folder: Path) -> None:
    outcome = run_case(case, Context(data_folder, lambda done, total, error: None))
    missed = {m.name for m in outcome.measures if not m.holds}
    assert (missed, outcome.reason) == (SHORT if case.name == "deviations" else set(), "")

"""The pixel pyramid: its rungs, and moving up and down between any two sizes."""

import itertools

import pytest
import torch

from diffgfx.inverse import area_average, bounded, ladder, prolong_field, unbounded


@pytest.mark.parametrize(
    ("resolution", "rungs"),
    [
        ((16, 16), [(16, 16)]),
        ((31, 31), [(31, 31)]),
        ((64, 64), [(16, 16), (32, 32), (64, 64)]),
        ((37, 53), [(19, 27), (37, 53)]),
        ((20, 300), [(20, 300)]),
        ((1, 8), [(1, 8)]),
    ],
)
def test_ladder(resolution, rungs):
    assert ladder(resolution) == rungs


def test_every_rung_doubles_up_to_the_last_odd_texel():
    rungs = ladder((1000, 333))
    assert rungs[0] == (63, 21)
    assert rungs[-1] == (1000, 333)
    for coarse, fine in itertools.pairwise(rungs):
        assert [0 <= 2 * c - f <= 1 for c, f in zip(coarse, fine, strict=True)] == [True, True]


def test_average_of_whole_texels():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert area_average(x, (2, 2)).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert area_average(x, (4, 4)) is x


def test_average_of_split_texels():
    x = torch.tensor([[0.0, 3.0, 6.0, 9.0, 30.0]]).reshape(1, 1, 1, 5)
    found = area_average(x, (1, 3)).flatten()
    # texels of 5/3: 0 and 2/3 of 3; 1/3 of 3, 6, 1/3 of 9; 2/3 of 9, 30
    assert torch.allclose(found, torch.tensor([2.0, 10.0, 36.0]) * 3 / 5)


@pytest.mark.parametrize("resolution", [(9, 13), (17, 26), (5, 5), (1, 1)])
def test_the_mean_is_kept(resolution):
    x = torch.rand(2, 3, 17, 26, generator=torch.Generator().manual_seed(0))
    found = area_average(x, resolution)
    assert found.shape == (2, 3, *resolution)
    assert torch.allclose(found.mean(dim=(2, 3)), x.mean(dim=(2, 3)), atol=1e-6)


def test_prolonging_keeps_places():
    """A ramp over the sample stays that ramp, at odd sizes too, but for half a coarse border."""

    def ramp(count):
        return ((torch.arange(count) + 0.5) / count).expand(1, 1, 3, count)

    found = prolong_field(ramp(14), (5, 27))
    assert found.shape == (1, 1, 5, 27)
    assert torch.allclose(found[..., 1:-1], ramp(27)[:, :, :1, 1:-1].expand(1, 1, 5, 25), atol=1e-6)
    same = ramp(14)
    assert prolong_field(same, (3, 14)) is same


def test_bounds():
    y = torch.tensor([0.031, 0.2, 0.99])
    assert torch.allclose(bounded(unbounded(y, 0.03, 1.0), 0.03, 1.0), y, atol=1e-6)
    x = torch.tensor([-50.0, 0.0, 50.0])
    assert torch.allclose(bounded(x, 0.03, 1.0), torch.tensor([0.03, 0.515, 1.0]))
    ends = unbounded(torch.tensor([-3.0, 0.0, 1.0, 7.0]), 0.0, 1.0)
    assert torch.isfinite(ends).all()
    assert torch.allclose(bounded(ends, 0.0, 1.0), torch.tensor([1e-4, 1e-4, 0.9999, 0.9999]))

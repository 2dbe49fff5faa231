"""Which pixels decide when to stop."""

import torch

from diffgfx.inverse import split_pixels


def test_parts_make_the_whole_and_do_not_overlap():
    weights = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(1)) + 0.1
    split = split_pixels(weights)
    assert torch.equal(split.all, weights)
    assert torch.equal(split.fitted + split.stopping, weights)
    assert not ((split.fitted > 0) & (split.stopping > 0)).any()
    aside = (split.stopping > 0).float().mean(dim=(2, 3))
    assert ((aside - 0.1).abs() < 0.02).all()
    for part in ("all", "fitted", "stopping"):
        assert split.part(part) is getattr(split, part)


def test_each_observation_keeps_its_own_pixels_aside():
    stopping = split_pixels(torch.ones(1, 2, 30, 30)).stopping
    assert not torch.equal(stopping[:, 0], stopping[:, 1])


def test_the_seed_decides():
    weights = torch.ones(1, 2, 20, 20)
    first, again, other = (split_pixels(weights, seed=s).stopping for s in (4, 4, 5))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_masked_pixels_stay_masked_and_none_may_be_kept_aside():
    weights = torch.zeros(1, 1, 8, 8)
    split = split_pixels(weights, fraction=0.5)
    assert split.fitted.sum() == split.stopping.sum() == 0.0
    assert split_pixels(torch.ones(1, 1, 8, 8), fraction=0.0).stopping.sum() == 0.0

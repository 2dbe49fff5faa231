"""Shared materials: clusters, first shares, mixes."""

import torch

from diffgfx.inverse import SharedBasis, cluster

COLOURS = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def picture() -> torch.Tensor:
    """Three flat colours, shape (2, 6, 6)."""
    index = torch.arange(36).reshape(6, 6) % 3
    return COLOURS[index].permute(2, 0, 1).contiguous()


def test_flat_colours_are_found_exactly():
    centres = cluster(picture(), 3)
    assert torch.equal(centres[centres.sum(dim=1).argsort(stable=True)][0], COLOURS[0])
    assert torch.cdist(COLOURS, centres).min(dim=1).values.max() < 1e-6


def test_no_more_clusters_than_colours():
    assert len(cluster(picture(), 16)) == 3
    assert torch.equal(cluster(torch.full((3, 4, 4), 0.25), 16), torch.full((1, 3), 0.25))


def test_clusters_are_the_same_every_time():
    noise = torch.rand(3, 160, 160, generator=torch.Generator().manual_seed(2))
    first = cluster(noise, 8, seed=3)
    cluster(noise, 5, seed=1)
    assert torch.equal(first, cluster(noise, 8, seed=3))
    assert not torch.equal(first, cluster(noise, 8, seed=4))


def test_first_shares_fall_with_the_distance():
    basis = SharedBasis(COLOURS, width=0.5)
    shares = basis.first_shares(picture())
    assert shares.shape == (1, 3, 6, 6)
    assert torch.allclose(shares[0, :, 0, 1], torch.tensor([-2.0, 0.0, -4.0]), atol=1e-5)
    assert torch.equal(shares.argmax(dim=1)[0], torch.arange(36).reshape(6, 6) % 3)


def test_mix():
    materials = torch.tensor([[1.0, 10.0], [3.0, 20.0]])
    shares = torch.zeros(1, 2, 1, 2)
    shares[0, :, 0, 1] = torch.tensor([60.0, 0.0])
    found = SharedBasis.mix(shares, materials)
    assert torch.allclose(found[0, :, 0, 0], torch.tensor([2.0, 15.0]))
    assert torch.allclose(found[0, :, 0, 1], torch.tensor([1.0, 10.0]))

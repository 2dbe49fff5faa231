"""Derivatives of pictures by texels' parameters, held against pictures of whole samples."""

import pytest
import torch
from torch import Tensor

from diffgfx.render import render_planar
from diffgfx.tasks.capture.evidence import (
    Patch,
    parameters_of,
    patches,
    sensitivity,
    texel_information,
)
from diffgfx.tasks.capture.problem import display

SIZE = (3.0, 2.0)


def random_maps(height: int = 8, width: int = 12) -> Tensor:
    random = torch.Generator().manual_seed(0)
    maps = torch.rand(1, 10, height, width, generator=random, dtype=torch.float64)
    maps[:, :2] = 0.4 * maps[:, :2] - 0.2
    maps[:, 3:9] = 0.1 + 0.5 * maps[:, 3:9]
    maps[:, 9] = 0.3 + 0.5 * maps[:, 9]
    return maps


def random_pairs() -> dict[str, Tensor]:
    light = torch.tensor([[[0.5, 0.4, 3.0], [-1.0, 0.3, 4.0]]], dtype=torch.float64)
    return {
        "light_position": light,
        "light_intensity": torch.tensor([[[9.0, 8.0, 7.0], [20.0, 19.0, 18.0]]]).double(),
        "camera_position": light + 0.1,
        "cone": torch.tensor([[2.0, 1.0]]).double(),
        "ambient": torch.full((1, 2, 3), 0.01).double(),
    }


@pytest.mark.parametrize(
    "patch",
    [
        Patch(slice(0, 8), slice(0, 12)),
        Patch(slice(2, 5), slice(0, 12)),
        Patch(slice(1, 8, 3), slice(2, 11, 4)),
    ],
    ids=["all", "rows", "every third and fourth"],
)
def test_a_patch_is_seen_as_in_the_whole(patch):
    maps, pairs = random_maps(), random_pairs()
    whole = display(render_planar(maps, SIZE, **pairs)[0])
    picture, derivatives = sensitivity(maps, patch, SIZE, pairs)
    torch.testing.assert_close(picture, patch.of(whole), rtol=1e-9, atol=1e-12)
    assert derivatives.shape == (*picture.shape, 9)


def test_patches_cover_every_texel_once():
    count = torch.zeros(7, 5)
    for patch in patches((7, 5), 12):
        assert patch.of(count).numel() <= 12
        patch.of(count).add_(1)
    assert bool((count == 1).all())
    assert len(list(patches((7, 5), 1))) == 7


def test_derivatives_are_those_of_reverse_mode():
    maps, pairs = random_maps(), random_pairs()
    _, derivatives = sensitivity(maps, Patch(slice(0, 8), slice(0, 12)), SIZE, pairs)
    unknown = parameters_of(maps).requires_grad_()
    slope, reflectance, alpha = unknown.split([2, 6, 1], dim=1)
    again = torch.cat([slope, torch.ones_like(alpha), reflectance, alpha.sqrt()], dim=1)
    picture = display(render_planar(again, SIZE, **pairs)[0])
    for photo, channel in ((0, 0), (1, 2)):
        (wanted,) = torch.autograd.grad(
            picture[photo, channel].sum(), unknown, retain_graph=True
        )
        found = derivatives[photo, channel].movedim(-1, 0)
        torch.testing.assert_close(found, wanted[0], rtol=1e-4, atol=1e-5)


def test_information_by_hand():
    random = torch.Generator().manual_seed(0)
    derivatives = torch.rand(2, 3, 2, 2, 9, generator=random)
    weights = torch.rand(2, 3, 2, 2, generator=random)
    found = texel_information(derivatives, weights)
    j, w = derivatives[:, :, 1, 0].reshape(6, 9), weights[:, :, 1, 0].reshape(6)
    torch.testing.assert_close(found[2], j.T @ torch.diag(w) @ j)

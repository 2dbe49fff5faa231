"""What is read from photographs before any fit."""

import pytest
import torch

from diffgfx.ops import shade_svbrdf
from diffgfx.tasks.capture.observations import PhotoPyramid

SIZE = (4.0, 3.0)
LIGHT = torch.tensor([[0.5, 0.2, 6.0], [-1.0, 0.3, 5.0], [0.1, -1.0, 7.0]])


def matte(height: int = 12, width: int = 16) -> PhotoPyramid:
    """Photographs of a matte, flat surface of d = 0.5 on the left and 0.25 on the right."""
    maps = torch.zeros(1, 10, height, width)
    maps[:, 2] = maps[:, 9] = 1.0
    maps[:, 3:6] = 0.5
    maps[:, 3:6, :, width // 2 :] = 0.25
    place = LIGHT[None]
    images = shade_svbrdf(maps, place, torch.full((1, 3, 3), 10.0), place, SIZE)[0]
    # F0 = 0 still mirrors grazing light and has F of (1 - v.h)^5 = 0 at camera = light
    return PhotoPyramid(images, torch.ones(3, 1, height, width), LIGHT, SIZE, 0)


def test_dividing_by_the_light_leaves_the_albedo():
    found = matte().reflectance((12, 16))
    assert found.shape == (3, 3, 12, 16)
    ratio = found[:, 0, :, 0] / found[:, 0, :, 15]
    assert torch.allclose(ratio, torch.full_like(ratio, 2.0), rtol=1e-3)
    spread = found[:, :, :, :8].flatten(1)
    assert (spread.std(dim=1) / spread.mean(dim=1)).max().item() < 1e-3


def test_geometry_of_a_texel():
    photos = PhotoPyramid(torch.zeros(3, 3, 3, 4), torch.ones(3, 1, 3, 4), LIGHT, SIZE, 0)
    cosine, squared = photos.geometry((3, 4))
    # the texel of row 0, column 3 lies at (1.5, 1)
    toward = LIGHT - torch.tensor([1.5, 1.0, 0.0])
    assert torch.allclose(squared[:, 0, 0, 3], toward.square().sum(dim=1))
    assert torch.allclose(cosine[:, 0, 0, 3], toward[:, 2] / toward.norm(dim=1))


def test_features_leave_highlights_out():
    photos = matte()
    images = photos.images.clone()
    images[1, :, 2:5, 2:5] = 50.0
    lit = PhotoPyramid(images, photos.valid, LIGHT, SIZE, 0)
    difference = (lit.features((12, 16)) - photos.features((12, 16))).abs()
    assert difference.max().item() < 0.8  # the order of the others may change, no more
    assert lit.features((12, 16)).shape == (3, 12, 16)


@pytest.mark.parametrize("resolution", [(12, 16), (6, 8), (5, 7)])
def test_a_view_is_the_average_with_its_weights(resolution):
    photos = matte()
    view = photos.view(resolution)
    assert view.images.shape == (1, 3, 3, *resolution)
    assert view.guide.shape == (1, 3, *resolution)
    assert torch.allclose(view.images.mean(dim=(0, 3, 4)), photos.images.mean(dim=(2, 3)))
    weights = view.weights
    assert weights.all.shape == (1, 3, *resolution)
    assert torch.allclose(weights.fitted + weights.stopping, weights.all)
    assert torch.allclose(weights.all, torch.ones(1, 3, *resolution))


def test_masked_pixels_count_for_nothing_at_any_level():
    photos = matte()
    valid = photos.valid.clone()
    valid[0, :, :4, :6] = 0.0
    garbage = photos.images.clone()
    garbage[0, :, :4, :6] = 90.0
    dark = photos.images.clone()
    dark[0, :, :4, :6] = 0.0
    for resolution in ((12, 16), (6, 8), (5, 7), (2, 2)):
        views = [PhotoPyramid(images, valid, LIGHT, SIZE, 0).view(resolution)
                 for images in (garbage, dark)]  # fmt: skip
        seen = views[0].weights.all[:, :, None] > 0
        first, second = (torch.where(seen, view.images, 0.0) for view in views)
        assert torch.allclose(first, second, atol=1e-5)

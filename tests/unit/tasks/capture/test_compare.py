"""The comparison picture: what stands where, and what is marked."""

import numpy as np
import pytest
import torch

from diffgfx.io import PhotoSet, decode_transfer, encode_transfer
from diffgfx.scene import Capture, Photo
from diffgfx.tasks.capture import CaptureResult, MapUncertainty, NextPhoto
from diffgfx.tasks.capture.compare import draw_comparison
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.measure import PhotoError
from tests.captures import SIZE, known_maps

FRAME = np.array([255, 150, 40]) / 255.0


POSE = (0.0, 0.0, 20.0)


def shown(tmp_path, count=4, held=(2,), height=256, width=256) -> tuple[Capture, CaptureResult]:
    """Flat grey photographs; the last re-render is far too bright, the others are perfect."""
    levels = torch.linspace(0.1, 0.4, count)[:, None, None, None]
    images = levels.expand(count, 3, height, width).clone()
    renders = images.clone()
    renders[-1] = decode_transfer(encode_transfer(images[-1], "srgb") + 0.5, "srgb")
    ones, places = torch.ones(count, 1, height, width), torch.tensor(POSE).expand(count, 3)
    flash = FlashLight(places, places, torch.ones(3), True, torch.ones(count),
                       torch.ones(count, dtype=torch.bool))  # fmt: skip
    result = CaptureResult(
        maps=known_maps(resolution=16),
        photos=PhotoSet(images, 0 * ones, ones, (height, width)),
        renders=renders,
        errors=tuple(PhotoError(1.0, 0.01 * i, 0.01 * i, 40.0, 0.9, 0.1) for i in range(count)),
        poses=("given",) * count,
        cameras=places,
        held_out=held,
        light=flash,
        unknowns=flash.start(),
        uncertainty=MapUncertainty(
            torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16), torch.zeros(1, 1, 16, 16),
            torch.zeros(1, 1, 16, 16), torch.zeros(16, 16, dtype=torch.bool), 0.0,
            torch.zeros(9, 16, 16),
        ),
        next_photo=NextPhoto("from straight above", POSE, POSE, 0.2, 0.1),
        steps=1,
        seconds={},
        warnings=(),
    )
    photos = tuple(Photo(f"{i}.jpg", POSE, POSE) for i in range(count))
    return Capture(tmp_path, "cm", (SIZE, SIZE), "srgb", photos), result


@pytest.fixture
def page(tmp_path):
    capture, result = shown(tmp_path)
    return capture, result, draw_comparison(capture, result)


def test_blocks_stand_in_rows_of_three_with_the_held_out_first(page):
    _, result, picture = page
    assert picture.dtype == np.float32
    block_width, block_height = 3 * 256 + 4 * 6, 256 + 24 + 2 * 6
    assert picture.shape == (30 + 2 * block_height, 3 * block_width, 3)
    assert 0.0 <= picture.min() <= picture.max() <= 1.0

    def tile(block: int, column: int) -> np.ndarray:
        y = 30 + (block // 3) * block_height + 24 + 6
        x = (block % 3) * block_width + 6 + column * 262
        return picture[y : y + 256, x : x + 256]

    for block, index in enumerate((2, 0, 1, 3)):
        stored = float(encode_transfer(result.photos.images[index, 0, 0, 0], "srgb"))
        assert np.allclose(tile(block, 0), stored, atol=1 / 255)
        error = tile(block, 2)
        if index == 3:
            assert error.mean() > 0.7                # beyond the brightest colour
        else:
            assert error.max() < 0.05                # black
    assert np.allclose(tile(2, 1), tile(2, 0), atol=1 / 255)
    assert tile(3, 1).min() == pytest.approx(1.0)       # 0.66 + 0.5, clipped


def test_only_held_out_photographs_are_framed(page):
    _, _, picture = page
    block_width = 3 * 256 + 4 * 6
    corners = [picture[30 + 26, block * block_width + 2] for block in range(3)]
    assert np.allclose(corners[0], FRAME, atol=1e-3)
    assert max(np.abs(corner - FRAME).max() for corner in corners[1:]) > 0.3


def test_small_and_long_photographs(tmp_path):
    capture, result = shown(tmp_path, count=1, held=(), height=16, width=32)
    picture = draw_comparison(capture, result)
    assert picture.shape == (30 + 128 + 24 + 12, 3 * 256 + 4 * 6, 3)

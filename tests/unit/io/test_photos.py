"""Photographs: exact area averages in linear light, clipped pixels, masks, and every bad photo."""

import dataclasses
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from diffgfx.errors import InputError, RangeError
from diffgfx.io import load_photos, read_capture, read_image, write_exr
from diffgfx.scene import Capture, Photo

RNG = np.random.default_rng(5)


def capture_of(
    folder: Path,
    *pictures: np.ndarray,
    transfer: str = "linear",
    size=(1.0, 1.0),
    masks: dict[int, np.ndarray] | None = None,
) -> Capture:
    photos = []
    for index, picture in enumerate(pictures):
        name = f"{index}.exr" if picture.dtype.kind == "f" else f"{index}.png"
        mask = None
        if picture.dtype.kind == "f":
            write_exr(folder / name, picture)
        else:
            cv2.imwrite(str(folder / name), picture[..., ::-1])
        if masks and index in masks:
            mask = f"mask{index}.png"
            cv2.imwrite(str(folder / mask), masks[index])
        photos.append(Photo(name, (0.0, 0.0, 5.0), (0.0, 0.0, 5.0), None, mask))
    return Capture(folder, "cm", size, transfer, tuple(photos))


def grey(value: int, shape=(16, 16, 3)) -> np.ndarray:
    return np.full(shape, value, np.uint8)


def box(source: int, target: int) -> np.ndarray:
    """Share of each source pixel in each texel, by overlap of intervals."""
    edges = np.arange(target + 1) * source / target
    low = np.maximum(edges[:-1, None], np.arange(source)[None])
    high = np.minimum(edges[1:, None], np.arange(source)[None] + 1)
    return np.clip(high - low, 0.0, None) * target / source


@pytest.mark.parametrize("resolution", [20, 16, 10, 7])
@pytest.mark.parametrize("transfer", ["srgb", "gamma2.2", "linear"])
def test_area_average_in_linear_light(tmp_path, resolution, transfer):
    picture = RNG.integers(1, 256, (16, 20, 3), dtype=np.uint8)
    capture = capture_of(tmp_path, picture, transfer=transfer, size=(5.0, 4.0))
    photos = load_photos(capture, resolution)
    stored = picture / 255.0
    linear = {
        "linear": stored,
        "gamma2.2": stored**2.2,
        "srgb": np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4),
    }[transfer]
    height = round(16 * resolution / 20)
    rows, columns = box(16, height), box(20, resolution)
    wanted = np.einsum("ij,jkc,lk->cil", rows, linear, columns)
    assert photos.resolution == (height, resolution)
    assert photos.images.shape == (1, 3, height, resolution)
    np.testing.assert_allclose(photos.images[0].numpy(), wanted, atol=3e-7)
    clipped = np.einsum("ij,jk,lk->il", rows, (picture == 255).any(axis=2), columns)
    np.testing.assert_allclose(photos.saturated[0, 0].numpy(), clipped, atol=3e-7)
    assert photos.valid.min() == 1.0
    assert photos.warnings == ()


def test_16_bit_photos_keep_16_bits_and_their_own_clipping(tmp_path):
    picture = np.full((16, 16, 3), 12345, np.uint16)
    picture[0, 0] = (65407, 0, 0)  # 254.5 of 255
    picture[0, 1] = (65406, 0, 0)
    photos = load_photos(capture_of(tmp_path, picture))
    assert photos.images[0, 0, 5, 5].item() == pytest.approx(12345 / 65535, rel=1e-7)
    assert photos.saturated[0, 0, 0, :3].tolist() == [1.0, 0.0, 0.0]


def test_channel_order_and_row_order(tmp_path):
    picture = grey(20)
    picture[0, -1] = (200, 100, 50)
    image = load_photos(capture_of(tmp_path, picture)).images[0]
    np.testing.assert_allclose(image[:, 0, -1].numpy() * 255, [200, 100, 50], rtol=1e-6)


def test_exr_photos_go_beyond_one_are_never_clipped_and_never_negative(tmp_path):
    picture = RNG.random((16, 16, 3), dtype=np.float32) * 8
    picture[0, 0] = -1.0
    photos = load_photos(capture_of(tmp_path, picture))
    image = photos.images[0].movedim(0, -1).numpy()
    np.testing.assert_array_equal(image, np.clip(picture, 0, None))
    assert photos.saturated.max() == 0.0
    warned = load_photos(capture_of(tmp_path, picture, transfer="srgb"))
    assert warned.warnings[0].startswith("0.exr: EXR files mostly hold linear light")


def test_masks_average_and_choose_the_pixels_that_are_judged(tmp_path):
    picture = grey(255)
    picture[:, 8:] = 100  # the left half is all clipped, and masked out
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 6:] = 255
    mask[:, 8:] = 255
    photos = load_photos(capture_of(tmp_path, picture, masks={0: mask}), 4)
    np.testing.assert_allclose(photos.valid[0, 0, 0].numpy(), [0.0, 0.5, 1.0, 1.0], atol=1e-6)
    mask[:, 8:] = 0
    with pytest.raises(InputError, match=r"all saturated, got 100\.0 %"):
        load_photos(capture_of(tmp_path, picture, masks={0: mask}))


def test_what_is_masked_out_does_not_leak_into_an_average(tmp_path):
    picture = grey(255)
    picture[:, 6:] = 100
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 6:] = 255
    photos = load_photos(capture_of(tmp_path, picture, masks={0: mask}), 4)
    wanted = [1.0, 100 / 255, 100 / 255, 100 / 255]  # the first is masked out all over
    np.testing.assert_allclose(photos.images[0, 0, 0].numpy(), wanted, atol=1e-5)
    np.testing.assert_allclose(photos.saturated[0, 0, 0].numpy(), [1.0, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(photos.valid[0, 0, 0].numpy(), [0.0, 0.5, 1.0, 1.0], atol=1e-6)


def test_a_larger_resolution_is_not_made_up(tmp_path):
    photos = load_photos(capture_of(tmp_path, grey(90)), 64)
    assert photos.resolution == (16, 16)
    assert photos.warnings == ("resolution 64 is beyond the photos' own 16: using 16",)
    assert load_photos(capture_of(tmp_path, grey(90)), 16).warnings == ()


def test_progress_counts_to_the_total(tmp_path):
    seen = []
    load_photos(
        capture_of(tmp_path, grey(9), grey(90), grey(99)),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_one_photo_is_held_at_a_time(tmp_path):
    pictures = [RNG.integers(0, 256, (512, 512, 3), dtype=np.uint8) for _ in range(6)]
    capture = capture_of(tmp_path, *pictures)
    tracemalloc.start()
    load_photos(capture, 32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * pictures[0].size * 4  # one in float32 with its source; not all six


@pytest.mark.parametrize(
    ("pictures", "rule"),
    [
        ([grey(90), grey(0)], r"1.png: photo must not be all black, got a maximum of 0 of 255"),
        ([grey(90), grey(1)], r"1.png: photo must not be all black"),
        ([grey(90), grey(255)], r"1.png: photo must not be all saturated, got 100.0 %"),
        ([grey(90).astype(np.uint16)], r"0.png: photo must not be all black"),
        ([np.zeros((16, 16, 3), np.float32)], r"0.exr: photo must not be all black"),
        ([np.full((16, 16, 3), np.nan, np.float32)], r"0.exr: photo must hold finite values"),
        ([np.full((16, 16, 3), np.inf, np.float32)], r"0.exr: photo must hold finite values"),
        ([grey(90), grey(90, (16, 17, 3))], "1.png: photos must share one size, got 17 x 16 where"),
        ([grey(90, (16, 17, 3))], "photos must have the sample's shape within 1 %, got 17 x 16"),
        ([grey(90, (8, 8, 3))], "at least 16 pixels a side, got 8 x 8"),
    ],
)
def test_bad_photos(tmp_path, pictures, rule):
    with pytest.raises(InputError, match=rule) as caught:
        load_photos(capture_of(tmp_path, *pictures))
    assert "\n" not in str(caught.value)


def test_a_few_dark_codes_are_enough_and_99_percent_is_the_limit(tmp_path):
    assert load_photos(capture_of(tmp_path, grey(2))).images.max() > 0.0
    picture = grey(255, (20, 20, 3))
    picture[0, :4] = 100  # 99.0 % clipped
    assert load_photos(capture_of(tmp_path, picture)).saturated.mean() == pytest.approx(0.99)
    picture[0, 0] = 255
    with pytest.raises(InputError, match=r"got 99\.2 %"):
        load_photos(capture_of(tmp_path, picture))


def test_aspect_may_be_off_by_one_percent(tmp_path):
    picture = grey(90, (100, 100, 3))
    load_photos(capture_of(tmp_path, picture, size=(1.009, 1.0)))
    with pytest.raises(InputError, match=r"sample of 1.02 x 1 cm; correct sample_size"):
        load_photos(capture_of(tmp_path, picture, size=(1.02, 1.0)))


@pytest.mark.parametrize(
    ("mask", "rule"),
    [
        (np.zeros((16, 16), np.uint8), "mask0.png: mask must be white"),
        (np.full((8, 8), 255, np.uint8), "mask0.png: mask must have its photo's size 16 x 16"),
    ],
)
def test_bad_masks(tmp_path, mask, rule):
    with pytest.raises(InputError, match=rule):
        load_photos(capture_of(tmp_path, grey(90), masks={0: mask}))


def test_all_headers_are_checked_before_a_photo_is_decoded(tmp_path):
    capture = capture_of(tmp_path, grey(90), grey(90))
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:-4])
    read = []
    with pytest.raises(InputError, match=r"1\.png: image must be complete"):
        load_photos(capture, progress=lambda *_: read.append(1))
    assert read == []


def test_missing_photo_and_senseless_resolution(tmp_path):
    capture = capture_of(tmp_path, grey(90))
    with pytest.raises(RangeError, match="resolution must be at least 1, got 0"):
        load_photos(capture, 0)
    photo = dataclasses.replace(capture.photos[0], file="x.png")
    gone = dataclasses.replace(capture, photos=(photo,))
    with pytest.raises(InputError, match=r"x\.png: file must exist"):
        load_photos(gone)


def test_a_real_capture_at_64(data_folder):
    capture = read_capture(data_folder / "capture" / "cards_blue")
    photos = load_photos(capture, 64)
    stored = read_image(capture.folder / "3.png").astype(np.float64) ** 2.2
    wanted = stored.reshape(64, 16, 64, 16, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(photos.images[3].movedim(0, -1).numpy(), wanted, atol=1e-6)
    assert 0.0 < photos.saturated.mean() < 0.05

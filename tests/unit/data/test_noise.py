"""The periodic building blocks: seeds, resolutions, distances."""

import numpy as np
import pytest

from diffgfx.data.noise import cells, mix, smoothstep, spectral_noise, texel_centres


def _rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_texel_centres_have_v_upward() -> None:
    u, v = texel_centres(4)
    np.testing.assert_allclose(u[0], [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(v[:, 0], [0.875, 0.625, 0.375, 0.125])


def test_smoothstep_is_the_cubic_between_its_ends() -> None:
    found = smoothstep(1.0, 3.0, np.array([0.0, 1.0, 1.5, 2.0, 3.0, 9.0]))
    np.testing.assert_allclose(found, [0.0, 0.0, 0.15625, 0.5, 1.0, 1.0])


def test_mix_blends_colours_by_a_weight() -> None:
    found = mix((1.0, 0.0, 0.0), (0.0, 0.0, 2.0), np.array([[0.25]]))
    np.testing.assert_allclose(found, [[[0.75, 0.0, 0.5]]])


def test_spectral_noise_is_the_sum_of_its_waves() -> None:
    high, resolution = 2, 8
    found = spectral_noise(_rng(), resolution, low=1, high=high, exponent=2.0, stretch=(1.0, 3.0))
    draws = _rng().standard_normal((2, 5, 5))
    u, v = texel_centres(resolution)
    total, power = np.zeros_like(u), 0.0
    for row, ky in enumerate(range(-high, high + 1)):
        for column, kx in enumerate(range(-high, high + 1)):
            if kx == ky == 0:
                continue
            amplitude = 1.0 / max(np.hypot(kx, 3.0 * ky), 1.0)
            a, b = draws[:, row, column]
            angle = 2.0 * np.pi * (kx * u + ky * v)
            total += amplitude * (a * np.cos(angle) - b * np.sin(angle))
            power += amplitude**2
    np.testing.assert_allclose(found, total / np.sqrt(power), atol=1e-12)


def test_spectral_noise_has_unit_variance_over_seeds() -> None:
    squares = [
        np.mean(spectral_noise(np.random.default_rng(s), 32, low=2, high=12, exponent=2.0) ** 2)
        for s in range(40)
    ]
    assert np.mean(squares) == pytest.approx(1.0, abs=0.05)


def test_spectral_noise_names_the_same_field_at_two_resolutions() -> None:
    coarse = spectral_noise(_rng(), 21, low=2, high=6, exponent=2.0)
    fine = spectral_noise(_rng(), 63, low=2, high=6, exponent=2.0)
    np.testing.assert_allclose(fine[1::3, 1::3], coarse, atol=1e-12)


@pytest.mark.parametrize("jitter", [0.0, 0.6, 1.0])
def test_cells_equal_the_distances_to_every_point_and_its_images(jitter: float) -> None:
    count, resolution = 3, 16
    found = cells(_rng(), resolution, count, jitter=jitter)
    rng = _rng()
    offset = 0.5 + jitter * (rng.random((2, count, count)) - 0.5)
    own = rng.random((count, count))
    points, values = [], []
    for row in range(-count, 2 * count):
        for column in range(-count, 2 * count):
            i, j = row % count, column % count
            points.append((column + offset[0, i, j], row + offset[1, i, j]))
            values.append(own[i, j])
    u, v = texel_centres(resolution)
    place = np.stack([u * count, v * count], axis=-1)
    distance = np.linalg.norm(place[:, :, None] - np.array(points), axis=-1)
    order = np.sort(distance, axis=-1)
    np.testing.assert_allclose(found.nearest, order[..., 0], atol=1e-12)
    np.testing.assert_allclose(found.second, order[..., 1], atol=1e-12)
    if jitter:
        np.testing.assert_array_equal(found.value, np.array(values)[distance.argmin(axis=-1)])


def test_cells_warp_moves_the_place_that_is_measured() -> None:
    shift = np.full((12, 12), 0.25)
    moved = cells(_rng(), 12, 3, warp=(shift, 0.0 * shift))
    plain = cells(_rng(), 12, 3)
    np.testing.assert_allclose(moved.nearest, np.roll(plain.nearest, -1, axis=1), atol=1e-12)

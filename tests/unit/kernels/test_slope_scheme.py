import pytest
import torch

from diffgfx_kernels.slope_scheme import face_weights, recovery_rows, slope_weights


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_a_slope_is_a_mean_of_faces(count: int, periodic: bool) -> None:
    weights = face_weights(count, periodic)
    assert weights.shape == (count, 4)
    expected = torch.zeros(1) if count == 1 else torch.ones(count)
    torch.testing.assert_close(weights.sum(dim=1), expected.double(), rtol=0, atol=1e-15)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9])
def test_a_free_line_weighs_no_face_outside_it(count: int) -> None:
    for i, row in enumerate(face_weights(count, periodic=False).tolist()):
        for tap, weight in enumerate(row):
            assert weight == 0.0 or 0 <= i + tap - 2 < count - 1


def test_a_parabola_has_its_exact_slopes() -> None:
    texel, count = 0.25, 7
    x = (torch.arange(-2, count + 2, dtype=torch.float64) + 0.5) * texel
    weights = slope_weights(count, texel, periodic=False)
    windows = (x.square() - x).unfold(0, 5, 1)
    torch.testing.assert_close((weights * windows).sum(dim=1), 2.0 * x[2:-2] - 1.0)


def test_a_wave_of_two_texels_is_seen() -> None:
    weights = slope_weights(8, 1.0, periodic=True)
    wave = torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0], dtype=torch.float64)
    assert float((weights[0] * wave).sum().abs()) == pytest.approx(4.0 / 3.0)


@pytest.mark.parametrize("count", [2, 3, 4, 9])
def test_the_recovery_system_undoes_the_means(count: int) -> None:
    faces = torch.randn(count - 1, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    padded = torch.cat([torch.zeros(2), faces, torch.zeros(3)])
    slopes = (face_weights(count, periodic=False) * padded.unfold(0, 4, 1)[:count]).sum(dim=1)
    below, middle, above = recovery_rows(count).unbind(dim=1)
    system = torch.diag(middle) + torch.diag(below[1:], -1) + torch.diag(above[:-1], 1)
    right = slopes[1:].clone()
    right[0] = 0.5 * (slopes[0] + slopes[1])
    torch.testing.assert_close(system @ faces, right)
    assert float(torch.linalg.cond(system)) < 5.0


def test_one_texel_has_no_face_to_recover() -> None:
    assert recovery_rows(1).shape == (0, 3)

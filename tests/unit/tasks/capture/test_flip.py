"""FLIP against the authors' own program, and where its value is known."""

import numpy as np
import pytest
import torch

from diffgfx.errors import ShapeError
from diffgfx.tasks.capture.flip import flip


def _pictures(height: int, width: int, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    coarse = torch.rand(1, 3, height // 4, width // 4, generator=random)
    first = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")[0]
    second = first + noise * torch.randn(first.shape, generator=random)
    second[:, height // 3 : height // 2, width // 2 :] *= 0.6
    return first, second.clamp(0.0, 1.0)


@pytest.mark.parametrize(("size", "noise"), [((64, 96), 0.05), ((40, 33), 0.3), ((72, 72), 0.0)])
@pytest.mark.parametrize("degree", [67.0206, 30.0])
def test_the_authors_program_says_the_same(
    size: tuple[int, int], noise: float, degree: float
) -> None:
    evaluator = pytest.importorskip("flip_evaluator", reason="no wheel of flip-evaluator here")
    first, second = _pictures(*size, noise)
    rows = [np.ascontiguousarray(p.permute(1, 2, 0).numpy()) for p in (first, second)]
    _, wanted, _ = evaluator.evaluate(
        *rows, "LDR", applyMagma=False, parameters={"ppd": degree}
    )
    assert flip(first, second, pixels_per_degree=degree) == pytest.approx(wanted, rel=2e-4)


def test_equal_pictures_do_not_differ() -> None:
    first, _ = _pictures(32, 48, 0.0)
    assert flip(first, first) == 0.0


def test_green_and_blue_differ_as_much_as_colours_can() -> None:
    green, blue = torch.zeros(2, 3, 24, 24)
    green[1], blue[2] = 1.0, 1.0
    assert flip(green, blue) == pytest.approx(1.0, abs=1e-4)


def test_black_and_white_by_hand() -> None:
    """Without edges the error is that of colour: 100^0.7 on the line between knee and largest."""
    black, white = torch.zeros(3, 20, 20), torch.ones(3, 20, 20)
    largest = 41.2761  # HyAB of green and blue with the Hunt effect, to the power 0.7
    knee = 0.4 * largest
    wanted = 0.95 + (100.0**0.7 - knee) / (largest - knee) * 0.05
    assert flip(black, white) == pytest.approx(wanted, abs=2e-4)


def test_one_pixel_is_a_picture() -> None:
    assert 0.0 < flip(torch.zeros(3, 1, 1), torch.full((3, 1, 1), 0.5)) < 1.0


def test_sizes_must_agree() -> None:
    with pytest.raises(ShapeError, match="test must have the shape of reference"):
        flip(torch.zeros(3, 4, 4), torch.zeros(3, 4, 5))

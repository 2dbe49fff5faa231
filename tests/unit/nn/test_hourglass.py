"""The hourglass: shapes at every size, its number of parameters, one overfit."""

from collections.abc import Iterator

import pytest
import torch

from diffgfx.errors import ShapeError
from diffgfx.nn import Hourglass, HourglassConfig

SMALL = HourglassConfig(inputs=4, outputs=3, width=8, skip=4, depth=2)


@pytest.mark.parametrize("size", [(5, 5), (8, 8), (7, 13), (33, 6)])
def test_the_image_has_the_noises_size(size):
    image = Hourglass(SMALL)(torch.rand(2, 4, *size))
    assert image.shape == (2, 3, *size)
    assert torch.isfinite(image).all()


def test_the_default_takes_what_it_says():
    network = Hourglass()
    assert network.config == HourglassConfig()
    assert network(torch.rand(1, 16, 17, 32)).shape == (1, 9, 17, 32)


def test_too_small_a_picture_is_named():
    with pytest.raises(ShapeError, match="at least 5 x 5 for depth 2, got 4 x 9; lower"):
        Hourglass(SMALL)(torch.rand(1, 4, 4, 9))


def test_number_of_parameters():
    def layer(inputs: int, outputs: int, size: int) -> int:
        return inputs * outputs * size**2 + outputs + 2 * outputs  # weight, bias, norm

    down = layer(4, 8, 3) + 3 * layer(8, 8, 3)
    skips = layer(4, 4, 1) + layer(8, 4, 1)
    up = 2 * layer(12, 8, 3)
    last = 8 * 3 + 3
    count = sum(p.numel() for p in Hourglass(SMALL).parameters())
    assert count == down + skips + up + last


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Layers this small are slower on two threads, and far slower where those must wait."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(count)


@pytest.mark.usefixtures("one_thread")
def test_one_picture_is_learned():
    torch.manual_seed(0)
    network = Hourglass(SMALL)
    noise = torch.rand(1, 4, 16, 12)
    goal = torch.zeros(1, 3, 16, 12)
    goal[:, 0, 4:12] = 1.0
    goal[:, 1, :, 6:] = 1.0
    optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(60):
        optimiser.zero_grad()
        loss = (network(noise) - goal).square().mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.02  # a constant picture leaves 0.16


def test_every_parameter_matters():
    torch.manual_seed(0)
    network = Hourglass(SMALL)
    network(torch.rand(1, 4, 9, 9)).square().sum().backward()
    idle = [name for name, p in network.named_parameters() if not p.grad.abs().max() > 0]
    assert idle == []

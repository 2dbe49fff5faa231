"""What is kept of tensors: as long as they live, unedited, and only where it is of use."""

import gc
import weakref

import pytest
import torch
from torch import Tensor

from diffgfx.render import Kept


class Count:
    """Counts how often it makes the sum of its tensors."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, *given: Tensor, factor: float = 1.0) -> Tensor:
        self.made += 1
        return factor * sum(tensor.sum() for tensor in given)


def test_a_result_comes_again() -> None:
    keep = Kept()
    count, a, b = Count(), torch.ones(3), torch.ones(2)
    assert keep(count, a, b) is keep(count, a, b)
    assert count.made == 1


def test_others_get_their_own() -> None:
    keep = Kept()
    count, a, b = Count(), torch.ones(3), torch.ones(2)
    found = [keep(count, *given).item() for given in ((a, b), (a, a), (a,), (a, b), (b, a))]
    assert found == [5.0, 6.0, 3.0, 5.0, 5.0]
    assert count.made == 5
    assert keep(count, a, factor=2.0).item() == 6.0
    assert keep(count, a, factor=3.0).item() == 9.0
    assert keep(count, a.clone()).item() == 3.0
    assert count.made == 8


@pytest.mark.parametrize("which", [0, 1])
def test_an_edit_in_place_is_seen(which: int) -> None:
    keep = Kept()
    count, given = Count(), (torch.ones(3), torch.ones(3))
    keep(count, *given)
    given[which].view(-1)[1:] += 1.0
    assert keep(count, *given).item() == 8.0


def test_tensors_that_ask_for_gradients_are_taken_each_time() -> None:
    keep = Kept()
    count, a = Count(), torch.ones(3, requires_grad=True)
    for _ in range(2):
        keep(count, a).backward()
    assert count.made == 2
    assert keep(count, a.detach()).requires_grad is False


def test_nothing_made_without_versions_is_kept() -> None:
    keep = Kept()
    count, a = Count(), torch.ones(3)
    with torch.inference_mode():
        keep(count, a)
        made_there = torch.ones(3)
        keep(count, made_there)
    assert not keep(count, a).is_inference()
    keep(count, made_there)
    assert count.made == 4


def test_results_go_with_their_tensor() -> None:
    keep = Kept()
    a = torch.ones(3)
    result = weakref.ref(keep(Count(), a))
    assert result() is not None
    del a
    gc.collect()
    assert result() is None
    assert len(keep) == 0

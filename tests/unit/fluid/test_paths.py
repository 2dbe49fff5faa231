"""Closed paths keep values and drop what the change adds to the gradient."""

import pytest
import torch

from diffgfx.errors import RangeError
from diffgfx.fluid.paths import ALL_PATHS, check_paths, through


def test_unknown_paths_are_refused():
    assert check_paths(["advection"]) == {"advection"}
    with pytest.raises(RangeError, match="gradient_paths must be one of"):
        check_paths(["advektion"])


def test_a_closed_path_keeps_the_value_and_passes_the_gradient_on():
    x = torch.tensor([2.0, 3.0], requires_grad=True)
    seen = through("forces", ALL_PATHS, lambda v: [v[0].square()], [x])[0]
    shut = through("forces", {"pressure"}, lambda v: [v[0].square()], [x])[0]
    assert torch.equal(seen, shut)
    assert torch.autograd.grad(seen.sum(), x)[0].tolist() == [4.0, 6.0]
    assert torch.autograd.grad(shut.sum(), x)[0].tolist() == [1.0, 1.0]

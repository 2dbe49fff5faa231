import pytest
import torch

from diffgfx.errors import DtypeError
from diffgfx.testing import TOLERANCES, assert_close


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_passes_inside_and_fails_outside_the_tolerance(dtype: torch.dtype) -> None:
    rtol, atol = TOLERANCES[dtype]
    expected = torch.tensor([0.0, 2.0], dtype=dtype)
    allowed = torch.tensor([atol, atol + 2.0 * rtol], dtype=torch.float64)
    assert_close((expected + 0.9 * allowed).to(dtype), expected)
    for entry in range(2):
        off = expected.clone()
        off[entry] += 1.2 * allowed[entry]
        with pytest.raises(AssertionError):
            assert_close(off, expected)


def test_message_names_the_value_and_the_place() -> None:
    with pytest.raises(AssertionError, match=r"(?s)^albedo: .*index \(1,\)"):
        assert_close(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 2.0]), name="albedo")


def test_own_tolerances_replace_the_usual_ones() -> None:
    assert_close(torch.tensor([1.0]), torch.tensor([1.5]), rtol=0.0, atol=0.5)
    with pytest.raises(AssertionError):
        assert_close(torch.tensor([1.0]), torch.tensor([1.0 + 1e-6]), rtol=0.0, atol=0.0)


@pytest.mark.parametrize(
    ("actual", "expected"),
    [
        (torch.ones(2), torch.ones(1)),  # no broadcasting
        (torch.ones(2), torch.ones(2, dtype=torch.float64)),
        (torch.tensor([torch.nan]), torch.tensor([torch.nan])),
    ],
    ids=["shape", "dtype", "nan"],
)
def test_what_never_passes(actual: torch.Tensor, expected: torch.Tensor) -> None:
    with pytest.raises(AssertionError):
        assert_close(actual, expected)


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(
        DtypeError, match=r"^index must be float32 or float64, got torch.int64; use"
    ):
        assert_close(torch.ones(1, dtype=torch.int64), torch.ones(1), name="index")


def test_inputs_that_require_gradients_are_taken() -> None:
    assert_close(torch.ones(1, requires_grad=True), torch.ones(1))

"""The check of how much a step diffuses."""

from torch import Tensor

from diffgfx.check import check_same_device, check_same_dtype, check_tensor
from diffgfx.errors import ShapeError

__all__ = ["check_amount"]


def check_amount(amount: Tensor, first: str, like: Tensor, batch: int) -> None:
    """Raise unless there is one number a flow, of the kind and place of ``like``.

    Raises:
        DtypeError, DeviceError, ShapeError: If not.
    """
    check_tensor("amount", amount)
    if amount.ndim != 1 or len(amount) not in (1, batch):
        raise ShapeError(
            f"amount must have shape (B|1,), one number a flow, here {batch} or 1, "
            f"got {tuple(amount.shape)}"
        )
    pair = {first: like, "amount": amount}
    check_same_dtype(pair)
    check_same_device(pair)

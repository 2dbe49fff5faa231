"""`pull` for functions of lists: the gradients of one tensor made of several."""

from collections.abc import Callable, Sequence

from torch import Tensor

from diffgfx_kernels.torch_.pull import pull

__all__ = ["pull_groups"]


def pull_groups(
    function: Callable[..., Tensor], groups: Sequence[Sequence[Tensor]], upstream: Tensor
) -> list[list[Tensor]]:
    """Return the gradients to tensors that a function takes as lists.

    Args:
        function: Takes one list of tensors a group; plain differentiable torch.
        groups: The lists.
        upstream: The gradient on the value.
    """
    counts = [len(group) for group in groups]

    def regroup(parts: Sequence[Tensor]) -> list[list[Tensor]]:
        found, begin = [], 0
        for count in counts:
            found.append(list(parts[begin : begin + count]))
            begin += count
        return found

    flat = tuple(part for group in groups for part in group)
    return regroup(pull(lambda *parts: function(*regroup(parts)), flat, upstream)[1])

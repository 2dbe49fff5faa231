"""What follows from tensors alone, kept by whoever draws the same things again and again.

Loops draw the same meshes many times, while edges, normals and maps laid out for the ops belong to
a mesh and not to a picture. A result is kept by the identity of the tensors that it was made from,
and by their versions, which every edit in place by torch raises; it goes when the first of them
does. Nothing is kept of tensors that ask for a gradient, since a graph serves one backward pass,
nor on a GPU, where another stream would not wait for it.
"""

import weakref
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

__all__ = ["Kept"]

Made = TypeVar("Made")


class _Entry(NamedTuple):
    """A result and what it was made from, the first tensor left out."""

    others: tuple["weakref.ref[Tensor]", ...]
    versions: tuple[int, ...]
    also: dict[str, Hashable]
    result: Any


class Kept:
    """What pictures of the same things share; hand one to every `render` of a loop.

    Edits that torch does not see, by numpy in shared memory or through ``.data``, go unnoticed.
    """

    def __init__(self) -> None:
        self._entries: Any = WeakTensorKeyDictionary()

    def __len__(self) -> int:
        """Return of how many tensors something is kept."""
        return len(self._entries)

    def __call__(self, make: Callable[..., Made], *given: Tensor, **also: Hashable) -> Made:
        """Return ``make(*given, **also)``, the last result again if all is as it was then.

        Args:
            make: A function of a module that depends on nothing else; its result is never edited,
                and is or holds none of the tensors given, which would then never be freed.
            given: Tensors, at least one.
            also: What else it is told.
        """
        if _comes_to_stay() and all(_can_be_told(tensor) for tensor in given):
            return self._recall(make, given, also)
        return make(*given, **also)

    def _recall(
        self, make: Callable[..., Made], given: tuple[Tensor, ...], also: dict[str, Hashable]
    ) -> Made:
        first, others = given[0], given[1:]
        versions = tuple(tensor._version for tensor in given)
        results: dict[Callable[..., Any], _Entry] = self._entries.setdefault(first, {})
        entry = results.get(make)
        if entry is not None and entry.versions == versions and entry.also == also:
            known = len(entry.others) == len(others)
            if known and all(ref() is one for ref, one in zip(entry.others, others, strict=True)):
                found: Made = entry.result
                return found
        result = make(*given, **also)
        refs = tuple(weakref.ref(other) for other in others)
        results[make] = _Entry(refs, versions, also, result)
        return result


def _comes_to_stay() -> bool:
    """Say whether a result made now is of use later, and to anyone."""
    return not (torch.is_inference_mode_enabled() or torch.compiler.is_compiling())


def _can_be_told(tensor: Tensor) -> bool:
    """Say whether a tensor can be recognised, and its edits too."""
    plain = type(tensor) is Tensor and tensor.device.type == "cpu"
    return plain and not (tensor.requires_grad or tensor.is_inference())

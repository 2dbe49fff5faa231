"""A term of a step: what it is called, when it acts, and what it does to a state."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from torch import Tensor

from diffgfx.fluid.paths import Path, through
from diffgfx.scene import FluidScene, FluidState

__all__ = ["Change", "Stages", "Term", "gated"]

Change = Callable[[FluidState, FluidScene, frozenset[Path]], FluidState]
"""A state after a term, given the paths that let gradients through."""

Stages = Callable[[FluidState, FluidScene, frozenset[Path]], Iterator[tuple[str, FluidState]]]
"""What a term does in turn, and the state after each; the last one is that after the term."""


@dataclasses.dataclass(frozen=True)
class Term:
    """One term.

    Attributes:
        name: What a message calls it.
        acts: Whether a scene has it.
        stages: What it does in turn, and the state after each.
    """

    name: str
    acts: Callable[[FluidScene], bool]
    stages: Stages

    @classmethod
    def of(cls, name: str, acts: Callable[[FluidScene], bool], change: Change) -> "Term":
        """Return a term of one stage."""

        def stages(
            state: FluidState, scene: FluidScene, paths: frozenset[Path]
        ) -> Iterator[tuple[str, FluidState]]:
            yield name, change(state, scene, paths)

        return cls(name, acts, stages)

    def change(
        self, state: FluidState, scene: FluidScene, paths: frozenset[Path]
    ) -> FluidState:
        """Return the state after it."""
        for _, after in self.stages(state, scene, paths):
            state = after
        return state


def gated(path: Path, change: Callable[[FluidState, FluidScene], FluidState]) -> Change:
    """Return a change that lets gradients through where its path is open; see `through`."""

    def changed(state: FluidState, scene: FluidScene, paths: frozenset[Path]) -> FluidState:
        iterations = state.iterations

        def inner(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
            nonlocal iterations
            after = change(state.with_tensors(tensors), scene)
            iterations = after.iterations
            return after.tensors()

        found = state.with_tensors(through(path, paths, inner, state.tensors()))
        return dataclasses.replace(found, iterations=iterations)

    return changed

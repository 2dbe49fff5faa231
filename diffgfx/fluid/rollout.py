"""Many steps, with gradients inside a memory budget."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from diffgfx.check import check_positive
from diffgfx.errors import RangeError
from diffgfx.fluid.memory import Plan, make_plan, read_memory
from diffgfx.fluid.paths import ALL_PATHS, Path, check_paths
from diffgfx.fluid.step import reads_pressure, step
from diffgfx.scene import FluidScene, FluidState

__all__ = ["Rollout", "rollout"]

Observe = Callable[[FluidState], Tensor]
"""What to look at after each step: a tensor made of a state."""

Setting = FluidScene | Callable[[float], FluidScene]
"""A scene, or a function from the time at the start of a step [s] to the scene of that step."""


@dataclasses.dataclass(frozen=True)
class Rollout:
    """What a rollout leaves.

    Attributes:
        state: The last state.
        observed: What was observed after each step, if anything was asked for.
        plan: How its tape was kept.
    """

    state: FluidState
    observed: tuple[Tensor, ...]
    plan: Plan


def rollout(
    state: FluidState,
    scene: Setting,
    steps: int,
    *,
    memory: str | int | None = "128MB",
    gradient_paths: Collection[str] = ALL_PATHS,
    observe: Observe | None = None,
) -> Rollout:
    """Take many steps; gradients are those of the full tape, whatever the budget.

    Args:
        state: Where to start.
        scene: The setting; where solids move, a function from the time at which a step starts to
            its setting, always the same for the same time.
        steps: How many.
        memory: Bytes that tape and kept states may take beyond the results, as a number or as text
            such as ``"128MB"``; None keeps the whole tape. Steps are run again in the backward
            pass to fit it: segments of segments, each level one more forward pass. Two steps are
            taken ahead to see what one keeps. Not counted is what ``observe`` keeps, the scratch
            fields of one step, and, where a scene has a ``max_courant``, the states at the starts
            of more parts than those two steps took. Without gradients nothing is kept.
        gradient_paths: Of advection, pressure, diffusion and forces, those that let gradients
            through; see `through`.
        observe: Called with the state after each step.

    Returns:
        The last state, what was observed, and the plan.

    Raises:
        RangeError: If ``steps`` is below 1, a path unknown, or the budget too small.
        DivergedError: As of `step`.

    Gradients: to everything in the state and the scene.
    """
    paths = check_paths(gradient_paths)
    check_positive("steps", steps)
    plan = Plan(0, 1, 0)
    budget = None if memory is None else read_memory(memory)
    if budget is not None and steps > 1 and _asks_for_gradients(state, _at(scene, state.time)):
        tape = _tape(state, scene, paths)
        start = _without_unread(state, _at(scene, state.time))
        plan = make_plan(steps, _size(start.tensors()), tape, budget)
    last, observed = _run(state, scene, steps, plan, paths, observe)
    return Rollout(last, tuple(observed), plan)


def _at(scene: Setting, time: float) -> FluidScene:
    return scene if isinstance(scene, FluidScene) else scene(time)


def _asks_for_gradients(state: FluidState, scene: FluidScene) -> bool:
    """Say whether anything that a step reads, first of all, is followed by autograd."""
    return torch.is_grad_enabled() and any(
        tensor.requires_grad for tensor in (*state.tensors(), *_tensors_in(scene))
    )


def _tensors_in(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors_in(item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _tensors_in(getattr(value, field.name))


def _run(
    state: FluidState,
    scene: Setting,
    steps: int,
    plan: Plan,
    paths: frozenset[Path],
    observe: Observe | None,
) -> tuple[FluidState, list[Tensor]]:
    observed: list[Tensor] = []
    if plan.depth == 0 or steps == 1:
        for _ in range(steps):
            state = step(state, _at(scene, state.time), gradient_paths=paths)
            if observe is not None:
                observed.append(observe(state))
        return state, observed
    count = len(state.tensors())
    lengths = plan.lengths(steps)
    for number, length in enumerate(lengths):
        state = _without_unread(state, _at(scene, state.time))
        start = state.moment()  # tensors in the closure would stay until the backward pass
        ends: list[FluidState] = []

        def segment(
            *tensors: Tensor,
            start: FluidState = start,
            length: int = length,
            ends: list[FluidState] = ends,
        ) -> tuple[Tensor, ...]:
            begun = start.with_tensors(tensors)
            last, seen = _run(begun, scene, length, plan.below(), paths, observe)
            ends[:] = [last.moment()]
            return (*last.tensors(), *seen)

        results: Sequence[Tensor]
        if number == len(lengths) - 1:  # its backward pass comes next
            results = segment(*state.tensors())
        else:
            results = checkpoint(
                segment, *state.tensors(), use_reentrant=False, preserve_rng_state=False
            )
        observed += results[count:]
        state = ends[0].with_tensors(results[:count])
    return state, observed


def _without_unread(state: FluidState, scene: FluidScene) -> FluidState:
    """Return a state that holds nothing which its next step replaces unread."""
    if reads_pressure(scene):
        return state
    none = state.pressure.new_zeros(()).expand_as(state.pressure)
    return dataclasses.replace(state, pressure=none)


def _size(tensors: Sequence[Tensor]) -> int:
    return sum(min(t.numel() * t.element_size(), t.untyped_storage().nbytes()) for t in tensors)


def _tape(state: FluidState, scene: Setting, paths: frozenset[Path]) -> int:
    """Return the bytes that one more step keeps for its backward pass, each tensor counted once.

    A second step is measured: what the first one leaves is kept by both.
    """
    kept: dict[int, tuple[Tensor, int]] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = (tensor, storage.nbytes())  # held, so that no other takes it
        return tensor

    state = state.with_tensors([t.detach().requires_grad_() for t in state.tensors()])
    sizes = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        for _ in range(2):
            state = step(state, _at(scene, state.time), gradient_paths=paths)
            sizes.append(sum(size for _, size in kept.values()))
    if not any(t.requires_grad for t in state.tensors()):
        raise RangeError("gradient_paths must leave one path open, got none")
    return sizes[1] - sizes[0]

"""Projections of random velocities: mixed sides with moving obstacles, closed, periodic, free."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.flows import by_face, draw_velocity

__all__ = ["CASES"]

AXES = "xyz"
MIXED = ("inflow", "outflow", "no_slip", "free_slip")
MIXED_3D = (*MIXED[1::-1], "outflow", "no_slip", "periodic", "periodic")
CLOSED_3D = ("no_slip",) * 6
PERIODIC = ("periodic",) * 4
FREE = ("outflow", "outflow", "periodic", "periodic")


def draw_openings(cells: Sequence[int], batch: int, draw: torch.Generator) -> list[Tensor]:
    """Return shares of at least 0.4, but for one cell that is solid and one face that is shut."""
    found = []
    for axis in range(len(cells)):
        place = len(cells) - axis
        size = [n + (k + 1 == place) for k, n in enumerate(cells)]
        share = 0.4 + 0.6 * torch.rand((batch, *size), generator=draw, dtype=torch.float64)
        solid = (slice(None), *(1 for _ in cells))
        share[solid] = 0.0
        share[(*solid[:place], 2, *solid[place + 1 :])] = 0.0
        found.append(share)
    found[0][(slice(None), *(-1 for _ in cells[:-1]), 1)] = 0.0
    return found


def build(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    sides: Sequence[str] = MIXED,
    open_: bool = True,
    moving: bool = True,
    depth: int = 0,
    height: int = 3,
    width: int = 4,
) -> dict[str, Any]:
    """Return arguments of `ops.project`, faces by name.

    Args:
        dtype: Of the tensors.
        device: Of the tensors.
        batch: Flows side by side.
        seed: Of the random numbers.
        sides: What lies beyond.
        open_: Whether faces have openings.
        moving: Whether what closes them moves.
        depth: Cells along z; 0: two axes.
        height: Cells along y.
        width: Cells along x.
    """
    draw = torch.Generator().manual_seed(seed)
    cells = (height, width) if depth == 0 else (depth, height, width)
    found: dict[str, Any] = draw_velocity(cells, dtype, device, batch, draw)
    if open_:
        for axis, share in zip(AXES, draw_openings(cells, batch, draw), strict=False):
            found[f"openings_{axis}"] = share.to(device, dtype)
    if moving:
        solid = draw_velocity(cells, dtype, device, batch, draw)
        found |= {f"solid_{name}": face for name, face in solid.items()}
    return found | {"cell": 0.5, "sides": list(sides)}


def _project(walled: bool, **arguments: Any) -> list[Tensor]:
    """Call the op; with walls, as a box that nothing enters, whatever its faces say.

    Faces that are nearly shut are shut, so that differences do not open them: there is a jump.
    """
    if "openings" in arguments:
        arguments["openings"] = [w * (w >= 0.1) for w in arguments["openings"]]
    if walled:
        for axis, face in enumerate(arguments["velocity"]):
            inside = torch.ones_like(face)
            for end in (0, -1):
                inside.select(-1 - axis, end).zero_()
            arguments["velocity"][axis] = face * inside
    found = ops.project(**arguments)
    return [*found.velocity, found.pressure]


def _calling(walled: bool = False) -> Callable[..., Tensor]:
    return by_face(partial(_project, walled), "velocity", "openings", "solid_velocity")


def _names(*groups: str, dim: int = 2) -> tuple[str, ...]:
    return tuple(f"{group}_{axis}" for group in groups for axis in AXES[:dim])


ALL = ("velocity", "openings", "solid_velocity")
_make = partial(Case, op="project", call=_calling())

CASES = (
    _make(
        "project",
        build=build,
        differentiable=_names(*ALL),
        shared=_names("openings", "solid_velocity"),
        large={"height": 83, "width": 90},
        wrong=(
            *wrong_kinds("velocity_x", *_names("openings", "solid_velocity")),
            Wrong("velocity_y", resized(1, 5), ShapeError, "velocity_y must have shape"),
            Wrong("openings_x", resized(2, 6), ShapeError, "openings_x must have shape"),
            Wrong("solid_velocity_y", resized(1, 5), ShapeError, "solid_velocity_y must have"),
            Wrong("cell", lambda _: 0.0, RangeError, "cell must be"),
            Wrong("sides", lambda value: value[:3], RangeError, "sides must have 4 entries"),
        ),
    ),
    _make(
        "project[free]",
        build=partial(build, open_=False, moving=False, sides=FREE),
        differentiable=_names("velocity"),
    ),
    _make(
        "project[periodic]",
        build=partial(build, moving=False, sides=PERIODIC, height=3, width=3),
        differentiable=_names("velocity", "openings"),
    ),
    _make(
        "project[closed-3d]",
        slow=True,
        call=_calling(walled=True),
        build=partial(build, moving=False, sides=CLOSED_3D, depth=2, height=2, width=3),
        differentiable=_names("velocity", "openings", dim=3),
    ),
    _make(
        "project[mixed-3d]",
        build=partial(build, sides=MIXED_3D, depth=3, height=2, width=3),
        differentiable=_names(*ALL, dim=3),
        slow=True,
    ),
)

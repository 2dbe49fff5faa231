"""``SCENE.toml``: the setting of a flow, every key checked before anything runs."""

import math
from pathlib import Path
from typing import Any, Literal, cast, get_args

from diffgfx.errors import InputError
from diffgfx.io._files import atomic_path, show
from diffgfx.io._toml import Table, read_toml
from diffgfx.scene import FlowSetting, Inflow, Obstacle, Region, Scheme
from diffgfx.types import Side

__all__ = ["read_flow", "write_flow"]

_AXES = "xyz"
_LENGTH = (1e-9, 1e9)
_ANY = (-1e9, 1e9)
_RATE = (0.0, 1e9)
_MOST_CELLS = 2**27   # eight fields of them in single precision fill 4 GiB


def read_flow(path: Path | str) -> FlowSetting:
    """Read a scene file and hold it against every rule.

    Tables: ``grid`` (``cells``, ``size``), ``time`` (``dt``, ``frames``, ``steps_per_frame``,
    ``max_courant``), ``fluid`` (``scheme``, ``viscosity``, ``diffusivity``, ``density_force``,
    ``temperature_force``, ``vorticity_confinement``), ``sides.x|y|z`` (``low``, ``high``,
    ``low_velocity``, ``high_velocity``, ``low_temperature``, ``high_temperature``), ``inflow`` and
    ``obstacle`` (arrays). The pages in docs/ say what each means.

    Returns:
        The setting.

    Raises:
        InputError: One line naming file, key, rule, value and remedy, for whatever is wrong.
    """
    top = read_toml(Path(path))
    cells, cell = _grid(top.table("grid", required=True))
    dim = len(cells)
    dt, frames, steps, parting = _time(top.table("time", required=True))
    fluid = _fluid(top.table("fluid"), dim)
    sides, velocities, temperatures = _sides(top.table("sides"), dim)
    inflows = tuple(_inflow(entry, dim) for entry in top.tables("inflow"))
    obstacles = tuple(_obstacle(entry, dim) for entry in top.tables("obstacle"))
    top.finish()
    _check_outlet(top, cells, sides, velocities)
    _check_apart(top, inflows, obstacles)
    return FlowSetting(
        cells, cell, dt, steps, frames, fluid.pop("scheme"), sides, velocities, temperatures,
        inflows=inflows, obstacles=obstacles, max_courant=parting, **fluid,
    )  # fmt: skip


def _grid(table: Table) -> tuple[tuple[int, ...], float]:
    remedy = "give the number of cells along x, y and, in 3-D, z"
    given = table.numbers("cells", (2, 3), (1.0, 65536.0), remedy)
    cells = tuple(int(n) for n in given)
    if any(n != m for n, m in zip(cells, given, strict=True)):
        raise table.fault("cells", "whole numbers", list(given), remedy)
    if math.prod(cells) > _MOST_CELLS:
        raise table.fault("cells", f"at most {_MOST_CELLS} in all", math.prod(cells), "use fewer")
    remedy = "give the lengths of the box in metres, x first"
    size = table.numbers("size", (len(cells),), _LENGTH, remedy)
    table.finish()
    sides = [length / n for length, n in zip(size, cells, strict=True)]
    if max(sides) - min(sides) > 1e-6 * max(sides):
        raise table.fault(
            "size", "such that cells are cubes", list(size),
            f"cells are {', '.join(f'{s:g}' for s in sides)} m; for {list(cells)} cells try "
            f"{[round(n * sides[0], 9) for n in cells]}",
        )  # fmt: skip
    return cells, sides[0]


def _time(table: Table) -> tuple[float, int, int, float | None]:
    dt = table.number("dt", (1e-9, 1e6), "give the time of a step in seconds, above zero")
    frames = table.integer("frames", (1, 10**6), "give how many frames to make", 100)
    steps = table.integer("steps_per_frame", (1, 10**6), "give how many steps a frame takes", 1)
    remedy = "give how many cells the fluid may move at once, or leave it out"
    parting = table.optional("max_courant", (1e-3, 1e6), remedy)
    table.finish()
    return dt, frames, steps, parting


def _fluid(table: Table, dim: int) -> dict[str, Any]:
    still = (0.0,) * dim
    acceleration = "give an acceleration in m/s^2 by axis, x first"
    found = {
        "scheme": cast(Scheme, table.choice("scheme", get_args(Scheme), "smoke")),
        "viscosity": table.number("viscosity", _RATE, "give m^2/s", 0.0),
        "diffusivity": table.number("diffusivity", _RATE, "give m^2/s", 0.0),
        "density_force": table.numbers("density_force", (dim,), _ANY, acceleration, still),
        "temperature_force": table.numbers("temperature_force", (dim,), _ANY, acceleration, still),
        "confinement": table.number("vorticity_confinement", (0.0, 1e3), "try 0 to 1", 0.0),
    }
    table.finish()
    return found


def _sides(
    table: Table, dim: int
) -> tuple[tuple[Side, ...], tuple[tuple[float, ...], ...], tuple[float | None, ...]]:
    kinds: list[Side] = []
    velocities: list[tuple[float, ...]] = []
    temperatures: list[float | None] = []
    for axis in _AXES[:dim]:
        inner = table.table(axis)
        for end in ("low", "high"):
            kinds.append(cast(Side, inner.choice(end, get_args(Side), "no_slip")))
            velocities.append(
                inner.numbers(
                    f"{end}_velocity", (dim,), _ANY, "give a velocity in m/s, x first", (0.0,) * dim
                )
            )
            temperatures.append(inner.optional(f"{end}_temperature", _ANY, "give kelvin"))
        inner.finish()
        low, high = kinds[-2:]
        if (low == "periodic") != (high == "periodic"):
            raise table.fault(
                axis, "periodic at both ends or at none", [low, high], "make both periodic"
            )
    table.finish()
    return tuple(kinds), tuple(velocities), tuple(temperatures)


def _region(table: Table, dim: int) -> Region:
    shape = cast(Literal["sphere", "box"], table.choice("shape", ("sphere", "box"), "sphere"))
    centre = table.numbers("centre", (dim,), _ANY, "give the centre in metres, x first")
    if shape == "sphere":
        radius = table.number("radius", _LENGTH, "give the radius in metres")
        return Region(shape, centre, (radius,))
    half = table.numbers("half_size", (dim,), _LENGTH, "give half of each edge in metres")
    return Region(shape, centre, half)


def _inflow(table: Table, dim: int) -> Inflow:
    region = _region(table, dim)
    density = table.number("density", _RATE, "give how much smoke a second adds", 1.0)
    heat = table.number("temperature", _ANY, "give how many kelvin a second adds", 0.0)
    table.finish()
    return Inflow(region, density, heat)


def _obstacle(table: Table, dim: int) -> Obstacle:
    region = _region(table, dim)
    remedy = "give a velocity in m/s, x first"
    velocity = table.numbers("velocity", (dim,), _ANY, remedy, (0.0,) * dim)
    table.finish()
    return Obstacle(region, velocity)


def _check_outlet(
    top: Table,
    cells: tuple[int, ...],
    sides: tuple[Side, ...],
    velocities: tuple[tuple[float, ...], ...],
) -> None:
    """Raise where fluid is let into a closed box."""
    into = [k for k, side in enumerate(sides) if side == "inflow" and velocities[k][k // 2] != 0.0]
    if into and "outflow" not in sides:
        flows = [
            velocities[k][k // 2] * (1 - 2 * (k % 2)) * math.prod(cells) / cells[k // 2]
            for k in into
        ]
        if abs(math.fsum(flows)) > 1e-9 * sum(abs(flow) for flow in flows):
            where = f"{_AXES[into[0] // 2]}.{('low', 'high')[into[0] % 2]}"
            raise InputError(
                f"{top.where('sides.' + where)} must have an outflow elsewhere, got inflow into a "
                "closed box; make another side an outflow"
            )


def _check_apart(
    top: Table, inflows: tuple[Inflow, ...], obstacles: tuple[Obstacle, ...]
) -> None:
    """Raise where an obstacle covers the centre of an inflow."""
    for i, inflow in enumerate(inflows):
        for k, obstacle in enumerate(obstacles):
            if _inside(inflow.region.centre, obstacle.region):
                raise InputError(
                    f"{top.where(f'obstacle[{k}]')} must leave inflow[{i}] free, got one over its "
                    f"centre {show(list(inflow.region.centre))}; move one of them"
                )


def _inside(point: tuple[float, ...], region: Region) -> bool:
    offset = [abs(a - b) for a, b in zip(point, region.centre, strict=True)]
    if region.shape == "sphere":
        return math.hypot(*offset) < region.size[0]
    return all(a < b for a, b in zip(offset, region.size, strict=True))


def write_flow(path: Path | str, setting: FlowSetting) -> None:
    """Write a scene file from which `read_flow` makes the same setting.

    Args:
        path: The file to be; it appears whole or not at all.
        setting: What it is to say.

    Raises:
        OutputError: If the file cannot be written; none is left behind.
    """
    size = [n * setting.cell for n in setting.cells]
    tables: list[tuple[str, dict[str, object]]] = [
        ("[grid]", {"cells": list(setting.cells), "size": size}),
        ("[time]", {
            "dt": setting.dt, "frames": setting.frames, "steps_per_frame": setting.steps_per_frame,
            **({} if setting.max_courant is None else {"max_courant": setting.max_courant}),
        }),
        ("[fluid]", {
            "scheme": setting.scheme, "viscosity": setting.viscosity,
            "diffusivity": setting.diffusivity, "density_force": list(setting.density_force),
            "temperature_force": list(setting.temperature_force),
            "vorticity_confinement": setting.confinement,
        }),
    ]  # fmt: skip
    for axis, name in enumerate(_AXES[: setting.dim]):
        side: dict[str, object] = {}
        for k, end in ((2 * axis, "low"), (2 * axis + 1, "high")):
            side[end] = setting.sides[k]
            side[f"{end}_velocity"] = list(setting.side_velocity[k])
            if setting.temperature_sides[k] is not None:
                side[f"{end}_temperature"] = setting.temperature_sides[k]
        tables.append((f"[sides.{name}]", side))
    for inflow in setting.inflows:
        fed: dict[str, object] = {"density": inflow.density, "temperature": inflow.temperature}
        tables.append(("[[inflow]]", _said(inflow.region) | fed))
    for obstacle in setting.obstacles:
        moved: dict[str, object] = {"velocity": list(obstacle.velocity)}
        tables.append(("[[obstacle]]", _said(obstacle.region) | moved))
    text = "\n\n".join(
        "\n".join([head, *(f"{key} = {_toml(value)}" for key, value in table.items())])
        for head, table in tables
    )
    with atomic_path(Path(path)) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _said(region: Region) -> dict[str, object]:
    sphere = region.shape == "sphere"
    extent: dict[str, object]
    extent = {"radius": region.size[0]} if sphere else {"half_size": list(region.size)}
    return {"shape": region.shape, "centre": list(region.centre), **extent}


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)

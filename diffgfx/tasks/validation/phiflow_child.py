"""A plume in PhiFlow, run by an interpreter that has it and need not have this library.

``python phiflow_child.py REQUEST.npz RESULT.npz``

The request holds ``mask`` (share of each cell that is fed, axes x, y[, z]) and ``settings``, a JSON
text: rate [1/step], force [cells/step^2 by a unit of smoke, along y], steps, scheme
(``mac_cormack`` or ``semi_lagrangian``), tracer (``euler`` or ``rk4``), tolerance and compiled.
Cells and steps are of one. The result holds ``density`` after each step and ``seconds`` of each.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["main"]


def _make_step(flow: Any, mask: Any, settings: dict[str, Any]) -> Callable[..., Any]:
    """Return feed, carry, push, project: the order and the schemes of this library's smoke."""
    trace = getattr(flow.advect, settings["tracer"])

    def carry(field: Any, velocity: Any) -> Any:
        return getattr(flow.advect, settings["scheme"])(field, velocity, 1.0, integrator=trace)

    def carry_faces(velocity: Any) -> Any:
        """Carry each component as a grid of its own.

        Given the staggered grid as a whole, version 3.4 bounds MacCormack's result by values half
        a cell away: it takes faces for centres, and a symmetric plume leans to one side.
        """
        parts = [carry(part, velocity).values for part in velocity.vector]
        names = flow.dual(vector=",".join(velocity.shape.spatial.names))
        return velocity.with_values(flow.math.stack(parts, names))

    force = [0.0] * mask.shape.rank
    force[1] = settings["force"]
    solve = settings["tolerance"]

    def step(velocity: Any, smoke: Any, pressure: Any) -> Any:
        smoke = carry(smoke + settings["rate"] * mask, velocity)
        pushed = carry_faces(velocity) + flow.resample(smoke * tuple(force), to=velocity)
        # without being told that nothing is lacking, its solver gives up in a closed box
        how = flow.Solve("CG", solve, x0=pressure, max_iterations=5000, rank_deficiency=0)
        velocity, pressure = flow.fluid.make_incompressible(pushed, (), how)
        return velocity, smoke, pressure

    return step


def main(request: str, result: str) -> None:
    """Run what a request file asks for, and write the result file."""
    import phi.torch.flow as flow

    with np.load(request) as given:
        shape, settings = given["mask"], json.loads(str(given["settings"]))
    names = "xyz"[: shape.ndim]
    cells = dict(zip(names, shape.shape, strict=True))
    bounds = flow.Box(**{name: float(count) for name, count in cells.items()})
    values = flow.tensor(shape.astype(np.float32), flow.spatial(",".join(names)))
    around = flow.extrapolation.ZERO_GRADIENT
    mask = flow.CenteredGrid(values, around, bounds=bounds)
    smoke = flow.CenteredGrid(0.0, around, bounds=bounds, **cells)
    pressure = flow.CenteredGrid(0.0, around, bounds=bounds, **cells)
    velocity = flow.StaggeredGrid(0.0, 0.0, bounds=bounds, **cells)
    step = _make_step(flow, mask, settings)
    if settings["compiled"]:
        step = flow.math.jit_compile(step)
    density, seconds = [], []
    for _ in range(settings["steps"]):
        begun = time.perf_counter()
        velocity, smoke, pressure = step(velocity, smoke, pressure)
        density.append(smoke.values.numpy(",".join(names)))
        seconds.append(time.perf_counter() - begun)
    np.savez(result, density=np.stack(density), seconds=np.array(seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The frames of a simulation as Mantaflow grids, for programs that read those."""

from pathlib import Path

import numpy as np

from diffgfx.errors import OutputError
from diffgfx.io import GRID_TYPES, UniGrid, mac_from_faces, write_uni
from diffgfx.scene import FluidState

__all__ = ["write_grids"]

_FOLDER = "uni"


def write_grids(run: Path, number: int, state: FluidState) -> None:
    """Write ``uni/density_NNNN.uni`` and ``uni/vel_NNNN.uni`` of a frame into a run's folder.

    The grids are a cell larger than the flow along each axis, as Mantaflow's staggered grids are,
    which hold lower faces only; the last cells of the density are zero.

    Raises:
        OutputError: If a file cannot be written.
    """
    try:
        (run / _FOLDER).mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{run / _FOLDER}: folder must be writable, got: {error.strerror}; "
            "name another output folder"
        ) from error
    faces = [face[0].detach().to("cpu").float().numpy() for face in state.velocity]
    velocity = mac_from_faces(faces)
    density = np.zeros(velocity.shape[:3], np.float32)
    inner = state.density[0, 0].detach().to("cpu").float().numpy()
    density[(slice(0, 1),) * (3 - inner.ndim) + tuple(slice(n) for n in inner.shape)] = inner
    for name, values, kind in (("density", density, "real"), ("vel", velocity, "mac")):
        grid = UniGrid(values, GRID_TYPES[kind])
        write_uni(run / _FOLDER / f"{name}_{number:04d}.uni", grid)

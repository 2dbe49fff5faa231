"""Frames of a flow as ``.npz``: the whole state of a restart, written whole or not at all."""

import math
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffgfx.errors import InputError, ShapeError
from diffgfx.io._files import atomic_path, check_file, show_path
from diffgfx.scene import FluidState

__all__ = ["read_frame", "write_frame"]

SCHEMA = 1
_AXES = "xyz"
_FIELDS = ("density", "temperature", "pressure")
_NUMBERS = ("time", "step", "cell", "schema")
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OverflowError, EOFError,
    ValueError, KeyError, OSError,
)  # fmt: skip
"""What zipfile and numpy raise where bytes were lost or changed."""

_HEADER = 4096   # bytes that a member may have beside its numbers


def write_frame(path: Path | str, state: FluidState, cell: float) -> None:
    """Write one flow, all that a restart needs.

    Arrays ``velocity_x``, ``_y`` and, in 3-D, ``_z``, ``density``, ``temperature``, ``pressure``;
    numbers ``time`` [s], ``step``, ``cell`` [m] and ``schema`` (1). Arrays are float32, row 0 at
    the bottom, without a batch: x-faces ([D,] H, W+1) and so on, fields ([D,] H, W). A plain
    ``numpy.load`` reads them.

    Args:
        path: The file to be.
        state: A state with a batch of one.
        cell: Side of a cell [m].

    Raises:
        ShapeError: If the batch is not one.
        OutputError: If the file cannot be written; none is left behind.
    """
    if len(state.density) != 1:
        raise ShapeError(
            f"state must have a batch of one, got {len(state.density)}; write each flow by itself"
        )
    arrays: dict[str, Any] = {
        f"velocity_{axis}": _array(face[0])
        for axis, face in zip(_AXES, state.velocity, strict=False)
    }
    arrays |= {name: _array(getattr(state, name)[0, 0]) for name in _FIELDS}
    arrays |= {
        "time": np.float64(state.time),
        "step": np.int64(state.step),
        "cell": np.float64(cell),
        "schema": np.int64(SCHEMA),
    }
    with atomic_path(Path(path)) as partial, partial.open("wb") as stream:
        np.savez(stream, **arrays)


def _array(values: Tensor) -> Any:
    return values.detach().to("cpu", torch.float32).numpy()


def read_frame(
    path: Path | str, cells: Sequence[int] | None = None, cell: float | None = None
) -> FluidState:
    """Read a frame that `write_frame` wrote.

    Args:
        path: The file.
        cells: Cells that it must have, x first; None for whatever it has.
        cell: Side of a cell that it must have [m]; None for whatever it has.

    Returns:
        The state, float32, with a batch of one.

    Raises:
        InputError: If it is missing, truncated, of another grid or schema, or holds NaN; one line
            naming file, rule, value and remedy.
    """
    path = Path(path)
    check_file(path, "name a frame, such as frames/000000.npz")
    name = show_path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
        held = {info.filename.removesuffix(".npy"): info.file_size for info in members}
        dim = 3 if "velocity_z" in held else 2
        _check_names(name, held, dim)
        with np.load(path, allow_pickle=False) as archive:
            numbers = {key: _scalar(name, key, archive[key]) for key in _NUMBERS}
            arrays = _arrays(name, archive, held, dim, cells)
    except _DAMAGE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{name}: file must be a whole .npz frame, got: {' '.join(str(error).split())}; "
            "delete it and resume, or copy it again"
        ) from error
    _check_numbers(name, numbers, cell)
    tensors = [torch.from_numpy(np.ascontiguousarray(a, dtype=np.float32)) for a in arrays]
    density, temperature, pressure = (t[None, None] for t in tensors[dim:])
    return FluidState(
        tuple(t[None] for t in tensors[:dim]), density, temperature, pressure,
        time=numbers["time"], step=int(numbers["step"]),
    )  # fmt: skip


def _check_names(name: str, held: dict[str, int], dim: int) -> None:
    wanted = [f"velocity_{axis}" for axis in _AXES[:dim]] + [*_FIELDS, *_NUMBERS]
    missing = [key for key in wanted if key not in held]
    if missing:
        raise InputError(
            f"{name}: frame must hold {', '.join(wanted)}, got none of {', '.join(missing)}; "
            "name a frame that diffgfx fluid simulate wrote"
        )


def _scalar(name: str, key: str, value: Any) -> float:
    if value.shape != () or value.dtype.kind not in "iuf":
        raise InputError(
            f"{name}: {key} must be a number, got an array of shape {value.shape}; "
            "name a frame that diffgfx fluid simulate wrote"
        )
    return float(value)


def _arrays(
    name: str, archive: Any, held: dict[str, int], dim: int, cells: Sequence[int] | None
) -> list[Any]:
    keys = [f"velocity_{axis}" for axis in _AXES[:dim]] + list(_FIELDS)
    if cells is not None:  # before anything is unpacked
        most = 8 * math.prod(n + 1 for n in cells) + _HEADER
        largest = max(keys, key=lambda key: held[key])
        if held[largest] > most or len(cells) != dim:
            raise InputError(
                f"{name}: frame must have {list(cells)} cells, got {held[largest]} bytes of "
                f"{largest} in {dim}-D; name a frame of this scene"
            )
    arrays = [archive[key] for key in keys]
    shape = arrays[dim].shape
    if cells is not None and shape != tuple(reversed(cells)):
        raise InputError(
            f"{name}: frame must have {list(cells)} cells, got {list(reversed(shape))}; "
            "name a frame of this scene"
        )
    for k, (key, array) in enumerate(zip(keys, arrays, strict=True)):
        place = dim - 1 - k
        wanted = tuple(n + (i == place) for i, n in enumerate(shape)) if k < dim else shape
        if array.shape != wanted or array.dtype.kind != "f":
            raise InputError(
                f"{name}: {key} must be floats of shape {wanted}, got {array.dtype} of shape "
                f"{array.shape}; delete the frame and resume"
            )
        with np.errstate(over="ignore"):
            finite = np.isfinite(array.astype(np.float32)).all()
        if not finite:
            raise InputError(
                f"{name}: {key} must be finite in single precision, got NaN or infinity; "
                "delete the frame and resume from an earlier one"
            )
    return arrays


def _check_numbers(name: str, numbers: dict[str, float], cell: float | None) -> None:
    if numbers["schema"] != SCHEMA:
        raise InputError(
            f"{name}: schema must be {SCHEMA}, got {numbers['schema']:g}; "
            "read it with the version of diffgfx that wrote it"
        )
    step = numbers["step"]
    whole = math.isfinite(step) and step >= 0 and step == math.floor(step)
    if not (math.isfinite(numbers["time"]) and whole):
        raise InputError(
            f"{name}: time must be finite and step a whole number from 0 on, got "
            f"{numbers['time']:g} and {numbers['step']:g}; delete the frame and resume"
        )
    if cell is not None and not math.isclose(numbers["cell"], cell, rel_tol=1e-6):
        raise InputError(
            f"{name}: cell must be {cell:g} m, got {numbers['cell']:g}; name a frame of this scene"
        )

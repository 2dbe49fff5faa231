"""Kernels of every op, by backend; they know tensors and numbers, and nothing of autograd.

`load(op, backend)` returns a module with ``forward`` and ``backward``; `available()` says which
backend serves which op here, and what to do about each that does not.
"""

import contextlib
import importlib
import sys
from types import ModuleType

import torch

from diffgfx_kernels.interrupts import interrupts_wait

__all__ = ["BACKENDS", "OPS", "available", "choose", "load"]

OPS = (
    "shade_svbrdf",
    "svbrdf_render_loss",
    "height_from_normals",
    "normals_from_height",
    "divergence",
    "gradient",
    "curl",
    "to_centres",
    "to_faces",
    "buoyancy",
    "vorticity_confinement",
    "inflow",
    "convect",
    "diffuse",
    "diffuse_past",
    "laplacian",
    "project",
    "advect",
    "advect_velocity",
    "advect_tvd",
    "march_volume",
    "antialias",
    "interpolate",
    "construct_mip",
    "rasterize",
    "shade_mesh",
    "texture",
)
BACKENDS = ("taichi", "torch", "nvdiffrast")


def _reason(op: str, backend: str, device: torch.device) -> str | None:
    if op not in OPS:
        raise ValueError(f"op must be one of {', '.join(OPS)}, got {op!r}")
    if backend == "torch":
        return None
    if backend == "taichi":
        from diffgfx_kernels.taichi_ import runtime

        return runtime.reason_unavailable(device)
    if backend == "nvdiffrast":
        from diffgfx_kernels import nvdiffrast_

        if op not in nvdiffrast_.OPS:
            return "nvdiffrast has no kernel for this op; use taichi"
        return nvdiffrast_.reason_unavailable(device)
    raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")


def available(
    device: torch.device | str = "cpu",
) -> dict[str, dict[str, str | None]]:
    """Return, for each op and backend, None where it serves ``device``, else the remedy."""
    place = torch.device(device)
    return {op: {name: _reason(op, name, place) for name in BACKENDS} for op in OPS}


def choose(op: str, backend: str, device: torch.device) -> str:
    """Return the backend that serves a call; raise ImportError where the wanted one cannot."""
    if backend != "auto":
        reason = _reason(op, backend, device)
        if reason is not None:
            raise ImportError(f"{op}: backend {backend!r} is not available: {reason}")
        return backend
    return "taichi" if _reason(op, "taichi", device) is None else "torch"


def load(op: str, backend: str) -> ModuleType:
    """Return the module of an op's kernels for a backend."""
    if op not in OPS or backend not in BACKENDS:
        raise ValueError(f"no kernel {op!r} for backend {backend!r}")
    name = f"diffgfx_kernels.{backend}_.{op}"
    if name in sys.modules:
        return sys.modules[name]
    with interrupts_wait(), _declared_quickly(backend):
        return importlib.import_module(name)


def _declared_quickly(backend: str) -> contextlib.AbstractContextManager[None]:
    if backend != "taichi":
        return contextlib.nullcontext()
    from diffgfx_kernels.taichi_.tracing import quick_tracing

    return quick_tracing()

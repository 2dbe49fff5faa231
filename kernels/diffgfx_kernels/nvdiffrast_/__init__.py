"""Adapter to nvdiffrast, where it is installed; it is never a dependency.

It is reached through nvdiffrast's public functions where they serve. Their gradients belong to a
graph that is gone by the time a kernel here is asked to go backward, so that the forward pass is
made anew then; only drawing goes backward from its result, as nvdiffrast itself does. Nothing at
all (no triangles, no pixels), which nvdiffrast refuses, is left to the reference.
"""

import importlib.util

import torch

__all__ = ["OPS", "reason_unavailable"]

OPS = frozenset({"rasterize", "interpolate", "texture", "antialias"})
"""What it serves."""


def reason_unavailable(device: torch.device) -> str | None:
    """Say why nvdiffrast cannot serve a device, with the remedy; None if it can."""
    if importlib.util.find_spec("nvdiffrast") is None:
        return "nvdiffrast is not installed; install it from its own repository, or use taichi"
    if device.type != "cuda":
        return f"nvdiffrast serves cuda only, not {device.type}; use taichi"
    return None

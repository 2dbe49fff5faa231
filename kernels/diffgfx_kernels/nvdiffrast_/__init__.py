"""Adapter to nvdiffrast, where it is installed; it is never a dependency."""

import importlib.util

import torch

__all__ = ["reason_unavailable"]


def reason_unavailable(device: torch.device) -> str | None:
    """Say why nvdiffrast cannot serve a device, with the remedy; None if it can."""
    if importlib.util.find_spec("nvdiffrast") is None:
        return "nvdiffrast is not installed; install it from its own repository, or use taichi"
    if device.type != "cuda":
        return f"nvdiffrast serves cuda only, not {device.type}; use taichi"
    return None

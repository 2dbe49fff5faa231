"""Differentiable rendering, SVBRDF shading and simulation as ordinary PyTorch operations.

Nothing heavy is imported here: `diffgfx.ops`, `diffgfx.io` and the other parts load when they are
first named.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

__all__ = ["__version__", "inverse", "io", "ops", "render", "scene", "tasks"]

_PARTS = frozenset({"inverse", "io", "ops", "render", "scene", "tasks"})


def __getattr__(name: str) -> ModuleType:
    """Load a part of the library when it is first named (PEP 562)."""
    if name in _PARTS:
        return importlib.import_module(f"diffgfx.{name}")
    raise AttributeError(f"module 'diffgfx' has no attribute {name!r}")

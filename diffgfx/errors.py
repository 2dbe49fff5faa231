"""What the library raises: one family, so that a caller can catch it whole.

Every message names the thing, the rule it broke, the value found and the remedy, on one line.
"""

__all__ = [
    "BackendError",
    "DeviceError",
    "DiffgfxError",
    "DivergedError",
    "DtypeError",
    "InputError",
    "OutputError",
    "RangeError",
    "ShapeError",
    "StateError",
]


class DiffgfxError(Exception):
    """The root of every error that the library raises on purpose."""


class ShapeError(DiffgfxError, ValueError):
    """A tensor has the wrong number of dimensions or a wrong size."""


class DtypeError(DiffgfxError, ValueError):
    """A tensor holds a kind of number that the operation does not take."""


class DeviceError(DiffgfxError, ValueError):
    """Tensors of one call live on different devices."""


class RangeError(DiffgfxError, ValueError):
    """A value lies outside the range in which it means something."""


class StateError(DiffgfxError, RuntimeError):
    """Something is used before it is ready, after it is over, or while another use is going on."""


class InputError(DiffgfxError, ValueError):
    """A file or folder given by the user cannot be used as it is."""


class OutputError(DiffgfxError, OSError):
    """A result cannot be written where it was asked for."""


class BackendError(DiffgfxError, ImportError):
    """No kernel serves this operation here; the message says what to install."""


class DivergedError(DiffgfxError, RuntimeError):
    """An iteration blew up; the message says where and by how much."""

"""Lights without an extent: a point, a direction, and nine harmonics of all that is far away."""

import dataclasses

from torch import Tensor

from diffgfx.check import (
    check_finite,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.errors import RangeError

__all__ = ["DistantLight", "HarmonicsLight", "Light", "PointLight"]


@dataclasses.dataclass(frozen=True)
class PointLight:
    """Light from a point, with the inverse square of the distance.

    Attributes:
        position: Where [m], shape (B|1, 3).
        intensity: Radiant intensity, linear RGB [W/sr], shape (B|1, 3): a white matte surface that
            faces it at distance r shows the radiance ``intensity / (pi r^2)``.
    """

    position: Tensor
    intensity: Tensor

    def __post_init__(self) -> None:
        _check({"position": self.position, "intensity": self.intensity})


@dataclasses.dataclass(frozen=True)
class DistantLight:
    """Parallel light, as from the sun.

    Attributes:
        direction: Toward the light, any positive length, shape (B|1, 3).
        irradiance: On a surface that faces it, linear RGB [W/m^2], shape (B|1, 3): a white matte
            one shows the radiance ``irradiance / pi``.
    """

    direction: Tensor
    irradiance: Tensor

    def __post_init__(self) -> None:
        _check({"direction": self.direction, "irradiance": self.irradiance})
        if not bool((self.direction.detach() != 0.0).any(dim=1).all()):
            raise RangeError("direction must have a length above zero, got 0; name a direction")


@dataclasses.dataclass(frozen=True)
class HarmonicsLight:
    """Light from everywhere far away, smooth: nine real spherical harmonics of its radiance.

    ``L(w) = sum_i coefficients_i Y_i(w)``, w toward the light, with the orthonormal real basis
    without the Condon-Shortley sign, in the order (l, m) = (0, 0), (1, -1), (1, 0), (1, 1),
    (2, -2) ... (2, 2): ``0.282095``; ``0.488603 (y, z, x)``; ``1.092548 (x y, y z)``,
    ``0.315392 (3 z^2 - 1)``, ``1.092548 x z``, ``0.546274 (x^2 - y^2)``, in world axes. A constant
    radiance L is ``coefficients_0 = L sqrt(4 pi)``. Irradiance follows with the factors pi,
    2 pi / 3 and pi / 4 of the three degrees.

    Attributes:
        coefficients: Of the radiance, linear RGB [W/(sr m^2)], shape (B|1, 9, 3).

    Source: R. Ramamoorthi and P. Hanrahan, "An Efficient Representation for Irradiance Environment
    Maps", SIGGRAPH 2001, equations 3 and 8.
    """

    coefficients: Tensor

    def __post_init__(self) -> None:
        check_tensor("coefficients", self.coefficients)
        check_shape("coefficients", self.coefficients, ("B", 9, 3), {})
        check_finite("coefficients", self.coefficients, "correct it")


Light = PointLight | DistantLight | HarmonicsLight


def _check(tensors: dict[str, Tensor]) -> None:
    for name, value in tensors.items():
        check_shape(name, check_tensor(name, value), ("B", 3), {})
        check_finite(name, value, "correct it")
    check_same_device(tensors)
    check_same_dtype(tensors)
    first, second = (len(value) for value in tensors.values())
    sizes = {"B": max(first, second)}
    for name, value in tensors.items():
        check_shape(name, value, ("B|1", 3), sizes)

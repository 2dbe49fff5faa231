"""Real spherical harmonics of degrees 0 to 2, and how a matt surface gathers them.

Order: (0,0), (1,-1), (1,0), (1,1), (2,-2), (2,-1), (2,0), (2,1), (2,2), all with positive signs:
1, y, z, x, xy, yz, 3z^2 - 1, xz, x^2 - y^2, each times its constant of normalisation, so that the
integral of a product of two over the sphere is 1 if they are the same one, else 0.

Source: R. Ramamoorthi and P. Hanrahan, "An Efficient Representation for Irradiance Environment
Maps", SIGGRAPH 2001, equations 3 (basis), 8 and 9 (factors pi, 2 pi / 3 and pi / 4).
"""

import math

__all__ = ["CONSTANTS", "FACTORS"]

CONSTANTS: tuple[float, ...] = (
    math.sqrt(1.0 / (4.0 * math.pi)),
    *[math.sqrt(3.0 / (4.0 * math.pi))] * 3,
    *[math.sqrt(15.0 / (4.0 * math.pi))] * 2,
    math.sqrt(5.0 / (16.0 * math.pi)),
    math.sqrt(15.0 / (4.0 * math.pi)),
    math.sqrt(15.0 / (16.0 * math.pi)),
)
"""What each polynomial above is multiplied by to become a harmonic."""

FACTORS: tuple[float, ...] = tuple(
    constant * gathered
    for constant, gathered in zip(
        CONSTANTS,
        (math.pi, *[2.0 * math.pi / 3.0] * 3, *[math.pi / 4.0] * 5),
        strict=True,
    )
)
"""What each polynomial is multiplied by to become the irradiance under its harmonic."""

"""What a shading kernel is compiled for: each combination is a kernel of its own."""

from typing import NamedTuple

__all__ = ["Mode"]


class Mode(NamedTuple):
    """Choices known when a kernel is compiled.

    Attributes:
        distant: Light positions are directions toward the light, without falloff.
        orthographic: Camera positions are directions toward the eye.
        coned: Light falls off with a power of the cosine to its axis.
        ambient: A uniform surrounding light is added.
        lit: Gradients to the light/view pairs are wanted.
        graded: Gradients are wanted at all.
        against_maps: The target is maps, to be shaded beside the first.
        masked: Texels are weighed by a mask.
        encoding: How radiance is encoded before it is compared (`residual`).
        penalty: How a difference is weighed (`residual`).
    """

    distant: bool = False
    orthographic: bool = False
    coned: bool = False
    ambient: bool = False
    lit: bool = False
    graded: bool = False
    against_maps: bool = False
    masked: bool = False
    encoding: int = 0
    penalty: int = 0

"""What photographs tell of the parameters of each texel: residuals and their derivatives.

A texel's pictures depend on its own maps only, once the light is given: on two slopes, three d,
three F0 and one alpha. So the derivatives of all texels by one parameter come from one more
picture, with that parameter moved a little everywhere: nine pictures beyond the first.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from diffgfx.render import render_planar
from diffgfx.tasks.capture.problem import display

__all__ = ["PARAMETERS", "Patch", "parameters_of", "patches", "sensitivity", "texel_information"]

PARAMETERS = 9
"""Slopes x and y, d RGB, F0 RGB, alpha, in this order."""

_STEP = 1e-6   # of a parameter, in float64: error 1e-6 of what a curve of its size would make


@dataclasses.dataclass(frozen=True)
class Patch:
    """Some texels of a material, evenly spaced, as a flat sample of its own.

    Attributes:
        rows: Which rows of the maps, with a step of one or more.
        columns: Which columns.
    """

    rows: slice
    columns: slice

    def of(self, image: Tensor) -> Tensor:
        """Return the texels of an image whose last dimensions are rows and columns."""
        return image[..., self.rows, self.columns]

    def place(
        self, resolution: tuple[int, int], size: tuple[float, float]
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the size of the patch as a sample, and the place (x, y) of its centre."""
        height, width = resolution
        found = []
        for part, count, side in ((self.columns, width, size[0]), (self.rows, height, size[1])):
            first, stop, step = part.indices(count)
            texels = len(range(first, stop, step))
            middle = first + 0.5 * step * (texels - 1) + 0.5
            found.append((texels * step * side / count, (middle / count - 0.5) * side))
        return (found[0][0], found[1][0]), (found[0][1], -found[1][1])


def patches(resolution: tuple[int, int], texels: int) -> Iterator[Patch]:
    """Yield patches of whole rows, of about so many texels each, that cover the maps."""
    height, width = resolution
    rows = max(1, texels // width)
    for first in range(0, height, rows):
        yield Patch(slice(first, min(first + rows, height)), slice(0, width))


def sensitivity(
    maps: Float[Tensor, "1 10 H W"],
    patch: Patch,
    size: tuple[float, float],
    pairs: Mapping[str, Tensor],
) -> tuple[Float[Tensor, "n 3 h w"], Float[Tensor, "n 3 h w p"]]:
    """Return pictures of some texels, display-like, and their derivatives by each parameter.

    Args:
        maps: All the maps n3 d3 s3 r1.
        patch: The texels, h x w of them.
        size: Width and height of the sample.
        pairs: Light/view pairs as `FlashLight.pairs` returns them, n of them.

    Returns:
        Display-like values (see `display`), and their derivatives by `PARAMETERS`, both float64.
    """
    parameters = parameters_of(patch.of(maps).double())
    extent, centre = patch.place((int(maps.shape[-2]), int(maps.shape[-1])), size)
    moved = _seen_from(centre, {name: value.double() for name, value in pairs.items()})
    steps = _STEP * torch.eye(PARAMETERS + 1, PARAMETERS).roll(1, 0).to(parameters)
    variants = parameters + steps[:, :, None, None]   # the first is not moved
    pictures = display(render_planar(_maps(variants), extent, **moved))
    return pictures[0], ((pictures[1:] - pictures[0]) / _STEP).movedim(0, -1)


def _seen_from(centre: tuple[float, float], pairs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the light/view pairs with a texel's place for the origin; the flash's axis stays."""
    light = pairs["light_position"]
    shift = light.new_tensor([centre[0], centre[1], 0.0])
    return {
        **pairs,
        "axis": -light,
        "light_position": light - shift,
        "camera_position": pairs["camera_position"] - shift,
    }


def texel_information(
    derivatives: Float[Tensor, "n 3 h w p"], weights: Float[Tensor, "n 3 h w"]
) -> Float[Tensor, "t p p"]:
    """Return J^T W J of each texel, t = h w of them in rows."""
    rows = derivatives.permute(2, 3, 0, 1, 4).reshape(-1, 3 * len(derivatives), PARAMETERS)
    weight = weights.permute(2, 3, 0, 1).reshape(len(rows), -1, 1)
    return rows.mT @ (weight * rows)


def parameters_of(maps: Float[Tensor, "1 10 h w"]) -> Float[Tensor, "1 9 h w"]:
    """Return `PARAMETERS` of maps n3 d3 s3 r1."""
    return torch.cat([maps[:, :2] / maps[:, 2:3], maps[:, 3:9], maps[:, 9:].square()], dim=1)


def _maps(parameters: Float[Tensor, "b 9 h w"]) -> Float[Tensor, "b 10 h w"]:
    alpha = parameters[:, 8:]
    return torch.cat(
        [parameters[:, :2], torch.ones_like(alpha), parameters[:, 2:8], alpha.sqrt()], dim=1
    )

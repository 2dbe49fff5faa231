"""Five pictures of 2 x 2 pixels or so, worked by hand, number by number.

Each centre's barycentrics follow from ``X = fx W`` and ``Y = fy W`` on paper, as fractions; the
comments give the way. No program made these numbers.
"""

import dataclasses
from collections.abc import Sequence

import torch

from diffgfx import ops
from diffgfx.tasks.validation.case import Case, Context, Measure

__all__ = ["HAND_CASES", "HAND_SCENES", "HandScene", "compare_by_hand"]

Pixel = tuple[int, int, int, float, float, float, float, float, float, float]
"""Row from below, column, triangle's number, u, v, z/w, du/dX, du/dY, dv/dX, dv/dY."""


@dataclasses.dataclass(frozen=True)
class HandScene:
    """A scene and what each pixel must show.

    Attributes:
        name: What it is.
        pos: Vertices in clip space.
        tri: Triangles.
        size: Height and width.
        pixels: What is seen; all other pixels must be empty.
        layers: Which layer of a peeling it is; 1 is the nearest.
    """

    name: str
    pos: tuple[tuple[float, float, float, float], ...]
    tri: tuple[tuple[int, int, int], ...]
    size: tuple[int, int]
    pixels: tuple[Pixel, ...]
    layers: int = 1


_WIDE = ((-1.0, -1.0, 0.0, 1.0), (1.5, -1.0, 0.5, 1.0), (-1.0, 1.5, -0.5, 1.0))
# flat: b1 = (x + 1) / 2.5, b2 = (y + 1) / 2.5, z = (b1 - b2) / 2; one pixel is one unit
_FLAT = HandScene(
    "flat", _WIDE, ((0, 1, 2),), (2, 2),
    (
        (0, 0, 1, 0.6, 0.2, 0.0, -0.4, -0.4, 0.4, 0.0),
        (0, 1, 1, 0.2, 0.6, 0.2, -0.4, -0.4, 0.4, 0.0),
        (1, 0, 1, 0.2, 0.2, -0.2, -0.4, -0.4, 0.4, 0.0),
    ),
)  # fmt: skip

# on screen at (-1, -1), (3, -1), (-1, 3) with w = 1, 2, 4: with flat weights l1 = (x + 1) / 4,
# l2 = (y + 1) / 4 and S = l0 + l1 / 2 + l2 / 4, it is b = (l0, l1 / 2, l2 / 4) / S; as dS/dx = -1/8
# and dS/dy = -3/16, du/dx = (l0 / 8 - S / 4) / S^2, du/dy = (3 l0 / 16 - S / 4) / S^2,
# dv/dx = (S / 8 + l1 / 16) / S^2, dv/dy = 3 l1 / 32 / S^2; and z/w = S / 2
_PERSPECTIVE = HandScene(
    "perspective",
    ((-1.0, -1.0, 0.5, 1.0), (6.0, -2.0, 0.5, 2.0), (-4.0, 12.0, 0.5, 4.0)),
    ((0, 1, 2),), (2, 2),
    (
        # S = 27/32
        (0, 0, 1, 8 / 9, 2 / 27, 27 / 64, -40 / 243, -8 / 81, 116 / 729, 4 / 243),
        # S = 23/32
        (0, 1, 1, 16 / 23, 6 / 23, 23 / 64, -120 / 529, -88 / 529, 116 / 529, 36 / 529),
        # S = 21/32
        (1, 0, 1, 16 / 21, 2 / 21, 21 / 64, -104 / 441, -8 / 49, 92 / 441, 4 / 147),
        # S = 17/32
        (1, 1, 1, 8 / 17, 6 / 17, 17 / 64, -104 / 289, -88 / 289, 92 / 289, 36 / 289),
    ),
)  # fmt: skip

# the third corner lies behind the eye: W = 3 - 4 b2, Y = -1 = fy W, X = 6 (b1 - b0) = fx W; so at
# fy = -1/2: b2 = 1/4, b0 + b1 = 3/4, b1 - b0 = fx / 3; with f in pixels of half a unit,
# db2/dfy = -1, d(b1 - b0)/dfx = 1/3, d(b1 - b0)/dfy = fx / (6 fy^2) = 2 fx / 3; z/w = 1 / W = 1/2
_BEHIND = HandScene(
    "behind the eye",
    ((-6.0, -1.0, 1.0, 3.0), (6.0, -1.0, 1.0, 3.0), (0.0, -1.0, 1.0, -1.0)),
    ((0, 1, 2),), (2, 2),
    (
        (0, 0, 1, 11 / 24, 7 / 24, 0.5, -1 / 6, 2 / 3, 1 / 6, 1 / 3),
        (0, 1, 1, 7 / 24, 11 / 24, 0.5, -1 / 6, 1 / 3, 1 / 6, 2 / 3),
    ),
)  # fmt: skip

# a level sheet and one that rises along x through it, on 1 x 4 pixels with centres -3/4, -1/4, 1/4,
# 3/4: the rising one, z = x / 2, is nearer where x < 0; weights of both as in a corner of 8 x 8:
# b1 = (x + 2) / 8, b2 = (y + 2) / 8; a pixel is 1/2 wide and 2 high
_CROSSED = (
    (-2.0, -2.0, 0.0, 1.0), (6.0, -2.0, 0.0, 1.0), (-2.0, 6.0, 0.0, 1.0),
    (-2.0, -2.0, -1.0, 1.0), (6.0, -2.0, 3.0, 1.0), (-2.0, 6.0, -1.0, 1.0),
)  # fmt: skip


def _crossed(x: float, number: int) -> Pixel:
    v = (x + 2.0) / 8.0
    column = int(2.0 * (x + 0.75))
    depth = 0.0 if number == 1 else 0.5 * x
    return (0, column, number, 0.75 - v, v, depth, -1 / 16, -1 / 4, 1 / 16, 0.0)


_NEAREST = HandScene(
    "crossing sheets", _CROSSED, ((0, 1, 2), (3, 4, 5)), (1, 4),
    tuple(_crossed(x, 2 if x < 0 else 1) for x in (-0.75, -0.25, 0.25, 0.75)),
)  # fmt: skip
_SECOND = HandScene(
    "the layer below", _CROSSED, ((0, 1, 2), (3, 4, 5)), (1, 4),
    tuple(_crossed(x, 1 if x < 0 else 2) for x in (-0.75, -0.25, 0.25, 0.75)), layers=2,
)  # fmt: skip

HAND_SCENES = (_FLAT, _PERSPECTIVE, _BEHIND, _NEAREST, _SECOND)


def compare_by_hand(scene: HandScene, dtype: torch.dtype = torch.float64) -> tuple[int, float]:
    """Draw a scene.

    Returns:
        How many pixels show the wrong triangle; the largest difference of u, v, z/w and slopes.
    """
    pos = torch.tensor(scene.pos, dtype=dtype)[None]
    tri = torch.tensor(scene.tri, dtype=torch.int32)
    rast, slopes = ops.rasterize(pos, tri, scene.size)
    for _ in range(scene.layers - 1):
        rast, slopes = ops.rasterize(pos, tri, scene.size, below=rast)
    wanted = torch.zeros((*scene.size, 8), dtype=dtype)
    for row, column, number, u, v, depth, *rest in scene.pixels:
        wanted[row, column] = torch.tensor([u, v, depth, number, *rest], dtype=dtype)
    found = torch.cat([rast[0], slopes[0]], dim=2)
    wrong = int((found[..., 3] != wanted[..., 3]).sum())
    return wrong, float((found - wanted).abs().max())


def _measure(context: Context) -> Sequence[Measure]:
    measures = []
    for scene in HAND_SCENES:
        wrong, apart = compare_by_hand(scene)
        measures.append(Measure(f"{scene.name}: wrong triangles", wrong, 0, "pixels"))
        measures.append(Measure(f"{scene.name}: u, v, z/w, slopes", apart, 1e-12, "largest"))
    return measures


HAND_CASES = (Case("by_hand", "ids, u, v, z/w and slopes of five scenes worked by hand", _measure),)

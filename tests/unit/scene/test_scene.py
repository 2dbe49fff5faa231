"""Lights and scenes: batches that fit together."""

import math
from typing import Any

import pytest
import torch

from diffgfx.errors import DiffgfxError, DtypeError, RangeError, ShapeError
from diffgfx.scene import (
    Camera,
    DistantLight,
    HarmonicsLight,
    MaterialMaps,
    Mesh,
    Model,
    Part,
    PointLight,
    Scene,
)

ONES = torch.ones(1, 3)


def _part(shift: float = 0.0) -> Part:
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]) + shift
    mesh = Mesh(points, torch.tensor([[0, 1, 2]], dtype=torch.int32))
    return Part(mesh, MaterialMaps.from_tensor(torch.ones(1, 10, 1, 1)))


def test_batches_and_bounds() -> None:
    light = PointLight(ONES, ONES.repeat(4, 1))
    scene = Scene((_part(), _part(2.0)), Camera.orbit(0.0, 0.0, 2.0), (light,))
    assert scene.batch == 4
    low, high = scene.bounds
    assert low.tolist() == [0, 0, 0]
    assert high.tolist() == [3, 3, 2]
    empty = Part(Mesh(torch.zeros(0, 3), torch.zeros(0, 3).int()), _part().material)
    assert Model((empty, _part())).bounds[1].tolist() == [1, 1, 0]
    with pytest.raises(RangeError, match="must hold a vertex"):
        _ = Model(()).bounds
    sky = HarmonicsLight(torch.zeros(3, 9, 3))
    camera = Camera.orbit(torch.zeros(3), 0.0, 2.0)
    assert Scene((_part(),), camera, (sky,), ONES).batch == 3
    assert Scene((_part(),), camera, (DistantLight(ONES, ONES),)).batch == 3


@pytest.mark.parametrize(
    ("change", "error", "rule"),
    [
        ({"parts": ()}, RangeError, "parts must hold a mesh"),
        ({"lights": (PointLight(ONES, ONES.repeat(3, 1)),)}, ShapeError,
         r"camera must have a batch of 3 or 1, got 2"),
        ({"background": torch.zeros(3)}, ShapeError, r"background must have shape \(B, 3\)"),
        ({"background": ONES * math.nan}, RangeError, "background must be finite"),
        ({"background": ONES.repeat(5, 1)}, ShapeError, "camera must have a batch of 5 or 1"),
    ],
)  # fmt: skip
def test_faults(change: dict[str, Any], error: type[DiffgfxError], rule: str) -> None:
    fields = {"parts": (_part(),), "camera": Camera.orbit(torch.zeros(2), 0.0, 2.0)}
    with pytest.raises(error, match=rule):
        Scene(**{**fields, **change})  # type: ignore[arg-type]


def test_faults_of_lights() -> None:
    for make, error, rule in (
        (lambda: PointLight(ONES[0], ONES), ShapeError, "position must have shape"),
        (lambda: PointLight(ONES, ONES.double()), DtypeError, "intensity must have the dtype"),
        (lambda: PointLight(ONES.repeat(2, 1), ONES.repeat(3, 1)), ShapeError, "position must"),
        (lambda: PointLight(ONES, ONES * math.inf), RangeError, "intensity must be finite"),
        (lambda: DistantLight(0.0 * ONES, ONES), RangeError, "direction must have a length"),
        (lambda: HarmonicsLight(ONES), ShapeError, r"must have shape \(B, 9, 3\)"),
    ):
        with pytest.raises(error, match=rule):
            make()

"""Matrices of cameras against points worked by hand, and gradients by differences."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from diffgfx.errors import DiffgfxError, DtypeError, RangeError, ShapeError
from diffgfx.scene import Camera

DOUBLE = torch.float64


def _row(*values: float) -> Tensor:
    return torch.tensor([values], dtype=DOUBLE)


def _camera(**change: Any) -> Camera:
    fields = {
        "position": _row(0, 0, 5), "target": _row(0, 0, 0), "up": _row(0, 1, 0),
        "fov_y": torch.tensor([math.pi / 2], dtype=DOUBLE), "near": 1.0, "far": 9.0,
    }  # fmt: skip
    return Camera(**{**fields, **change})


def _clip(camera: Camera, point: Tensor, aspect: float = 1.0) -> Tensor:
    whole = torch.cat([point[0], _row(1)[0]])
    clip = camera.projection_matrix(aspect) @ camera.view_matrix() @ whole
    return clip[:, :3] / clip[:, 3:]


def test_where_points_appear() -> None:
    camera = _camera()
    # 90 degrees: at distance 5 the picture reaches 5 up, and 5 * aspect to the right
    assert torch.allclose(_clip(camera, _row(10, 5, 0), 2.0)[0, :2], _row(1, 1)[0])
    assert torch.allclose(_clip(camera, _row(0, 0, 4)), _row(0, 0, -1))
    assert torch.allclose(_clip(camera, _row(0, 0, -4)), _row(0, 0, 1))
    # from +x, looking along -x: -z is to the right
    camera = _camera(position=_row(5, 0, 0))
    assert torch.allclose(_clip(camera, _row(0, 0, -5))[0, :2], _row(1, 0)[0], atol=1e-12)


def test_the_view_is_a_rotation_whatever_up_is() -> None:
    camera = _camera(position=_row(1, 2, 3), target=_row(-1, 0.5, 0), up=_row(0.3, 2, 0.1))
    turn = camera.view_matrix()[0, :3, :3]
    assert torch.allclose(turn @ turn.T, torch.eye(3, dtype=DOUBLE))
    assert float(torch.linalg.det(turn)) == pytest.approx(1.0)


def test_orbit() -> None:
    camera = Camera.orbit(math.pi / 2, 0.0, 3.0, target=(1.0, 2.0, 3.0))
    assert torch.allclose(camera.position, torch.tensor([[4.0, 2.0, 3.0]]), atol=1e-6)
    camera = Camera.orbit(0.0, math.pi / 6, 2.0)
    assert torch.allclose(camera.position, torch.tensor([[0.0, 1.0, 3**0.5]]))
    turns = torch.linspace(0, 6, 4)
    many = Camera.orbit(turns, 0.1, 2.0)
    assert many.batch == 4
    assert many.view_matrix().shape == (4, 4, 4)
    assert many.projection_matrix(1.0).shape == (4, 4, 4)
    single = Camera.orbit(turns[2], 0.1, 2.0)
    assert torch.allclose(many.view_matrix()[2], single.view_matrix()[0])
    with pytest.raises(RangeError, match="up must not be along the line of sight"):
        Camera.orbit(0.0, math.pi / 2, 2.0)


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_framing_sees_the_whole_box(aspect: float) -> None:
    low, high = torch.tensor([-1.0, 2, 0]), torch.tensor([3.0, 3, 5])
    corners = torch.cartesian_prod(*torch.stack([low, high], dim=1))
    most = 0.0
    for azimuth in (0.0, 0.7, 2.0):
        camera = Camera.framing((low, high), azimuth, 0.4, aspect=aspect)
        matrix = camera.projection_matrix(aspect) @ camera.view_matrix()
        clip = torch.cat([corners, torch.ones(8, 1)], dim=1) @ matrix[0].T
        assert (clip[:, :3].abs() <= clip[:, 3:]).all()
        most = max(most, float((clip[:, :2].abs() / clip[:, 3:]).max()))
    assert most > 0.5
    with pytest.raises(RangeError, match="size of bounds"):
        Camera.framing((low, low), 0.0, 0.0)


def test_gradients_reach_every_number() -> None:
    def matrix(*tensors: Tensor) -> Tensor:
        camera = Camera(*tensors)
        return camera.projection_matrix(1.3) @ camera.view_matrix()

    angle = torch.tensor([0.7], dtype=DOUBLE)
    tensors = (_row(1, 2, 3), _row(-1, 0.5, 0), _row(0.3, 2, 0.1), angle)
    assert torch.autograd.gradcheck(matrix, [t.requires_grad_() for t in tensors])

    def orbit(turn: Tensor, rise: Tensor, reach: Tensor) -> Tensor:
        return Camera.orbit(turn, rise, reach).view_matrix()

    numbers = [torch.tensor(v, dtype=DOUBLE, requires_grad=True) for v in (0.4, 0.2, 2.0)]
    assert torch.autograd.gradcheck(orbit, numbers)


@pytest.mark.parametrize(
    ("change", "error", "rule"),
    [
        ({"position": torch.zeros(3, dtype=DOUBLE)}, ShapeError, "position must have shape"),
        ({"fov_y": _row(1)}, ShapeError, "fov_y must have shape"),
        ({"up": _row(0, 1, 0).float()}, DtypeError, "up must have the dtype of position"),
        ({"position": _row(0, 0, 5).repeat(2, 1), "up": _row(0, 1, 0).repeat(3, 1)}, ShapeError,
         "position must have shape"),
        ({"fov_y": torch.tensor([math.pi], dtype=DOUBLE)}, RangeError, "between 0 and pi rad"),
        ({"fov_y": torch.tensor([45.0], dtype=DOUBLE)}, RangeError, "angles are in radians"),
        ({"near": 0.0}, RangeError, "near must be a finite number above zero"),
        ({"near": 9.0}, RangeError, "near must be less than far"),
        ({"far": math.inf}, RangeError, "far must be a finite number"),
        ({"target": _row(0, 0, 5)}, RangeError, "target must differ from position"),
        ({"up": _row(0, 0, 1)}, RangeError, "up must not be along the line of sight"),
        ({"position": _row(0, math.nan, 5)}, RangeError, "position must be finite"),
    ],
)  # fmt: skip
def test_faults(change: dict[str, Any], error: type[DiffgfxError], rule: str) -> None:
    with pytest.raises(error, match=rule):
        _camera(**change)

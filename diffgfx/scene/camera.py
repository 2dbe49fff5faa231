"""A perspective camera, and the matrices that its numbers mean."""

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from diffgfx.check import (
    check_finite,
    check_positive,
    check_same_device,
    check_same_dtype,
    check_shape,
    check_tensor,
)
from diffgfx.errors import RangeError

__all__ = ["Camera"]

Number = float | Tensor
Point = Sequence[float] | Tensor

# Sine of the least angle between line of sight and up; float32's cosine of pi/2 is 4e-8.
_SINE = 1e-6
_FOV_Y = math.radians(40.0)


@dataclasses.dataclass(frozen=True)
class Camera:
    """Where one or B cameras stand, where they look, and how much they see.

    Each tensor has a batch of B or of 1, which serves all. Gradients flow to all of them.

    Attributes:
        position: Where the eye is [m], shape (B|1, 3).
        target: A point on the line of sight, before the eye [m], shape (B|1, 3).
        up: Any direction that shows upward in the picture, shape (B|1, 3).
        fov_y: Angle between the lowest and the highest row [rad], in (0, pi), shape (B|1,).
        near: Distance along the line of sight within which nothing shows [m].
        far: Distance beyond which nothing shows [m].

    Raises:
        ShapeError, DtypeError, DeviceError: If the tensors do not belong together.
        RangeError: If a value is not finite, ``fov_y`` not in (0, pi), not 0 < near < far, the
            target is where the eye is, or ``up`` is along the line of sight.
    """

    position: Tensor
    target: Tensor
    up: Tensor
    fov_y: Tensor
    near: float = 0.01
    far: float = 1000.0

    def __post_init__(self) -> None:
        tensors = {name: getattr(self, name) for name in ("position", "target", "up", "fov_y")}
        sizes = {"B": max((len(v) for v in tensors.values() if _has_rows(v)), default=1)}
        for name, value in tensors.items():
            rule = ("B|1",) if name == "fov_y" else ("B|1", 3)
            check_shape(name, check_tensor(name, value), rule, sizes)
            check_finite(name, value, "correct it")
        check_same_device(tensors)
        check_same_dtype(tensors)
        if not bool(((self.fov_y > 0.0) & (self.fov_y < math.pi)).all()):
            raise RangeError(
                f"fov_y must lie between 0 and pi rad, got {self.fov_y.detach().tolist()}; "
                "angles are in radians"
            )
        check_positive("near", self.near)
        check_positive("far", self.far)
        if not self.near < self.far:
            raise RangeError(f"near must be less than far, got {self.near} and {self.far}")
        view = (self.target - self.position).detach().double()
        across = torch.linalg.cross(view, self.up.detach().double().expand_as(view))
        reach = torch.linalg.vector_norm(view, dim=1) * torch.linalg.vector_norm(
            self.up.detach().double(), dim=1
        )
        if not bool((torch.linalg.vector_norm(across, dim=1) > _SINE * reach).all()):
            raise RangeError(
                "target must differ from position and up must not be along the line of sight, got "
                f"a view of {view.tolist()} and up {self.up.detach().tolist()}; move one of them"
            )

    @classmethod
    def orbit(
        cls,
        azimuth: Number,
        elevation: Number,
        distance: Number,
        *,
        target: Point = (0.0, 0.0, 0.0),
        fov_y: Number = _FOV_Y,
        near: float = 0.01,
        far: float = 1000.0,
    ) -> "Camera":
        """Return a camera on a sphere around a target; +y is up.

        Args:
            azimuth: Angle about +y [rad]: 0 looks from +z, pi/2 from +x; a number or shape (B,).
            elevation: Angle above the horizon [rad], in (-pi/2, pi/2); a number or shape (B,).
            distance: From the target [m]; a number or shape (B,).
            target: What it looks at [m], shape (3,) or (B|1, 3).
            fov_y: Vertical angle of view [rad]; a number or shape (B|1,).
            near: See `Camera`.
            far: See `Camera`.

        Raises:
            RangeError: As `Camera`; a camera right above or below its target has no way up.

        Gradients: to every tensor given.
        """
        given = [v for v in (azimuth, elevation, distance, target, fov_y) if isinstance(v, Tensor)]
        like = given[0] if given else torch.zeros(())
        turn, rise, reach, angle = (
            torch.as_tensor(v, dtype=like.dtype, device=like.device).reshape(-1)
            for v in (azimuth, elevation, distance, fov_y)
        )
        centre = torch.as_tensor(target, dtype=like.dtype, device=like.device).reshape(-1, 3)
        level, whole = reach * torch.cos(rise), torch.ones_like(turn)
        way = [level * torch.sin(turn), reach * torch.sin(rise) * whole, level * torch.cos(turn)]
        position = centre + torch.stack(way, dim=1)
        up = torch.tensor([[0.0, 1.0, 0.0]], dtype=like.dtype, device=like.device)
        return cls(position, centre, up, angle, near, far)

    @classmethod
    def framing(
        cls,
        bounds: tuple[Tensor, Tensor],
        azimuth: Number,
        elevation: Number,
        *,
        fov_y: float = _FOV_Y,
        aspect: float = 1.0,
        margin: float = 1.05,
    ) -> "Camera":
        """Return a camera on an orbit that sees a whole box from any angle.

        The sphere around the box touches the picture's nearer edges; ``near`` and ``far`` leave
        room for the box to move.

        Args:
            bounds: Lowest and highest corner [m], shape (3,) each, as `Mesh.bounds`; no gradient.
            azimuth: See `orbit`.
            elevation: See `orbit`.
            fov_y: Vertical angle of view [rad], one number.
            aspect: Width of the picture by its height.
            margin: By how much larger than the box the view is.

        Raises:
            RangeError: As `orbit`, and if the box is a point or ``aspect`` or ``margin`` is not
                above zero.
        """
        check_positive("aspect", aspect)
        check_positive("margin", margin)
        low, high = (corner.detach() for corner in bounds)
        radius = 0.5 * float(torch.linalg.vector_norm((high - low).double()))
        check_positive("the size of bounds", radius)
        half = math.atan(math.tan(0.5 * fov_y) * min(1.0, aspect))
        distance = margin * radius / math.sin(half)
        return cls.orbit(
            azimuth, elevation, distance, target=0.5 * (low + high), fov_y=fov_y,
            near=max(distance - 2.0 * radius, 0.05 * distance), far=distance + 10.0 * radius,
        )  # fmt: skip

    @property
    def batch(self) -> int:
        """Return how many cameras there are."""
        return max(len(value) for value in (self.position, self.target, self.up, self.fov_y))

    def view_matrix(self) -> Tensor:
        """Return world to camera, shape (B, 4, 4): +x right, +y up, looking along -z.

        A column vector: ``camera = view @ (x, y, z, 1)``. Gradients: to position, target and up.
        """
        position = self.position.expand(self.batch, 3)
        normalize = torch.nn.functional.normalize
        back = normalize(position - self.target, dim=1, eps=0.0)
        right = normalize(torch.linalg.cross(self.up.expand_as(back), back), dim=1, eps=0.0)
        axes = torch.stack([right, torch.linalg.cross(back, right), back], dim=1)
        shift = -(axes @ position[:, :, None])
        last = torch.tensor([[[0.0, 0.0, 0.0, 1.0]]]).to(axes).expand(self.batch, 1, 4)
        return torch.cat([torch.cat([axes, shift], dim=2), last], dim=1)

    def projection_matrix(self, aspect: float) -> Tensor:
        """Return camera to OpenGL's clip space, shape (B, 4, 4): visible is |x|, |y|, |z| <= w.

        Args:
            aspect: Width of the picture by its height.

        Gradients: to ``fov_y``.
        """
        check_positive("aspect", aspect)
        scale = 1.0 / torch.tan(0.5 * self.fov_y.expand(self.batch))
        depth = self.far - self.near
        matrix = torch.zeros((self.batch, 4, 4)).to(scale)
        matrix[:, 2, 2] = -(self.far + self.near) / depth
        matrix[:, 2, 3] = -2.0 * self.far * self.near / depth
        matrix[:, 3, 2] = -1.0
        x, y = torch.zeros_like(matrix), torch.zeros_like(matrix)
        x[:, 0, 0], y[:, 1, 1] = 1.0, 1.0
        return matrix + scale[:, None, None] * (x / aspect + y)


def _has_rows(value: object) -> bool:
    return isinstance(value, Tensor) and value.ndim > 0

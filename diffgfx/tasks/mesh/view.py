"""Cameras and lights as words: ``orbit:30,20`` and ``distant:1,2,1,3``."""

import dataclasses
import math

import torch

from diffgfx.errors import RangeError
from diffgfx.scene import Camera, DistantLight, HarmonicsLight, Light, Model, PointLight
from diffgfx.tasks.mesh.extent import LARGEST, SMALLEST

__all__ = ["BRIGHTEST", "default_lights", "parse_camera", "parse_light", "turn_matrix"]

_DEFAULT_CAMERA = "orbit:30,20"
_KEY = ((-0.6, 0.9, 0.7), 2.6)
"""Direction in the camera's axes, and irradiance: over the viewer's left shoulder."""
_SKY = 0.25
BRIGHTEST = 1e18
"""Of a radiance or a light: after all stops of exposure float32 still holds it."""
_MARGIN = 0.92
"""Share of the picture's half that a model fills."""
_BASIS = 0.28209479177387814
_LIGHT_WORDS = {
    "point": ("X,Y,Z,INTENSITY", (4, 6)),
    "distant": ("X,Y,Z,IRRADIANCE", (4, 6)),
    "camera": ("INTENSITY", (1, 3)),
    "sky": ("RADIANCE", (1, 3)),
}


def parse_camera(text: str | None, model: Model, aspect: float, *, views: int = 1) -> Camera:
    """Return the camera that words describe.

    Args:
        text: ``orbit:AZIMUTH,ELEVATION[,DISTANCE]`` in degrees about the middle of the model, the
            distance [m] such that all of it is seen if left out; ``file`` or ``file:N``: the file's
            N-th camera, counted from 0; None: ``orbit:30,20``.
        model: What it looks at.
        aspect: Width of the picture by its height.
        views: How many, once around the model, must see all of it where the distance is left out.

    Raises:
        RangeError: If the words or the numbers mean no camera.
    """
    text = _DEFAULT_CAMERA if text is None else text
    kind, _, rest = text.partition(":")
    if kind == "file":
        return _file_camera(text, rest, model)
    numbers = _numbers(rest)
    if kind != "orbit" or len(numbers) not in (2, 3):
        raise RangeError(
            f"--camera must be orbit:AZIMUTH,ELEVATION[,DISTANCE] or file[:N], got {text!r}; try "
            f"{_DEFAULT_CAMERA}"
        )
    if not -90.0 < numbers[1] < 90.0:
        raise RangeError(
            f"--camera must have an elevation between -90 and 90 degrees, got {numbers[1]:g}; "
            "89.9 looks straight down"
        )
    azimuth, elevation = (math.radians(number) for number in numbers[:2])
    if len(numbers) == 3 and not SMALLEST <= numbers[2] <= LARGEST:
        raise RangeError(
            f"--camera must have a distance from {SMALLEST:g} to {LARGEST:g} m, got "
            f"{numbers[2]:g}; leave it out"
        )
    try:
        return _orbit(model, azimuth, elevation, *numbers[2:], aspect=aspect, views=views)
    except RangeError as error:
        raise RangeError(f"--camera must be a camera, got {text!r}: {error}") from error


def _orbit(
    model: Model, azimuth: float, elevation: float, distance: float | None = None, *,
    aspect: float, views: int,
) -> Camera:  # fmt: skip
    """Return a camera about the middle of a model, reckoned in float64 and then rounded."""
    dtype = model.parts[0].mesh.positions.dtype
    low, high = (corner.detach().double() for corner in model.bounds)
    if distance is None:
        camera = Camera.framing((low, high), azimuth, elevation, aspect=aspect)
        camera = _tight(camera, model, aspect, views)
    else:
        reach = float((high - low).norm())
        camera = Camera.orbit(
            azimuth, elevation, distance, target=0.5 * (low + high),
            near=1e-3 * distance, far=distance + 2.0 * reach,
        )  # fmt: skip
    names = ("position", "target", "up", "fov_y")
    return dataclasses.replace(camera, **{name: getattr(camera, name).to(dtype) for name in names})


def _tight(camera: Camera, model: Model, aspect: float, views: int) -> Camera:
    """Bring a camera on its line of sight as near as all vertices stay within the picture.

    Within all pictures, if there are several once around the vertical through the target.
    """
    points = torch.cat([part.mesh.positions.detach() for part in model.parts]).double()
    points = points - camera.target
    lens = torch.diagonal(camera.projection_matrix(aspect)[0])[:2] / _MARGIN
    axes = camera.view_matrix()[0, :3, :3]  # rows: right, up, back
    nearest, front = 0.0, -math.inf
    for view in range(views):
        turned = axes @ turn_matrix(2.0 * math.pi * view / views).to(axes).T
        x, y, z = (points @ turned.T).unbind(1)
        # a vertex at (x, y) shows within the margin from where it is scale * |x| / margin ahead
        wide = torch.maximum(lens[0] * x.abs(), lens[1] * y.abs())
        nearest, front = max(nearest, float((wide + z).max())), max(front, float(z.max()))
    way = torch.nn.functional.normalize(camera.position - camera.target, dim=1, eps=0.0)
    return dataclasses.replace(
        camera, position=camera.target + nearest * way,
        near=max(nearest - front, 1e-3 * nearest) * 0.9, far=camera.near + camera.far,
    )  # fmt: skip


def turn_matrix(angle: float) -> torch.Tensor:
    """Return the turn about the vertical [rad] that a film makes, shape (3, 3), float64."""
    cos, sin = math.cos(angle), math.sin(angle)
    rows = [[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]]
    return torch.tensor(rows, dtype=torch.float64)


def _file_camera(text: str, number: str, model: Model) -> Camera:
    index = int(number) if number.isdecimal() else 0 if number == "" else -1
    if not 0 <= index < len(model.cameras):
        raise RangeError(
            f"--camera must name one of the {len(model.cameras)} cameras of the file, counted from "
            f"0, got {text!r}; try {_DEFAULT_CAMERA}"
        )
    return model.cameras[index]


def parse_light(text: str, camera: Camera) -> Light:
    """Return the light that words describe; see ``diffgfx render --help``.

    Args:
        text: ``point:X,Y,Z,INTENSITY``, ``distant:X,Y,Z,IRRADIANCE``, ``camera:INTENSITY`` (a point
            at the eye) or ``sky:RADIANCE`` (the same from everywhere); one number of light or
            three, R,G,B.
        camera: For lights at the eye.

    Raises:
        RangeError: If the words or the numbers mean no light.
    """
    kind, _, rest = text.partition(":")
    words, counts = _LIGHT_WORDS.get(kind, ("", (0, 0)))
    numbers = _numbers(rest)
    if not words or len(numbers) not in counts:
        shapes = " or ".join(f"{name}:{form}" for name, (form, _) in _LIGHT_WORDS.items())
        raise RangeError(f"--light must be {shapes}, got {text!r}; try distant:1,2,1,3")
    place = numbers[:3] if counts[0] == 4 else []
    light = numbers[len(place) :]
    if min(light) < 0.0:
        raise RangeError(f"--light must not be negative, got {text!r}; {kind}:{words}")
    if max(light) > BRIGHTEST:
        raise RangeError(f"--light must be at most {BRIGHTEST:g}, got {text!r}; dim it")
    colour = torch.tensor([light * (3 // len(light))]).to(camera.position)
    if kind == "sky":
        return _sky(colour)
    if kind == "camera":
        return PointLight(camera.position, colour)
    if kind == "point":
        if max(map(abs, place)) > LARGEST:
            raise RangeError(
                f"--light must be at most {LARGEST:g} m away along each axis, got {text!r}; use "
                "distant:X,Y,Z,IRRADIANCE"
            )
        return PointLight(torch.tensor([place]).to(camera.position), colour)
    length = math.hypot(*place)
    if length == 0.0:
        raise RangeError(f"--light must come from somewhere, got {text!r}; try distant:1,2,1,3")
    # of length one, since float32 holds neither the square of a long one nor of a short one
    toward = [number / length for number in place]
    return DistantLight(torch.tensor([toward]).to(camera.position), colour)


def default_lights(camera: Camera) -> tuple[Light, ...]:
    """Return a key light that goes with the camera, and a faint sky."""
    direction, irradiance = _KEY
    axes = camera.view_matrix()[:, :3, :3]  # rows: right, up, back
    toward = torch.tensor(direction).to(axes) @ axes
    white = torch.ones_like(toward)
    return DistantLight(toward, irradiance * white), _sky(_SKY * white[:1])


def _sky(radiance: torch.Tensor) -> HarmonicsLight:
    coefficients = radiance.new_zeros((len(radiance), 9, 3))
    coefficients[:, 0] = radiance / _BASIS
    return HarmonicsLight(coefficients)


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []

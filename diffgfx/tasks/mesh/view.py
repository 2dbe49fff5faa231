"""Cameras and lights as words: ``orbit:30,20`` and ``distant:1,2,1,3``."""

import dataclasses
import math

import torch

from diffgfx.errors import RangeError
from diffgfx.scene import Camera, DistantLight, HarmonicsLight, Light, Model, PointLight

__all__ = ["default_lights", "parse_camera", "parse_light"]

_DEFAULT_CAMERA = "orbit:30,20"
_KEY = ((-0.6, 0.9, 0.7), 2.6)
"""Direction in the camera's axes, and irradiance: over the viewer's left shoulder."""
_SKY = 0.25
_MARGIN = 0.92
"""Share of the picture's half that a model fills."""
_BASIS = 0.28209479177387814
_LIGHT_WORDS = {
    "point": ("X,Y,Z,INTENSITY", (4, 6)),
    "distant": ("X,Y,Z,IRRADIANCE", (4, 6)),
    "camera": ("INTENSITY", (1, 3)),
    "sky": ("RADIANCE", (1, 3)),
}


def parse_camera(text: str | None, model: Model, aspect: float) -> Camera:
    """Return the camera that words describe.

    Args:
        text: ``orbit:AZIMUTH,ELEVATION[,DISTANCE]`` in degrees about the middle of the model, the
            distance [m] such that all of it is seen if left out; ``file`` or ``file:N``: the file's
            N-th camera, counted from 0; None: ``orbit:30,20``.
        model: What it looks at.
        aspect: Width of the picture by its height.

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
    low, high = model.bounds
    if len(numbers) == 2:
        return _tight(Camera.framing((low, high), azimuth, elevation, aspect=aspect), model, aspect)
    if not numbers[2] > 0.0:
        raise RangeError(
            f"--camera must have a distance above zero, got {numbers[2]:g}; leave it out"
        )
    reach = float((high - low).norm())
    return Camera.orbit(
        azimuth, elevation, numbers[2], target=0.5 * (low + high),
        near=1e-3 * numbers[2], far=numbers[2] + 2.0 * reach,
    )  # fmt: skip


def _tight(camera: Camera, model: Model, aspect: float) -> Camera:
    """Bring a camera on its line of sight as near as all vertices stay within the picture."""
    points = torch.cat([part.mesh.positions.detach() for part in model.parts])
    points = torch.nn.functional.pad(points, (0, 1), value=1.0)
    lens = torch.diagonal(camera.projection_matrix(aspect)[0])[:2]
    x, y, z, _ = (points @ camera.view_matrix()[0].T).unbind(1)
    distance = float((camera.target - camera.position).norm())
    # a vertex at (x, y) shows within the margin from where it is scale * |x| / margin ahead
    wide = torch.maximum(lens[0] * x.abs(), lens[1] * y.abs()) / _MARGIN
    nearest = float((wide + z + distance).max())
    way = (camera.position - camera.target) / distance
    reach = float(camera.near + camera.far)
    return dataclasses.replace(
        camera, position=camera.target + nearest * way,
        near=max(float(-z.max()) + nearest - distance, 1e-3 * nearest) * 0.9, far=reach,
    )  # fmt: skip


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
    colour = torch.tensor([light * (3 // len(light))]).to(camera.position)
    if kind == "sky":
        return _sky(colour)
    if kind == "camera":
        return PointLight(camera.position, colour)
    where = torch.tensor([place]).to(camera.position)
    return PointLight(where, colour) if kind == "point" else DistantLight(where, colour)


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

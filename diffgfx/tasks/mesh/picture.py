"""From a file of meshes to a picture, its buffers or a film around it: ``diffgfx render``."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from diffgfx.errors import InputError, OutputError, RangeError
from diffgfx.io import (
    check_output_file,
    encode_transfer,
    film_writer,
    read_mesh,
    write_exr_layers,
    write_png,
)
from diffgfx.render import Buffers, Kept, render
from diffgfx.scene import Camera, Light, Model, Part, Scene
from diffgfx.tasks.material import load_material
from diffgfx.tasks.mesh.extent import check_extent, clip_camera
from diffgfx.tasks.mesh.view import (
    BRIGHTEST,
    default_lights,
    parse_camera,
    parse_light,
    turn_matrix,
)

__all__ = ["PictureOptions", "Progress", "picture_mesh"]

SUFFIXES = (".png", ".exr", ".mp4")
_FILM = (96, 24.0)  # frames once around, frames a second
_MOST_STOPS = 64
_MOST_REPEATS = 1e6
_MOST_SAMPLES = (2**31 - 8192) // 10

Progress = Callable[[str, int, int, float | None], object]
"""Called with the stage, what is done of it, how much it is, and no error."""


@dataclasses.dataclass(frozen=True)
class PictureOptions:
    """Choices of a picture.

    Attributes:
        camera: See `parse_camera`.
        lights: See `parse_light`; none: the file's, or a key light and a sky.
        size: Pixels of the longer side, from 1 to 8192.
        samples: Samples a pixel, a square number up to 64; of all pixels at most 2^31 / 10, as
            many as can have maps in one launch.
        aspect: Width by height.
        material: A material that replaces the file's; see `tasks.material.load_material`.
        repeat: How often the maps repeat along u and v; negative: mirrored. Not zero.
        background: Radiance where nothing is, linear RGB, not negative.
        exposure: Stops by which .png and .mp4 are brightened, from -64 to 64.
    """

    camera: str | None = None
    lights: tuple[str, ...] = ()
    size: int = 512
    samples: int = 4
    aspect: float = 1.0
    material: str | None = None
    repeat: tuple[float, float] = (1.0, 1.0)
    background: tuple[float, float, float] = (0.0, 0.0, 0.0)
    exposure: float = 0.0

    def __post_init__(self) -> None:
        """Raise unless every choice means something."""
        if not 1 <= self.size <= 8192:
            raise RangeError(f"--size must be from 1 to 8192 pixels, got {self.size}; try 512")
        if self.samples not in [n * n for n in range(1, 9)]:
            raise RangeError(
                f"--samples must be a square number up to 64, got {self.samples}; try 1, 4 or 9"
            )
        if not 0.1 <= self.aspect <= 10.0:
            raise RangeError(f"--aspect must be from 0.1 to 10, got {self.aspect:g}; try 1.5")
        if not abs(self.exposure) <= _MOST_STOPS:
            raise RangeError(
                f"--exposure must be from -{_MOST_STOPS} to {_MOST_STOPS} stops, got "
                f"{self.exposure:g}; try 1"
            )
        if not all(1.0 / _MOST_REPEATS <= abs(times) <= _MOST_REPEATS for times in self.repeat):
            raise RangeError(
                f"--repeat must be numbers of size {1.0 / _MOST_REPEATS:g} to {_MOST_REPEATS:g}, "
                f"got {self.repeat}; try 2,2"
            )
        if not all(0.0 <= value <= BRIGHTEST for value in self.background):
            raise RangeError(
                f"--background must be numbers from 0 to {BRIGHTEST:g}, got {self.background}; try "
                "0.5,0.5,0.5"
            )
        height, width = _resolution(self)
        if height * width * self.samples > _MOST_SAMPLES:
            raise RangeError(
                f"--size and --samples must make at most {_MOST_SAMPLES} samples, got {height} x "
                f"{width} x {self.samples}; take fewer samples a pixel, or a smaller picture"
            )


def picture_mesh(
    path: Path | str,
    out: Path | str,
    options: PictureOptions | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Picture a file of meshes.

    Args:
        path: A ``.glb``, ``.gltf``, ``.obj`` or ``.ply``.
        out: ``.png``: sRGB, 8 bits; ``.exr``: linear colour, mask, depth, normal and position;
            ``.mp4``: once around the model. It appears whole or not at all.
        options: Choices.
        progress: Told after each frame of a film.

    Returns:
        A summary: file, parts, vertices, triangles, width, height, samples, seconds; ``notes``
        name what the file holds and the picture leaves out.

    Raises:
        InputError: If the file or the material is not right.
        RangeError: If a choice means nothing.
        OutputError: If the picture cannot be written.
    """
    options = options or PictureOptions()
    out = Path(out)
    if out.suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"{out}: -o must end in {', '.join(SUFFIXES)}, got {out.suffix or 'no suffix'}; "
            "name a picture, a file of layers or a film"
        )
    check_output_file(out)
    begun = time.perf_counter()
    model = read_mesh(path)
    check_extent(str(path), model)
    model = _with_material(model, options)
    height, width = _resolution(options)
    frames = _FILM[0] if out.suffix.lower() == ".mp4" else 1
    camera = parse_camera(options.camera, model, width / height, views=frames)
    with torch.no_grad():
        if frames > 1:
            frames = _film(out, model, camera, options, progress)
        else:
            _write(out, _picture(model, camera, options, Kept()), options)
    return {
        "file": str(path),
        "out": str(out),
        "parts": len(model.parts),
        "vertices": sum(len(part.mesh.positions) for part in model.parts),
        "triangles": sum(len(part.mesh.triangles) for part in model.parts),
        "width": width,
        "height": height,
        "frames": frames,
        "samples": options.samples,
        "seconds": round(time.perf_counter() - begun, 3),
        "notes": list(model.notes),
    }


def _film(
    out: Path, model: Model, camera: Camera, options: PictureOptions, progress: Progress | None
) -> int:
    """Film a model from all sides, and return how many frames that makes."""
    (frames, fps), kept = _FILM, Kept()
    pivot = _pivot(model, camera, options)
    near, far = clip_camera(camera, pivot, model)
    camera = dataclasses.replace(camera, near=min(near, camera.near), far=max(far, camera.far))
    with film_writer(out, fps=fps) as add:
        for number in range(frames):
            turned = _turned(camera, pivot, 2.0 * math.pi * number / frames)
            add(_stored(_picture(model, turned, options, kept).colour, options).numpy())
            if progress is not None:
                progress("film", number + 1, frames, None)
    return frames


def _resolution(options: PictureOptions) -> tuple[int, int]:
    shorter = min(options.aspect, 1.0 / options.aspect)
    small = max(1, round(options.size * shorter))
    return (small, options.size) if options.aspect >= 1.0 else (options.size, small)


def _with_material(model: Model, options: PictureOptions) -> Model:
    """Put another material on all parts, and repeat the maps."""
    parts: Sequence[Part] = model.parts
    if options.material is not None:
        maps = load_material(options.material).maps
        bare = next((part.name for part in parts if part.mesh.uv is None), None)
        if bare is not None:
            raise InputError(
                f"part {bare!r} must have texture coordinates to wear --material, got none; unwrap "
                "the mesh"
            )
        # the file's own clamp was meant for its own maps
        parts = [dataclasses.replace(part, material=maps, wrap="wrap") for part in parts]
    if options.repeat != (1.0, 1.0):
        plain = sum(part.mesh.uv is None for part in parts)
        if plain:
            said = f"--repeat leaves out {plain} of {len(parts)} parts: no texture coordinates"
            model = dataclasses.replace(model, notes=(*model.notes, said))
        parts = [_repeated(part, options.repeat) for part in parts]
    return dataclasses.replace(model, parts=tuple(parts))


def _repeated(part: Part, times: tuple[float, float]) -> Part:
    if part.mesh.uv is None:
        return part
    uv = part.mesh.uv * torch.tensor(times).to(part.mesh.uv)
    # clamped maps would show once, and their edges besides
    return dataclasses.replace(part, mesh=dataclasses.replace(part.mesh, uv=uv), wrap="wrap")


def _picture(
    model: Model, camera: Camera, options: PictureOptions, kept: Kept
) -> Buffers:
    lights: tuple[Light, ...] = tuple(parse_light(text, camera) for text in options.lights)
    lights = lights or model.lights or default_lights(camera)
    background = torch.tensor([options.background]).to(camera.position)
    scene = Scene(model.parts, camera, lights, background)
    return render(scene, _resolution(options), samples=options.samples, kept=kept)


def _pivot(model: Model, camera: Camera, options: PictureOptions) -> torch.Tensor:
    """Return what a film goes around: a file's camera looks at no place in particular."""
    if not (options.camera or "").startswith("file"):
        return camera.target
    low, high = model.bounds
    return (0.5 * (low + high)).to(camera.target)


def _turned(camera: Camera, pivot: torch.Tensor, angle: float) -> Camera:
    """Return the camera, carried about the vertical through a place."""
    turn = turn_matrix(angle).to(camera.position)
    position, target = (
        pivot + (place - pivot) @ turn.T for place in (camera.position, camera.target)
    )
    return dataclasses.replace(camera, position=position, target=target, up=camera.up @ turn.T)


def _stored(colour: torch.Tensor, options: PictureOptions) -> torch.Tensor:
    bright = (2.0**options.exposure * colour[0]).permute(1, 2, 0)
    stored: torch.Tensor = encode_transfer(bright, "srgb")
    return stored


def _write(out: Path, buffers: Buffers, options: PictureOptions) -> None:
    if out.suffix.lower() == ".png":
        write_png(out, _stored(buffers.colour, options).numpy())
        return
    layers = {"": buffers.colour, "A": buffers.mask, "Z": buffers.depth}
    layers |= {"N": buffers.normal, "P": buffers.position}
    write_exr_layers(
        out, {name: value[0].permute(1, 2, 0).numpy() for name, value in layers.items()}
    )

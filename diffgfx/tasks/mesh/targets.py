"""The pictures that a fit is to match, with their cameras and lights, in memory and as a folder."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from diffgfx.errors import InputError
from diffgfx.io import (
    FILE_OF_TARGETS,
    decode_transfer,
    encode_transfer,
    output_folder,
    read_image,
    read_mesh,
    read_targets_file,
    write_exr,
    write_glb,
    write_png,
    write_targets_file,
)
from diffgfx.render import Kept, render
from diffgfx.scene import Camera, Light, Mesh, Model, Scene, TargetSet, Transfer
from diffgfx.tasks.mesh.extent import check_extent

__all__ = ["Targets", "make_targets", "orbit_views", "read_targets", "write_targets"]

_LARGEST_PICTURE = 2048


@dataclasses.dataclass(frozen=True)
class Targets:
    """N pictures of one model.

    Attributes:
        names: What each is called.
        images: Linear RGB, row 0 at the top, shape (N, 3, h, w).
        camera: N cameras.
        lights: See `TargetSet`.
        background: Radiance where nothing is, shape (1, 3).
        masks: Share of each pixel that the model covers, shape (N, 1, h, w); None: not known.
        transfer: The encoding in which errors are measured.
        model: What a fit starts from; None: a grey sphere.
        reference: The true meshes, only to measure by.
        folder: Where they were read from.
    """

    names: tuple[str, ...]
    images: Tensor
    camera: Camera
    lights: tuple[Light, ...]
    background: Tensor
    masks: Tensor | None = None
    transfer: Transfer = "srgb"
    model: Model | None = None
    reference: Model | None = None
    folder: Path | None = None

    @property
    def resolution(self) -> tuple[int, int]:
        """Return height and width of the pictures."""
        return int(self.images.shape[-2]), int(self.images.shape[-1])

    @property
    def hdr(self) -> bool:
        """Whether a picture holds what is above one, so that none was clipped there."""
        return bool((self.images > 1.0).any())


def make_targets(
    model: Model,
    camera: Camera,
    lights: tuple[Light, ...],
    size: int,
    *,
    samples: int = 9,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    start: Model | None = None,
    guess: tuple[Light, ...] | None = None,
) -> Targets:
    """Render pictures of a model by this library, to be fitted.

    Args:
        model: The truth, kept as ``reference``.
        camera: N cameras.
        lights: See `TargetSet`.
        size: Pixels a side.
        samples: Samples a pixel, a square number.
        background: Radiance where nothing is.
        start: What fits start from; None: a grey sphere.
        guess: The lights that fits are told of; None: the true ones.
    """
    ground = torch.tensor([background])
    images, masks, kept = [], [], Kept()
    with torch.no_grad():
        for index in range(camera.batch):
            scene = Scene(
                model.parts, select_cameras(camera, [index]),
                select_lights(lights, [index]), ground,
            )  # fmt: skip
            picture = render(scene, size, samples=samples, kept=kept)
            images.append(picture.colour)
            masks.append(picture.mask)
    return Targets(
        names=tuple(f"view_{k:02d}" for k in range(camera.batch)),
        images=torch.cat(images), camera=camera, lights=lights if guess is None else guess,
        background=ground, masks=torch.cat(masks), model=start, reference=model,
    )  # fmt: skip


def orbit_views(model: Model, count: int, *, margin: float = 1.0) -> Camera:
    """Return cameras evenly spread around a model, all of which they see.

    They lie on a spiral from below to above, a golden angle between two.

    Args:
        model: What they look at.
        count: How many.
        margin: See `Camera.framing`.
    """
    number = torch.arange(count)
    azimuth = number * math.pi * (3.0 - math.sqrt(5.0))
    elevation = torch.asin(0.93 * (2.0 * (number + 0.5) / count - 1.0))
    return Camera.framing(model.bounds, azimuth, elevation, margin=margin)


def select_cameras(camera: Camera, chosen: list[int]) -> Camera:
    """Return some of the cameras."""
    index = torch.tensor(chosen, device=camera.position.device)
    fields = {}
    for name in ("position", "target", "up", "fov_y"):
        value = getattr(camera, name)
        fields[name] = value[index] if len(value) > 1 else value
    return dataclasses.replace(camera, **fields)


def select_lights(lights: tuple[Light, ...], chosen: list[int]) -> tuple[Light, ...]:
    """Return the lights of some of the pictures."""
    found = []
    for light in lights:
        fields = {}
        for field in dataclasses.fields(light):
            value = getattr(light, field.name)
            index = torch.tensor(chosen, device=value.device)
            fields[field.name] = value[index] if len(value) > 1 else value
        found.append(dataclasses.replace(light, **fields))
    return tuple(found)


def read_targets(path: Path | str) -> Targets:
    """Read a ``targets.json`` with its pictures, masks and meshes.

    Args:
        path: The file, or the folder that holds it; see `io.read_targets_file`.

    Raises:
        InputError: One line naming file, key, rule, value and remedy, for whatever is wrong.
    """
    known = read_targets_file(path)
    pictures = [_linear(known, file) for file in known.files]
    for file, picture in zip(known.files, pictures, strict=True):
        if picture.shape != pictures[0].shape:
            raise InputError(
                f"{known.folder / file}: pictures must be of one size, got "
                f"{picture.shape[1]} x {picture.shape[0]} and {pictures[0].shape[1]} x "
                f"{pictures[0].shape[0]}; resize them"
            )
    height, width = pictures[0].shape[:2]
    if max(height, width) > _LARGEST_PICTURE or min(height, width) < 16:
        raise InputError(
            f"{known.folder / known.files[0]}: pictures must have 16 to {_LARGEST_PICTURE} pixels "
            f"a side, got {width} x {height}; resize them"
        )
    masks = None
    if known.masks is not None:
        masks = torch.stack([_mask(known, file, (height, width)) for file in known.masks])
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    model, reference = (_meshes(known, file) for file in (known.model, known.reference))
    return Targets(
        names=known.files, images=images, camera=known.camera, lights=known.lights,
        background=known.background, masks=masks, transfer=known.transfer,
        model=model, reference=reference, folder=known.folder,
    )  # fmt: skip


def write_targets(
    path: Path | str, targets: Targets, *, exr: bool = False, overwrite: bool = False
) -> None:
    """Write pictures, masks, meshes and ``targets.json`` into a folder that appears whole.

    Args:
        path: The folder to be; see `io.output_folder`.
        targets: What to write.
        exr: Whether pictures keep their linear values; else PNGs of 16 bits, clipped.
        overwrite: Whether an earlier one may be replaced.

    Raises:
        OutputError: If the folder cannot be written.
    """
    with output_folder(path, overwrite, marker=FILE_OF_TARGETS) as staging:
        stems = _distinct([Path(name).stem for name in targets.names])
        files = tuple(f"{stem}.{'exr' if exr else 'png'}" for stem in stems)
        for index, file in enumerate(files):
            picture = targets.images[index].permute(1, 2, 0)
            if exr:
                write_exr(staging / file, picture.numpy())
            else:
                stored = encode_transfer(picture.clamp(0.0, 1.0), targets.transfer)
                write_png(staging / file, stored.numpy(), bits=16)
        masks = None
        if targets.masks is not None:
            masks = tuple(f"{stem}_mask.png" for stem in stems)
            for index, file in enumerate(masks):
                grey = targets.masks[index].clamp(0.0, 1.0).expand(3, -1, -1).permute(1, 2, 0)
                write_png(staging / file, grey.numpy())
        named = {}
        for key in ("model", "reference"):
            meshes: Model | None = getattr(targets, key)
            if meshes is not None:
                named[key] = f"{key}.glb"
                write_glb(staging / named[key], meshes.parts)
        write_targets_file(
            staging,
            TargetSet(
                staging, files, targets.camera, targets.lights, targets.background,
                targets.transfer, masks, named.get("model"), named.get("reference"),
            ),
        )  # fmt: skip


def _distinct(stems: Sequence[str]) -> list[str]:
    """Return names of which no two are alike, whatever folders they came from."""
    plain = [*stems, *(f"{stem}_mask" for stem in stems)]
    if len({name.lower() for name in plain}) == len(plain):
        return list(stems)
    return [f"{index:03d}_{stem}" for index, stem in enumerate(stems)]


def _meshes(known: TargetSet, file: str | None) -> Model | None:
    if file is None:
        return None
    model = read_mesh(known.folder / file)
    check_extent(str(known.folder / file), model)
    return model


def _linear(known: TargetSet, file: str) -> npt.NDArray[np.float32]:
    values = read_image(known.folder / file)
    if file.lower().endswith(".exr"):
        return values
    return decode_transfer(values, known.transfer)


def _mask(known: TargetSet, file: str, size: tuple[int, int]) -> Tensor:
    values = read_image(known.folder / file)
    if values.shape[:2] != size:
        raise InputError(
            f"{known.folder / file}: mask must have the size of its picture, {size[1]} x "
            f"{size[0]}, got {values.shape[1]} x {values.shape[0]}; resize it"
        )
    return torch.from_numpy(values[..., :1].copy()).permute(2, 0, 1)


def move_targets(targets: Targets, device: str) -> Targets:
    """Return the same on a device."""

    def moved(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.to(device)
        if isinstance(value, tuple):
            return tuple(moved(entry) for entry in value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {f.name: moved(getattr(value, f.name)) for f in dataclasses.fields(value)}
            return dataclasses.replace(value, **fields)
        return value

    found: Targets = targets if device == "cpu" else moved(targets)
    return found


def mesh_of(model: Model) -> Mesh:
    """Return all parts of a model as one mesh without normals and texture."""
    begun, positions, triangles = 0, [], []
    for part in model.parts:
        positions.append(part.mesh.positions)
        triangles.append(part.mesh.triangles + begun)
        begun += len(part.mesh.positions)
    return Mesh(torch.cat(positions), torch.cat(triangles))

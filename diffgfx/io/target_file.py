"""``targets.json``: pictures of a model, their cameras and lights, read from anyone and written.

The file is taken for hostile: it is bounded in size and depth, every number is checked, and what it
names must lie inside its own folder.
"""

import json
import math
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from diffgfx.errors import DiffgfxError, InputError, OutputError, RangeError
from diffgfx.io._files import atomic_path, check_file, show, show_path
from diffgfx.io._json import Fields, check_plain, read_object
from diffgfx.io._local import check_local_name
from diffgfx.scene import (
    Camera,
    DistantLight,
    HarmonicsLight,
    Light,
    PointLight,
    TargetSet,
    Transfer,
)

__all__ = ["FILE_OF_TARGETS", "read_targets_file", "write_targets_file"]

FILE_OF_TARGETS = "targets.json"

_TRANSFERS = ("srgb", "gamma2.2", "linear")
_KEYS = frozenset({"views", "lights", "background", "transfer", "model", "reference"})
_VIEW_KEYS = frozenset({"file", "mask", "camera"})
_CAMERA_KEYS = frozenset({"position", "target", "up", "fov_y"})
_MOST_VIEWS, _MOST_LIGHTS = 1000, 64
_LARGEST = 1e6
_NARROWEST = 1e-3  # angle of view [rad]
_SHORTEST = 1e-6  # line of sight [m], and up; their squares are far from float32's least
# kind: the keys that it needs, besides
_LIGHTS = {
    "point": ("position", "intensity"),
    "distant": ("direction", "irradiance"),
    "camera": ("intensity",),
    "harmonics": ("coefficients",),
}


def read_targets_file(path: Path | str) -> TargetSet:
    """Read a ``targets.json`` and hold it against every rule that needs no pixels.

    Required: ``views``, each with ``file`` and ``camera`` (``position``, ``target``, ``fov_y`` in
    rad, optional ``up``), and ``lights``. Optional: ``mask`` of every view alike, ``background``,
    ``transfer`` (srgb, gamma2.2, linear), ``model``, ``reference``.

    Args:
        path: The file, or the folder that holds it.

    Raises:
        InputError: One line naming file, key, rule, value and remedy, for whatever is wrong.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_OF_TARGETS
    fields = read_object(
        path, f"name a folder that holds a {FILE_OF_TARGETS}, or the file",
        "write an object with views and lights",
    )  # fmt: skip
    name, folder = show_path(path), path.parent.resolve()
    check_plain(name, fields)
    _check_keys(name, fields, _KEYS)
    views = fields.get("views")
    if not isinstance(views, list) or not 1 <= len(views) <= _MOST_VIEWS:
        raise InputError(
            f"{name}: views must be a list of 1 to {_MOST_VIEWS} views, got {show(views)}; "
            "add an object with file and camera for each picture"
        )
    for index, view in enumerate(views):
        _check_object(f"{name}: views[{index}]", view, _VIEW_KEYS)
    camera = _cameras(name, views)
    return TargetSet(
        folder=folder,
        files=tuple(
            _file(f"{name}: views[{k}].file", folder, view.get("file"))
            for k, view in enumerate(views)
        ),
        camera=camera,
        lights=_lights(name, fields.get("lights"), camera),
        background=_row(f"{name}: background", fields.get("background", [0.0, 0.0, 0.0]), low=0.0),
        transfer=_transfer(f"{name}: transfer", fields.get("transfer", "srgb")),
        masks=_masks(name, folder, views),
        model=_optional(f"{name}: model", folder, fields.get("model")),
        reference=_optional(f"{name}: reference", folder, fields.get("reference")),
    )


def write_targets_file(path: Path | str, targets: TargetSet) -> None:
    """Write a ``targets.json`` so that `read_targets_file` returns it again.

    Args:
        path: The file, or an existing folder, in which it is named ``targets.json``.
        targets: What to write; ``folder`` is not.

    Raises:
        OutputError: If the file cannot be written, or a light changes from picture to picture.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_OF_TARGETS
    count = len(targets.files)
    rows = {
        key: getattr(targets.camera, key).detach().double().expand(count, 3).tolist()
        for key in ("position", "target", "up")
    }
    angles = targets.camera.fov_y.detach().double().expand(count).tolist()
    views: list[Fields] = []
    for index, file in enumerate(targets.files):
        view: Fields = {"file": file}
        if targets.masks is not None:
            view["mask"] = targets.masks[index]
        placed = {key: value[index] for key, value in rows.items()}
        views.append({**view, "camera": {**placed, "fov_y": angles[index]}})
    fields: Fields = {"transfer": targets.transfer}
    for key in ("model", "reference"):
        if getattr(targets, key) is not None:
            fields[key] = getattr(targets, key)
    fields["background"] = targets.background[0].detach().double().tolist()
    fields["lights"] = [_light_fields(light, targets.camera) for light in targets.lights]
    text = json.dumps({**fields, "views": views}, indent=1, allow_nan=False) + "\n"
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _at_cameras(place: Tensor, camera: Camera) -> bool:
    return len(place) == len(camera.position) and torch.allclose(
        place.detach().double(), camera.position.detach().double(), rtol=1e-5, atol=1e-6
    )


def _light_fields(light: Light, camera: Camera) -> Fields:
    """Describe a light; a point at each picture's camera goes with it."""
    if isinstance(light, HarmonicsLight):
        return {"kind": "harmonics", "coefficients": light.coefficients[0].double().tolist()}
    if isinstance(light, DistantLight):
        kind, place, power = "distant", light.direction, light.irradiance
    else:
        kind, place, power = "point", light.position, light.intensity
    keys = _LIGHTS[kind]
    if len(place) > 1 or len(power) > 1:
        if kind != "point" or len(power) > 1 or not _at_cameras(place, camera):
            raise OutputError(
                f"lights must be the same in all pictures, or points at the cameras, got a {kind} "
                f"light with {max(len(place), len(power))} places or powers; write the pictures of "
                "each light by themselves"
            )
        return {"kind": "camera", "intensity": power[0].detach().double().tolist()}
    return {
        "kind": kind,
        keys[0]: place[0].detach().double().tolist(),
        keys[1]: power[0].detach().double().tolist(),
    }


def _check_object(where: str, value: Any, known: frozenset[str]) -> None:
    if not isinstance(value, dict):
        raise InputError(f"{where} must be an object, got {show(value)}; correct it")
    _check_keys(where, value, known)


def _check_keys(where: str, fields: Fields, known: frozenset[str]) -> None:
    for key in fields:
        if key not in known:
            raise InputError(
                f"{where}: keys must be among {', '.join(sorted(known))}, got {show(key)}; "
                "remove or correct it"
            )


def _row(
    where: str, value: Any, count: int = 3, low: float = -_LARGEST, remedy: str = "correct it"
) -> Tensor:
    """Return a list of numbers, or one number for all, as a tensor (1, count)."""
    if isinstance(value, int | float) and not isinstance(value, bool) and low >= 0.0:
        value = [value] * count
    good = isinstance(value, list) and len(value) == count
    good = good and all(
        isinstance(x, int | float) and not isinstance(x, bool) and low <= x <= _LARGEST
        for x in value
    )
    if not good:
        raise InputError(
            f"{where} must be {count} numbers from {low:g} to {_LARGEST:g}, got {show(value)}; "
            f"{remedy}"
        )
    return torch.tensor([[float(x) for x in value]])


def _cameras(name: str, views: list[Fields]) -> Camera:
    rows: dict[str, list[Tensor]] = {"position": [], "target": [], "up": [], "fov_y": []}
    for index, view in enumerate(views):
        where = f"{name}: views[{index}].camera"
        fields = view.get("camera")
        _check_object(where, fields, _CAMERA_KEYS)
        fields = {"up": [0.0, 1.0, 0.0], **cast(Fields, fields)}
        for key in ("position", "target", "up"):
            rows[key].append(_row(f"{where}.{key}", fields.get(key), remedy="give x, y, z"))
        angle: Any = fields.get("fov_y")
        number = isinstance(angle, int | float) and not isinstance(angle, bool)
        if not number or not _NARROWEST <= angle < math.pi:
            raise InputError(
                f"{where}.fov_y must be an angle from {_NARROWEST:g} to below pi rad, got "
                f"{show(angle)}; 40 degrees are 0.698"
            )
        rows["fov_y"].append(torch.tensor([float(angle)]))
    tensors = {key: torch.cat(values) for key, values in rows.items()}
    reach = (tensors["target"] - tensors["position"]).norm(dim=1)
    near, far = 0.02 * float(reach.min()), 50.0 * float(reach.max())
    near, far = max(near, 1e-9), max(far, 1e-6)
    for index in range(len(views)):
        one = {key: row[index : index + 1] for key, row in tensors.items()}
        try:
            Camera(**one, near=near, far=far)
        except RangeError as error:
            raise InputError(f"{name}: views[{index}].camera must be a camera: {error}") from error
    for what, lengths in (("line of sight", reach), ("up", tensors["up"].norm(dim=1))):
        if not float(lengths.min()) >= _SHORTEST:
            raise InputError(
                f"{name}: views[{int(lengths.argmin())}].camera: {what} must be at least "
                f"{_SHORTEST:g} long, got {float(lengths.min()):g}; lengthen it"
            )
    return Camera(**tensors, near=near, far=far)


def _lights(name: str, value: Any, camera: Camera) -> tuple[Light, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= _MOST_LIGHTS:
        raise InputError(
            f"{name}: lights must be a list of 1 to {_MOST_LIGHTS} lights, got {show(value)}; "
            'such as [{"kind": "camera", "intensity": 10}]'
        )
    return tuple(_light(f"{name}: lights[{k}]", entry, camera) for k, entry in enumerate(value))


def _light(where: str, value: Any, camera: Camera) -> Light:
    kind = value.get("kind") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _LIGHTS:
        raise InputError(
            f"{where}.kind must be one of {', '.join(_LIGHTS)}, got {show(kind)}; correct it"
        )
    keys = _LIGHTS[kind]
    _check_keys(where, value, frozenset({"kind", *keys}))
    if kind == "harmonics":
        rows = value.get("coefficients")
        if not isinstance(rows, list) or len(rows) != 9:
            raise InputError(f"{where}.coefficients must be 9 rows of RGB, got {show(rows)}")
        found = [_row(f"{where}.coefficients[{k}]", row) for k, row in enumerate(rows)]
        return HarmonicsLight(torch.cat(found)[None])
    power = _row(f"{where}.{keys[-1]}", value.get(keys[-1]), low=0.0, remedy="give R, G, B")
    if kind == "camera":
        return PointLight(camera.position, power)
    place = _row(f"{where}.{keys[0]}", value.get(keys[0]), remedy="give x, y, z")
    try:
        return PointLight(place, power) if kind == "point" else DistantLight(place, power)
    except RangeError as error:
        raise InputError(f"{where} must be a light: {error}") from error


def _transfer(where: str, value: Any) -> Transfer:
    if value not in _TRANSFERS:
        raise InputError(f"{where} must be one of {', '.join(_TRANSFERS)}, got {show(value)}")
    return cast(Transfer, value)


def _optional(where: str, folder: Path, value: Any) -> str | None:
    return None if value is None else _file(where, folder, value)


def _masks(name: str, folder: Path, views: list[Fields]) -> tuple[str, ...] | None:
    given = [view.get("mask") is not None for view in views]
    if not any(given):
        return None
    if not all(given):
        raise InputError(
            f"{name}: mask must be given for every view or none, got {sum(given)} for "
            f"{len(views)}; add views[{given.index(False)}].mask"
        )
    return tuple(
        _file(f"{name}: views[{k}].mask", folder, view["mask"]) for k, view in enumerate(views)
    )


def _file(where: str, folder: Path, value: Any) -> str:
    found = check_local_name(where, value, folder, FILE_OF_TARGETS)
    try:
        check_file(folder / found, f"correct {where.partition(': ')[2]} or add the file")
    except DiffgfxError as error:
        raise InputError(f"{where}: {error}") from error
    return found

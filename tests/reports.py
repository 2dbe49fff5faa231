"""Captures with their results, made without a fit, for tests of the report."""

from collections.abc import Sequence
from pathlib import Path

import torch

from diffgfx.data import make_material
from diffgfx.io import PhotoSet
from diffgfx.ops import height_from_normals
from diffgfx.render import render_planar
from diffgfx.scene import Capture, MaterialMaps, Photo
from diffgfx.tasks.capture import CaptureOptions, CaptureResult
from diffgfx.tasks.capture.export import capture_metrics, refined_capture
from diffgfx.tasks.capture.light import FlashLight
from diffgfx.tasks.capture.measure import measure_photo
from diffgfx.tasks.capture.next_photo import NextPhoto
from diffgfx.tasks.capture.report import render_report
from diffgfx.tasks.capture.uncertainty import MapUncertainty
from tests.captures import SIZE

PLACES = ((-3.0, 3.0, 20.0), (0.0, 0.0, 21.0), (3.5, -2.0, 19.0), (-2.0, -3.0, 20.0))


def finished_capture(
    folder: Path,
    *,
    resolution: tuple[int, int] = (24, 32),
    held_out: tuple[int, ...] = (2,),
    names: Sequence[str] = ("0.jpg", "1.jpg", "2.jpg", "3.jpg"),
    warnings: tuple[str, ...] = (),
    units: str = "cm",
    power_known: bool = True,
) -> tuple[Capture, CaptureResult]:
    """Return a capture of glazed tiles and its result: photographs a tenth brighter, and noisy."""
    rows, columns = resolution
    whole = make_material("glazed_tiles", columns, size=SIZE)
    maps = MaterialMaps.from_tensor(
        whole.to_tensor()[..., :rows, :].contiguous(), (SIZE, SIZE * rows / columns)
    )
    place = torch.tensor(PLACES)
    count, ones = len(PLACES), torch.ones(len(PLACES))
    flash = FlashLight(
        camera=place, light=place, reference_power=torch.full((3,), 600.0), power_known=power_known,
        exposure=ones, exposure_known=torch.ones(count, dtype=torch.bool),
    )  # fmt: skip
    unknowns = flash.start()
    renders = render_planar(maps.to_tensor(), maps.size, **flash.pairs(unknowns))[0]
    noise = 0.005 * torch.randn(renders.shape, generator=torch.Generator().manual_seed(0))
    images = (1.1 * renders + noise).clamp(0.0, 1.0)
    errors = tuple(measure_photo(a, b, "srgb") for a, b in zip(renders, images, strict=True))
    plane = torch.ones(count, 1, rows, columns)
    result = CaptureResult(
        maps=maps, photos=PhotoSet(images, 0.0 * plane, plane, resolution), renders=renders,
        errors=errors, poses=("given",) * len(errors), cameras=place, held_out=held_out,
        light=flash, unknowns=unknowns, uncertainty=MapUncertainty(
            torch.full_like(maps.diffuse, 0.01), torch.full_like(maps.specular, 0.02),
            torch.full_like(maps.roughness, 0.03), torch.full_like(maps.roughness, 0.04),
            maps.roughness[0, 0] > 2.0, 1e-4, torch.ones(9, *resolution),
        ),
        next_photo=NextPhoto("from the left", (-1.0, 0.0, 3.0), (-1.0, 0.0, 3.0), 0.03, 0.02),
        steps=7,
        seconds={"load": 0.5, "fit": 1.5}, warnings=warnings,
    )  # fmt: skip
    photos = tuple(Photo(name, at, at) for name, at in zip(names, PLACES, strict=True))
    return Capture(folder, units, maps.size, "srgb", photos, (600.0, 600.0, 600.0)), result


def report_of(
    capture: Capture, result: CaptureResult, *, photographs: bool = True, **metrics: object
) -> bytes:
    """Return the page of a result; ``metrics`` take the place of those that were measured."""
    refined = refined_capture(capture, result, CaptureOptions())
    seconds = {**result.seconds, "export": 0.1}
    metrics = capture_metrics(result, refined, seconds, result.warnings) | metrics
    height = height_from_normals(result.maps.normal.double(), result.maps.size).float()
    return render_report(capture, result, metrics, height, photographs=photographs)

"""A capture as files: each can be read again and says what the fit found."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch

from diffgfx.errors import OutputError
from diffgfx.io import (
    encode_transfer,
    load_photos,
    read_capture,
    read_encoded_maps,
    read_image,
    read_map_files,
    read_maps,
    read_material_glb,
)
from diffgfx.ops import normals_from_height
from diffgfx.scene import Capture
from diffgfx.tasks.capture import CaptureOptions, CaptureResult, capture_material, export_capture
from diffgfx.tasks.capture.export import capture_metrics, refined_capture
from tests.captures import known_maps, write_known_capture

OPTIONS = CaptureOptions(resolution=24, holdout=(1, 2))


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    folder = tmp_path_factory.mktemp("known")
    return read_capture(write_known_capture(folder, known_maps(rows=20)).folder)


@pytest.fixture(scope="module")
def result(capture: Capture) -> CaptureResult:
    return capture_material(capture, OPTIONS)


@pytest.fixture(scope="module")
def out(
    capture: Capture, result: CaptureResult, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("results") / "out"
    export_capture(capture, result, OPTIONS, folder)
    return folder


def test_the_folder_holds_what_was_promised_and_nothing_else(out):
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    maps = {f"maps/{name}.{kind}" for kind in ("exr", "png")
            for name in ("normal", "diffuse", "specular", "roughness", "height")}  # fmt: skip
    renders = {f"rerender/{index}_{index}.png" for index in range(9)}
    wanted = {"material.glb", "compare.png", "report.html", "capture.json", "metrics.json",
              "maps/maps.json", "maps/uncertainty.exr", "maps/no_highlight.png"}  # fmt: skip
    programs = {"material.gltf", "material.mtlx", "blender/material.glb", "unreal/README.txt",
                "unreal/material.json"}  # fmt: skip
    textures = {f"textures/{name}.png" for name in
                ("diffuse", "metallic_roughness", "normal", "specular")}  # fmt: skip
    unreal = {f"unreal/{name}.png" for name in
              ("BaseColor", "OcclusionRoughnessMetallic", "Specular", "Normal_DX")}  # fmt: skip
    assert files == wanted | maps | renders | programs | textures | unreal


def test_other_programs_get_the_same_material(out, result):
    glb = read_material_glb(out / "material.glb")
    assert torch.equal(read_material_glb(out / "material.gltf").to_tensor(), glb.to_tensor())
    assert (out / "blender" / "material.glb").read_bytes() == (out / "material.glb").read_bytes()
    unreal = read_encoded_maps(out / "unreal")
    assert unreal.units == "cm"
    assert float((unreal.maps.roughness - result.maps.roughness).abs().max()) <= 0.51 / 255
    assert float((unreal.maps.normal - result.maps.normal).abs().max()) <= 0.01
    errors = json.loads((out / "metrics.json").read_text())["exports"]
    assert set(errors) == {"openpbr", "unreal"}
    assert 0.0 < min(errors.values()) <= max(errors.values()) < 0.5
    assert f"{errors['openpbr']:.4f}" in (out / "material.mtlx").read_text()
    assert "Flip Green Channel off" in (out / "unreal" / "README.txt").read_text()


def test_maps_and_glb_hold_the_material(out, result):
    maps = read_maps(out)
    assert torch.allclose(maps.to_tensor(), result.maps.to_tensor(), atol=1e-6)
    assert maps.size == result.maps.size
    glb = read_material_glb(out / "material.glb")
    assert glb.size == pytest.approx([0.01 * side for side in result.maps.size], rel=1e-5)
    assert torch.allclose(glb.diffuse, result.maps.diffuse, atol=1e-3)


def test_deviations_are_channels_of_one_file(capture, result, tmp_path):
    blind = torch.arange(15)[:, None] > torch.arange(24)
    unsure = dataclasses.replace(result.uncertainty, no_highlight=blind)
    out = tmp_path / "out"
    export_capture(capture, dataclasses.replace(result, uncertainty=unsure), OPTIONS, out)
    with OpenEXR.File(str(out / "maps" / "uncertainty.exr"), separate_channels=True) as file:
        found = {name: channel.pixels for name, channel in file.channels().items()}
    wanted = {
        **{f"diffuse.{key}": result.uncertainty.diffuse[0, k] for k, key in enumerate("RGB")},
        **{f"specular.{key}": result.uncertainty.specular[0, k] for k, key in enumerate("RGB")},
        "alpha": result.uncertainty.alpha[0, 0],
        "normal": result.uncertainty.normal[0, 0],
    }
    assert set(found) == set(wanted)
    for name, plane in wanted.items():
        assert np.array_equal(found[name], plane.numpy()), name
        assert 0.0 < plane.min() <= plane.max() < 1.0
    mask = read_image(out / "maps" / "no_highlight.png")[..., 0]
    assert np.array_equal(mask, blind.numpy())


def test_the_height_belongs_to_the_normals(out, result):
    files = read_map_files(out)
    assert files.units == "cm"
    assert files.height is not None
    assert files.height.shape == (1, 1, 15, 24)
    again = normals_from_height(files.height, result.maps.size)
    cosine = (again * result.maps.normal).sum(dim=1).clamp(-1, 1)
    assert torch.rad2deg(cosine.acos()).mean().item() < 5.0


def test_rerenders_are_the_pictures_that_were_measured(out, capture, result):
    photos = load_photos(capture, OPTIONS.resolution)
    for index in (0, 1):
        stored = read_image(out / "rerender" / f"{index}_{index}.png")
        photo = encode_transfer(photos.images[index], capture.transfer).permute(1, 2, 0).numpy()
        assert stored.shape == photo.shape
        rmse = float(np.sqrt(np.mean((stored - photo) ** 2)))
        assert rmse == pytest.approx(result.errors[index].rmse, abs=2e-4)   # eight bits


def test_metrics_have_exactly_the_keys_that_are_promised(out):
    found = json.loads((out / "metrics.json").read_text())
    assert set(found) == {
        "photos", "fitted", "held_out", "light", "uncertainty", "next_photo", "seconds",
        "peak_rss_mb", "resolution", "steps", "final", "warnings", "exports",
    }  # fmt: skip
    assert all(
        set(photo)
        == {"file", "held_out", "camera", "pose", "rmse", "rmse_raw", "psnr", "ssim", "flip"}
        for photo in found["photos"]
    )
    assert set(found["light"]) == {"power", "exposure", "offset", "cone", "ambient"}
    assert set(found["seconds"]) == {"load", "fit", "uncertainty", "export"}
    assert min(found["seconds"].values()) >= 0.0
    kinds = {"diffuse", "specular", "alpha", "normal"}
    assert set(found["uncertainty"]) == {"mean", "median", "no_highlight"}
    assert set(found["uncertainty"]["mean"]) == set(found["uncertainty"]["median"]) == kinds
    assert set(found["next_photo"]) == {"place", "light", "camera", "before", "after"}
    assert 0.0 < found["next_photo"]["after"] < found["next_photo"]["before"]
    assert found["resolution"] == [15, 24]
    assert 50 < found["peak_rss_mb"] < 1e5
    held = [photo["rmse"] for photo in found["photos"] if photo["held_out"]]
    fitted = [photo["rmse"] for photo in found["photos"] if not photo["held_out"]]
    assert [p["file"] for p in found["photos"] if p["held_out"]] == ["1.png", "2.png"]
    assert {p["pose"] for p in found["photos"]} == {"given"}
    assert all(len(p["camera"]) == 3 for p in found["photos"])
    assert found["held_out"] == pytest.approx(sum(held) / 2)
    assert found["fitted"] == pytest.approx(sum(fitted) / 7)


def test_the_refined_capture_can_be_read_again(out, capture, result):
    again = read_capture(out / "capture.json", check_files=False)
    assert [photo.file for photo in again.photos] == [photo.file for photo in capture.photos]
    assert again.light_power == pytest.approx(capture.light_power)
    for index, photo in enumerate(again.photos):
        assert photo.camera == pytest.approx(capture.photos[index].camera, abs=1e-5)
        assert photo.exposure is not None
        # the exposure of a held-out photograph is the one that its measurement solved
        if index in result.held_out:
            assert photo.exposure == pytest.approx(result.errors[index].exposure)


def test_a_power_that_was_found_does_not_become_known(capture, result):
    unknown = dataclasses.replace(capture, light_power=None)
    refined = refined_capture(unknown, result, OPTIONS)
    assert refined.light_power is None
    assert refined.extra["light_power_found"] == pytest.approx(
        result.light.power(result.unknowns).tolist()
    )
    assert refined_capture(capture, result, OPTIONS).extra == capture.extra


def test_after_a_fit_on_all_no_exposure_is_counted_twice(capture):
    options = dataclasses.replace(OPTIONS, resolution=16, final="all")
    final = capture_material(capture, options)
    refined = refined_capture(capture, final, options)
    wanted = final.light.exposures(final.unknowns).tolist()
    assert [photo.exposure for photo in refined.photos] == pytest.approx(wanted)
    assert sum(map(float, torch.tensor(wanted).log())) == pytest.approx(0.0, abs=1e-4)


def test_nobody_held_out_is_null(capture, result):
    fitted = dataclasses.replace(result, held_out=())
    refined = refined_capture(capture, fitted, OPTIONS)
    found = capture_metrics(fitted, refined, {"load": 0.0, "fit": 1.0, "export": 2.0}, [])
    assert found["held_out"] is None
    assert not any(photo["held_out"] for photo in found["photos"])
    json.dumps(found, allow_nan=False)


def test_a_unit_without_a_length_is_warned_of(capture, result, tmp_path):
    relative = dataclasses.replace(capture, units="half widths of the sample")
    metrics = export_capture(relative, result, OPTIONS, tmp_path / "out")
    assert any("no length in metres" in text for text in metrics["warnings"])


def test_a_photograph_in_a_folder_and_with_a_long_name(capture, result, tmp_path):
    photos = list(capture.photos)
    photos[0] = dataclasses.replace(photos[0], file="raw/" + 120 * "é" + ".png")
    photos[1] = dataclasses.replace(photos[1], file="other/0.png")
    renamed = dataclasses.replace(capture, photos=tuple(photos))
    export_capture(renamed, result, OPTIONS, tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out" / "rerender").iterdir())
    assert names[:2] == ["0_" + 100 * "é" + ".png", "1_0.png"]


def test_an_earlier_result_is_replaced_only_when_asked(capture, result, tmp_path):
    export_capture(capture, result, OPTIONS, tmp_path / "out")
    with pytest.raises(OutputError, match="overwrite it with --overwrite"):
        export_capture(capture, result, OPTIONS, tmp_path / "out")
    export_capture(capture, result, OPTIONS, tmp_path / "out", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_a_failure_leaves_nothing(capture, result, tmp_path):
    def stop(stage: str, done: int, total: int, error: float | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_capture(capture, result, OPTIONS, tmp_path / "out", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_the_input_is_not_overwritten(tmp_path):
    capture = read_capture(write_known_capture(tmp_path, known_maps(rows=20)).folder)
    result = capture_material(capture, dataclasses.replace(OPTIONS, resolution=16))
    (tmp_path / "metrics.json").write_text("{}")            # as if it were an earlier result
    with pytest.raises(OutputError, match="output folder must not hold the input"):
        export_capture(capture, result, OPTIONS, tmp_path, overwrite=True)
    assert read_capture(tmp_path) == capture

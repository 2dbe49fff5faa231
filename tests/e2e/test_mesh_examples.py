"""The examples of fits to pictures: whole where slow tests run, always that they start."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "meshes"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["fit_pose", "fit_texture", "fit_material", "fit_shape"])
def test_each_says_what_it_takes(name, capsys):
    with pytest.raises(SystemExit) as ended:
        example(name).main(["--help"])
    assert ended.value.code == 0
    assert "--size" in capsys.readouterr().out


@pytest.mark.slow
def test_poses_at_a_quarter_of_the_pixels():
    found = example("fit_pose").main(["--size", "64", "--steps", "20"])
    for name in ("cube", "knot"):
        assert found[f"{name}_degrees"] <= 1.0
        assert found[f"{name}_percent"] <= 1.0


@pytest.mark.slow
def test_poses(tmp_path):
    found = example("fit_pose").main(["-o", str(tmp_path)])
    for name in ("cube", "knot"):
        assert found[f"{name}_degrees"] <= 1.0
        assert found[f"{name}_percent"] <= 1.0
        assert (tmp_path / name / "fit.mp4").is_file()


@pytest.mark.slow
def test_a_small_texture():
    found = example("fit_texture").main(["--size", "48", "--texels", "32", "--steps", "30"])
    assert found["held_out_psnr"] >= 28.0


@pytest.mark.slow
def test_a_texture():
    found = example("fit_texture").main([])
    assert found["held_out_psnr"] >= 28.0


@pytest.mark.slow
@pytest.mark.parametrize("views", ["mitsuba", "own"])
def test_a_material_and_lights(views):
    found = example("fit_material").main(["--views", views])
    assert found["held_out_psnr"] >= 28.0
    assert found["light_degrees"] < 3.0


@pytest.mark.slow
def test_a_shape():
    found = example("fit_shape").main([])
    assert found["chamfer_percent"] <= 1.5 < found["chamfer_percent_at_start"]


@pytest.mark.slow
def test_spot(data_folder):
    found = example("fit_shape").main(["--mesh", str(data_folder / "meshes" / "spot" / "spot.obj")])
    assert found["chamfer_percent"] <= 1.5 < found["chamfer_percent_at_start"]

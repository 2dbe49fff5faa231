"""``diffgfx capture --calibration solve`` on real photographs whose poses were deleted."""

import json
import shutil
from pathlib import Path

import pytest

from diffgfx.cli import main

CAPTURES = {
    "cards_blue": "3,6",
    "mg38/cards-red": "3,6",
    "mg38/plastic-red-carton": "3,5",
    "mg38/wood-walnut": "3,7",
}
WORSE = 1.2     # held-out error over that under published poses


def held_out(folder: Path, out: Path, *words: str) -> float:
    assert main(["capture", str(folder), "-o", str(out), "--resolution", "128", *words]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert not any("highlight" in warning for warning in metrics["warnings"])
    return float(metrics["held_out"])


@pytest.mark.slow
@pytest.mark.parametrize("name", CAPTURES)
def test_held_out_photographs_are_re_created_nearly_as_well_as_with_poses(
    name, data_folder, tmp_path
):
    source = data_folder / "capture" / name
    shutil.copytree(source, tmp_path / "unposed")
    record = json.loads((source / "capture.json").read_text())
    for photo in record["photos"]:
        del photo["camera"], photo["light"]
    (tmp_path / "unposed" / "capture.json").write_text(json.dumps(record))
    held = ("--holdout", CAPTURES[name])
    posed = held_out(source, tmp_path / "posed", *held)
    solved = held_out(tmp_path / "unposed", tmp_path / "solved", *held, "--calibration", "solve")
    assert solved <= WORSE * posed

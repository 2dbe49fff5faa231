"""What the cases of flows are made of; the cases themselves run by ``diffgfx validate fluid``."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from diffgfx.errors import BackendError
from diffgfx.fluid.problems import sample_faces
from diffgfx.scene import FluidState
from diffgfx.tasks.validation import flow_phiflow
from diffgfx.tasks.validation.case import Context
from diffgfx.tasks.validation.flow import FLOW_CASES
from diffgfx.tasks.validation.flow_budget import _slotted_disc
from diffgfx.tasks.validation.flow_gradient import check_gradient
from diffgfx.tasks.validation.flow_manufactured import _operators
from diffgfx.tasks.validation.flow_march import change_rate, extremum, order, refine
from diffgfx.tasks.validation.flow_phiflow import run_phiflow, unit_plume, why_no_phiflow

CONTEXT = Context(None, lambda done, total, error: None)
LIKE = torch.zeros((), dtype=torch.float64)


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in FLOW_CASES]
    assert len(set(names)) == len(names)
    assert {"operators", "whole_step", "zalesak", "budgets", "cavity_1000", "phiflow"} <= set(names)


def test_an_extremum_between_values_and_on_the_edge() -> None:
    x = torch.linspace(0.0, 1.0, 11, dtype=torch.float64)
    assert extremum(2.0 - (x - 0.47) ** 2) == pytest.approx(2.0, abs=1e-14)
    assert extremum((x - 0.47) ** 2 - 3.0, largest=False) == pytest.approx(-3.0, abs=1e-14)
    assert extremum(x) == 1.0
    assert order(4.0, 1.0) == 2.0


def test_a_refined_flow_keeps_lines() -> None:
    def velocity(point: torch.Tensor) -> list[torch.Tensor]:
        x, y = point.unbind(-1)
        return [1.0 + 2.0 * x + 3.0 * y, 2.0 - x + y]

    state = FluidState.at_rest((6, 4), dtype=torch.float64)
    state = state.with_tensors(
        [*sample_faces(velocity, (6, 4), 1.0, LIKE), *state.tensors()[2:]]
    )  # fmt: skip
    fine = refine(state)
    assert fine.pressure.shape == (1, 1, 8, 12)
    wanted = sample_faces(velocity, (12, 8), 0.5, LIKE)
    assert torch.allclose(fine.velocity[0][:, 1:-1], wanted[0][:, 1:-1])
    assert torch.allclose(fine.velocity[1][..., 1:-1], wanted[1][..., 1:-1])
    assert change_rate(wanted, [face + 0.5 for face in wanted], 0.1) == pytest.approx(5.0)


def test_the_slotted_disc_has_its_area() -> None:
    # the disc less a slot of 0.05 from its edge to y = 0.85
    assert float(_slotted_disc(100).mean()) == pytest.approx(0.0582, abs=2e-4)


@pytest.mark.slow
def test_operators_meet_their_order() -> None:
    assert all(measure.holds for measure in _operators(CONTEXT))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["velocity", "obstacle position"])
def test_the_gradient_of_two_steps_of_smoke(what: str) -> None:
    report = check_gradient("smoke", what, steps=2, directions=3)  # type: ignore[arg-type]
    assert report.error < 1e-6


def test_without_phiflow_the_reason_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIFFGFX_PHIFLOW", raising=False)
    assert "set DIFFGFX_PHIFLOW" in (why_no_phiflow() or "")
    monkeypatch.setenv("DIFFGFX_PHIFLOW", "/no/such/python")
    assert "does not run" in (why_no_phiflow() or "")
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", "a\nNo phi")
    )
    assert "has no PhiFlow (No phi)" in (why_no_phiflow() or "")


def test_a_plume_reaches_the_child_and_comes_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    child = tmp_path / "child.py"
    child.write_text(
        "import sys, numpy as np\n"
        "mask = np.load(sys.argv[1])['mask']\n"
        "np.savez(sys.argv[2], density=np.stack([mask, 2 * mask]), seconds=np.ones(2))\n"
    )
    _, scene = unit_plume((6, 8), tolerance=1e-3)
    monkeypatch.setattr(flow_phiflow.phiflow_child, "__file__", str(child))
    monkeypatch.setenv("DIFFGFX_PHIFLOW", sys.executable)
    plume = run_phiflow(scene, "mac_cormack", 2, tolerance=1e-3)
    mask = scene.sources[0].mask[0, 0]
    assert np.array_equal(plume.density[1].numpy(), 2.0 * mask.numpy())
    child.write_text("raise SystemExit('no luck')")
    with pytest.raises(BackendError, match=r"mac_cormack.*no luck"):
        run_phiflow(scene, "mac_cormack", 2, tolerance=1e-3)


@pytest.mark.skipif("DIFFGFX_PHIFLOW" not in os.environ, reason="set DIFFGFX_PHIFLOW to a python")
def test_phiflow_starts_as_we_do() -> None:
    from diffgfx.fluid import step

    state, scene = unit_plume((16, 24), tolerance=1e-5)
    theirs = run_phiflow(scene, "mac_cormack", 3, tolerance=1e-5).density
    for _ in range(3):
        state = step(state, scene)
    ours = state.density[0, 0]  # as much as flowed in; theirs has gained a little on the way
    assert float(theirs[-1].sum()) == pytest.approx(float(ours.sum()), rel=1e-3)
    assert torch.allclose(ours, theirs[-1] * (ours.sum() / theirs[-1].sum()), atol=1e-5)

"""Validation of meshes: what is measured, and that it can fail."""

import math

import pytest
import torch
from torch import Tensor

from diffgfx.tasks.validation.case import Case, Context, run_case
from diffgfx.tasks.validation.mesh import RENDER_CASES
from diffgfx.tasks.validation.mesh_differences import compare_gradients
from diffgfx.tasks.validation.mesh_exact import half_plane, rotating_square, sphere_area
from diffgfx.tasks.validation.mesh_gradcheck import CHECKED, check_op
from diffgfx.tasks.validation.mesh_hand import HAND_SCENES, HandScene, compare_by_hand
from diffgfx.tasks.validation.mesh_silhouette import MOTIONS, compare_silhouettes


def _case(name: str) -> Case:
    return next(case for case in RENDER_CASES if case.name == name)


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in RENDER_CASES]
    assert len(set(names)) == len(names)


class _Wrong(torch.autograd.Function):
    """A square whose backward pass forgets the two."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        return g * ctx.saved_tensors[0]


def test_a_wrong_gradient_shows() -> None:
    x = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64, requires_grad=True)
    right = compare_gradients(lambda x: x * x, {"x": x})
    assert (right.entries, right.switches) == (3, 0)
    assert right.error < 1e-9
    wrong = compare_gradients(lambda x: _Wrong.apply(x), {"x": x})
    assert wrong.error == pytest.approx(1.0, abs=1e-6)
    assert wrong.tensor == "x"


def test_a_switch_is_left_out_and_counted() -> None:
    x = torch.tensor([[4e-7, 1.0]], dtype=torch.float64, requires_grad=True)
    found = compare_gradients(torch.relu, {"x": x})
    assert (found.entries, found.switches) == (1, 1)


@pytest.mark.parametrize("seeds", [1, pytest.param(10, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CHECKED)
def test_gradients_of_ops(name: str, seeds: int) -> None:
    error, left_out, entries = check_op(name, seeds)
    assert error < (1e-2 if "nvdiffrast" in name else 1e-6)
    assert left_out < 0.1
    assert entries > 40


@pytest.mark.parametrize("scene", HAND_SCENES, ids=lambda scene: scene.name)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_scenes_worked_by_hand(scene: HandScene, dtype: torch.dtype) -> None:
    wrong, apart = compare_by_hand(scene, dtype)
    assert wrong == 0
    assert apart < (1e-12 if dtype == torch.float64 else 1e-6)


@pytest.mark.parametrize("offset", [3.2, 3.8])
@pytest.mark.parametrize("lean", [0.0, 0.5 * math.pi])
def test_a_half_plane_moves_by_the_length_of_its_edge(lean: float, offset: float) -> None:
    area, slope = half_plane(lean, offset)
    assert abs(area) < 1e-12
    assert abs(slope) < 1e-9


def test_a_square_turns() -> None:
    errors = rotating_square(93.3, 0.4)
    assert max(abs(error) for error in errors) < 0.05
    assert abs(errors[0]) < 1e-3


def test_the_area_of_a_sphere() -> None:
    circle, polygon = sphere_area(256)
    assert circle < 1e-3
    assert polygon < 1e-3


def test_silhouettes_of_large_triangles() -> None:
    found = compare_silhouettes("cube", 64, 4)
    assert set(found) == set(MOTIONS)
    assert max(mask for mask, _ in found.values()) < 0.15


def test_published_references_are_skipped_without_data() -> None:
    outcome = run_case(_case("reference_crop_window"), Context(None, lambda *_: None))
    assert outcome.status == "skip"
    assert "DIFFGFX_DATA" in outcome.reason

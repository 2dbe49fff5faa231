"""Lens and poses from corners that a lens of Brown's model, written anew here, has placed."""

import dataclasses

import numpy as np
import pytest

from diffgfx.errors import InputError
from diffgfx.tasks.calibration import lay_out_sheet
from diffgfx.tasks.calibration.detect import Detection
from diffgfx.tasks.calibration.solve import project, solve_views
from tests.sheet_photos import TrueLens, looking, stands

SHEET = lay_out_sheet()
LENS = TrueLens(4000, 3000, 2890.0, (2013.0, 1482.0), -0.06, 0.02, 0.0004, -0.0006)
PLACES = np.array([tag.corners() for tag in SHEET.tags])


def corners(position: np.ndarray, axes: np.ndarray) -> np.ndarray:
    points = np.pad(PLACES, ((0, 0), (0, 0), (0, 1)))
    return LENS.pixels((points - position) @ axes.T)


def seen(noise: float, shrink: float = 0.0) -> tuple[np.ndarray, list[Detection]]:
    rng = np.random.default_rng(7)
    positions = stands()
    views = []
    for number, position in enumerate(positions):
        pixels = corners(position, looking(position, number))
        inward = pixels.mean(axis=1, keepdims=True) - pixels
        inward /= np.linalg.norm(inward, axis=2, keepdims=True)
        pixels = pixels + noise * rng.standard_normal(pixels.shape)
        pixels += shrink * rng.uniform(0.5, 1.5, (len(pixels), 1, 1)) * inward
        views.append(Detection(tuple(range(22)), PLACES, pixels))
    return positions, views


def off(positions: np.ndarray, poses) -> np.ndarray:  # type: ignore[no-untyped-def]
    found = np.array([pose.position() for pose in poses])
    return np.linalg.norm(found - positions, axis=1) / np.linalg.norm(positions, axis=1)


def test_exact_corners_give_the_exact_lens_and_places():
    positions, views = seen(0.0)
    solved = solve_views(views, (LENS.width, LENS.height))
    assert solved.lens.focal == pytest.approx(LENS.focal, rel=2e-4)
    assert solved.lens.centre == pytest.approx(LENS.centre, abs=1.0)
    assert solved.lens.distortion == pytest.approx((-0.06, 0.02, 0.0004, -0.0006), abs=3e-3)
    assert off(positions, solved.poses).max() < 4e-4
    assert max(solved.errors) < 0.01
    for number, (position, pose) in enumerate(zip(positions, solved.poses, strict=True)):
        assert np.allclose(pose.rotation, looking(position, number), atol=1e-3)


def test_project_is_browns_model():
    positions, views = seen(0.0)
    solved = solve_views(views, (LENS.width, LENS.height))
    points = np.array([[10.0, -20.0, 0.0], [50.0, 50.0, -3.0]])
    true = LENS.pixels((points - positions[0]) @ looking(positions[0], 0).T)
    assert np.abs(project(solved.lens, solved.poses[0], points) - true).max() < 0.1


def test_noise_leaves_places_within_a_thousandth_and_is_told_of():
    positions, views = seen(0.3)
    solved = solve_views(views, (LENS.width, LENS.height))
    assert off(positions, solved.poses).max() < 2e-3
    # each tag's growth is solved: one number of eight is not seen in the error
    assert np.mean(solved.errors) == pytest.approx(0.3 * np.sqrt(2 * 7 / 8), rel=0.1)
    deviation = solved.lens.focal_deviation
    assert 1e-4 < deviation < 2e-3
    assert abs(solved.lens.focal / LENS.focal - 1.0) < 4 * deviation


def test_what_corners_of_a_view_have_in_common_is_counted_once():
    """A hand that moves while rows are read shears each picture in its own way."""
    _, views = seen(0.02)
    rng = np.random.default_rng(5)
    sheared = []
    for view in views:
        down = view.pixels[..., 1:] - LENS.centre[1]
        moved = 1e-3 * rng.standard_normal(2) * down
        sheared.append(dataclasses.replace(view, pixels=view.pixels + moved))
    for kept in (sheared, sheared[:5], sheared[4:]):
        solved = solve_views(kept, (LENS.width, LENS.height))
        error = abs(solved.lens.focal / LENS.focal - 1.0)
        assert 0.3 * error < solved.lens.focal_deviation < 0.05


def test_defocus_that_shrinks_every_tag_does_no_harm():
    positions, views = seen(0.05, shrink=3.0)
    solved = solve_views(views, (LENS.width, LENS.height))
    assert off(positions, solved.poses).max() < 1e-3
    assert max(solved.errors) < 0.15
    assert all(len(tags.numbers) == 22 for tags in solved.kept)


def test_tags_on_a_curled_corner_are_dropped():
    positions, views = seen(0.1)
    for view in views[:3]:
        view.pixels[[0, 1]] += (9.0, -6.0)
    views[5].pixels[8] += (0.0, 200.0)
    solved = solve_views(views, (LENS.width, LENS.height))
    assert [set(range(22)) - set(tags.numbers) for tags in solved.kept[:3]] == [{0, 1}] * 3
    assert set(range(22)) - set(solved.kept[5].numbers) == {8}
    assert sum(len(tags.numbers) for tags in solved.kept) == 9 * 22 - 7
    assert off(positions, solved.poses).max() < 1e-3


def test_a_guess_far_off_does_not_matter():
    positions, views = seen(0.1)
    for focal in (1500.0, 7000.0):
        solved = solve_views(views, (LENS.width, LENS.height), focal)
        assert off(positions, solved.poses).max() < 1e-3


def side_by_side() -> list[Detection]:
    rng = np.random.default_rng(3)
    down = np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]])
    views = []
    for x in (-20.0, -5.0, 5.0, 20.0):
        pixels = corners(np.array([x, 0.5 * x, 300.0]), down)
        noise = 0.2 * rng.standard_normal(pixels.shape)
        views.append(Detection(tuple(range(22)), PLACES, pixels + noise))
    return views


def test_cameras_side_by_side_cannot_tell_distance_from_focal_length():
    with pytest.raises(InputError, match="photos must be taken at different tilts"):
        solve_views(side_by_side(), (LENS.width, LENS.height))


def test_where_views_cannot_tell_exif_is_believed_and_that_is_said():
    solved = solve_views(side_by_side(), (LENS.width, LENS.height), LENS.focal)
    assert solved.lens.focal == pytest.approx(LENS.focal)
    assert solved.lens.focal_deviation == 0.02
    assert [pose.position()[2] for pose in solved.poses] == pytest.approx([300.0] * 4, rel=0.005)

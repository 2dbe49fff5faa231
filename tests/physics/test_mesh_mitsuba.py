"""Mitsuba 3 as judge of pictures of meshes: published models where they are, else nothing."""

import pytest

from diffgfx.tasks.validation.case import Context, run_case
from diffgfx.tasks.validation.data_folder import find_data_folder
from diffgfx.tasks.validation.mesh_mitsuba import MESH_MITSUBA_CASES
from diffgfx.tasks.validation.mesh_published import PUBLISHED_MESH_CASES

DATA = find_data_folder()
CASES = (*PUBLISHED_MESH_CASES, *(case for case in MESH_MITSUBA_CASES if not case.long))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case) -> None:  # type: ignore[no-untyped-def]
    outcome = run_case(case, Context(DATA.folder if DATA.found else None, lambda *_: None))
    if outcome.status == "skip":
        pytest.skip(outcome.reason)
    assert {m.name: m.value for m in outcome.measures if not m.holds} == {}

"""All that pictures of meshes may be held against, in order: ``diffgfx validate render``."""

from diffgfx.tasks.validation.case import Case
from diffgfx.tasks.validation.mesh_exact import EXACT_MESH_CASES
from diffgfx.tasks.validation.mesh_gradcheck import GRADCHECK_CASES
from diffgfx.tasks.validation.mesh_hand import HAND_CASES
from diffgfx.tasks.validation.mesh_laws import LAW_CASES
from diffgfx.tasks.validation.mesh_mitsuba import MESH_MITSUBA_CASES
from diffgfx.tasks.validation.mesh_published import PUBLISHED_MESH_CASES
from diffgfx.tasks.validation.mesh_silhouette import SILHOUETTE_CASES

__all__ = ["RENDER_CASES"]

RENDER_CASES: tuple[Case, ...] = (
    *GRADCHECK_CASES,
    *HAND_CASES,
    *EXACT_MESH_CASES,
    *SILHOUETTE_CASES,
    *LAW_CASES,
    *PUBLISHED_MESH_CASES,
    *MESH_MITSUBA_CASES,
)
"""In the order in which they are run."""

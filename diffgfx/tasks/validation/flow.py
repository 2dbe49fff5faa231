"""All that a flow may be held against, in order: ``diffgfx validate fluid``."""

from diffgfx.tasks.validation.case import Case
from diffgfx.tasks.validation.flow_budget import BUDGET_CASES
from diffgfx.tasks.validation.flow_exact import EXACT_CASES
from diffgfx.tasks.validation.flow_gradient import GRADIENT_CASES
from diffgfx.tasks.validation.flow_manufactured import MANUFACTURED_CASES
from diffgfx.tasks.validation.flow_obstacles import OBSTACLE_CASES
from diffgfx.tasks.validation.flow_phiflow import PHIFLOW_CASES
from diffgfx.tasks.validation.flow_published import PUBLISHED_CASES

__all__ = ["FLOW_CASES"]

FLOW_CASES: tuple[Case, ...] = (
    *EXACT_CASES,
    *MANUFACTURED_CASES,
    *BUDGET_CASES,
    *GRADIENT_CASES,
    *PUBLISHED_CASES,
    *OBSTACLE_CASES,
    *PHIFLOW_CASES,
)
"""In the order in which they are run."""

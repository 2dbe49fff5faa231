"""What the semi-Lagrangian ops are told beside their tensors, and the rules of their sides."""

from typing import NamedTuple

__all__ = ["SideRule", "Transport", "scalar_rules", "velocity_rules"]


class Transport(NamedTuple):
    """One step of transport.

    Attributes:
        dt: Time step [s].
        cell: Side of a cell [m].
        sides: What the flow meets, two an axis.
        scalar_sides: What holds for scalars, two an axis; empty where a velocity is carried.
        scheme: ``"semi_lagrangian"`` or ``"maccormack"``.
    """

    dt: float
    cell: float
    sides: tuple[str, ...]
    scalar_sides: tuple[str, ...]
    scheme: str

    @property
    def step(self) -> float:
        """Cells that a velocity of one goes in a step."""
        return self.dt / self.cell

    @property
    def periodic(self) -> tuple[bool, ...]:
        """Whether each axis ends where it begins."""
        return tuple(side == "periodic" for side in self.sides[::2])


class SideRule(NamedTuple):
    """The value on a side, half a cell beyond the last centre: ``kept * inside + scale * given``.

    Attributes:
        kept: 1 where the value on the side is that of the last cell, 0 where it is given.
        scale: What the given number is multiplied by.
    """

    kept: float
    scale: float


def velocity_rules(sides: tuple[str, ...]) -> tuple[SideRule, ...]:
    """Rules of the tangential components: given at no-slip walls and inflows, else kept."""
    given = ("no_slip", "inflow")
    return tuple(SideRule(0.0, 1.0) if side in given else SideRule(1.0, 0.0) for side in sides)


def scalar_rules(sides: tuple[str, ...], cell: float) -> tuple[SideRule, ...]:
    """Rules of a scalar: a fixed value, a slope outward over half a cell, or the last cell's."""
    rules = {"fixed": SideRule(0.0, 1.0), "flux": SideRule(1.0, 0.5 * cell)}
    return tuple(rules.get(side, SideRule(1.0, 0.0)) for side in sides)

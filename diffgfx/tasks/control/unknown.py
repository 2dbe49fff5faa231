"""The unknowns of a flow that can be recovered, each by the numbers z from which it follows."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from diffgfx.errors import InputError
from diffgfx.inverse import Level, Unknowns, bounded
from diffgfx.scene import FlowSetting, FluidScene, FluidState

__all__ = ["REACH", "BuoyancyUnknown", "FlowUnknown", "InflowUnknown"]

REACH = 20.0
"""A number is sought between a twentieth and twenty times what the scene file says."""


@runtime_checkable
class FlowUnknown(Protocol):
    """An unknown of a flow; `BuoyancyUnknown`, `InflowUnknown` and `VelocityUnknown` are three."""

    probes: int
    unit: str

    def levels(self, steps: int) -> tuple[Level, ...]:
        """Return the ladder, with at most ``steps`` steps at each level."""

    def start(self) -> Unknowns:
        """Return z at the first level."""

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Carry z to the next level."""

    def step_lengths(self) -> Mapping[str, float]:
        """Return the step length of each part of z."""

    def posed(
        self, unknowns: Unknowns, state: FluidState, scene: FluidScene
    ) -> tuple[FluidState, FluidScene]:
        """Return first state and scene with the unknown put in; gradients to z."""

    def prior(self, unknowns: Unknowns) -> Tensor:
        """Return the weighted prior of z (a scalar)."""

    def numbers(self, unknowns: Unknowns) -> list[float]:
        """Return what the unknown is, in few numbers of ``unit``."""

    def deviations(self, unknowns: Unknowns, deviation: Unknowns) -> list[float] | None:
        """Return the standard deviation of each of those numbers, given that of z."""

    def setting(self, unknowns: Unknowns, setting: FlowSetting) -> FlowSetting:
        """Return the setting with the unknown put in where a scene file can say it."""


def _factor(unknowns: Unknowns) -> Tensor:
    """Return what multiplies each number: positive, 1 at z = 0, never beyond `REACH`."""
    reach = math.log(REACH)
    return bounded(unknowns["z"], -reach, reach).exp()


class _Factors:
    """Positive numbers, each sought as a factor of what the scene file says."""

    probes = 4           # random signs that judge how sure the numbers are

    def __init__(self, count: int, device: str) -> None:
        self._start = torch.zeros(count, device=device)

    def levels(self, steps: int) -> tuple[Level, ...]:
        """Return one level; see `FlowUnknown`."""
        return (Level(0, (1, len(self._start)), steps, 0),)

    def start(self) -> Unknowns:
        """Return factors of one."""
        return {"z": self._start}

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Return what is given: there is one level."""
        return unknowns

    def step_lengths(self) -> Mapping[str, float]:
        """Return the step length of each part of z."""
        return {"z": 1.0}

    def prior(self, unknowns: Unknowns) -> Tensor:
        """Return zero: few numbers need no belief."""
        return unknowns["z"].new_zeros(())


def _relative(unknowns: Unknowns, deviation: Unknowns) -> Tensor:
    """Return the deviation of the logarithm of each factor."""
    share = torch.sigmoid(unknowns["z"])
    return 2.0 * math.log(REACH) * share * (1.0 - share) * deviation["z"]


class BuoyancyUnknown(_Factors):
    """The acceleration that a unit of smoke feels: its size, its direction being known."""

    unit = "m/s^2 by one unit of smoke"

    def __init__(self, setting: FlowSetting, file: Path, device: str = "cpu") -> None:
        """Start from the scene.

        Raises:
            InputError: If it has no such force, and so no direction.
        """
        if not any(setting.density_force):
            raise InputError(
                f"{file}: fluid.density_force must have a direction to be recovered, got "
                f"{list(setting.density_force)}; write a first guess"
            )
        super().__init__(1, device)
        self._given = torch.tensor([setting.density_force], device=device)

    def posed(
        self, unknowns: Unknowns, state: FluidState, scene: FluidScene
    ) -> tuple[FluidState, FluidScene]:
        """Return the scene with that force."""
        force = self._given * _factor(unknowns)
        return state, dataclasses.replace(scene, density_force=force)

    def numbers(self, unknowns: Unknowns) -> list[float]:
        """Return the acceleration by axis, x first."""
        return [float(a) for a in (self._given * _factor(unknowns)).detach()[0]]

    def deviations(self, unknowns: Unknowns, deviation: Unknowns) -> list[float]:
        """Return the deviation by axis."""
        relative = float(_relative(unknowns, deviation).detach())
        return [abs(value) * relative for value in self.numbers(unknowns)]

    def setting(self, unknowns: Unknowns, setting: FlowSetting) -> FlowSetting:
        """Return the setting with that force."""
        return dataclasses.replace(setting, density_force=tuple(self.numbers(unknowns)))


class InflowUnknown(_Factors):
    """The smoke that each source adds in a second."""

    unit = "of smoke a second"

    def __init__(self, setting: FlowSetting, file: Path, device: str = "cpu") -> None:
        """Start from the scene.

        Raises:
            InputError: If it has no source, or one that adds none.
        """
        rates = [inflow.density for inflow in setting.inflows]
        if not rates or not all(rates):
            where = f"inflow[{rates.index(0.0)}].density" if rates else "inflow"
            raise InputError(
                f"{file}: {where} must feed smoke for its rate to be recovered, got "
                f"{'0' if rates else 'none'}; write a first guess above zero"
            )
        super().__init__(len(rates), device)
        self._given: Sequence[float] = rates

    def _rates(self, unknowns: Unknowns) -> Tensor:
        factor = _factor(unknowns)
        return factor.new_tensor(self._given) * factor

    def posed(
        self, unknowns: Unknowns, state: FluidState, scene: FluidScene
    ) -> tuple[FluidState, FluidScene]:
        """Return the scene with those rates."""
        rates = self._rates(unknowns)
        sources = tuple(
            dataclasses.replace(source, density=rates[k].view(1, 1))
            for k, source in enumerate(scene.sources)
        )
        return state, dataclasses.replace(scene, sources=sources)

    def numbers(self, unknowns: Unknowns) -> list[float]:
        """Return the rate of each source."""
        return [float(rate) for rate in self._rates(unknowns).detach()]

    def deviations(self, unknowns: Unknowns, deviation: Unknowns) -> list[float]:
        """Return the deviation of each rate."""
        return (self._rates(unknowns) * _relative(unknowns, deviation)).detach().tolist()

    def setting(self, unknowns: Unknowns, setting: FlowSetting) -> FlowSetting:
        """Return the setting with those rates."""
        inflows = tuple(
            dataclasses.replace(inflow, density=rate)
            for inflow, rate in zip(setting.inflows, self.numbers(unknowns), strict=True)
        )
        return dataclasses.replace(setting, inflows=inflows)

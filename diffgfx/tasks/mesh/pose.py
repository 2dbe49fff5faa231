"""Where a model is and how it is turned: six numbers."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from diffgfx.inverse import Level, Unknowns
from diffgfx.scene import Light, Mesh, Model
from diffgfx.tasks.mesh.fit_problem import Posed

__all__ = ["PoseUnknown", "rotation_matrix"]

_TURN, _SHIFT = 0.03, 0.012  # steps [rad], [of the model's size]


def rotation_matrix(turn: Tensor) -> Tensor:
    """Return the rotation about an axis by its length [rad], (3,) to (3, 3); gradients to it."""
    zero = torch.zeros_like(turn[0])
    x, y, z = turn.unbind()
    rows = [torch.stack(row) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    rotation: Tensor = torch.linalg.matrix_exp(torch.stack(rows))
    return rotation


class PoseUnknown:
    """Turn about the middle of the model's box, and shift; a `MeshUnknown`.

    z: ``turn``, an axis times an angle [rad], and ``shift`` in units of the box's diagonal.
    """

    def __init__(self, model: Model, lights: tuple[Light, ...]) -> None:
        self.model, self.lights = model, lights
        low, high = model.bounds
        self.centre, self.size = 0.5 * (low + high), (high - low).norm()

    def start(self, level: Level) -> Unknowns:
        """Return no turn and no shift."""
        return {"turn": torch.zeros_like(self.centre), "shift": torch.zeros_like(self.centre)}

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Return z as it is."""
        return unknowns

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return steps that halve from level to level."""
        scale = 0.5**level.index
        return {"turn": _TURN * scale, "shift": _SHIFT * scale}

    def prior(self, unknowns: Unknowns, level: Level) -> Tensor:
        """Return 0."""
        return self.centre.new_zeros(())

    def posed(self, unknowns: Unknowns) -> Posed:
        """Return the model moved."""
        rotation = rotation_matrix(unknowns["turn"])
        place = self.centre + self.size * unknowns["shift"]
        parts = tuple(
            dataclasses.replace(part, mesh=self._moved(part.mesh, rotation, place), two_sided=True)
            for part in self.model.parts
        )
        return Posed(parts, self.lights)

    def _moved(self, mesh: Mesh, rotation: Tensor, place: Tensor) -> Mesh:
        fields = {"positions": (mesh.positions - self.centre) @ rotation.T + place}
        if mesh.normals is not None:
            fields["normals"] = mesh.normals @ rotation.T
        if mesh.tangents is not None:
            turned = mesh.tangents[:, :3] @ rotation.T
            fields["tangents"] = torch.cat([turned, mesh.tangents[:, 3:]], dim=1)
        return dataclasses.replace(mesh, **fields)

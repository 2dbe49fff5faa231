"""The vertices of a mesh, moved together, on a mesh that grows finer from level to level."""

import dataclasses
from collections.abc import Mapping

from torch import Tensor

from diffgfx.data import subdivide
from diffgfx.errors import InputError
from diffgfx.inverse import LargeSteps, Level, Unknowns
from diffgfx.scene import Light, Mesh, Model
from diffgfx.tasks.mesh.fit_problem import Posed

__all__ = ["ShapeUnknown"]

_SMOOTHNESS = 4.0  # of the first level; twice as much after each cut, in half as long edges
_STEP = 0.012  # of the first mesh's diagonal


class ShapeUnknown:
    """One closed mesh of one colour; a `MeshUnknown`.

    z: ``u`` of `inverse.LargeSteps`, float64, in units of the first mesh's diagonal. Each level but
    the first cuts every triangle into four, as long as ``most`` triangles allow it.
    """

    def __init__(self, model: Model, lights: tuple[Light, ...], most: int = 6000) -> None:
        if len(model.parts) != 1 or model.parts[0].material.resolution != (1, 1):
            raise InputError(
                "model must be one mesh with maps of one texel, of which the shape is to be found, "
                f"got {len(model.parts)} meshes with maps of "
                f"{model.parts[0].material.resolution} texels; leave model out to start from a "
                "grey sphere"
            )
        self.part, self.lights, self.most = model.parts[0], lights, most
        low, high = model.bounds
        self.size = float((high - low).norm())
        self._take(self.part.mesh.positions, self.part.mesh.triangles, _SMOOTHNESS)

    def _take(self, positions: Tensor, triangles: Tensor, smoothness: float) -> Unknowns:
        self.triangles, self.smoothness = triangles.int(), smoothness
        self.steps = LargeSteps(triangles, len(positions), smoothness)
        return {"u": self.steps.unknowns(positions.double() / self.size)}

    def start(self, level: Level) -> Unknowns:
        """Return the model's own vertices."""
        return self._take(self.part.mesh.positions, self.part.mesh.triangles, _SMOOTHNESS)

    def prolong(self, unknowns: Unknowns, level: Level) -> Unknowns:
        """Cut the triangles, if there may be so many."""
        positions = self.vertices(unknowns)
        if 4 * len(self.triangles) > self.most:
            return unknowns
        return self._take(*subdivide(positions, self.triangles.long()), 2.0 * self.smoothness)

    def step_lengths(self, level: Level) -> Mapping[str, float]:
        """Return a step that halves from level to level."""
        return {"u": _STEP * 0.5**level.index}

    def prior(self, unknowns: Unknowns, level: Level) -> Tensor:
        """Return 0: that vertices move together is prior enough."""
        return unknowns["u"].new_zeros(())

    def vertices(self, unknowns: Unknowns) -> Tensor:
        """Return the vertices of z [m], shape (V, 3)."""
        return self.size * self.steps.positions(unknowns["u"]).to(self.part.mesh.positions)

    def posed(self, unknowns: Unknowns) -> Posed:
        """Return the mesh with its normals left to the renderer."""
        mesh = Mesh(self.vertices(unknowns), self.triangles)
        return Posed((dataclasses.replace(self.part, mesh=mesh, two_sided=True),), self.lights)

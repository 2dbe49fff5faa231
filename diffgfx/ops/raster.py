"""The drop-in face of nvdiffrast: its names, argument order, defaults and layouts, on any device.

Code written for ``nvdiffrast.torch`` runs after ``import diffgfx.ops.raster as dr``, on the CPU as
on CUDA. What differs: misuse raises typed errors, tensors may be float64, results are the same in
every run, and triangles are limited to 2^24. `diffgfx.ops` has the same functions with
gradients to depth and a bounded antialiasing.
"""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.check import check_choice
from diffgfx.errors import DtypeError, StateError
from diffgfx.ops._mips import MadeLevels
from diffgfx.ops.texture import BoundaryMode, FilterMode

__all__ = [
    "DepthPeeler",
    "RasterizeCudaContext",
    "RasterizeGLContext",
    "antialias",
    "antialias_construct_topology_hash",
    "get_log_level",
    "interpolate",
    "rasterize",
    "set_log_level",
    "texture",
    "texture_construct_mip",
]

Mode = Literal["automatic", "manual"]


class RasterizeCudaContext:
    """What `rasterize` is given first. It serves tensors on whatever device they are.

    Attributes:
        output_db: Whether slopes of barycentrics are given.
    """

    def __init__(self, device: torch.device | str | int | None = None) -> None:
        """Make a context; ``device`` is where nvdiffrast would draw, and has no effect."""
        self.output_db = True
        self._peeler: DepthPeeler | None = None


class RasterizeGLContext(RasterizeCudaContext):
    """The same under the name of nvdiffrast's other context; nothing here needs OpenGL."""

    def __init__(
        self,
        output_db: bool = True,
        mode: Mode = "automatic",
        device: torch.device | str | int | None = None,
    ) -> None:
        """Make a context.

        Args:
            output_db: Whether slopes of barycentrics are given; else ``rast_db`` has no channels.
            mode: When OpenGL's context would be set; there is none, so it has no effect.
            device: Where nvdiffrast would draw; has no effect.
        """
        check_choice("mode", mode, get_args(Mode))
        super().__init__(device)
        self.output_db = bool(output_db)

    def set_context(self) -> None:
        """Do nothing: there is no OpenGL context to set."""

    def release_context(self) -> None:
        """Do nothing: there is no OpenGL context to release."""


_log_level = [1]


def get_log_level() -> int:
    """Return what `set_log_level` was told last, 1 at first. Nothing here writes a log."""
    return _log_level[0]


def set_log_level(level: int) -> None:
    """Take the least severe level to be logged, from 0 (information) to 3 (fatal)."""
    _log_level[0] = int(level)


def _check_context(glctx: object) -> RasterizeCudaContext:
    if not isinstance(glctx, RasterizeCudaContext):
        raise DtypeError(
            "glctx must be a RasterizeCudaContext or a RasterizeGLContext, got "
            f"{type(glctx).__name__}; make one with RasterizeCudaContext()"
        )
    return glctx


def _draw(
    glctx: RasterizeCudaContext,
    mesh: tuple[Tensor, Tensor],
    resolution: Sequence[int],
    ranges: Tensor | None,
    grad_db: bool,
    below: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Draw one layer; only gradients of slopes depend on ``grad_db``, as in nvdiffrast.

    It ignores ranges where each image has positions of its own.
    """
    if isinstance(mesh[0], Tensor) and mesh[0].ndim == 3:
        ranges = None
    rast, slopes = ops.rasterize(
        *mesh, resolution, ranges=ranges, grad_db=glctx.output_db, grad_z=False, below=below
    )
    return rast, slopes if grad_db else slopes.detach()


def rasterize(
    glctx: RasterizeCudaContext,
    pos: Tensor,
    tri: Tensor,
    resolution: Sequence[int],
    ranges: Tensor | None = None,
    grad_db: bool = True,
) -> tuple[Tensor, Tensor]:
    """Draw triangles: `diffgfx.ops.rasterize` without gradients to depth.

    Args:
        glctx: A context that no `DepthPeeler` is using.
        pos: Vertices in clip space, (B, V, 4), or (V, 4) with ``ranges``.
        tri: Vertices of each triangle, int32, (T, 3).
        resolution: Height and width.
        ranges: First triangle and count of each image, int32, (B, 2), on the CPU; with positions
            (V, 4), else it is ignored.
        grad_db: Whether the slopes have gradients; they are given either way.

    Returns:
        ``rast`` (B, H, W, 4): u, v, z/w and index + 1; and ``rast_db`` (B, H, W, 4), or (B, H, W,
        0) of a context without ``output_db``.

    Raises:
        StateError: If a `DepthPeeler` is using the context.
        DtypeError, ShapeError, DeviceError, RangeError: If an argument does not fit; it is named.
    """
    if _check_context(glctx)._peeler is not None:
        raise StateError(
            "glctx must not be in use, got one inside a DepthPeeler; call rasterize_next_layer() "
            "of that, leave its 'with' block first, or make another context"
        )
    return _draw(glctx, (pos, tri), resolution, ranges, grad_db, None)


class DepthPeeler:
    """Draws a scene layer by layer, front to back, inside a ``with`` block.

    Each layer shows only what lies deeper, at each pixel, than the layer before; of surfaces that
    coincide only one is seen. Where a layer is empty, all that follow are.
    """

    def __init__(
        self,
        glctx: RasterizeCudaContext,
        pos: Tensor,
        tri: Tensor,
        resolution: Sequence[int],
        ranges: Tensor | None = None,
        grad_db: bool = True,
    ) -> None:
        """Take the arguments of `rasterize`; nothing is drawn yet."""
        self._context = _check_context(glctx)
        self._mesh = (pos, tri)
        self._resolution = resolution
        self._ranges = ranges
        self._grad_db = grad_db
        self._above: Tensor | None = None

    def __enter__(self) -> "DepthPeeler":
        """Reserve the context, and start with the nearest layer."""
        if self._context._peeler is not None:
            raise StateError(
                "glctx must not be in use, got one inside a DepthPeeler; leave its 'with' block "
                "first, or make another context"
            )
        self._context._peeler = self
        self._above = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the context back."""
        self._context._peeler = None
        self._above = None

    def rasterize_next_layer(self) -> tuple[Tensor, Tensor]:
        """Return the next layer, as `rasterize` does.

        Raises:
            StateError: Outside a ``with`` block.
        """
        if self._context._peeler is not self:
            raise StateError(
                "rasterize_next_layer must be called inside the peeler's 'with' block, got a call "
                "outside; write 'with DepthPeeler(...) as peeler:'"
            )
        found = _draw(
            self._context, self._mesh, self._resolution, self._ranges, self._grad_db, self._above
        )
        self._above = found[0].detach()
        return found


def interpolate(
    attr: Tensor,
    rast: Tensor,
    tri: Tensor,
    rast_db: Tensor | None = None,
    diff_attrs: Sequence[int] | Literal["all"] | None = None,
) -> tuple[Tensor, Tensor]:
    """Interpolate attributes of vertices over pixels: `diffgfx.ops.interpolate`.

    Args:
        attr: Values at vertices, (B or 1, V, A) or (V, A).
        rast: What `rasterize` gave first, (B, H, W, 4).
        tri: Vertices of each triangle, int32, (T, 3).
        rast_db: What `rasterize` gave second; needed with ``diff_attrs``.
        diff_attrs: Which attributes' slopes to give: indices, or ``"all"``.

    Returns:
        Values (B, H, W, A), and slopes to X and Y in pairs (B, H, W, 2 D).

    Raises:
        DtypeError, ShapeError, DeviceError, RangeError: If an argument does not fit; it is named.
    """
    found: tuple[Tensor, Tensor] = ops.interpolate(
        attr, rast, tri, rast_db=rast_db, diff_attrs=diff_attrs
    )
    return found


def texture(
    tex: Tensor,
    uv: Tensor,
    uv_da: Tensor | None = None,
    mip_level_bias: Tensor | None = None,
    mip: Any = None,
    filter_mode: FilterMode = "auto",
    boundary_mode: BoundaryMode = "wrap",
    max_mip_level: int | None = None,
) -> Tensor:
    """Look textures up: `diffgfx.ops.texture`.

    Args:
        tex: Texels, row 0 at the bottom, (B or 1, h, w, C), or (B or 1, 6, s, s, C) of a cube.
        uv: Where to look, (B, H, W, 2), or directions (B, H, W, 3) into a cube.
        uv_da: Slopes of uv, (B, H, W, 4) or (B, H, W, 6).
        mip_level_bias: Added to the level, (B, H, W).
        mip: What `texture_construct_mip` gave, or a list of the levels after the first.
        filter_mode: ``"auto"``, ``"nearest"``, ``"linear"``, ``"linear-mipmap-nearest"`` or
            ``"linear-mipmap-linear"``.
        boundary_mode: ``"wrap"``, ``"clamp"``, ``"zero"`` or ``"cube"``.
        max_mip_level: The last level that is made.

    Returns:
        Values (B, H, W, C).

    Raises:
        DtypeError, ShapeError, DeviceError, RangeError: If an argument does not fit; it is named.
    """
    found: Tensor = ops.texture(
        tex, uv, uv_da=uv_da, mip_level_bias=mip_level_bias, mip=mip, filter_mode=filter_mode,
        boundary_mode=boundary_mode, max_mip_level=max_mip_level,
    )  # fmt: skip
    return found


def texture_construct_mip(
    tex: Tensor, max_mip_level: int | None = None, cube_mode: bool = False
) -> Any:
    """Make the smaller levels of a texture once, for many calls of `texture`.

    Args:
        tex: Texels, as in `texture`.
        max_mip_level: The last level that is made.
        cube_mode: Whether ``tex`` is a cube.

    Returns:
        What `texture` takes as ``mip``: it holds no graph, and gradients of each look-up go to
        the texture that is given there, as in nvdiffrast.
    """
    levels = ops.construct_mip(tex.detach(), max_mip_level=max_mip_level, cube_mode=cube_mode)
    return MadeLevels(levels)


def antialias(
    color: Tensor,
    rast: Tensor,
    pos: Tensor,
    tri: Tensor,
    topology_hash: Any = None,
    pos_gradient_boost: float = 1.0,
) -> Tensor:
    """Blend colours across silhouettes: `diffgfx.ops.antialias` with nvdiffrast's weights.

    Args:
        color: Pixels, (B, H, W, C).
        rast: What `rasterize` gave first, (B, H, W, 4).
        pos: Vertices in clip space, as in `rasterize`.
        tri: Vertices of each triangle, int32, (T, 3).
        topology_hash: What `antialias_construct_topology_hash` gave for ``tri``.
        pos_gradient_boost: Factor on the gradient to ``pos``.

    Returns:
        Pixels (B, H, W, C). Weights of a pixel may add up to more than one.

    Raises:
        DtypeError, ShapeError, DeviceError, RangeError: If an argument does not fit; it is named.
    """
    found: Tensor = ops.antialias(
        color, rast, pos, tri, topology=topology_hash, pos_gradient_boost=pos_gradient_boost,
        mode="nvdiffrast",
    )  # fmt: skip
    return found


def antialias_construct_topology_hash(tri: Tensor) -> Any:
    """Find out once which triangles share sides, for many calls of `antialias`.

    Args:
        tri: Vertices of each triangle, int32, (T, 3).

    Returns:
        What `antialias` takes as ``topology_hash``.
    """
    return ops.construct_topology(tri)

"""Pictures of a flat material under light/view pairs, ambient light included."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from diffgfx.ops import shade_svbrdf

__all__ = ["render_planar"]


def render_planar(
    maps: Float[Tensor, "b 10 h w"],
    size: Sequence[float],
    *,
    light_position: Tensor,
    light_intensity: Tensor,
    camera_position: Tensor,
    cone: Tensor | None = None,
    ambient: Tensor | None = None,
    axis: Tensor | None = None,
) -> Float[Tensor, "b n 3 h w"]:
    """Return the radiance of flat materials under light/view pairs; see `ops.shade_svbrdf`.

    Args:
        maps: Maps n3 d3 s3 r1.
        size: Width and height of the sample.
        light_position: See `ops.shade_svbrdf`.
        light_intensity: See `ops.shade_svbrdf`.
        camera_position: See `ops.shade_svbrdf`.
        cone: See `ops.shade_svbrdf`.
        ambient: Radiance of a uniform surrounding light, shape (b or 1, n, 3), reflected with
            ``d (1 - max_c s_c) + s`` as in `ops.svbrdf_render_loss`.
        axis: See `ops.shade_svbrdf`.

    Returns:
        Linear RGB, row 0 at the top.
    """
    image = shade_svbrdf(
        maps, light_position, light_intensity, camera_position, size, axis=axis, cone=cone
    )
    if ambient is None:
        return image
    d, s = maps[:, 3:6], maps[:, 6:9]
    albedo = d * (1 - s.amax(dim=1, keepdim=True)) + s
    return image + ambient[..., None, None] * albedo[:, None]

"""Textures looked up by nvdiffrast."""

from torch import Tensor

from diffgfx_kernels.sampling import Sampling, level_sizes, level_starts
from diffgfx_kernels.torch_ import texture as reference
from diffgfx_kernels.torch_.pull import pull

__all__ = ["backward", "forward"]


def _levels(tex: Tensor, mips: Tensor, top: int) -> list[Tensor]:
    """Return packed levels from 1 on one by one, as nvdiffrast takes them: one set a texture."""
    mips = mips.expand(max(len(tex), len(mips)), -1, -1)
    _, faces, height, width, channels = tex.shape
    sizes = level_sizes(height, width, top)
    starts = level_starts(faces, sizes)
    face = (6,) if faces == 6 else ()
    return [
        mips[:, starts[i] : starts[i + 1]]
        .reshape(len(mips), *face, *sizes[i + 1], channels)
        .contiguous()
        for i in range(top)
    ]


def _look_up(
    tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None, bias: Tensor | None,
    sampling: Sampling,
) -> Tensor:  # fmt: skip
    import nvdiffrast.torch as dr

    if not sampling.derived:
        tex = tex.expand(max(len(tex), len(mips)), -1, -1, -1, -1).contiguous()
    levelled = "mipmap" in sampling.filter and sampling.top > 0
    found: Tensor = dr.texture(
        tex if tex.shape[1] == 6 else tex[:, 0],
        uv,
        uv_da=uv_da if levelled else None,
        mip_level_bias=bias if levelled else None,
        mip=None if sampling.derived or not levelled else _levels(tex, mips, sampling.top),
        filter_mode=sampling.filter if levelled else sampling.filter.partition("-")[0],
        boundary_mode=sampling.boundary,
        max_mip_level=sampling.top if sampling.derived else None,
    )
    return found


def forward(
    tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None, bias: Tensor | None,
    sampling: Sampling,
) -> Tensor:  # fmt: skip
    """Return the values at pixels, as the reference does."""
    if not (tex.numel() and uv.numel()):
        return reference.forward(tex, mips, uv, uv_da, bias, sampling)
    return _look_up(tex, mips, uv, uv_da, bias, sampling).clone()


def backward(
    g_out: Tensor, tex: Tensor, mips: Tensor, uv: Tensor, uv_da: Tensor | None,
    bias: Tensor | None, sampling: Sampling, wanted: tuple[bool, bool],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Return the gradients to tex, mips, uv, uv_da and bias, as the reference does."""
    if not (tex.numel() and uv.numel()):
        return reference.backward(g_out, tex, mips, uv, uv_da, bias, sampling, wanted)
    step = uv.new_zeros((*uv.shape[:3], 2 * uv.shape[3])) if uv_da is None else uv_da
    added = uv.new_zeros(uv.shape[:3]) if bias is None else bias

    def value(t: Tensor, m: Tensor, p: Tensor, d: Tensor, a: Tensor) -> Tensor:
        return _look_up(
            t, m, p, None if uv_da is None else d, None if bias is None else a, sampling
        )

    g_tex, g_mips, g_uv, g_da, g_bias = pull(value, (tex, mips, uv, step, added), g_out)[1]
    return g_tex.contiguous(), g_mips.contiguous(), g_uv, g_da, g_bias

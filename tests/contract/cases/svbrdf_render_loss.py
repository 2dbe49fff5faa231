"""The rendering loss: every residual, against pictures and against maps, masked and lit."""

from functools import partial
from typing import Any

import torch

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.case import Case, Wrong, resized, wrong_kinds
from tests.contract.cases.shade_svbrdf import PAIR_NAMES, WRONG_PAIRS, build_shading

__all__ = ["CASES"]


def build_loss(
    dtype: torch.dtype,
    device: str,
    batch: int,
    seed: int,
    *,
    residual: ops.Residual,
    pairs: int = 2,
    height: int = 2,
    width: int = 3,
    against_maps: bool = False,
    mask: str = "",
    surrounded: bool = False,
    **shape: float,
) -> dict[str, Any]:
    """Return arguments of `ops.svbrdf_render_loss`.

    Those of `build_shading`, and a target of maps instead of pictures, a mask ("pair" for one a
    pair, "texel" for one that all pairs share) and an ambient light where they are wanted.
    """
    sizes = {"pairs": pairs, "height": height, "width": width}
    found = build_shading(torch.float64, "cpu", batch, seed, **sizes, **shape)
    draw = torch.Generator().manual_seed(seed + 1000)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=draw, dtype=torch.float64)

    if against_maps:
        # other normals, so that neither picture is the brighter one everywhere
        other = build_shading(torch.float64, "cpu", batch, seed + 500, **sizes, **shape)
        found["target"] = other["maps"]
    else:
        # about half of the pixels are brighter than the picture, none nearly equal to it
        pixels = batch * pairs * 3 * height * width
        factor = uniform(1.2, 2.0, pixels)
        factor = torch.where(torch.arange(pixels) % 2 == 0, factor, 1.0 / factor)
        keep = (*PAIR_NAMES, "size", "directional", "orthographic", "cone", "axis")
        picture = ops.shade_svbrdf(
            found["maps"], **{key: found[key] for key in keep if key in found}, backend="torch"
        )
        found["target"] = picture * factor.view(picture.shape)
    if mask:
        weights = uniform(0.2, 1.0, batch, pairs if mask == "pair" else 1, height, width)
        found["mask"] = weights * (torch.arange(height * width) != 1).view(height, width)
    if surrounded:
        found["ambient"] = uniform(0.3, 1.0, batch, pairs, 3)
    placed = {
        key: value.to(device, dtype) if isinstance(value, torch.Tensor) else value
        for key, value in found.items()
    }
    return placed | {"residual": residual}


WRONG_TARGET = (
    Wrong("target", resized(1, 3), ShapeError, "target must have shape (2, 2, 3, 2, 3)"),
    Wrong("target", resized(4, 4), ShapeError, "an image is (B, N, 3, H, W) and maps are"),
    Wrong("target", lambda t: t[:, 0], ShapeError, "must have shape (2, 10, 2, 3)"),
    Wrong("target", lambda t: t[0, 0], ShapeError, "must have 4 or 5 dimensions, got 3"),
    Wrong("target", lambda t: t.clone().requires_grad_(), RangeError, "target must not require"),
    Wrong("mask", resized(0, 3), ShapeError, "mask must have shape (B|1, N|1, 2, 3)"),
    Wrong("mask", resized(1, 3), ShapeError, "mask must have shape (B|1, N|1, 2, 3)"),
    Wrong("mask", resized(3, 2), ShapeError, "mask must have shape (B|1, N|1, 2, 3)"),
    Wrong("mask", lambda m: m.clone().requires_grad_(), RangeError, "mask must not require"),
    Wrong("ambient", resized(2, 1), ShapeError, "ambient must have shape (B|1, 2, 3)"),
)
WRONG_RESIDUAL = (
    Wrong("residual", lambda r: r._replace(kind="l3"), RangeError, "residual.kind must be one of"),
    Wrong("residual", lambda r: r._replace(epsilon=0.0), RangeError, "residual.epsilon must be"),
    Wrong("residual", lambda r: r._replace(delta=-1.0), RangeError, "residual.delta must be"),
    Wrong("residual", lambda r: r._replace(white=0.0), RangeError, "residual.white must be"),
)

WRONG_LIGHT = tuple(
    Wrong(name, lambda value: value.clone().requires_grad_(), RangeError, "where target is maps")
    for name in (*PAIR_NAMES, "axis", "cone", "ambient")
)

LIT = (*PAIR_NAMES, "cone", "ambient")


def _case(variant: str, kind: str, lit: tuple[str, ...] = PAIR_NAMES, **more: Any) -> Case:
    residual = ops.Residual(kind, epsilon=0.02, delta=0.3, white=more.pop("white", float("inf")))
    wrong, slow = more.pop("wrong", ()), more.pop("slow", False)
    more.setdefault("surrounded", "ambient" in lit)
    build = partial(build_loss, residual=residual, **more)
    return Case(
        f"svbrdf_render_loss[{variant}]",
        op="svbrdf_render_loss",
        call=ops.svbrdf_render_loss,
        build=build,
        differentiable=("maps",) if "against_maps" in more else ("maps", *lit),
        shared=(*lit, "mask") if "mask" in more else lit,
        empty=("pairs", "height", "width"),
        wrong=wrong,
        slow=slow,
        large={"pairs": 3, "height": 70, "width": 67},
    )


CASES = (
    _case(
        "log_l1-cone-ambient-mask-white",
        "log_l1",
        LIT,
        coned=True,
        mask="pair",
        white=0.5,
        wrong=wrong_kinds("maps", "target", *PAIR_NAMES, "mask", "ambient")
        + WRONG_PAIRS
        + WRONG_TARGET
        + WRONG_RESIDUAL,
    ),
    _case("display_charbonnier-maps-axis-ambient", "display_charbonnier",
          coned=True, turned=True, surrounded=True, against_maps=True, least=0.1,
          wrong=WRONG_LIGHT, slow=True),
    _case("l2-far-mask", "l2", far=True, mask="texel", least=0.15),
    # the rest of the kinds; `tests/unit/kernels/test_residual.py` holds each in the default run
    _case("log_l2-maps-far", "log_l2", far=True, against_maps=True, slow=True),
    _case("log_charbonnier", "log_charbonnier", slow=True),
    _case("display_l1-ambient", "display_l1", (*PAIR_NAMES, "ambient"), slow=True),
    _case("display_l2-white", "display_l2", white=0.5, least=0.1, slow=True),
    _case("l1-axis", "l1", (*LIT[:4], "axis"), coned=True, turned=True, least=0.1, slow=True),
    _case("charbonnier", "charbonnier", least=0.1, slow=True),
)  # fmt: skip

"""Code written for nvdiffrast, with nothing changed but its import.

Draws two coloured squares and a textured one behind them, peels them apart, lights a sphere of
directions by a cube map, and pulls a vertex toward where a picture wants it. With nvdiffrast and a
GPU the line below reads ``import nvdiffrast.torch as dr``, and tensors are made with ``.cuda()``.
"""

from collections.abc import Sequence

import torch

import diffgfx.ops.raster as dr

SIZE = [64, 64]


def square(left: float, right: float, low: float, high: float, depth: float) -> torch.Tensor:
    """Four corners in clip space."""
    corners = [[left, low], [right, low], [right, high], [left, high]]
    return torch.tensor([[x, y, depth, 1.0] for x, y in corners])


def draw_layers(glctx: dr.RasterizeCudaContext) -> list[float]:
    """Peel two overlapping squares, and return how much of the picture each layer covers."""
    pos = torch.cat([square(-0.8, 0.2, -0.8, 0.2, 0.0), square(-0.2, 0.8, -0.2, 0.8, 0.5)])[None]
    tri = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], dtype=torch.int32)
    covered = []
    with dr.DepthPeeler(glctx, pos, tri, SIZE) as peeler:
        for _ in range(3):
            rast, _ = peeler.rasterize_next_layer()
            covered.append(float((rast[..., 3] > 0).float().mean()))
    return covered


def draw_ranges(glctx: dr.RasterizeCudaContext) -> list[int]:
    """Draw a different part of one list of triangles into each picture of a batch."""
    pos = torch.cat([square(-0.5, 0.5, -0.5, 0.5, 0.0), square(-1.0, 1.0, -0.25, 0.25, 0.0)])
    tri = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], dtype=torch.int32)
    ranges = torch.tensor([[0, 2], [2, 2], [0, 4]], dtype=torch.int32)
    rast, _ = dr.rasterize(glctx, pos, tri, SIZE, ranges=ranges)
    color, _ = dr.interpolate(torch.ones(len(pos), 1), rast, tri)
    return [int(picture.sum()) for picture in dr.antialias(color, rast, pos, tri)]


def draw_texture(glctx: dr.RasterizeCudaContext) -> float:
    """Return the mean of a floor that goes to the horizon, trilinear, with mips of its own."""
    pos = torch.tensor([[[-9.0, -1.0, 0.0, 1.0], [9.0, -1.0, 0.0, 1.0],
                         [9.0, -1.0, 19.0, 20.0], [-9.0, -1.0, 19.0, 20.0]]])  # fmt: skip
    tri = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)
    uv = torch.tensor([[[0.0, 0.0], [8.0, 0.0], [8.0, 8.0], [0.0, 8.0]]])
    tex = (torch.arange(16)[:, None] + torch.arange(16)).remainder(2).float().view(1, 16, 16, 1)
    mips = [torch.full((1, 16 >> level, 16 >> level, 1), 0.5) for level in range(1, 5)]
    rast, rast_db = dr.rasterize(glctx, pos, tri, SIZE)
    coords, coords_da = dr.interpolate(uv, rast, tri, rast_db=rast_db, diff_attrs="all")
    color = dr.texture(
        tex, coords, coords_da, mip=mips, filter_mode="linear-mipmap-linear"
    ) * (rast[..., 3:] > 0)  # fmt: skip
    return float(color.sum() / (rast[..., 3] > 0).sum())


def light_cube() -> float:
    """Return the mean light from all directions of a cube map with one bright face."""
    cube = torch.zeros(1, 6, 32, 32, 3)
    cube[:, 2] = 1.0
    direction = torch.randn(1, 256, 256, 3, generator=torch.Generator().manual_seed(0))
    return float(dr.texture(cube, direction, filter_mode="linear", boundary_mode="cube").mean())


def fit_square(glctx: dr.RasterizeCudaContext) -> float:
    """Move a square by gradients of silhouettes; return how far it is off in the end [px]."""
    tri = torch.tensor([[0, 1, 2], [0, 2, 3]], dtype=torch.int32)

    def picture(shift: torch.Tensor) -> torch.Tensor:
        pos = square(-0.5, 0.5, -0.5, 0.5, 0.0)[None]
        pos = torch.cat([pos[..., :1] + shift, pos[..., 1:]], dim=2)
        rast, _ = dr.rasterize(glctx, pos, tri, SIZE)
        color, _ = dr.interpolate(torch.ones(1, 4, 1), rast, tri)
        return dr.antialias(color, rast, pos, tri)

    wanted = picture(torch.tensor(0.137))
    shift = torch.tensor(0.0, requires_grad=True)
    adam = torch.optim.Adam([shift], lr=0.01)
    for _ in range(60):
        adam.zero_grad()
        (picture(shift) - wanted).square().mean().backward()
        adam.step()
    return abs(float(shift.detach()) - 0.137) * SIZE[0] / 2


def main(argv: Sequence[str] | None = None) -> dict[str, object]:
    """Run all parts and return what they found."""
    del argv
    glctx = dr.RasterizeCudaContext()
    found: dict[str, object] = {
        "layers": draw_layers(glctx),
        "ranges": draw_ranges(glctx),
        "floor": draw_texture(glctx),
        "cube": light_cube(),
        "off_px": fit_square(glctx),
    }
    for name, value in found.items():
        print(f"{name}: {value}")
    return found


if __name__ == "__main__":
    main()

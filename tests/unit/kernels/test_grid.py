import pytest
import torch

ti = pytest.importorskip("taichi")

from diffgfx_kernels.taichi_ import runtime  # noqa: E402
from diffgfx_kernels.taichi_.grid import Grid, grid_for, tile_start, turns  # noqa: E402


@ti.kernel
def _count(visits: ti.types.ndarray(ndim=1), grid: ti.template()):
    pixels = visits.shape[0]
    ti.loop_config(serialize=True)
    for chunk in range(grid.chunks):
        for turn in range(turns(chunk, pixels, grid)):
            first = tile_start(chunk, turn, pixels, grid)
            for j in range(ti.min(grid.lanes, pixels - first)):
                visits[first + j] += 1


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("pixels", [1, 7, 8, 9, 31, 32, 33, 63, 1000])
def test_every_texel_is_in_one_tile_of_one_chunk(pixels: int, together: bool) -> None:
    runtime.start(torch.device("cpu"))
    visits = torch.zeros(pixels, dtype=torch.int32)
    _count(visits, Grid(lanes=8, chunks=4, spread=1, together=together))
    assert visits.tolist() == [1] * pixels


def test_a_device_has_one_grid() -> None:
    assert grid_for(torch.device("cpu")) == grid_for(torch.device("cpu"))
    assert grid_for(torch.device("cuda")).lanes == 1

"""The comparison: three rows, and a third that is black where two agree."""

import numpy as np
import torch

from diffgfx.tasks.control.compare import draw_rows


def test_rows():
    wanted = torch.zeros(2, 3, 30, 60)
    found = wanted.clone()
    found[1] = 1.0
    page = draw_rows(wanted, found, [3, 9])
    assert page.shape == (2 * 22 + 3 * 30 + 4 * 4, 2 * (60 + 4), 3)
    rows = [slice(50 + 34 * k, 74 + 34 * k) for k in range(3)]
    columns = [slice(8, 60), slice(72, 124)]
    means = [[float(page[row, column].mean()) for column in columns] for row in rows]
    assert means[0] == [0.0, 0.0]
    assert means[1] == [0.0, 1.0]
    assert means[2][0] < 0.02
    assert means[2][1] > 0.7
    assert np.ptp(page[rows[2], columns[1]], axis=(0, 1)).max() == 0.0

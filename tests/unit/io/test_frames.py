"""Frames: the state comes back to the bit, and a broken file is one clear line."""

import contextlib
import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from diffgfx.errors import InputError, OutputError, ShapeError
from diffgfx.io import read_frame, write_frame
from diffgfx.scene import FluidState


def a_state(*cells: int, batch: int = 1) -> FluidState:
    draw = torch.Generator().manual_seed(0)
    state = FluidState.at_rest(cells, batch=batch)
    tensors = [torch.randn(t.shape, generator=draw) for t in state.tensors()]
    return dataclasses.replace(state.with_tensors(tensors), time=0.3, step=3)


@pytest.mark.parametrize("cells", [(4, 3), (4, 3, 2)])
def test_round_trip(tmp_path, cells):
    state = a_state(*cells)
    write_frame(tmp_path / "0.npz", state, 0.25)
    assert os.listdir(tmp_path) == ["0.npz"]
    back = read_frame(tmp_path / "0.npz", cells, 0.25)
    assert (back.time, back.step) == (0.3, 3)
    for one, other in zip(back.tensors(), state.tensors(), strict=True):
        assert torch.equal(one, other)
    with np.load(tmp_path / "0.npz") as archive:
        assert archive["velocity_x"].shape == (*reversed(cells[1:]), cells[0] + 1)
        assert int(archive["schema"]) == 1
        assert archive["density"].dtype == np.float32


def test_a_batch_is_refused(tmp_path):
    with pytest.raises(ShapeError, match="batch of one"):
        write_frame(tmp_path / "0.npz", a_state(4, 3, batch=2), 0.25)
    assert os.listdir(tmp_path) == []


def test_nowhere_to_write(tmp_path):
    with pytest.raises(OutputError, match="must be writable"):
        write_frame(tmp_path / "none" / "0.npz", a_state(4, 3), 0.25)


def refused(path: Path, rule: str) -> None:
    with pytest.raises(InputError, match=rule) as caught:
        read_frame(path, (4, 3), 0.25)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.98])
def test_truncated(tmp_path, keep):
    path = tmp_path / "0.npz"
    write_frame(path, a_state(4, 3), 0.25)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    refused(path, "whole .npz frame")


def test_a_changed_byte_anywhere_is_refused_or_harmless(tmp_path):
    path = tmp_path / "0.npz"
    write_frame(path, a_state(4, 3), 0.25)
    with np.load(path) as archive:
        np.savez_compressed(path, **dict(archive))
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x41]) + data[place + 1 :])
        with contextlib.suppress(InputError):
            read_frame(path, (4, 3), 0.25)


def test_not_a_frame(tmp_path):
    path = tmp_path / "0.npz"
    refused(path, "must exist")
    path.write_bytes(b"")
    refused(path, "0 bytes")
    path.write_bytes(b"PK\x03\x04 and so on")
    refused(path, "whole .npz frame")
    np.savez(path, density=np.zeros((3, 4), np.float32))
    refused(path, "frame must hold velocity_x")


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("density", np.full((3, 4), np.nan, np.float32), "density must be finite"),
        ("density", np.zeros((4, 3), np.float32), "must have .4, 3. cells"),
        ("velocity_x", np.zeros((3, 4), np.float32), "velocity_x must be floats of shape"),
        ("density", np.zeros((3, 4), np.int32), "must have|must be floats"),
        ("velocity_x", np.zeros((300, 400), np.float32), "must have .4, 3. cells"),
        ("schema", np.int64(2), "schema must be 1"),
        ("cell", np.float64(0.5), "cell must be 0.25"),
        ("time", np.float64(np.nan), "time must be finite and step a whole number"),
        ("step", np.float64(2.5), "time must be finite and step a whole number"),
        ("step", np.float64(np.inf), "time must be finite and step a whole number"),
        ("density", np.full((3, 4), 1e300), "density must be finite in single precision"),
        ("step", np.zeros(2), "step must be a number"),
    ],
)
def test_wrong_contents(tmp_path, key, value, rule):
    path = tmp_path / "0.npz"
    write_frame(path, a_state(4, 3), 0.25)
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | {key: value}))
    refused(path, rule)


def test_pickles_are_not_opened(tmp_path):
    path = tmp_path / "0.npz"
    write_frame(path, a_state(4, 3), 0.25)
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **(arrays | {"density": np.array([{"a": 1}], dtype=object)}))
    refused(path, "whole .npz frame")

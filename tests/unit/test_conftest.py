"""Tests that compile the same kernels are known as such by their names."""

import pytest

from tests.conftest import kernels_of


@pytest.mark.parametrize(
    ("test", "kernels"),
    [
        ("tests/contract/test_contract.py::test_gradcheck[advect[tube]-taichi-cpu]", "advect"),
        ("tests/contract/test_contract.py::test_opcheck[advect_tvd-torch-cpu]", "advect_tvd"),
        ("tests/unit/ops/test_texture.py::test_faces[cube]", "texture"),
        ("tests/unit/ops/test_texture.py::test_faces", "texture"),
        ("tests/unit/io/test_folder.py::test_signals[2--2]", "tests/unit/io/test_folder.py"),
        ("tests/e2e/test_cli_capture.py::test_a_run", "tests/e2e/test_cli_capture.py"),
    ],
)
def test_kernels_of(test: str, kernels: str) -> None:
    assert kernels_of(test) == kernels

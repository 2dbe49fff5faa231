"""The published image models, on the published maps, reproduce the published pictures."""

from pathlib import Path

import pytest

import diffgfx.tasks.validation.published as published
from diffgfx.errors import InputError
from diffgfx.tasks.validation.published import measure_gao, measure_materialgan


def test_gao(data_folder: Path) -> None:
    assert measure_gao(data_folder) <= 0.0012


def test_materialgan(data_folder: Path) -> None:
    assert measure_materialgan(data_folder) <= 0.0025


def test_the_measures_tell_the_encodings_apart(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MaterialGAN's maps read as Gao's, roughness and specular linear, are far off; and back."""
    gao, materialgan = published.from_gao, published.from_materialgan
    monkeypatch.setattr(published, "from_materialgan", gao)
    assert measure_materialgan(data_folder) > 0.04
    monkeypatch.setattr(published, "from_gao", materialgan)
    assert measure_gao(data_folder) > 0.04


def test_missing_data_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must exist") as caught:
        measure_gao(tmp_path)
    assert "\n" not in str(caught.value)

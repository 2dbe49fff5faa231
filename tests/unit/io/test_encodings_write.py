"""What is written for other systems is read back as it was meant."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diffgfx.errors import RangeError, ShapeError
from diffgfx.io.encodings import (
    balance_diffuse,
    from_deschaintre,
    from_gao,
    from_materialgan,
    from_metallic,
    to_metallic,
)
from diffgfx.io.encodings_write import (
    StoredMaps,
    to_deschaintre,
    to_gao,
    to_materialgan,
    to_unreal,
    unbalance_diffuse,
)

Pair = tuple[Callable[[Tensor], StoredMaps], Callable[..., Tensor]]
PAIRS: dict[str, Pair] = {
    "deschaintre": (to_deschaintre, from_deschaintre),
    "gao": (to_gao, from_gao),
    "materialgan": (to_materialgan, from_materialgan),
}


def _flat(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1)


def _random_maps(count: int = 500, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    maps = torch.rand(1, 10, 1, count, generator=random, dtype=torch.float64)
    maps[:, :2] -= 0.5
    maps[:, :3] /= maps[:, :3].norm(dim=1, keepdim=True)
    return maps


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_written_and_read_is_what_it_was(name: str) -> None:
    write, read = PAIRS[name]
    maps = _random_maps()
    assert float((read(*write(maps)) - maps).abs().max()) <= 1e-14
    longer = torch.cat([3.0 * maps[:, :3], maps[:, 3:]], dim=1)
    assert torch.allclose(write(longer).normal, write(maps).normal, rtol=0.0, atol=1e-15)


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_what_an_encoding_cannot_hold_is_clipped(name: str) -> None:
    maps = torch.cat([_flat(0.0, 0.0, 2.0), _flat(1.5, -0.5, 1.0), _flat(9.0, 0.0, -9.0),
                      _flat(1.25)], dim=1)  # fmt: skip
    stored = PAIRS[name][0](maps)
    assert stored.normal.flatten().tolist() == [0.5, 0.5, 1.0]
    assert stored.diffuse.flatten().tolist() == [1.0, 0.0, 1.0]
    assert stored.specular.flatten().tolist() == [1.0, 0.0, 0.0]
    assert stored.roughness.flatten().tolist() == [1.0]


def test_materialgan_by_hand() -> None:
    maps = torch.cat([_flat(0.0, 0.6, 0.8), _flat(0.5, 0.25, 1.0), _flat(0.04, 0.0, 1.0),
                      _flat(0.3)], dim=1)  # fmt: skip
    stored = to_materialgan(maps)
    assert stored.normal.flatten().tolist() == pytest.approx([0.5, 0.8, 0.9])
    assert stored.diffuse.flatten().tolist() == pytest.approx([0.7297400528, 0.5325205447, 1.0])
    assert stored.specular.flatten().tolist() == pytest.approx([0.2315115824, 0.0, 1.0])
    assert float(stored.roughness) == pytest.approx(0.5785331)


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_gradients_are_finite_at_black(name: str) -> None:
    maps = torch.cat([_flat(0.0, 0.0, 1.0), torch.zeros(1, 7, 1, 1).double()], dim=1)
    maps.requires_grad_()
    sum(part.sum() for part in PAIRS[name][0](maps)).backward()  # type: ignore[union-attr]
    assert maps.grad is not None
    assert bool(maps.grad.isfinite().all())


@pytest.mark.parametrize("name", sorted(PAIRS))
def test_the_weight_of_the_diffuse_lobe_goes_there_and_back(name: str) -> None:
    maps = _random_maps()
    there = unbalance_diffuse(maps, name)
    assert bool((there <= maps + 1e-15).all())
    assert float((balance_diffuse(there, name) - maps).abs().max()) <= 1e-12
    assert torch.equal(there[:, 6:], maps[:, 6:])


def test_the_weight_by_hand() -> None:
    maps = torch.cat([_flat(0.0, 0.0, 1.0), _flat(0.5, 0.4, 0.2), _flat(0.6, 0.2, 0.0),
                      _flat(0.3)], dim=1)  # fmt: skip
    seen = [0.5 * 0.4, 0.4 * 0.4, 0.2 * 0.4]  # d (1 - max s)
    assert unbalance_diffuse(maps, "gao")[0, 3:6].flatten().tolist() == pytest.approx(seen)
    theirs = unbalance_diffuse(maps, "deschaintre")[0, 3:6].flatten().tolist()
    assert theirs == pytest.approx([seen[0] / 0.4, seen[1] / 0.8, seen[2]])


def test_a_mirror_has_no_diffuse_and_no_nan() -> None:
    maps = torch.ones(1, 10, 1, 1)
    assert unbalance_diffuse(maps, "materialgan")[0, 3:6].flatten().tolist() == [0.0] * 3


def test_sources_and_shapes_are_checked() -> None:
    with pytest.raises(RangeError, match="source must be one of deschaintre, gao, materialgan"):
        unbalance_diffuse(_random_maps(), "henzler")
    for convert in (to_gao, to_unreal):
        with pytest.raises(ShapeError, match=r"maps must have shape \(b, 10, h, w\)"):
            convert(torch.zeros(1, 9, 2, 2))


def _unreal_look(maps: Tensor) -> tuple[Tensor, Tensor]:
    """F0 and diffuse reflectance at normal incidence, by Unreal's own definition."""
    found = to_unreal(maps)
    f0 = torch.lerp(0.08 * found.specular.expand_as(found.base), found.base, found.metallic)
    return f0, found.base * (1.0 - found.metallic)


@pytest.mark.parametrize("f0", [0.0, 0.02, 0.04, 0.08])
def test_unreal_dielectrics_are_exact_at_normal_incidence(f0: float) -> None:
    maps = torch.cat([_flat(0.0, 0.0, 1.0), _flat(0.5, 0.4, 0.2), _flat(f0, f0, f0),
                      _flat(0.3)], dim=1)  # fmt: skip
    found = to_unreal(maps)
    assert float(found.metallic) == 0.0
    assert float(found.specular) == pytest.approx(f0 / 0.08)
    assert found.base.flatten().tolist() == pytest.approx(
        [d * (1.0 - f0) for d in (0.5, 0.4, 0.2)]
    )
    assert not bool(found.clipped)


@pytest.mark.parametrize("base", [(0.9, 0.9, 0.9), (1.0, 0.78, 0.34), (0.56, 0.57, 0.58)])
def test_a_metal_is_a_metal_in_unreal(base: tuple[float, ...]) -> None:
    normal, rough = _flat(0.0, 0.0, 1.0), _flat(0.3)
    found = to_unreal(from_metallic(_flat(*base), _flat(1.0), rough, normal))
    assert float(found.metallic) == pytest.approx(1.0, abs=1e-12)
    assert found.base.flatten().tolist() == pytest.approx(base, abs=1e-12)
    assert not bool(found.clipped)  # a metal has no use for Specular


def test_grey_materials_keep_both_lobes_in_unreal() -> None:
    """Grey diffuse and grey F0 of any size: the quadratic solves both, but for the clamp of b."""
    diffuse, f0 = torch.meshgrid(
        torch.linspace(0.0, 1.0, 21).double(), torch.linspace(0.0, 1.0, 41).double(), indexing="ij"
    )
    one = torch.ones(1, 3, 1, diffuse.numel()).double()
    d, s = diffuse.reshape(1, 1, 1, -1) * one, f0.reshape(1, 1, 1, -1) * one
    maps = torch.cat([one, d, s, one[:, :1]], dim=1)
    found_f0, found_diffuse = _unreal_look(maps)
    kept = to_unreal(maps).base < 1.0
    body = d * (1.0 - s)
    assert float((found_f0 - s)[kept].abs().max()) <= 1e-9
    assert float((found_diffuse - body)[kept].abs().max()) <= 1e-9
    assert float(kept.double().mean()) > 0.5


def test_unreal_from_random_materials_is_in_range() -> None:
    found = to_unreal(_random_maps(5000))
    for part in (found.base, found.metallic, found.specular):
        assert 0.0 <= float(part.min()) <= float(part.max()) <= 1.0
        assert not math.isnan(float(part.sum()))
    bright = (_random_maps(5000)[:, 6:9] * torch.tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1))
    above = bright.sum(dim=1, keepdim=True) > 0.08
    assert torch.equal(found.clipped, above & (found.metallic < 0.5))
    assert 0.1 < float(found.clipped.double().mean()) < 0.9


@pytest.mark.parametrize(("base", "metallic"), [(0.9, 1.0), (0.5, 0.5)])
def test_the_cases_that_another_library_gets_wrong(base: float, metallic: float) -> None:
    """PyPBR 0.1.0b5 turns (b, m) = (.9, 1) into (0, 0) and (.5, .5) into (.27, 1)."""
    maps = from_metallic(_flat(base, base, base), _flat(metallic), _flat(0.3), _flat(0.0, 0.0, 1.0))
    found = to_metallic(maps)
    assert float(found.metallic) == pytest.approx(metallic, abs=1e-12)
    assert found.base.flatten().tolist() == pytest.approx([base] * 3, abs=1e-12)

import math

import numpy as np
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
from diffgfx.ops import shade_svbrdf
from diffgfx.tasks.validation.gltf import GltfSurface, gltf_brdf

F = 0.04


def _flat(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1)


STORED = (_flat(1.0, 0.5, 0.75), _flat(0.5, 0.25, 0.0), _flat(0.5, 1.0, 0.1), _flat(0.5))


def _values(maps: Tensor) -> list[float]:
    return [float(value) for value in maps.flatten()]


def test_deschaintre_is_linear() -> None:
    expected = [1.0, 0.0, 0.5, 0.5, 0.25, 0.0, 0.5, 1.0, 0.1, 0.5]
    assert _values(from_deschaintre(*STORED)) == pytest.approx(expected, abs=1e-15)


def test_deschaintre_2019_has_a_gamma_on_its_albedo() -> None:
    maps = from_deschaintre(*STORED, diffuse_gamma=2.2)
    assert _values(maps[:, 3:6]) == pytest.approx([0.5**2.2, 0.25**2.2, 0.0])
    assert _values(maps[:, 6:]) == [0.5, 1.0, 0.1, 0.5]


def test_gao_has_a_gamma_on_the_diffuse_alone() -> None:
    expected = [1.0, 0.0, 0.5, 0.217637640824, 0.047366142703, 0.0, 0.5, 1.0, 0.1, 0.5]
    assert _values(from_gao(*STORED)) == pytest.approx(expected, abs=1e-11)


def test_materialgan_has_a_gamma_on_all_but_the_normal() -> None:
    diffuse = [0.217637640824, 0.047366142703, 0.0]
    rest = [0.217637640824, 1.0, 0.006309573445, 0.217637640824]
    assert _values(from_materialgan(*STORED)) == pytest.approx(
        [1.0, 0.0, 0.5, *diffuse, *rest], abs=1e-11
    )


@pytest.mark.parametrize("read", [from_deschaintre, from_gao, from_materialgan])
def test_values_of_eight_bits_are_refused(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RangeError, match=r"specular must .* \[0, 1\], got 26 to 255; divide"):
        read(STORED[0], STORED[1], _flat(26.0, 100.0, 255.0), STORED[3])


def test_nan_is_refused() -> None:
    with pytest.raises(RangeError, match="diffuse must hold stored values"):
        from_gao(STORED[0], _flat(math.nan, 0.0, 0.0), STORED[2], STORED[3])


@pytest.mark.parametrize("read", [from_deschaintre, from_gao, from_materialgan])
def test_a_roughness_of_three_channels_is_refused(read) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ShapeError, match=r"roughness must have shape \(1, 1, 1, 1\)"):
        read(STORED[0], STORED[1], STORED[2], STORED[2])


@pytest.mark.parametrize(
    ("source", "weight"), [("deschaintre", "1 - s"), ("materialgan", "1 - s"), ("gao", "1")]
)
def test_balanced_diffuse_is_as_bright_at_normal_incidence(source: str, weight: str) -> None:
    maps = from_deschaintre(*(0.8 * stored for stored in STORED))
    diffuse, specular = maps[:, 3:6], maps[:, 6:9]
    theirs = diffuse * (1.0 - specular) if weight == "1 - s" else diffuse
    balanced = balance_diffuse(maps, source)
    ours = (1.0 - specular.max()) * balanced[:, 3:6]  # F = s where v.h = 1
    torch.testing.assert_close(ours, theirs, rtol=1e-14, atol=0.0)
    assert torch.equal(balanced[:, 6:], maps[:, 6:])
    assert torch.equal(balanced[:, :3], maps[:, :3])


def test_balance_of_a_perfect_mirror_is_black_not_nan() -> None:
    maps = from_gao(STORED[0], STORED[1], _flat(1.0, 1.0, 1.0), STORED[3])
    assert _values(balance_diffuse(maps, "gao")[:, 3:6]) == [0.0, 0.0, 0.0]


def test_balance_names_its_sources() -> None:
    with pytest.raises(RangeError, match="source must be one of deschaintre, gao, materialgan"):
        balance_diffuse(from_gao(*STORED), "henzler")


def _random_metallic(count: int, seed: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Random base colours of at least F, metallic values, roughness and tilted normals."""
    random = torch.Generator().manual_seed(seed)

    def draw(channels: int) -> Tensor:
        return torch.rand(1, channels, 1, count, generator=random, dtype=torch.float64)

    normal = torch.cat([draw(2) * 0.8 - 0.4, torch.ones(1, 1, 1, count)], dim=1)
    return F + (1.0 - F) * draw(3), draw(1), 0.1 + 0.9 * draw(1), normal


@pytest.mark.parametrize("metallic", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("base", [(0.04, 0.04, 0.04), (0.9, 0.2, 0.1), (1.0, 1.0, 1.0), (0.5,) * 3])
def test_metallic_round_trip_on_a_grid(base: tuple[float, ...], metallic: float) -> None:
    if base == (0.04, 0.04, 0.04) and metallic > 0.0:
        base = (0.041, 0.041, 0.041)  # at exactly f a metal and a dielectric look the same
    normal, rough = _flat(0.0, 0.0, 1.0), _flat(0.3)
    maps = from_metallic(_flat(*base), _flat(metallic), rough, normal)
    found = to_metallic(maps)
    assert float(found.metallic) == pytest.approx(metallic, abs=1e-9)
    assert _values(found.base) == pytest.approx(base, abs=1e-9)
    assert torch.equal(found.roughness, rough)
    assert torch.equal(found.normal, normal)


def test_metallic_round_trip_of_20000_random_materials() -> None:
    base, metallic, rough, normal = _random_metallic(20_000)
    found = to_metallic(from_metallic(base, metallic, rough, normal))
    assert float((found.metallic - metallic).abs().max()) <= 1e-6
    assert float((found.base - base).abs().max()) <= 1e-6


def test_specular_values_by_hand() -> None:
    maps = from_metallic(_flat(0.5, 0.5, 0.5), _flat(0.5), _flat(0.3), _flat(0.0, 0.0, 1.0))
    assert _values(maps[:, 6:9]) == pytest.approx([0.27] * 3)
    assert _values(maps[:, 3:6]) == pytest.approx([0.5 * 0.5 * 0.96 / 0.73] * 3)


def test_a_dielectric_keeps_its_base_colour_and_a_metal_has_no_diffuse() -> None:
    base = _flat(0.9, 0.5, 0.0)
    plastic = from_metallic(base, _flat(0.0), _flat(0.3), _flat(0.0, 0.0, 1.0))
    metal = from_metallic(base, _flat(1.0), _flat(0.3), _flat(0.0, 0.0, 1.0))
    assert _values(plastic[:, 3:9]) == pytest.approx([0.9, 0.5, 0.0, F, F, F])
    assert _values(metal[:, 3:9]) == pytest.approx([0.0, 0.0, 0.0, 0.9, 0.5, 0.0])


def test_a_white_metal_is_finite_with_finite_gradients() -> None:
    base = _flat(1.0, 1.0, 1.0).requires_grad_()
    maps = from_metallic(base, _flat(1.0), _flat(0.3), _flat(0.0, 0.0, 1.0))
    assert _values(maps[:, 3:9].detach()) == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    found = to_metallic(maps)
    assert _values(found.base.detach()) == [1.0, 1.0, 1.0]
    (found.base.sum() + found.metallic.sum()).backward()
    assert base.grad is not None
    assert bool(torch.isfinite(base.grad).all())


def test_a_dark_base_at_f0_stays_a_dielectric() -> None:
    # b = .01, m = 0 looks like b = .04, m = .75; the source is the first.
    maps = from_metallic(_flat(0.01, 0.01, 0.01), _flat(0.0), _flat(0.3), _flat(0.0, 0.0, 1.0))
    found = to_metallic(maps)
    assert float(found.metallic) == 0.0
    assert _values(found.base) == pytest.approx([0.01] * 3)


def test_f0_below_the_dielectric_is_raised_to_it() -> None:
    specular = _flat(0.02, 0.02, 0.02)
    maps = torch.cat([_flat(0.0, 0.0, 1.0), _flat(0.5, 0.4, 0.3), specular, _flat(0.3)], dim=1)
    again = from_metallic(*to_metallic(maps))
    assert _values(again[:, 6:9]) == pytest.approx([F] * 3)
    # The diffuse lobe (1 - s) d is what is kept.
    assert _values(again[:, 3:6] * 0.96) == pytest.approx(_values(maps[:, 3:6] * 0.98))


def test_a_coloured_dielectric_f0_turns_grey_with_a_known_error() -> None:
    specular = _flat(0.06, 0.04, 0.03)
    maps = torch.cat([_flat(0.0, 0.0, 1.0), _flat(0.5, 0.4, 0.3), specular, _flat(0.3)], dim=1)
    again = from_metallic(*to_metallic(maps))
    assert float((again[:, 6:9] - specular).abs().max()) == pytest.approx(0.0157, abs=1e-4)
    assert float((again[:, 3:6] - maps[:, 3:6]).abs().max()) == pytest.approx(0.0082, abs=5e-4)


def test_any_material_gives_a_base_colour_and_metallic_in_range() -> None:
    maps = torch.rand(1, 10, 1, 2000, generator=torch.Generator().manual_seed(7))
    found = to_metallic(maps.double())
    for value in (found.base, found.metallic):
        assert 0.0 <= float(value.min()) <= float(value.max()) <= 1.0


def _pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Nine unit directions toward light and eye, from head-on to grazing."""
    random = np.random.default_rng(4)
    directions = random.normal(size=(2, 9, 3))
    directions[..., 2] = 0.05 + np.abs(directions[..., 2])
    directions[:, 0] = [0.0, 0.0, 1.0]
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return [(light, view) for light, view in zip(*directions, strict=True)]


def _to_rows(value: Tensor) -> np.ndarray:
    return value[0].permute(1, 2, 0).numpy()


def _ours(maps: Tensor, light: np.ndarray, view: np.ndarray) -> np.ndarray:
    """f n.l by the library's op, for distant light and eye."""
    place, eye = (torch.from_numpy(vector).view(1, 1, 3) for vector in (light, view))
    image = shade_svbrdf(
        maps, place, torch.ones_like(place), eye, (1.0, 1.0), directional=True, orthographic=True
    )
    return _to_rows(image[:, 0])


def _theirs(surface: GltfSurface, light: np.ndarray, view: np.ndarray) -> np.ndarray:
    """f n.l by the equations that Khronos publishes."""
    cosine = (surface.normal * light).sum(axis=-1, keepdims=True)
    return gltf_brdf(surface, light, view) * cosine


@pytest.mark.parametrize("metallic", [0.0, 1.0, None], ids=["plastic", "metal", "between"])
def test_the_converted_material_renders_the_same_at_nine_pairs(metallic: float | None) -> None:
    base, between, rough, normal = _random_metallic(500, seed=2)
    metal = between if metallic is None else torch.full_like(between, metallic)
    maps = from_metallic(base, metal, rough, normal)
    unit = torch.nn.functional.normalize(normal, dim=1)
    one = np.ones((1, 500, 1))
    surface = GltfSurface(
        0.0 * _to_rows(unit), *(_to_rows(part) for part in (unit, base, metal, rough)), one, one
    )
    lit = 0
    for light, view in _pairs():
        theirs = _theirs(surface, light, view)
        ours = _ours(maps, light, view)
        assert float(np.abs(ours - theirs).max()) <= 1e-6
        lit += int((theirs > 0.0).sum())
        back = from_metallic(*to_metallic(maps))
        assert float(np.abs(_ours(back, light, view) - theirs).max()) <= 1e-6
    assert lit > 9000  # of 13 500 values


def test_a_coloured_dielectric_of_the_extension_converts_exactly() -> None:
    base, metal, rough, normal = _random_metallic(200, seed=3)
    color = _random_metallic(200, seed=5)[0]
    maps = from_metallic(base, metal, rough, normal, dielectric=color)
    unit = torch.nn.functional.normalize(normal, dim=1)
    surface = GltfSurface(
        0.0 * _to_rows(unit),
        *(_to_rows(part) for part in (unit, base, metal, rough)),
        np.ones((1, 200, 1)),
        25.0 * _to_rows(color),
    )
    for light, view in _pairs():
        difference = _ours(maps, light, view) - _theirs(surface, light, view)
        assert float(np.abs(difference).max()) <= 1e-9


def test_gradients_of_the_conversion() -> None:
    base, metal, rough, normal = _random_metallic(3, seed=6)

    def round_trip(b: Tensor, m: Tensor) -> Tensor:
        found = to_metallic(from_metallic(b, m, rough, normal) * 0.9)
        return torch.cat([found.base, found.metallic], dim=1)

    inputs = (base.requires_grad_(), metal.requires_grad_())
    assert torch.autograd.gradcheck(round_trip, inputs)


@pytest.mark.parametrize("dielectric", [0.0, 1.0, -0.1, math.nan])
def test_an_impossible_dielectric_is_refused(dielectric: float) -> None:
    maps = from_metallic(*_random_metallic(2))
    with pytest.raises(RangeError, match="dielectric must lie between 0 and 1"):
        to_metallic(maps, dielectric=dielectric)
    with pytest.raises(RangeError, match="dielectric must lie between 0 and 1"):
        from_metallic(*_random_metallic(2), dielectric=dielectric)


def test_shapes_are_checked() -> None:
    base, _, rough, normal = _random_metallic(4)
    with pytest.raises(ShapeError, match=r"metallic must have shape \(1, 1, 1, 4\)"):
        from_metallic(base, base, rough, normal)
    with pytest.raises(ShapeError, match=r"maps must have shape \(b, 10, h, w\)"):
        to_metallic(base)
    with pytest.raises(ShapeError, match=r"maps must have shape \(b, 10, h, w\)"):
        balance_diffuse(base, "gao")

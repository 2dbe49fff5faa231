"""The BRDF against closed forms and laws: energy, reciprocity, and how light falls off."""

import math
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from diffgfx import ops

BACKENDS = ("taichi", "torch")
UP = (0.0, 0.0, 1.0)


def _maps(
    diffuse: float, specular: float, roughness: float, dtype: torch.dtype = torch.float64
) -> Tensor:
    values = [*UP, *[diffuse] * 3, *[specular] * 3, roughness]
    return torch.tensor(values, dtype=dtype).view(1, 10, 1, 1)


def _response(maps: Tensor, light: Tensor, eye: Tensor, backend: str = "auto") -> Tensor:
    """Return f n.l, shape (N,), of one texel under unit directions, shape (N, 3)."""
    light, eye = torch.broadcast_tensors(light, eye)
    ones = torch.ones_like(light)[None]
    image = ops.shade_svbrdf(
        maps, light[None], ones, eye[None], (1.0, 1.0),
        directional=True, orthographic=True, backend=backend,
    )  # fmt: skip
    return image[0, :, 0, 0, 0]


def _direction(cosine: Tensor, azimuth: Tensor) -> Tensor:
    sine = (1.0 - cosine.square()).sqrt()
    return torch.stack([sine * azimuth.cos(), sine * azimuth.sin(), cosine], dim=-1)


def _view(cosine: float) -> Tensor:
    return torch.tensor([math.sqrt(1.0 - cosine * cosine), 0.0, cosine], dtype=torch.float64)


def _squares(count: int) -> tuple[Tensor, Tensor]:
    """Return midpoints of count x count equal cells of the unit square."""
    middle = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    u, v = torch.meshgrid(middle, middle, indexing="ij")
    return u.flatten(), v.flatten()


def _albedo_by_half_vectors(maps: Tensor, view: Tensor, roughness: float, count: int) -> float:
    """Integrate over light directions, spread like the highlight: after Walter 2007, eq. 35."""
    u, v = _squares(count)
    alpha2 = roughness**4
    cosine = ((1.0 - u) / (1.0 - (1.0 - alpha2) * u)).sqrt()
    half = _direction(cosine, 2.0 * math.pi * v)
    distribution = alpha2 / (math.pi * (1.0 - cosine.square() * (1.0 - alpha2)).square())
    vh = half @ view
    light = 2.0 * vh[:, None] * half - view
    density = distribution * cosine / (4.0 * vh)
    share = torch.where(vh > 0, _response(maps, light, view) / density, 0.0)
    return float(share.mean())


def _albedo_by_cosine(maps: Tensor, view: Tensor, count: int) -> float:
    u, v = _squares(count)
    light = _direction(u.sqrt(), 2.0 * math.pi * v)
    return float((_response(maps, light, view) * math.pi / u.sqrt()).mean())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_matt_surface_reflects_over_pi(backend: str) -> None:
    up = torch.tensor([UP], dtype=torch.float64)
    found = _response(_maps(0.6, 0.0, 0.5), up, up, backend)
    assert float(found) == pytest.approx(0.6 / math.pi, rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("roughness", [0.03, 0.1, 0.5, 1.0])
def test_the_peak_in_single_precision(roughness: float, backend: str) -> None:
    up = torch.tensor([UP])
    found = _response(_maps(0.0, 1.0, roughness, torch.float32), up, up, backend)
    distribution = 4.0 * float(found)  # V is 1/4 and F is 1, head-on
    assert distribution == pytest.approx(1.0 / (math.pi * roughness**4), rel=1e-3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_lobe_in_single_precision_away_from_its_peak(backend: str) -> None:
    roughness = 0.03
    tilt = torch.linspace(0.0, 5.0, 11, dtype=torch.float64) * roughness**2
    normal = torch.stack([tilt.sin(), torch.zeros_like(tilt), tilt.cos()])
    maps = _maps(0.0, 1.0, roughness).expand(1, 10, 1, 11).clone()
    maps[0, :3, 0] = normal
    up = torch.tensor(UP, dtype=torch.float32).view(1, 1, 3)
    image = ops.shade_svbrdf(
        maps.float(), up, torch.ones_like(up), up, (1.0, 1.0),
        directional=True, orthographic=True, backend=backend,
    )[0, 0, 0, 0].double()  # fmt: skip
    alpha2 = roughness**4
    expected = alpha2 / (4.0 * math.pi * (tilt.sin() ** 2 + alpha2 * tilt.cos() ** 2) ** 2)
    torch.testing.assert_close(image, expected, rtol=1e-3, atol=0.0)


cosines = st.floats(0.02, 1.0)
azimuths = st.floats(0.0, 2.0 * math.pi)
shares = st.floats(0.0, 1.0)


@settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(cosines, cosines, azimuths, shares, shares, st.floats(0.03, 1.0))
def test_light_and_eye_may_change_places(
    light: float, eye: float, azimuth: float, diffuse: float, specular: float, roughness: float
) -> None:
    maps = _maps(diffuse, specular, roughness)
    cosine = torch.tensor([light, eye], dtype=torch.float64)
    first, second = _direction(cosine, torch.tensor([azimuth, 0.0], dtype=torch.float64))
    there = float(_response(maps, first[None], second[None])) / light
    back = float(_response(maps, second[None], first[None])) / eye
    assert there >= 0.0
    assert there == pytest.approx(back, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("view", [0.05, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("roughness", [0.03, 0.1, 0.3, 0.6, 1.0])
def test_a_white_mirror_never_reflects_more_than_it_receives(roughness: float, view: float) -> None:
    albedo = _albedo_by_half_vectors(_maps(0.0, 1.0, roughness), _view(view), roughness, 300)
    assert albedo <= 1.0 + 1e-3
    if roughness <= 0.1 and view >= 0.3:
        assert albedo == pytest.approx(1.0, abs=2e-3)  # a smooth one loses nothing


def test_energy_at_grazing_view_is_that_of_gltf() -> None:
    view, roughness = _view(0.05), 0.1
    highlight = _albedo_by_half_vectors(_maps(0.0, 0.04, roughness), view, roughness, 400)
    matt = _albedo_by_cosine(_maps(1.0, 0.04, roughness), view, 400)
    matt -= _albedo_by_cosine(_maps(0.0, 0.04, roughness), view, 400)
    assert highlight + matt == pytest.approx(1.68, abs=0.01)


def _point(maps: Tensor, light: Tensor, **more: Any) -> Tensor:
    intensity = more.pop("intensity", torch.ones_like(light))
    eye = torch.tensor([0.3, 0.2, 1.7], dtype=torch.float64).expand_as(light)
    return ops.shade_svbrdf(maps, light, intensity, eye, (0.1, 0.1), **more)


@pytest.mark.parametrize("backend", BACKENDS)
def test_light_falls_off_with_the_square_of_the_distance(backend: str) -> None:
    direction = torch.tensor([0.2, -0.4, 1.0], dtype=torch.float64).view(1, 1, 3)
    lights = torch.cat([direction, 3.0 * direction], dim=1)
    near, far = _point(_maps(0.5, 0.1, 0.4), lights, backend=backend)[0]  # one direction, twice
    torch.testing.assert_close(near, 9.0 * far, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.5])
def test_a_cone_is_a_power_of_the_cosine_to_its_axis(exponent: float, backend: str) -> None:
    light = torch.tensor([0.0, 0.0, 1.5], dtype=torch.float64).view(1, 1, 3)
    angle = 0.7
    axis = light.new_tensor([math.sin(angle), 0.0, -math.cos(angle)]).view(1, 1, 3)
    cone = light.new_full((1, 1), exponent)
    plain = _point(_maps(0.5, 0.1, 0.4), light, backend=backend)
    coned = _point(_maps(0.5, 0.1, 0.4), light, cone=cone, axis=axis, backend=backend)
    torch.testing.assert_close(coned, plain * math.cos(angle) ** exponent, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_radiance_is_linear_in_intensity(backend: str) -> None:
    light = torch.tensor([0.2, -0.4, 1.0], dtype=torch.float64).view(1, 1, 3)
    first = light.new_tensor([1.0, 2.0, 0.5]).view(1, 1, 3)
    second = light.new_tensor([0.3, 0.0, 4.0]).view(1, 1, 3)

    def shade(intensity: Tensor) -> Tensor:
        return _point(_maps(0.5, 0.1, 0.4), light, intensity=intensity, backend=backend)

    mixed = shade(2.0 * first + 3.0 * second)
    expected = 2.0 * shade(first) + 3.0 * shade(second)
    torch.testing.assert_close(mixed, expected, rtol=1e-12, atol=0.0)

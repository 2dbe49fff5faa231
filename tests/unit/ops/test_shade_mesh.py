"""Single pixels of a mesh: what is black, what does not count, and what means the same."""

from typing import Any

import pytest
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import RangeError, ShapeError
from tests.contract.cases.shade_mesh import build_mesh

BACKENDS = ("taichi", "torch")
every_backend = pytest.mark.parametrize("backend", BACKENDS)
PLACES = ("position", "normal", "maps", "lights", "radiance", "camera_position", "tangent")


def _image(*values: float, size: int = 1) -> Tensor:
    pixel = torch.tensor(values, dtype=torch.float64).view(1, -1, 1, 1)
    return pixel.expand(1, -1, 1, size).contiguous()


def _scene(size: int = 1, **changed: Tensor | None) -> dict[str, Any]:
    """Return a pixel at the origin that faces +z, with a map that leans, seen from above."""
    given: dict[str, Any] = {
        "position": _image(0, 0, 0, size=size),
        "normal": _image(0, 0, 2, size=size),
        "maps": _image(0.1, 0.2, 1, 0.5, 0.4, 0.3, 0.04, 0.05, 0.06, 0.5, size=size),
        "lights": torch.tensor([[[0.3, -0.2, 1.5, 1.0]]], dtype=torch.float64),
        "radiance": torch.tensor([[[2.0, 3.0, 4.0]]], dtype=torch.float64),
        "camera_position": torch.tensor([[-0.2, 0.4, 2.0]], dtype=torch.float64),
        "tangent": _image(3, 0, 0.5, 1, size=size),
    }
    return given | changed


def _harmonics() -> Tensor:
    draw = torch.Generator().manual_seed(3)
    return torch.randn(1, 9, 3, generator=draw, dtype=torch.float64)


def _gradients(given: dict[str, Any], backend: str) -> tuple[Tensor, list[Tensor]]:
    names = [name for name in PLACES if given[name] is not None]
    followed = given | {name: given[name].clone().requires_grad_() for name in names}
    image = ops.shade_mesh(**followed, backend=backend)
    return image, list(torch.autograd.grad(image.sum(), [followed[name] for name in names]))


def _assert_black(given: dict[str, Any], backend: str) -> None:
    image, gradients = _gradients(given, backend)
    assert not image.any()
    for gradient in gradients:
        assert not gradient.any()  # nor NaN, which is true


@every_backend
@pytest.mark.parametrize(
    "changed",
    [
        {"normal": _image(0, 0, 0)},
        {"normal": _image(0, 0, -1)},
        {"maps": _image(0, 0, 0, 0.5, 0.4, 0.3, 0.04, 0.05, 0.06, 0.5)},
        {"camera_position": torch.tensor([[0.0, 0.0, 0.0]], dtype=torch.float64)},
        {"camera_position": torch.tensor([[0.1, 0.0, -1.0]], dtype=torch.float64)},
        {"lights": torch.tensor([[[0.0, 0.0, 0.0, 1.0]]], dtype=torch.float64)},
        {"lights": torch.tensor([[[0.2, 0.0, -1.0, 1.0]]], dtype=torch.float64)},
        {"lights": torch.tensor([[[0.2, 0.0, -1.0, 0.0]]], dtype=torch.float64)},
        {"lights": torch.tensor([[[0.2, -0.4, -2.0, 0.0]]], dtype=torch.float64)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_sends_no_light_is_black_without_a_slope(
    changed: dict[str, Tensor], backend: str
) -> None:
    _assert_black(_scene(**changed), backend)  # the last light is exactly opposite to the eye


@every_backend
def test_hidden_pixels_may_hold_anything(backend: str) -> None:
    shown = torch.tensor([1, 0, 1, 0, 0], dtype=torch.int32).view(1, 1, 1, 5)
    lit = {"harmonics": _harmonics(), "tangent": None}
    given = _scene(5, **lit)
    for name in ("position", "normal", "maps"):
        given[name][..., shown[0, 0, 0] == 0] = float("nan")
    image, gradients = _gradients(given | {"mask": shown}, backend)
    whole, expected = _gradients(_scene(2, **lit), backend)
    assert torch.equal(image[..., [1, 3, 4]], torch.zeros(1, 3, 1, 3).double())
    torch.testing.assert_close(image[..., [0, 2]], whole, rtol=1e-12, atol=0.0)
    for found, wanted in zip(gradients, expected, strict=True):
        found = found if found.ndim < 4 else found[..., [0, 2]]
        torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_where_many_pixels_in_a_row_are_hidden_the_rest_stay_in_place() -> None:
    pytest.importorskip("taichi")
    given = build_mesh(torch.float64, "cpu", 1, 5, height=3, width=67)
    places = torch.arange(3 * 67).view(1, 1, 3, 67)
    given["mask"] = ((places >= 20) & (places < 113)).double()
    image, gradients = _gradients(given, "taichi")
    wanted_image, wanted = _gradients(given, "torch")
    for found, other in zip([image, *gradients], [wanted_image, *wanted], strict=True):
        scale = float(other.detach().abs().max())
        torch.testing.assert_close(found, other, rtol=1e-9, atol=1e-12 * scale)


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int64, torch.float32])
def test_a_mask_is_any_kind_of_number(kind: torch.dtype) -> None:
    lit = {"harmonics": _harmonics(), "tangent": None}
    mask = torch.tensor([2.0, 0.0]).view(1, 1, 1, 2).to(kind)
    image = ops.shade_mesh(**_scene(2, **lit), mask=mask)
    assert bool(image[..., 0].all())
    assert not image[..., 1].any()


@every_backend
def test_without_a_tangent_the_normal_of_the_map_does_not_count(backend: str) -> None:
    plain = _scene(tangent=None, harmonics=_harmonics(), mask=_image(1))
    image, gradients = _gradients(plain, backend)
    assert not gradients[PLACES.index("maps")][:, :3].any()
    flat = plain | {"maps": torch.cat([_image(0, 0, 1), plain["maps"][:, 3:]], dim=1)}
    assert torch.equal(ops.shade_mesh(**flat, backend=backend), image)


@every_backend
def test_a_tangent_along_the_normal_gives_no_frame(backend: str) -> None:
    along, gradients = _gradients(_scene(tangent=_image(0, 0, 5, 1)), backend)
    upright = _scene(maps=torch.cat([_image(0, 0, 1), _scene()["maps"][:, 3:]], dim=1))
    torch.testing.assert_close(along, ops.shade_mesh(**upright, backend=backend))
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)


@every_backend
def test_handedness_turns_the_map_over(backend: str) -> None:
    left = _scene(tangent=_image(3, 0, 0.5, -1))
    turned = _scene(maps=_scene()["maps"] * _image(1, -1, *[1] * 8))
    image = ops.shade_mesh(**left, backend=backend)
    torch.testing.assert_close(image, ops.shade_mesh(**turned, backend=backend))
    assert not torch.allclose(image, ops.shade_mesh(**_scene(), backend=backend), rtol=1e-3)


@every_backend
def test_positions_of_lights_are_homogeneous(backend: str) -> None:
    twice = _scene(lights=2.0 * _scene()["lights"])
    expected = ops.shade_mesh(**_scene(), backend=backend)
    torch.testing.assert_close(ops.shade_mesh(**twice, backend=backend), expected)
    place = _scene()["lights"] * torch.tensor([1e6, 1e6, 1e6, 1.0])
    square = place[..., :3].square().sum(-1, keepdim=True)
    near = _scene(lights=place, radiance=_scene()["radiance"] * square)  # so far that it is distant
    far = _scene(lights=place * torch.tensor([1.0, 1.0, 1.0, 0.0]))
    found = ops.shade_mesh(**far, backend=backend)
    torch.testing.assert_close(found, ops.shade_mesh(**near, backend=backend), rtol=1e-5, atol=0.0)


@every_backend
def test_lights_add_up_and_none_is_dark(backend: str) -> None:
    draw = torch.Generator().manual_seed(2)
    lights = _scene()["lights"] + 0.3 * torch.randn(1, 3, 4, generator=draw, dtype=torch.float64)
    radiance = torch.rand(1, 3, 3, generator=draw, dtype=torch.float64)

    def shade(first: int, last: int) -> Tensor:
        some = {"lights": lights[:, first:last], "radiance": radiance[:, first:last]}
        return ops.shade_mesh(**_scene(**some), backend=backend)

    torch.testing.assert_close(shade(0, 3), shade(0, 1) + shade(1, 2) + shade(2, 3))
    assert not shade(0, 0).any()


@every_backend
def test_harmonics_are_not_seen_from_behind(backend: str) -> None:
    given = _scene(tangent=None, harmonics=_harmonics(), mask=_image(1))
    assert bool(ops.shade_mesh(**given, backend=backend).any())
    _assert_black(given | {"normal": _image(0, 0, -1)}, backend)


def test_the_fastest_backend_is_the_default() -> None:
    pytest.importorskip("taichi")
    found = ops.shade_mesh(**_scene())
    assert torch.equal(found, ops.shade_mesh(**_scene(), backend="taichi"))


def test_an_unknown_backend_is_named() -> None:
    with pytest.raises(RangeError, match="backend must be one of auto, taichi, torch"):
        ops.shade_mesh(**_scene(), backend="fast")


def test_more_than_a_kernel_can_count_is_refused() -> None:
    size = (1, 15000, 15000)
    huge = {
        name: torch.ones(1).expand(1, count, *size[1:])  # takes no memory
        for name, count in (("position", 3), ("normal", 3), ("maps", 10))
    }
    small = {name: torch.ones(1, 1, n) for name, n in (("lights", 4), ("radiance", 3))}
    with pytest.raises(ShapeError, match=r"maps must have at most 2147475456 numbers"):
        ops.shade_mesh(**huge, **small, camera_position=torch.ones(1, 3))

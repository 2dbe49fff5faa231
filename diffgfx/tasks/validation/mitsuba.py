"""Mitsuba 3 as judge of the shading op: images, derivative images, and its own GGX conductor.

Mitsuba runs in a child process (its compiler may abort, and its variant is process-wide); what
comes back is held against `diffgfx.ops.shade_svbrdf` in float64.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffgfx import ops
from diffgfx.errors import BackendError, ShapeError
from diffgfx.scene import Camera, Part, PointLight
from diffgfx.tasks.validation.mitsuba_bsdf import find_llvm

__all__ = [
    "measure_mitsuba_derivatives",
    "measure_mitsuba_image",
    "measure_mitsuba_sampler",
    "measure_roughconductor",
    "mitsuba_environment",
    "render_mitsuba_views",
    "run_in_mitsuba",
    "why_no_mitsuba",
]

Arrays = dict[str, Any]

_SIZE = (2.0, 1.5)
_SHAPE = (24, 32)


def why_no_mitsuba() -> str | None:
    """Say what is missing for these measurements and how to get it; None if nothing is."""
    if importlib.util.find_spec("mitsuba") is None:
        return "mitsuba is not installed: pip install mitsuba"
    if find_llvm() is None:
        return "no LLVM 19: install the system package libllvm19, or set DRJIT_LIBLLVM_PATH"
    return None


def measure_mitsuba_image() -> dict[str, float]:
    """Compare images of a random material under four lights and views with Mitsuba's.

    Returns:
        ``rms``: root mean square difference over that of the image; ``worst``: largest difference
        of a pixel over its own value plus a thousandth of the image's mean; ``mean``: mean
        radiance; ``lit``: fraction of pixels that are not black.

    Raises:
        BackendError: If Mitsuba or LLVM 19 is missing, or its process died.
    """
    given = _material()
    found = run_in_mitsuba("image", given)["image"]
    ours = _shade(
        *(_tensor(given[name])[None] for name in ("maps", "light", "intensity", "camera"))
    )
    wanted = ours[0].numpy()
    difference = np.abs(found - wanted)
    return {
        "rms": _rms(difference) / _rms(wanted),
        "worst": float((difference / (wanted + 1e-3 * wanted.mean())).max()),
        "mean": float(wanted.mean()),
        "lit": float((wanted > 0.0).mean()),
    }


def measure_mitsuba_derivatives() -> dict[str, float]:
    """Compare derivative images with Mitsuba's forward-mode differentiation.

    Returns:
        For each of ``normal``, ``diffuse``, ``specular``, ``roughness``, ``light_position`` and
        ``light_intensity``: the root mean square difference of all derivative images (every
        colour by every input channel) over their own root mean square, and, with ``_worst``
        appended, the largest difference over the largest derivative.

    Raises:
        BackendError: If Mitsuba or LLVM 19 is missing, or its process died.
    """
    given = _material()
    found = run_in_mitsuba("derivatives", given)
    normal, diffuse, specular, roughness = np.split(found["maps"], [3, 6, 9], axis=1)
    ours_maps = _map_derivatives(given)
    ours_light, ours_intensity = _light_derivatives(given)
    ours = np.split(ours_maps, [3, 6, 9], axis=1)
    pairs = {
        "normal": (normal, ours[0]),
        "diffuse": (diffuse, ours[1]),
        "specular": (specular, ours[2]),
        "roughness": (roughness, ours[3]),
        "light_position": (found["light"], ours_light),
        "light_intensity": (found["intensity"], ours_intensity),
    }
    measured = {}
    for name, (theirs, wanted) in pairs.items():
        difference = np.abs(theirs - wanted)
        measured[name] = _rms(difference) / _rms(wanted)
        measured[f"{name}_worst"] = float(difference.max() / np.abs(wanted).max())
    return measured


def measure_roughconductor() -> dict[str, float]:
    """Compare D V with Mitsuba's own ``roughconductor`` (GGX, alpha = r^2, F = 1).

    Its Smith masking is separable, ours height-correlated, so they part at grazing angles.

    Returns:
        Largest relative differences: ``near`` for r in 0.1..0.5 and both angles <= 60 degrees;
        ``beyond`` for r in 0.6..1 or an angle of 60..80 degrees; ``unmasked`` over both, after
        putting separable masking in the place of ours: what is left beside masking.

    Raises:
        BackendError: If Mitsuba or LLVM 19 is missing, or its process died.
    """
    angles = np.radians(np.arange(0.0, 81.0, 10.0))
    turns = np.radians(np.arange(0.0, 181.0, 15.0))
    theta_i, theta_o, phi = (a.ravel() for a in np.meshgrid(angles, angles, turns))
    wi, wo = _direction(theta_i, 0.0 * phi), _direction(theta_o, phi)
    roughness = np.arange(1, 11) / 10.0
    found = run_in_mitsuba("conductor", {"wi": wi, "wo": wo, "roughness": roughness})["value"]
    ours = _mirror(roughness, wi, wo)
    alpha = (roughness**2)[:, None]
    lambda_i, lambda_o = _smith(alpha, theta_i), _smith(alpha, theta_o)
    separable = ours * (1.0 + lambda_i + lambda_o) / ((1.0 + lambda_i) * (1.0 + lambda_o))
    near = (roughness[:, None] < 0.55) & (np.maximum(theta_i, theta_o) < np.radians(60.5))[None]
    apart = np.abs(found / ours - 1.0)
    return {
        "near": float(apart[near].max()),
        "beyond": float(apart[~near].max()),
        "unmasked": float(np.abs(found / separable - 1.0).max()),
    }


def measure_mitsuba_sampler(side: int = 64) -> dict[str, float]:
    """Check the plugin's sampler, on which path-traced samples rely, against quadrature.

    Args:
        side: Strata along each of the three random numbers.

    Returns:
        ``albedo``: largest relative difference between the sampled albedo and our op integrated
        over the sphere; ``mass``: largest difference between the integral of its density and
        the share of its samples that leave the surface.

    Raises:
        BackendError: If Mitsuba or LLVM 19 is missing, or its process died.
    """
    maps = np.array([0.15, -0.1, 1.0, 0.5, 0.3, 0.2, 0.06, 0.05, 0.04, 0.45])
    wi = _direction(np.radians([5.0, 30.0, 55.0]), np.radians([0.0, 70.0, 200.0]))
    steps = (np.arange(500) + 0.5) / 500
    cosine, turn = (a.ravel() for a in np.meshgrid(2.0 * steps - 1.0, 2.0 * np.pi * steps))
    wo = _direction(np.arccos(cosine), turn)
    found = run_in_mitsuba("sampler", {"maps": maps, "wi": wi, "wo": wo, "side": np.array(side)})
    material = _tensor(maps)[None, :, None, None]
    albedo = [_directional(material, view[None], wo).mean(axis=0) for view in wi]
    return {
        "albedo": float(np.abs(found["albedo"] / (4.0 * np.pi * np.array(albedo)) - 1.0).max()),
        "mass": float(np.abs(4.0 * np.pi * found["density"] - found["share"]).max()),
    }


def render_mitsuba_views(
    part: Part, camera: Camera, lights: Sequence[PointLight], size: int, *, samples: int = 16
) -> Tensor:
    """Return pictures of a mesh by Mitsuba, linear RGB, row 0 at the top, shape (n, 3, h, w).

    Args:
        part: A mesh with normals and texture coordinates; textures repeat, without mip levels.
        camera: n cameras.
        lights: Points, the same for all pictures; they cast shadows.
        size: Pixels a side.
        samples: Samples a pixel, stratified and averaged over the pixel's square.

    Raises:
        ShapeError: If the mesh lacks normals or texture coordinates.
        BackendError: If Mitsuba or LLVM 19 is missing, or its process died.
    """
    mesh = part.mesh
    if mesh.normals is None or mesh.normal_triangles is None:
        raise ShapeError("mesh.normals must be given, got None; pass render.vertex_normals")
    if mesh.uv is None or mesh.uv_triangles is None:
        raise ShapeError("mesh.uv must be given, got None; unwrap the mesh")
    rows = {name: getattr(camera, name).expand(camera.batch, 3) for name in ("position", "target")}
    tensors = {
        "corners": mesh.positions[mesh.triangles.long()],
        "normals": mesh.normals[mesh.normal_triangles.long()],
        "uv": mesh.uv[mesh.uv_triangles.long()],
        "maps": part.material.to_tensor()[0],
        "light": torch.cat([light.position for light in lights]),
        "intensity": torch.cat([light.intensity for light in lights]),
        **rows,
        "up": camera.up.expand(camera.batch, 3),
        "fov_y": camera.fov_y.expand(camera.batch),
    }
    given = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
    numbers = {"size": np.array(size), "samples": np.array(samples)}
    return torch.from_numpy(run_in_mitsuba("views", {**given, **numbers})["image"]).contiguous()


def _material() -> Arrays:
    """A random material, r from 0.08 to 0.9, with four lights and views of its own."""
    rng = np.random.default_rng(7)
    slope = 0.3 * rng.standard_normal((2, *_SHAPE))
    normal = np.concatenate([slope, np.ones((1, *_SHAPE))]) * (0.6 + rng.random((1, *_SHAPE)))
    albedo = 0.03 + 0.85 * rng.random((6, *_SHAPE))
    roughness = 0.08 + 0.82 * rng.random((1, *_SHAPE))
    light = np.array([[0.1, 0.2, 2.0], [1.2, -0.7, 1.5], [-1.5, 0.4, 1.1], [0.4, 1.8, 2.4]])
    camera = np.array([[0.1, 0.2, 2.0], [-0.8, 0.5, 2.2], [-1.2, 0.6, 1.4], [1.0, -1.2, 1.6]])
    given = {
        "maps": np.concatenate([normal, albedo, roughness]),
        "light": light,
        "intensity": 1.0 + 4.0 * rng.random((4, 3)),
        "camera": camera,
    }
    exact = {name: value.astype(np.float32).astype(np.float64) for name, value in given.items()}
    return {**exact, "size": np.array(_SIZE)}


def _shade(maps: Tensor, light: Tensor, intensity: Tensor, camera: Tensor) -> Tensor:
    return ops.shade_svbrdf(maps, light, intensity, camera, _SIZE)


def _map_derivatives(given: Arrays) -> Any:
    """Derivative images to the maps, (n, 10, 3, h, w): a pixel depends on its own texel alone."""
    pairs = []
    for pair in range(len(given["light"])):
        maps = _tensor(given["maps"])[None].requires_grad_()
        view = (_tensor(given[name])[None, pair, None] for name in ("light", "intensity", "camera"))
        image = _shade(maps, *view)
        colours = [
            torch.autograd.grad(image[:, :, c].sum(), maps, retain_graph=True)[0] for c in range(3)
        ]
        pairs.append(torch.stack(colours, dim=2)[0].numpy())
    return np.stack(pairs)


def _light_derivatives(given: Arrays) -> tuple[Any, Any]:
    """Derivative images to the light, (n, 3, 3, h, w) each.

    Each texel becomes a sample of its own at the origin, light and camera moved with it, so that
    a gradient that sums over a sample's pixels is the derivative of one pixel.
    """
    height, width = _SHAPE
    x, y = np.meshgrid(
        ((np.arange(width) + 0.5) / width - 0.5) * _SIZE[0],
        (0.5 - (np.arange(height) + 0.5) / height) * _SIZE[1],
    )
    place = _tensor(np.stack([x, y, 0.0 * x], axis=-1).reshape(-1, 1, 3))
    maps = _tensor(given["maps"]).reshape(10, -1).T[:, :, None, None].contiguous()
    light = (_tensor(given["light"]) - place).requires_grad_()
    intensity = _tensor(given["intensity"]).repeat(len(maps), 1, 1).requires_grad_()
    image = _shade(maps, light, intensity, _tensor(given["camera"]) - place)
    derivatives = []
    for unknown in (light, intensity):
        colours = [
            torch.autograd.grad(image[:, :, c].sum(), unknown, retain_graph=True)[0]
            for c in range(3)
        ]
        # (colour, texel, pair, axis) -> (pair, axis, colour, row, column)
        joined = torch.stack(colours).permute(2, 3, 0, 1)
        derivatives.append(joined.reshape(-1, 3, 3, height, width).numpy())
    return derivatives[0], derivatives[1]


def _directional(maps: Tensor, wi: Any, wo: Any) -> Any:
    """Our f n.l, (n, 3), of one material (1, 10, 1, 1) at directions (n, 3); one view may do."""
    view, light = (_tensor(np.broadcast_to(w, wo.shape).copy())[None] for w in (wi, wo))
    image = _shade(maps, light, torch.ones_like(light), view)
    return image[:, :, :, 0, 0].squeeze(0).numpy()


def _mirror(roughness: Any, wi: Any, wo: Any) -> Any:
    """D V n.l of our op, (roughness, direction): with F0 = 1 nothing else is left."""
    rows = []
    for value in roughness:
        maps = torch.tensor([0.0, 0, 1, 0, 0, 0, 1, 1, 1, float(value)], dtype=torch.float64)
        rows.append(_directional(maps[None, :, None, None], wi, wo)[:, 0])
    return np.stack(rows)


def _smith(alpha: Any, theta: Any) -> Any:
    """Smith's Lambda of GGX."""
    return 0.5 * (np.sqrt(1.0 + (alpha * np.tan(theta)) ** 2) - 1.0)


def _direction(theta: Any, phi: Any) -> Any:
    """Unit vectors (n, 3) from angles to +z and about it."""
    sine = np.sin(theta)
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), np.cos(theta)], axis=-1)


def _tensor(array: Any) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float64))


def _rms(array: Any) -> float:
    return float(np.sqrt(np.mean(np.square(array))))


def mitsuba_environment() -> dict[str, str]:
    """Return the environment of a child process that finds this library and LLVM 19."""
    return {
        **os.environ,
        "DRJIT_LIBLLVM_PATH": str(find_llvm()),
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
    }


def run_in_mitsuba(job: str, given: Arrays) -> Arrays:
    """Run a job of `mitsuba_child` in a process of its own.

    Args:
        job: Its name.
        given: Arrays that it takes.

    Raises:
        BackendError: If Mitsuba or LLVM 19 is missing, or its process died.
    """
    missing = why_no_mitsuba()
    if missing is not None:
        raise BackendError(f"Mitsuba must be there to compare with: {missing}")
    environment = mitsuba_environment()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, **given)
        module = "diffgfx.tasks.validation.mitsuba_child"
        command = [sys.executable, "-m", module, job, str(source), str(target)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise BackendError(
                f"Mitsuba's process must end with code 0, got {done.returncode} ({last}); "
                "check that DRJIT_LIBLLVM_PATH names LLVM 19"
            )
        with np.load(target) as results:
            return dict(results)

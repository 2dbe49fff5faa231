"""The library's BRDF as a plugin of Mitsuba 3, so that an independent renderer can judge it.

Mitsuba supplies the geometry, the texture look-up, the light, the integrator and the automatic
derivative; only the formula below is ours, written anew and not shared with any kernel.
"""

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from diffgfx.errors import BackendError

__all__ = ["VARIANT", "find_llvm", "start_mitsuba"]

VARIANT = "llvm_ad_rgb"
"""The Mitsuba variant that every measurement uses: vectorised, float32, with derivatives."""

_PLACES = ("/usr/lib/*-linux-gnu", "/usr/lib/llvm-*/lib", "/usr/lib64", "/usr/local/lib",
           "/opt/homebrew/opt/llvm@*/lib")  # fmt: skip
_NAMES = (
    "libLLVM-19.so",
    "libLLVM-19.so.1",
    "libLLVM.so.19.1",
    "libLLVM.so.19",
    "libLLVM.19.dylib",
)


def find_llvm(places: Iterable[str] = _PLACES) -> Path | None:
    """Find the LLVM 19 library that Mitsuba's vectorised variants compile with.

    Args:
        places: Folders to look in, as glob patterns from the root.

    Returns:
        The file that DRJIT_LIBLLVM_PATH names where it is set, else the first found, else None.
        LLVM 14 and 15, which Mitsuba would find by itself, abort the process on some processors.
    """
    named = os.environ.get("DRJIT_LIBLLVM_PATH")
    if named:
        return Path(named)
    for place in places:
        for folder in sorted(Path("/").glob(place.lstrip("/")), reverse=True):
            for name in _NAMES:
                if (folder / name).is_file():
                    return folder / name
    return None


def start_mitsuba() -> Any:
    """Load Mitsuba with the BSDF ``"diffgfx"`` registered, and return its module.

    This sets Mitsuba's process-wide variant, and DRJIT_LIBLLVM_PATH where it is not set: call it in
    a program of its own or in a child process.

    The plugin takes four textures of three channels, all raw: ``normal`` (components in [-1, 1],
    not packed), ``diffuse``, ``specular`` (F0) and ``roughness`` (the first channel counts);
    and as an option ``frames`` (T, 12), for each triangle the world's direction of +x of normals at
    its first corner 3, how that changes with u 3 and with v 3, the corner's uv 2, and 1 or -1
    where +y is ``normal x tangent`` or against it (else Mitsuba's own frame counts). Both
    cosines are those with the mapped normal, read in the shading frame; no cosine with the
    unmapped normal enters, and light and view need only be above the mapped surface.

    Raises:
        BackendError: If Mitsuba or LLVM 19 is missing; the message names what to install.
    """
    library = find_llvm()
    if library is None or not library.is_file():
        raise BackendError(
            f"Mitsuba's variant {VARIANT} must find LLVM 19, got {library}; install the system "
            "package libllvm19 or set DRJIT_LIBLLVM_PATH to libLLVM-19.so"
        )
    os.environ["DRJIT_LIBLLVM_PATH"] = str(library)
    try:
        mitsuba = importlib.import_module("mitsuba")
    except ImportError as error:
        raise BackendError(
            f"mitsuba must be installed to compare with it, got {error}; pip install mitsuba"
        ) from error
    mitsuba.set_variant(VARIANT)
    plugin = _make_plugin(mitsuba, importlib.import_module("drjit"))
    mitsuba.register_bsdf("diffgfx", plugin)
    return mitsuba


def _evaluate(mi: Any, dr: Any, texel: dict[str, Any], wi: Any, wo: Any) -> Any:
    """The BRDF times n.l, all vectors in the shading frame; zero below the mapped surface."""
    n, alpha2 = texel["normal"], texel["alpha"] * texel["alpha"]
    n_l, n_v = dr.dot(n, wo), dr.dot(n, wi)
    h = dr.normalize(wi + wo)
    n_h, v_h = dr.dot(n, h), dr.dot(wi, h)
    across = dr.cross(n, h)
    root = dr.squared_norm(across) + alpha2 * dr.square(n_h)
    distribution = alpha2 / (dr.pi * dr.square(root))
    visibility = 0.5 / (
        n_l * dr.sqrt(dr.square(n_v) * (1.0 - alpha2) + alpha2)
        + n_v * dr.sqrt(dr.square(n_l) * (1.0 - alpha2) + alpha2)
    )
    specular = texel["specular"]
    fresnel = specular + (1.0 - specular) * dr.power(1.0 - v_h, 5)
    largest = dr.maximum(dr.maximum(fresnel[0], fresnel[1]), fresnel[2])
    value = (1.0 - largest) * texel["diffuse"] / dr.pi + distribution * visibility * fresnel
    return dr.select((n_l > 0.0) & (n_v > 0.0), value * n_l, mi.Color3f(0.0))


def _density(mi: Any, dr: Any, texel: dict[str, Any], wi: Any, wo: Any) -> Any:
    """Mixture of the visible-normal and the cosine density about the mapped normal."""
    frame = mi.Frame3f(texel["normal"])
    view, light = frame.to_local(wi), frame.to_local(wo)
    half = dr.normalize(view + light)
    ggx = mi.MicrofacetDistribution(mi.MicrofacetType.GGX, texel["alpha"], True)
    glossy = ggx.pdf(view, half) / (4.0 * dr.dot(light, half))
    share = _glossy_share(dr, texel)
    mixed = share * glossy + (1.0 - share) * light.z * dr.inv_pi
    return dr.select((view.z > 0.0) & (light.z > 0.0), mixed, 0.0)


def _glossy_share(dr: Any, texel: dict[str, Any]) -> Any:
    """The share of samples that follow the highlight."""
    glossy = dr.mean(texel["specular"])
    return dr.clip(glossy / (glossy + dr.mean(texel["diffuse"]) + 1e-6), 0.1, 0.9)


def _draw(mi: Any, dr: Any, texel: dict[str, Any], wi: Any, sample1: Any, sample2: Any) -> Any:
    """A light direction from the mixture of `_density`."""
    frame = mi.Frame3f(texel["normal"])
    ggx = mi.MicrofacetDistribution(mi.MicrofacetType.GGX, texel["alpha"], True)
    view = frame.to_local(wi)
    half, _ = ggx.sample(view, sample2)
    diffuse = mi.warp.square_to_cosine_hemisphere(sample2)
    glossy = sample1 < _glossy_share(dr, texel)
    return frame.to_world(dr.select(glossy, mi.reflect(view, half), diffuse))


def _frame(mi: Any, dr: Any, frames: Any, si: Any, active: Any) -> tuple[Any, Any]:
    """Tangent and hand, without the mesh's places: these have no derivative inside a BSDF."""

    def number(place: int) -> Any:
        return dr.gather(mi.Float, frames, 12 * si.prim_index + place, active)

    def vector(first: int) -> Any:
        return mi.Vector3f(*(number(first + i) for i in range(3)))

    tangent = vector(0)
    tangent += (si.uv.x - number(9)) * vector(3) + (si.uv.y - number(10)) * vector(6)
    return tangent, number(11)


def _make_plugin(mi: Any, dr: Any) -> type:
    """Derive the plugin from the BSDF class of the variant in force."""

    class DiffgfxBSDF(mi.BSDF):  # type: ignore[misc]
        """See `start_mitsuba`."""

        def __init__(self, props: Any) -> None:
            super().__init__(props)
            names = ("normal", "diffuse", "specular", "roughness")
            self.textures = {name: props.get_unbounded_texture(name) for name in names}
            self.framed = props.has_property("frames")
            self.frames = mi.Float(props["frames"].array) if self.framed else dr.zeros(mi.Float, 12)
            kind = mi.BSDFFlags.GlossyReflection | mi.BSDFFlags.FrontSide
            self.m_components = [kind | mi.BSDFFlags.SpatiallyVarying]
            self.m_flags = self.m_components[0]

        def traverse(self, callback: Any) -> None:
            for name, texture in self.textures.items():
                callback.put(name, texture, mi.ParamFlags.Differentiable)
            callback.put("frames", self.frames, mi.ParamFlags.Differentiable)

        def texel(self, si: Any, active: Any) -> dict[str, Any]:
            raw = {name: texture.eval_3(si, active) for name, texture in self.textures.items()}
            normal = dr.normalize(mi.Vector3f(raw["normal"]))
            if self.framed:
                tangent, hand = _frame(mi, dr, self.frames, si, active)
                way = si.to_local(tangent)
                x = dr.normalize(mi.Vector2f(way.x, way.y)) * normal.x
                y = dr.normalize(mi.Vector2f(-way.y, way.x)) * normal.y * hand
                normal = mi.Vector3f(x.x + y.x, x.y + y.y, normal.z)
            return {**raw, "normal": normal, "alpha": dr.square(raw["roughness"][0])}

        def eval(self, ctx: Any, si: Any, wo: Any, active: Any = True) -> Any:
            return _evaluate(mi, dr, self.texel(si, active), si.wi, wo) & active

        def pdf(self, ctx: Any, si: Any, wo: Any, active: Any = True) -> Any:
            return _density(mi, dr, self.texel(si, active), si.wi, wo) & active

        def eval_pdf(self, ctx: Any, si: Any, wo: Any, active: Any = True) -> Any:
            return self.eval(ctx, si, wo, active), self.pdf(ctx, si, wo, active)

        def sample(self, ctx: Any, si: Any, sample1: Any, sample2: Any, active: Any = True) -> Any:
            texel = self.texel(si, active)
            wo = _draw(mi, dr, texel, si.wi, sample1, sample2)
            density = _density(mi, dr, texel, si.wi, wo)
            good = active & (density > 0.0)
            record = dr.zeros(mi.BSDFSample3f)
            record.wo = wo
            record.pdf = dr.select(good, density, 0.0)
            record.eta = 1.0
            record.sampled_type = mi.UInt32(+mi.BSDFFlags.GlossyReflection)
            record.sampled_component = mi.UInt32(0)
            weight = _evaluate(mi, dr, texel, si.wi, wo) / dr.select(good, density, 1.0)
            return record, weight & good

    return DiffgfxBSDF

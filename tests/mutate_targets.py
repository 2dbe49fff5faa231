"""Which functions of the gradient kernels are mutated, and the contract tests that must notice."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["KERNELS", "TARGETS", "Target"]

KERNELS = Path(__file__).resolve().parents[1] / "kernels" / "diffgfx_kernels"


def _laws(case: str) -> tuple[str, ...]:
    """Return the tests of a gradient, first those that fail first."""
    run = f"{case}-taichi-cpu"
    return (f"test_gradcheck[{run}]", f"test_equals_the_reference[{run}-float64]")


LIT = "svbrdf_render_loss[log_l1-cone-ambient-mask-white]"
LOSSES = (
    *_laws(LIT),
    *_laws("svbrdf_render_loss[l2-far-mask]"),
    *_laws("svbrdf_render_loss[display_charbonnier-maps-axis-ambient]"),
)
CONE = _laws("shade_svbrdf[cone]")
TIED = _laws("shade_svbrdf[far]")
SHARED = ("test_a_batch_of_one_is_shared[shade_svbrdf-taichi-cpu]",)
TILES = ("test_many_tiles_equal_the_reference[shade_svbrdf-taichi-cpu]",)
NORMALS = (*_laws("normals_from_height"), *_laws("normals_from_height[periodic]"))
HEIGHT = (
    *_laws("height_from_normals"),
    *_laws("height_from_normals[periodic]"),
    *_laws("height_from_normals[line]"),
)
PROJECT = (*_laws("project"), *_laws("project[periodic]"), *_laws("project[free]"))
FLOWS = ("", "[ring]", "[3d]")
CONVECT = tuple(test for variant in FLOWS for test in _laws(f"convect{variant}"))
DIFFUSE = tuple(test for variant in (*FLOWS, "[cells]") for test in _laws(f"diffuse{variant}"))
PAST = tuple(test for variant in FLOWS for test in _laws(f"diffuse_past{variant}"))
DIAGONAL = (
    "tests/unit/kernels/test_links.py::test_the_diagonal_is_what_a_point_makes_of_itself[walls]",
)
CELLS = ("", "[3d]", "[cells]")
LAPLACIAN = tuple(test for variant in CELLS for test in _laws(f"laplacian{variant}"))

CARRIED = (
    *_laws("advect"),
    *_laws("advect[semi_lagrangian-tube]"),
    *_laws("advect_velocity"),
    *_laws("advect_velocity[semi_lagrangian-itself-tube]"),  # faces that are one around a period
    "test_many_tiles_equal_the_reference[advect-taichi-cpu]",  # places that many read
    *_laws("advect[3d-semi_lagrangian]"),  # two minuses of 2-D are none
    *_laws("advect_velocity[3d]"),
)
FLUXES = (
    *_laws("advect_tvd"),
    *_laws("advect_tvd[central-tube]"),
    *_laws("advect_tvd[3d-superbee]"),
)

SMOKE = (*_laws("march_volume"), *_laws("march_volume[dense]"))
FRINGE = ("test_many_tiles_equal_the_reference[rasterize-taichi-cpu]",)
DRAWN = (*_laws("rasterize"), *_laws("rasterize[ranges-uv]"))
ATTRIBUTES = (*_laws("interpolate"), *_laws("interpolate[all]"))
FILLED = ("test_many_tiles_equal_the_reference[interpolate-taichi-cpu]",)
MIPS = (*_laws("construct_mip"), *_laws("construct_mip[cube]"))
FLAT_TEXTURE = (
    *_laws("texture"),
    *_laws("texture[custom-clamp]"),
    *_laws("texture[linear-zero]"),
)
CUBE_TEXTURE = _laws("texture[cube]")
MANY_BANDS = ("test_many_tiles_equal_the_reference[texture-taichi-cpu]",)
ONE_BY_ONE = (  # as on a GPU
    "tests/unit/kernels/test_texture_lanes.py::test_they_are_what_they_are_one_by_one"
    "[linear-mipmap-linear-zero-7-given2]",
)
WHOLE = ("tests/unit/kernels/test_texture_sums.py::test_they_equal_the_reference[dtype1-wrap]",)
PLANES = ("tests/unit/kernels/test_light_sweep.py::test_launches_add_up[0]",)
ONE_LIGHT = ("test_a_batch_of_one_is_shared[march_volume-taichi-cpu]",)

_MANY = "tests/unit/kernels/test_many_threads.py"
MANY_DRAWN = (
    f"{_MANY}::test_values_and_gradients_are_the_same[rasterize-taichi-cpu-float64]",
    f"{_MANY}::test_values_and_gradients_are_the_same[rasterize[ranges-uv]-taichi-cpu-float64]",
)
MANY_FILLED = (
    f"{_MANY}::test_values_and_gradients_are_the_same[interpolate[plain]-taichi-cpu-float64]",
    f"{_MANY}::test_values_and_gradients_are_the_same[interpolate[all]-taichi-cpu-float64]",
)
MANY_SUMS = (
    "tests/unit/kernels/test_whole_sums.py::test_all_addends_together_stay_below_two_to_the_61[1-1.0]",
    *MANY_FILLED,
    f"{_MANY}::test_what_is_not_finite_spoils_its_vertices_alone[nan]",
    "tests/unit/kernels/test_texture_sums.py::test_any_size_of_gradient_is_held[1e+30]",
    "tests/unit/kernels/test_texture_sums.py::test_any_size_of_gradient_is_held[0.0]",
)
OUTLINES = (*_laws("antialias"), *_laws("antialias[nvdiffrast]"))
MESH = (*_laws("shade_mesh"), *_laws("shade_mesh[far-harmonics-mask]"))
SHARED_SCENE = (
    "test_a_batch_of_one_is_shared[shade_mesh-taichi-cpu]",
    "test_many_tiles_equal_the_reference[shade_mesh-taichi-cpu]",
    "test_one_gradient_alone_is_the_one_among_all[shade_mesh-taichi-cpu]",
    "tests/unit/ops/test_shade_mesh.py::"
    "test_where_many_pixels_in_a_row_are_hidden_the_rest_stay_in_place",
)

FLOW_LAWS = {
    op: tuple(test for case in cases for test in _laws(case))
    for op, cases in {
        "divergence": ("divergence", "divergence[box]"),
        "gradient": ("gradient", "gradient[box]"),
        "curl": ("curl", "curl[box]", "curl[cell]"),
        "to_centres": ("to_centres", "to_centres[box]"),
        "to_faces": ("to_faces", "to_faces[box]", "to_faces[cell]"),
        "buoyancy": ("buoyancy", "buoyancy[box]"),
        "vorticity_confinement": ("vorticity_confinement", "vorticity_confinement[box]"),
        "inflow": ("inflow", "inflow[replace]"),
    }.items()
}


@dataclass(frozen=True)
class Target:
    """Gradient functions of one file, and the tests that must notice a wrong sign in them.

    A test is named by its function where it is a contract test, else by its file too.
    """

    op: str
    file: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]

    def read(self, kernels: Path = KERNELS) -> str:
        """Return the text of the file."""
        return (kernels / "taichi_" / self.file).read_text(encoding="utf-8")


TARGETS = (
    Target(
        "shade_svbrdf",
        "brdf.py",
        ("normalise_gradient", "shares", "slopes", "evaluate_gradient"),
        (*CONE, *TIED),
    ),
    Target("shade_svbrdf", "flash.py", ("falloff_gradient",), CONE),
    Target(
        "shade_svbrdf",
        "surface.py",
        ("put", "look_lane", "add_lobe_gradient", "colours_gradient"),
        (*CONE, *TIED),
    ),
    Target("shade_svbrdf", "surface.py", ("take_sum",), (*CONE, *TILES)),
    Target(
        "shade_svbrdf",
        "tile.py",
        ("aim_lane", "add_gradient", "store_gradient"),
        (*CONE, *TIED, *_laws(LIT)),
    ),
    Target("shade_svbrdf", "tile.py", ("store_pair_sums",), (*CONE, *TILES)),
    Target("shade_svbrdf", "shade_svbrdf.py", ("shade_gradient", "backward"), (*CONE, *SHARED)),
    Target("svbrdf_render_loss", "residual.py", ("encode", "residual"), LOSSES),
    Target(
        "svbrdf_render_loss",
        "svbrdf_render_loss.py",
        ("load_seen", "compare", "render_loss", "forward"),
        LOSSES,
    ),
    Target("normals_from_height", "lines.py", ("slope_along_gradient",), NORMALS),
    Target(
        "normals_from_height",
        "normals_from_height.py",
        ("slope_gradients", "height_gradients", "backward"),
        NORMALS,
    ),
    Target(
        "height_from_normals",
        "lines.py",
        ("_transposed_table", "_recover_gradient", "recover_gradient"),
        HEIGHT,
    ),
    Target(
        "height_from_normals", "height_from_normals.py", ("slopes_gradient", "backward"), HEIGHT
    ),
    Target(
        "convect",
        "convect.py",
        (
            "mean_at",
            "share_at",
            "jump_at",
            "leaving_gradient",
            "cross_row_gradient",
            "convection_gradient",
            "side_gradient",
            "backward",
        ),
        CONVECT,
    ),
    Target(
        "laplacian",
        "laplacian.py",
        ("beyond", "difference_row", "differences", "transposed", "value_gradient", "backward"),
        LAPLACIAN,
    ),
    Target("diffuse", "modes.py", ("solve",), DIFFUSE),
    Target("diffuse", "diffuse.py", ("backward",), DIFFUSE),
    Target(
        "to_faces",
        "staggered.py",
        ("face_weights", "row_cells", "line"),
        (*FLOW_LAWS["to_faces"], *FLOW_LAWS["gradient"]),
    ),
    Target("to_centres", "staggered.py", ("row_faces", "_to_faces"), FLOW_LAWS["to_centres"]),
    Target("buoyancy", "staggered.py", ("own_gradient",), FLOW_LAWS["buoyancy"]),
    Target("curl", "twist.py", ("_rows", "difference", "_twist"), FLOW_LAWS["curl"]),
    Target(
        "vorticity_confinement",
        "vorticity_confinement.py",
        ("_force_gradient", "_length_gradient", "backward"),
        FLOW_LAWS["vorticity_confinement"],
    ),
    Target("inflow", "inflow.py", ("_gradients", "backward"), FLOW_LAWS["inflow"]),
    Target(
        "project",
        "fluxes.py",
        ("upstream", "potential_gradient", "face_gradients", "flux_gradient"),
        PROJECT,
    ),
    Target("project", "project.py", ("backward",), PROJECT),
    Target("diffuse_past", "links.py", ("gain", "pair_gradients"), (*PAST, *DIAGONAL)),
    Target("diffuse_past", "diffuse_past.py", ("backward",), PAST),
    Target("advect", "transport.py", ("derivative",), CARRIED),
    Target(
        "advect",
        "transport_adjoint.py",
        ("scatter", "scatter_entry", "trace_gradient"),
        CARRIED,
    ),
    Target(
        "advect",
        "carry_adjoint.py",
        (
            "carry_place_gradient",
            "carry_gradient",
            "correct_place_gradient",
            "correct_gradient",
        ),
        CARRIED,
    ),
    Target("advect_velocity", "advect_velocity.py", ("backward",), _laws("advect_velocity")),
    Target(
        "advect_tvd",
        "advect_tvd.py",
        (
            "slope_of",
            "face_value",
            "scatter_cell",
            "scatter_face",
            "flux_gradient",
            "fluxes_gradient",
            "backward",
        ),
        FLUXES,
    ),
    Target(
        "march_volume",
        "light_sweep.py",
        ("add_planes_gradient", "sweep_gradient", "direction_gradient"),
        (*SMOKE, *PLANES),
    ),
    Target(
        "march_volume",
        "march_volume.py",
        ("march_gradient", "pack_gradient", "seen_gradient", "colour_gradient"),
        SMOKE,
    ),
    Target("march_volume", "rays.py", ("absorb", "sample_gradient"), SMOKE),
    Target("march_volume", "march_volume.py", ("backward",), (*SMOKE, *ONE_LIGHT)),
    Target(
        "rasterize",
        "barycentric.py",
        (
            "cross_gradient",
            "depth_gradient",
            "slopes_gradient",
            "seen_gradient",
        ),
        DRAWN,
    ),
    Target("rasterize", "barycentric.py", ("clamped_gradient",), FRINGE),
    Target("rasterize", "rasterize_adjoint.py", ("add_run", "pull_back"), DRAWN),
    Target("rasterize", "rasterize.py", ("backward",), (*DRAWN, *MANY_DRAWN)),
    Target("rasterize", "rasterize_adjoint.py", ("pull_each", "add_everywhere"), MANY_DRAWN),
    Target("interpolate", "vertex_sums.py", ("add_at_corners", "add_everywhere"), MANY_FILLED),
    Target(
        "interpolate",
        "whole_sums.py",
        ("larger", "choose_unit", "settle"),
        MANY_SUMS,
    ),
    Target("antialias", "shares.py", ("shares_of", "given_gradient", "share_gradient"), OUTLINES),
    Target(
        "antialias",
        "silhouette_adjoint.py",
        ("crossing_gradient", "store_gradient", "add_by_vertex"),
        OUTLINES,
    ),
    Target("antialias", "antialias.py", ("pair_gradients", "backward"), OUTLINES),
    Target("shade_mesh", "harmonics.py", ("irradiance_gradient",), MESH),
    Target("shade_mesh", "mesh_frame.py", ("frame_lane", "frame_gradient"), _laws("shade_mesh")),
    Target(
        "shade_mesh",
        "mesh_tile.py",
        ("aim_at_eye", "aim_at_lamp"),
        MESH,
    ),
    Target(
        "shade_mesh",
        "mesh_adjoint.py",
        (
            "add_lamp_gradient",
            "add_around_gradient",
            "place_gradient",
            "add_light_gradient",
            "store_scene_sums",
        ),
        (*MESH, *SHARED_SCENE),
    ),
    Target(
        "shade_mesh",
        "shade_mesh.py",
        ("shade_gradient", "backward", "_scene_gradients"),
        (*MESH, *SHARED_SCENE),
    ),
    Target(
        "interpolate",
        "interpolate.py",
        ("pixel_gradient", "add_triangle"),
        ATTRIBUTES,
    ),
    Target("interpolate", "interpolate.py", ("join_broken",), (*ATTRIBUTES, *FILLED)),
    Target("interpolate", "corners.py", ("gather_corners",), ATTRIBUTES),
    Target("construct_mip", "construct_mip.py", ("add_halves", "pull_down", "backward"), MIPS),
    Target(
        "texture",
        "footprint.py",
        ("stretch", "level_slopes", "place_gradient"),
        (*FLAT_TEXTURE, *CUBE_TEXTURE, *ONE_BY_ONE),
    ),
    Target(
        "texture",
        "texels.py",
        ("texel_weights", "share_missing", "slopes_of", "taps_of", "dot"),
        (*FLAT_TEXTURE, *CUBE_TEXTURE, *ONE_BY_ONE),
    ),
    Target(
        "texture",
        "texture_pixel.py",
        ("level_products", "slopes_of_levels", "pixel_gradients"),
        (*CUBE_TEXTURE, *FLAT_TEXTURE, *ONE_BY_ONE),
    ),
    Target("texture", "texture_lanes.py", ("dot_lane", "slope_lanes"), FLAT_TEXTURE),
    Target(
        "texture",
        "texture.py",
        ("gradients_of_places", "backward"),
        (*FLAT_TEXTURE, "test_one_gradient_alone_is_the_one_among_all[texture-taichi-cpu]"),
    ),
    Target(
        "texture",
        "texture_sums.py",
        ("add_to", "add_levels", "add_together", "add_pixels", "sum_texels"),
        (*FLAT_TEXTURE, *CUBE_TEXTURE, *MANY_BANDS, *ONE_BY_ONE, *WHOLE),
    ),
    *(
        Target(op, f"{op}.py", ("backward",), FLOW_LAWS[op])
        for op in ("divergence", "gradient", "curl", "to_centres", "to_faces", "buoyancy")
    ),
)

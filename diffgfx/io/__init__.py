"""Files to tensors and scene objects, and back; image libraries load at the first file."""

from diffgfx.io._files import check_output_file, show_path
from diffgfx.io.camera_photo import CameraPhoto, read_camera_photo
from diffgfx.io.capture_file import known_length, metres_per_unit, read_capture, write_capture
from diffgfx.io.encoded_maps import ENCODINGS, read_encoded_maps, write_encoded_maps
from diffgfx.io.encodings import (
    MetallicMaps,
    balance_diffuse,
    from_deschaintre,
    from_gao,
    from_materialgan,
    from_metallic,
    to_metallic,
)
from diffgfx.io.encodings_write import (
    StoredMaps,
    UnrealMaps,
    to_deschaintre,
    to_gao,
    to_materialgan,
    to_unreal,
    unbalance_diffuse,
)
from diffgfx.io.exr import read_exr, write_exr, write_exr_layers
from diffgfx.io.film import film_writer, frame_writer
from diffgfx.io.flow_file import read_flow, write_flow
from diffgfx.io.folder import check_output, output_folder
from diffgfx.io.frames import read_frame, write_frame
from diffgfx.io.gltf import read_material_glb, write_material_glb, write_material_gltf
from diffgfx.io.gltf_model import read_gltf
from diffgfx.io.gltf_write import write_glb
from diffgfx.io.image import decode_transfer, encode_transfer, read_image, write_png
from diffgfx.io.maps import MapFiles, read_map_files, read_maps, write_maps
from diffgfx.io.materialx import write_materialx
from diffgfx.io.mesh_file import read_mesh
from diffgfx.io.obj import read_obj, write_obj
from diffgfx.io.photos import PhotoSet, load_photos
from diffgfx.io.ply import read_ply, write_ply
from diffgfx.io.sheet_file import read_sheet, write_sheet
from diffgfx.io.sheet_pdf import write_sheet_pdf
from diffgfx.io.target_file import FILE_OF_TARGETS, read_targets_file, write_targets_file
from diffgfx.io.uni import (
    CELL_FLAGS,
    GRID_TYPES,
    UniGrid,
    faces_from_mac,
    mac_from_faces,
    read_uni,
    write_uni,
)

__all__ = [
    "CELL_FLAGS",
    "ENCODINGS",
    "FILE_OF_TARGETS",
    "GRID_TYPES",
    "CameraPhoto",
    "MapFiles",
    "MetallicMaps",
    "PhotoSet",
    "StoredMaps",
    "UniGrid",
    "UnrealMaps",
    "balance_diffuse",
    "check_output",
    "check_output_file",
    "decode_transfer",
    "encode_transfer",
    "faces_from_mac",
    "film_writer",
    "frame_writer",
    "from_deschaintre",
    "from_gao",
    "from_materialgan",
    "from_metallic",
    "known_length",
    "load_photos",
    "mac_from_faces",
    "metres_per_unit",
    "output_folder",
    "read_camera_photo",
    "read_capture",
    "read_encoded_maps",
    "read_exr",
    "read_flow",
    "read_frame",
    "read_gltf",
    "read_image",
    "read_map_files",
    "read_maps",
    "read_material_glb",
    "read_mesh",
    "read_obj",
    "read_ply",
    "read_sheet",
    "read_targets_file",
    "read_uni",
    "show_path",
    "to_deschaintre",
    "to_gao",
    "to_materialgan",
    "to_metallic",
    "to_unreal",
    "unbalance_diffuse",
    "write_capture",
    "write_encoded_maps",
    "write_exr",
    "write_exr_layers",
    "write_flow",
    "write_frame",
    "write_glb",
    "write_maps",
    "write_material_glb",
    "write_material_gltf",
    "write_materialx",
    "write_obj",
    "write_ply",
    "write_png",
    "write_sheet",
    "write_sheet_pdf",
    "write_targets_file",
    "write_uni",
]

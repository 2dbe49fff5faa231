"""What an import costs: heavy packages load when they are used, never before."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("taichi", "mitsuba", "drjit", "matplotlib", "imageio", "nvdiffrast", "lightning_fabric")

# Imports every module of diffgfx in turn and prints {module: heavy packages it brought}.
_WALK = """
import importlib, json, pkgutil, sys
heavy, brought = set(sys.argv[1:]), {}
def visit(name):
    before = set(sys.modules)
    module = importlib.import_module(name)
    brought[name] = sorted(heavy & (set(sys.modules) - before))
    for part in pkgutil.iter_modules(getattr(module, "__path__", [])):
        visit(f"{name}.{part.name}")
visit("diffgfx")
print(json.dumps(brought))
"""


def _python(*words: str) -> str:
    path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
    done = subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _loaded_by(statement: str) -> set[str]:
    return set(_python("-c", f"{statement}; import sys; print(*sys.modules, sep='\\n')").split())


def test_no_module_brings_a_heavy_package() -> None:
    brought = json.loads(_python("-c", _WALK, *HEAVY))
    assert {name: heavy for name, heavy in brought.items() if heavy} == {}
    on_disk = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for file in (ROOT / "diffgfx").rglob("*.py")
    }
    assert set(brought) == on_disk  # nothing escaped the walk


def test_the_package_alone_is_light() -> None:
    loaded = _loaded_by("import diffgfx")
    assert not loaded & {"torch", "numpy", *HEAVY}
    assert not {name for name in loaded if name.startswith("diffgfx.")}


def test_the_parser_is_light() -> None:
    loaded = _loaded_by("import diffgfx.cli; diffgfx.cli.make_parser()")
    assert not loaded & {"torch", "numpy", "cv2", "rich", "jaxtyping", *HEAVY}


def test_the_kernels_index_starts_no_backend() -> None:
    assert not _loaded_by("import diffgfx_kernels") & set(HEAVY)

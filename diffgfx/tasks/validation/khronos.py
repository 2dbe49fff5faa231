"""Khronos' own glTF validator as judge of the files we write; it runs in node.

It comes from npm: ``npm install --prefix FOLDER gltf-validator``, with FOLDER in the environment
variable DIFFGFX_GLTF_VALIDATOR, or in the working folder.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from diffgfx.errors import BackendError

__all__ = ["validate_gltf", "why_no_khronos"]

_SECONDS = 120
_SCRIPT = """
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");
const [folder, file] = process.argv.slice(1);
const validator = createRequire(path.resolve(folder, "package.json"))("gltf-validator");
validator
  .validateBytes(new Uint8Array(fs.readFileSync(file)), { maxIssues: 0 })
  .then((report) => console.log(JSON.stringify({ version: validator.version(), ...report })))
  .catch((error) => { console.error(String(error)); process.exit(1); });
"""


def _folder() -> Path:
    return Path(os.environ.get("DIFFGFX_GLTF_VALIDATOR") or ".").resolve()


def why_no_khronos() -> str | None:
    """Say what is missing for the validator and how to get it; None if nothing is."""
    if shutil.which("node") is None:
        return "no node: install it to run Khronos' validator"
    if not (_folder() / "node_modules" / "gltf-validator").is_dir():
        return (
            f"no gltf-validator in {_folder()}/node_modules: npm install --prefix FOLDER "
            "gltf-validator, and set DIFFGFX_GLTF_VALIDATOR to FOLDER"
        )
    return None


def validate_gltf(path: Path | str) -> dict[str, Any]:
    """Return the validator's report about a file.

    Args:
        path: A ``.glb``.

    Returns:
        The report as Khronos' documents it: ``issues`` has ``numErrors``, ``numWarnings`` and
        ``messages``.

    Raises:
        BackendError: If node or the validator is missing, or the validator broke down.
    """
    missing = why_no_khronos()
    if missing is not None:
        raise BackendError(missing)
    command = ["node", "-e", _SCRIPT, str(_folder()), str(Path(path).resolve())]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except subprocess.SubprocessError as error:
        detail = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise BackendError(
            f"gltf-validator must report on {path}, got: {detail[-1] if detail else 'nothing'}; "
            "install it again"
        ) from error
    report: dict[str, Any] = json.loads(done.stdout)
    return report

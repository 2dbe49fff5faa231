"""``diffgfx doctor``: what is installed, which kernel serves which op, and why not another.

It changes nothing and starts no kernel, so it also runs where the library does not.
"""

import argparse
import importlib.metadata
import json
import os
import platform
from pathlib import Path
from typing import Any

__all__ = ["register", "report", "run"]

_PACKAGES = {  # the name a person knows: the name of the distribution
    "torch": "torch",
    "taichi": "taichi",
    "numpy": "numpy",
    "imageio": "imageio",
    "opencv": "opencv-python-headless",
    "OpenEXR": "OpenEXR",
    "nvdiffrast": "nvdiffrast",
}


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's parser."""
    parser = subparsers.add_parser(
        "doctor",
        help="say what is installed, which kernel serves each op, and why not another",
        description="Say what is installed, which kernel serves each op, and why not another.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the report; return 0, whatever it says."""
    found = report()
    print(json.dumps(found, indent=2) if args.json else _as_text(found))
    return 0


def report() -> dict[str, Any]:
    """Return all that the command knows, in the form that ``--json`` prints.

    Returns:
        ``versions``: {name: version or None where absent}; ``ops``: {device: {op: {``chosen``:
        backend, ``others``: {backend: why not}}}}; ``cuda``: {``available``, ``detail``};
        ``threads``: {``cores``, ``torch``, ``taichi``}; ``kernel_cache`` {``folder``,
        ``writable``}; ``data``: {``folder``, ``found``, ``detail``}.
    """
    import torch

    cuda = torch.cuda.is_available()
    detail = torch.cuda.get_device_name(0) if cuda else _why_no_cuda()
    return {
        "versions": _versions(),
        "cuda": {"available": cuda, "detail": detail},
        "ops": {device: _choices(device) for device in (("cpu", "cuda") if cuda else ("cpu",))},
        "threads": {
            "cores": _core_count(),
            "torch": torch.get_num_threads(),
            "taichi": _taichi_threads(),
        },
        "kernel_cache": _kernel_cache(),
        "data": _data(),
    }


def _versions() -> dict[str, str | None]:
    from diffgfx import __version__

    found: dict[str, str | None] = {
        "diffgfx": __version__,
        "python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
    }
    for name, distribution in _PACKAGES.items():
        try:
            found[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _why_no_cuda() -> str:
    import torch

    if torch.version.cuda is None:
        return "this build of torch has no CUDA; install a CUDA build of torch to use a GPU"
    return "torch sees no CUDA device; check the driver and CUDA_VISIBLE_DEVICES"


def _choices(device: str) -> dict[str, dict[str, Any]]:
    import torch

    import diffgfx_kernels as kernels

    chosen = {op: kernels.choose(op, "auto", torch.device(device)) for op in kernels.OPS}
    return {
        op: {
            "chosen": chosen[op],
            "others": {
                backend: reason
                or f"serves too, but is not the first choice; backend={backend!r} takes it"
                for backend, reason in backends.items()
                if backend != chosen[op]
            },
        }
        for op, backends in kernels.available(device).items()
    }


def _core_count() -> int:
    """Return the cores this process may use, which a container may hold below the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _taichi_threads() -> int | None:
    from diffgfx_kernels.taichi_ import runtime

    return runtime.thread_count() if _has_taichi() else None


def _has_taichi() -> bool:
    import torch

    from diffgfx_kernels.taichi_ import runtime

    return runtime.reason_unavailable(torch.device("cpu")) is None


def _kernel_cache() -> dict[str, Any]:
    from diffgfx_kernels.taichi_ import runtime

    if not _has_taichi():
        return {"folder": None, "writable": False}
    folder = Path(runtime.cache_folder())
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return {"folder": str(folder), "writable": writable}


def _data() -> dict[str, Any]:
    from diffgfx.tasks.validation.data_folder import find_data_folder

    data = find_data_folder()
    return {"folder": str(data.folder), "found": data.found, "detail": data.detail}


def _as_text(found: dict[str, Any]) -> str:
    threads, cache, data = found["threads"], found["kernel_cache"], found["data"]
    lines = ["versions"]
    lines += [f"  {name:<14}{version or 'absent'}" for name, version in found["versions"].items()]
    lines += ["devices", f"  {'cuda':<14}{found['cuda']['detail']}"]
    for device, ops in found["ops"].items():
        lines.append(f"ops on {device}")
        for op, choice in ops.items():
            lines.append(f"  {op:<24}{choice['chosen']}")
            lines += [f"    not {name:<18}{why}" for name, why in choice["others"].items()]
    lines += ["threads", *(f"  {name:<14}{count or 'absent'}" for name, count in threads.items())]
    state = "writable" if cache["writable"] else "not writable: kernels compile anew in each run"
    lines += ["kernel cache", f"  {cache['folder']} ({state})" if cache["folder"] else "  absent"]
    lines += [
        "data",
        f"  {data['folder']}: {'found, ' if data['found'] else 'not found; '}{data['detail']}",
    ]
    return "\n".join(lines)

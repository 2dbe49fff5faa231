"""Mitsuba's time for a lit view and its derivative to roughness: a child of `benchmarks.raster`.

``python -m benchmarks.raster_mitsuba IN.npz REPEATS`` prints seconds of all runs but three.
"""

import importlib
import json
import sys
import time
from collections.abc import Sequence

import numpy as np

from diffgfx.tasks.validation.mitsuba_bsdf import start_mitsuba
from diffgfx.tasks.validation.mitsuba_mesh_child import mesh_scene

__all__ = ["main"]

_WARM_UPS = 3  # as ours has, see `measure.seconds_of`


def main(argv: Sequence[str]) -> int:
    """Render at one sample a pixel, and pull a gradient of one back to the roughness map."""
    source, repeats = argv
    mi = start_mitsuba()
    dr = importlib.import_module("drjit")
    with np.load(source) as loaded:
        given = dict(loaded)
    scene = mesh_scene(mi, given)
    parameters = mi.traverse(scene)
    key = next(name for name in parameters.keys() if name.endswith("roughness.data"))  # noqa: SIM118
    seconds = []
    for turn in range(int(repeats) + _WARM_UPS):
        begun = time.perf_counter()
        value = type(parameters[key])(parameters[key])
        dr.enable_grad(value)
        parameters[key] = value
        parameters.update()
        image = mi.render(scene, parameters, spp=1, seed=turn)
        dr.backward(dr.sum(image, axis=None))
        dr.eval(dr.grad(value))
        dr.sync_thread()
        if turn >= _WARM_UPS:
            seconds.append(time.perf_counter() - begun)
    print(json.dumps(seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Print a digest of what every op computes, to be compared between processes.

``python -m tests.contract.digest`` runs the first case of each op in float32 on large inputs.
"""

import hashlib

import torch

from tests.contract.run import RUNS


def digests() -> dict[str, str]:
    """Return a digest by op of the value and all gradients, computed by Taichi on the CPU."""
    found: dict[str, str] = {}
    for run in RUNS:
        if run.case.op in found or run.backend != "taichi" or run.device != "cpu":
            continue
        total = hashlib.sha256()
        results = run.everything(run.arguments(torch.float32, **run.case.large))
        for tensor in results.values():
            total.update(tensor.numpy().tobytes())
        found[run.case.op] = total.hexdigest()
    return found


if __name__ == "__main__":
    for op, digest in digests().items():
        print(op, digest)

"""Taichi kernels: forward and hand-written backward on detached contiguous tensors."""

import os

os.environ.setdefault("ENABLE_TAICHI_HEADER_PRINT", "0")  # the banner would spoil --json output

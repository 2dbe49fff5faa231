"""Measurements against named baselines, side by side in one run: ``python -m benchmarks.NAME``.

They run as commands do: threads sleep soon after work.
"""

from diffgfx.cli._threads import let_threads_sleep

let_threads_sleep()

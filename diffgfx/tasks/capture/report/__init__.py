"""A capture's result as one page that opens offline: the proof, the doubts, and the material."""

from diffgfx.tasks.capture.report.page import render_report

__all__ = ["render_report"]

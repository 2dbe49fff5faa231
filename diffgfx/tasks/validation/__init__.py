"""Measurements of the library against independent programs and analytic truth."""

__all__: list[str] = []

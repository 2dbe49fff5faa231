"""Inverse problems: observations, parametrisations, priors, and the one solver."""

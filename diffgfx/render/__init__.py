"""Compositions of ops into pictures."""

"""The reference of every op in plain differentiable torch: the oracle of the tests."""

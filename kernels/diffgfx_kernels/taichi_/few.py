"""Small numbers that a kernel is compiled for, so that loops over channels are written out.

A loop over three channels whose number the compiler cannot tell takes two to three times as long
as one that it can (measured); a kernel for every number would be compiled too often.
"""

import taichi as ti

__all__ = ["few_of", "number_of"]

MOST = 4


def few_of(number: int) -> int:
    """Return a number that a kernel is compiled for; 0 where it is told when it runs."""
    return number if 0 < number <= MOST else 0


@ti.func
def number_of(number, few: ti.template()):
    """A number, known when compiled if it is a small one."""
    known = number
    if ti.static(few > 0):
        known = few
    return known

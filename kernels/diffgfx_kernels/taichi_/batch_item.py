"""Which item of a batch a pixel belongs to, without a division where all share one."""

import taichi as ti

__all__ = ["item_of"]


@ti.func
def item_of(p, pixels, items):
    """The item, of ``items``, that belongs to pixel ``p`` of images of so many pixels."""
    item = 0
    if items > 1:
        item = p // pixels % items
    return item

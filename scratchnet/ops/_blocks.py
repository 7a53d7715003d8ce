"""How the work on a batch of images is cut into blocks.

A block is some rows of one image, or several whole small images. It is worked out from beginning to end
before the next one is begun: what one step writes, the next reads from the cache. Blocks are shared
among threads (`scratchnet.threads`).
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

__all__ = ["SHARED_PRODUCTS", "Block", "cut"]

# What a block gathers. Twice the second-level cache of a core: smaller blocks lose more by smaller
# products than they gain.
BLOCK_BYTES = 2 << 20
# So many multiplications take as long as waking another thread: up to here there is one block.
SHARED_PRODUCTS = 1 << 23


class Block(NamedTuple):
    """Some rows of the result, of one image or of several."""

    images: slice
    rows: slice


def cut(
    n_images: int, n_rows: int, bytes_per_row: int, products: int, weight_bytes: int = 0
) -> list[Block]:
    """Return blocks that make up all rows of all images, each of about BLOCK_BYTES.

    A block reads all the weights, so where these are more than that, it has as many bytes of its own.

    There are at least two, so that two threads have work, unless so few products are little work or there
    is one row alone. The number of threads has no part in it: the same input gives the same blocks, and so
    the same rounding.
    """
    block_bytes = max(BLOCK_BYTES, weight_bytes)
    if products <= SHARED_PRODUCTS and n_images * n_rows * bytes_per_row <= block_bytes:
        return [Block(slice(0, n_images), slice(0, n_rows))] if n_images else []
    images = block_bytes // max(1, n_rows * bytes_per_row)  # whole ones that fit
    if n_images > 1 and images >= 1:
        return [
            Block(part, slice(0, n_rows)) for part in even_parts(n_images, -(-n_images // images))
        ]
    n_blocks = -(-n_rows * bytes_per_row // block_bytes)
    if n_images > 1:
        rows = _parts(n_rows, n_blocks)
    else:
        rows = even_parts(n_rows, n_blocks)
    return [Block(slice(i, i + 1), part) for i in range(n_images) for part in rows]


def even_parts(n: int, n_parts: int) -> list[slice]:
    """Return an even number of parts, or n: an odd one would leave one of two threads without work."""
    return _parts(n, n_parts + n_parts % 2)


def _parts(n: int, n_parts: int) -> list[slice]:
    """Return n cut into so many parts, whose lengths differ by at most one; at most n of them.

    Rounded up: the calling thread, which begins first, has the larger one.
    """
    n_parts = max(1, min(n, n_parts))
    edges = [-(-i * n // n_parts) for i in range(n_parts + 1)]
    return [slice(first, stop) for first, stop in pairwise(edges)]

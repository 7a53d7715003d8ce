"""Memory in which blocks of work are worked out, kept by each thread from one block to the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeVar

import numpy as np

from scratchnet.ops._array import Array
from scratchnet.threads import run_blocks

__all__ = ["Workspace", "run"]

AnyBlock = TypeVar("AnyBlock")

# The most that a thread keeps. Blocks are cut to a few megabytes, unless one row is longer than that or
# the user asked for larger ones.
KEPT_BYTES = 1 << 25


class Workspace:
    """Memory in which blocks are worked out, by name, kept from one block to the next.

    Fresh memory would be mapped page by page on first writing, which costs as much as the writing.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Array] = {}

    @property
    def nbytes(self) -> int:
        """The size of all memory that is held."""
        return sum(buffer.size for buffer in self._buffers.values())

    def __call__(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return an array with anything in it; what the name held before may be overwritten."""
        n_bytes = prod(shape) * dtype.itemsize
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < n_bytes:
            buffer = self._buffers[name] = np.empty(n_bytes, np.uint8)
        entries: Array = buffer[:n_bytes].view(dtype).reshape(shape)
        return entries


_own = threading.local()  # each thread's workspaces that are not in use


def run(work: Callable[[AnyBlock, Workspace], None], blocks: Sequence[AnyBlock]) -> None:
    """Call work(block, workspace) for all blocks, on threads, without floating-point warnings.

    A thread keeps its workspace for good, unless it has grown beyond KEPT_BYTES. What is called in
    between, as by a signal, gets another one.

    What overflows shows in the result as infinity; and some of BLAS's kernels raise flags for numbers
    that they load and do not use.
    """

    def in_workspace(block: AnyBlock) -> None:
        free = _own.__dict__.setdefault("workspaces", [])
        workspace = free.pop() if free else Workspace()
        try:
            work(block, workspace)
        finally:
            if workspace.nbytes <= KEPT_BYTES:
                free.append(workspace)

    with np.errstate(all="ignore"):
        run_blocks(in_workspace, blocks)

"""Where the memory of results goes when they are freed."""

from __future__ import annotations

import numpy as np

__all__: list[str] = []


def let_freed_memory_stay() -> None:
    """Let the C library keep freed memory, up to some 60 MB, for the next operation's results.

    glibc gives the free end of its heap back to the system as soon as it is longer than twice the
    largest block that it has seen freed, of those up to 32 MB (mallopt(3), M_TRIM_THRESHOLD). A process
    that has freed only blocks of a megabyte thus returns its results' pages after each operation and
    has them mapped anew, one by one, in the next: attention over 128 steps took three times as long.
    A large block that is freed once changes this; it is never written to, so it takes no memory.
    """
    np.empty(31 << 20, np.uint8)

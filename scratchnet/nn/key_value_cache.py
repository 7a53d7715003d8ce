"""Keys and values that were computed before, so that generating a token computes one position only.

Letters: N batch, G heads of the keys, S positions so far, T new positions, D features of a head.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet.autograd import Tensor
from scratchnet.ops._array import no_array

__all__ = ["KeyValueCache"]


class KeyValueCache:
    """The keys and values of one attention layer while a text is generated: one cache for each layer.

    Without it, a text of S tokens takes 1 + 2 + … + S passes of a position through the network; with
    it, S. It is for inference, under `no_grad`, since what is kept has no gradient.

    >>> cache = KeyValueCache()
    >>> for t in range(3):
    ...     keys, values = cache.append(np.ones((1, 1, 1, 2)), np.full((1, 1, 1, 2), t))
    >>> len(cache), values.tolist()
    (3, [[[[0, 0], [1, 1], [2, 2]]]])
    """

    def __init__(self) -> None:
        self._length = 0
        # (N, G, room, D) each, of which S positions are filled
        self._keys: npt.NDArray[Any] | None = None
        self._values: npt.NDArray[Any] | None = None

    def __len__(self) -> int:
        """Return S, how many positions are kept."""
        return self._length

    def append(self, key: Any, value: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Keep new keys and values, (N, G, T, D) each, and return all so far, (N, G, S + T, D).

        What is returned are read-only views of what is kept.
        """
        key, value = _array("key", key), _array("value", value)
        if key.ndim != 4 or key.shape[:3] != value.shape[:3] or value.ndim != 4:
            raise ValueError(
                f"KeyValueCache takes key and value (N, G, T, D), got {key.shape} and {value.shape}"
            )
        start, end = self._length, self._length + key.shape[2]
        keys = _with_room(self._keys, key, start, end)
        values = _with_room(self._values, value, start, end)
        keys[:, :, start:end], values[:, :, start:end] = key, value
        self._keys, self._values, self._length = keys, values, end
        keys, values = keys[:, :, :end], values[:, :, :end]
        keys.flags.writeable = values.flags.writeable = False
        return keys, values


def _array(name: str, x: Any) -> npt.NDArray[Any]:
    """Return the array; raise for a recorded Tensor, whose gradient would end here without a word."""
    if isinstance(x, Tensor):
        if x.requires_grad:
            raise RuntimeError(
                f"KeyValueCache is for inference: {name} {x.shape} requires a gradient; call the "
                "network under no_grad, or with arrays in eval mode"
            )
        return x.data
    if not isinstance(x, np.ndarray):
        raise no_array("KeyValueCache", x, name)
    return x


def _with_room(
    kept: npt.NDArray[Any] | None, new: npt.NDArray[Any], start: int, end: int
) -> npt.NDArray[Any]:
    """Return the array that is kept, or a longer one with its S = start entries, that has room for end.

    Its length at least doubles, so S appends copy each entry about once.
    """
    n, h, _, d = new.shape
    if kept is None:
        return np.empty((n, h, end, d), new.dtype)
    room = kept.shape[2]
    if (kept.shape[:2], kept.shape[3], kept.dtype) != ((n, h), d, new.dtype):
        filled = kept[:, :, :start].shape
        raise ValueError(
            f"KeyValueCache holds (N, G, S, D) = {filled} {kept.dtype}, which does not go on with "
            f"{new.shape} {new.dtype}: a new text takes a new cache"
        )
    if end <= room:
        return kept
    longer = np.empty((n, h, max(end, 2 * room), d), kept.dtype)
    longer[:, :, :room] = kept
    return longer

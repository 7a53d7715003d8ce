"""What one checkpoint may cost: the bounds that all parts of its reader share."""

from __future__ import annotations

from typing import Any

__all__ = ["Limits"]

# Times the file's size, and bytes that are free, so that a small file may hold what is repeated.
_MOST_COPIES, _FREE_COPIES = 16, 1 << 19
_MOST_VIEWS, _FREE_VIEWS = 64, 1 << 24

_MOST_COSTLY_KEYS = 1 << 13
_LONGEST_KEY = 64


class Limits:
    """The bounds for one file of `file_bytes`. Every method raises ValueError beyond them."""

    def __init__(self, file_bytes: int) -> None:
        self._bytes_left = _FREE_COPIES + _MOST_COPIES * file_bytes
        self._viewed_left = _FREE_VIEWS + _MOST_VIEWS * file_bytes
        self._keys_left = _MOST_COSTLY_KEYS

    def allocate(self, n_bytes: int) -> None:
        """Count memory that is taken besides what was read: a copy, or what was compressed.

        A pickle can refer to the same bytes a million times, and have a copy made of each.
        """
        self._bytes_left -= n_bytes
        if self._bytes_left < 0:
            raise ValueError(
                f"copies and compressed parts of more than {_MOST_COPIES} times its size and 512 KiB"
            )

    def view(self, n_bytes: int) -> None:
        """Count a tensor, which is a view and takes no memory until somebody copies it.

        Tensors may share their entries, and one of stride 0 has as many as it likes.
        """
        self._viewed_left -= n_bytes
        if self._viewed_left < 0:
            raise ValueError(
                f"tensors that would take, each copied, more than {_MOST_VIEWS} times its size and 16 MiB"
            )

    def key(self, key: Any) -> Any:
        """Return a key of a dictionary, or a member of a set, whose hashing cannot be made slow.

        Python salts the hashes of strings and bytes. Those of numbers and tuples are known
        beforehand, and a hundred thousand keys of one hash take minutes, so of these a file may
        have 8192. Integers below 2²⁰ are too few to collide much and are not counted. Tuples are
        flat: the hash of a tuple of tuples walks through all of it, 2ⁿ values in n opcodes.
        """
        kind = type(key)
        if kind in (str, bytes, bool) or key is None or (kind is int and -1 < key < 1 << 20):
            return key
        parts = key if kind is tuple else (key,)
        if len(parts) > _LONGEST_KEY or any(
            type(part) not in (str, bytes, bool, int, float, type(None)) for part in parts
        ):
            raise ValueError(f"a value of type {kind.__name__} like this one cannot be a key")
        self._keys_left -= 1
        if self._keys_left < 0:
            raise ValueError(f"more than {_MOST_COSTLY_KEYS} keys that are large numbers or tuples")
        return key

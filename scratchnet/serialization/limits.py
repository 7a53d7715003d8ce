"""What one checkpoint may cost: the bounds that all parts of its reader share."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ADVICE", "Limits"]

ADVICE = (
    "If you trust the file, load it in PyTorch and save its weights alone: "
    'torch.save(checkpoint["state_dict"], path) or torch.save(model.state_dict(), path)'
)

# Times the file's size, and bytes that are free, so that a small file may hold what is repeated.
_MOST_COPIES, _FREE_COPIES = 16, 1 << 19
_MOST_OBJECTS, _FREE_OBJECTS = 64, 1 << 19
_MOST_VIEWS, _FREE_VIEWS = 64, 1 << 24

_FEW = 1 << 12
_MOST_COSTLY_KEYS = 1 << 14
_MOST_PARTS = 64
_LONGEST_TEXT = 1 << 14
_LONGEST_INTEGER = 128  # bits


class Limits:
    """The bounds for one file of `file_bytes`. Every method raises ValueError beyond them."""

    def __init__(self, file_bytes: int) -> None:
        self._bytes_left = _FREE_COPIES + _MOST_COPIES * file_bytes
        self._objects_left = _FREE_OBJECTS + _MOST_OBJECTS * file_bytes
        self._viewed_left = _FREE_VIEWS + _MOST_VIEWS * file_bytes
        self._keys_left = _MOST_COSTLY_KEYS

    def allocate(self, n_bytes: int) -> None:
        """Count memory that is taken besides what was read: a copy, or what was compressed.

        A pickle can refer to the same bytes a million times, and have a copy made of each.
        """
        self._bytes_left -= n_bytes
        if self._bytes_left < 0:
            raise ValueError(
                f"copies and compressed parts of more than {_MOST_COPIES} times its size and 512 KiB. "
                f"{ADVICE}"
            )

    def hold(self, n_bytes: int) -> None:
        """Count the memory of an object that one opcode makes.

        An empty set has 216 bytes and takes one of the file. Writers take ten for the smallest
        container: they number it, and put something in.
        """
        self._objects_left -= n_bytes
        if self._objects_left < 0:
            raise ValueError(
                f"containers of more than {_MOST_OBJECTS} times its size and 512 KiB. {ADVICE}"
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

    def key(self, key: Any, n_others: int) -> Any:
        """Return a key for a dictionary of n_others, or a member of such a set; no slow hashing.

        Keys of one hash are compared with each other, n²/2 comparisons for n of them. Python salts
        the hashes of texts, so those of texts and tuples of texts differ, and are free. Those of
        numbers are known beforehand. An integer is its own hash and its place in the table, which
        has more places than keys, so integers up to the number of keys do not meet and are free too.
        Of all others a file may have 16384, and of tuples as many parts: two seconds at worst.
        A NumPy integer becomes an int.

        Texts have at most 16384 characters, because two that are equal, and not one object, are
        compared in full each time. Tuples are flat: the hash of a tuple of tuples walks through all
        of it, 2ⁿ values in n opcodes.
        """
        if isinstance(key, np.integer):
            key = int(key)
        kind = type(key)
        if key is None or kind is bool or (kind is int and -_FEW < key < n_others + _FEW):
            return key
        parts = key if kind is tuple else (key,)
        if len(parts) > _MOST_PARTS or not all(map(_is_part, parts)):
            raise ValueError(f"a value of type {kind.__name__} like this one cannot be a key")
        lengths = [len(part) for part in parts if type(part) in (str, bytes)]
        n_characters = sum(lengths)
        if n_characters > _LONGEST_TEXT:
            raise ValueError(f"a key has {n_characters} characters, more than {_LONGEST_TEXT}")
        if len(lengths) < len(parts):
            self._keys_left -= len(parts) + n_characters // 64
            if self._keys_left < 0:
                raise ValueError(
                    f"more than {_MOST_COSTLY_KEYS} keys that are large numbers or parts of tuples. "
                    f"{ADVICE}"
                )
        return key


def _is_part(value: Any) -> bool:
    if type(value) is int:
        return value.bit_length() <= _LONGEST_INTEGER
    return type(value) in (str, bytes, bool, float, type(None))

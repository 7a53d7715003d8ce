"""What rules that learn from one sample at a time share, whatever the rule: the order in which the
samples come, when to stop, and the samples held out to tell when.

`N` samples.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.model_selection.shuffle_split import StratifiedShuffleSplit
from scratchnet.utils.validation import check_random_state

__all__ = [
    "Patience",
    "row_states",
    "sample_permutation",
    "stratified_holdout",
    "xorshift_permutation",
]

MAX_INT = 2**31 - 1


def xorshift_permutation(n: int, seed: int) -> NDArray[np.intp]:
    """Return the permutation of n positions that scikit-learn's online rules apply each epoch.

        s ← s ⊕ (s ≪ 13),   s ← s ⊕ (s ≫ 17),   s ← s ⊕ (s ≪ 5)        in 32 bits
        for i = 0 … n−2:  swap the positions i and i + (s mod 2³¹) mod (n − i)

    Every epoch applies the same permutation to the order of the one before.
    Sources: Fisher & Yates 1938 (the swaps); Marsaglia 2003, "Xorshift RNGs", section 3.
    """
    order = list(range(n))
    s = seed or 1  # 0 would stay 0
    for i in range(n - 1):
        s ^= s << 13 & 0xFFFFFFFF
        s ^= s >> 17
        s ^= s << 5 & 0xFFFFFFFF
        j = i + (s & 0x7FFFFFFF) % (n - i)
        order[i], order[j] = order[j], order[i]
    return np.array(order, dtype=np.intp)


def row_states(
    random_state: int | np.random.RandomState | None, n_rows: int
) -> list[np.random.RandomState]:
    """Return the random state of each row, as scikit-learn draws: several have seeds of their own."""
    state = check_random_state(random_state)
    if n_rows == 1:
        return [state]
    return [check_random_state(int(seed)) for seed in state.randint(MAX_INT, size=n_rows)]


def sample_permutation(
    n: int, state: np.random.RandomState, shuffle: bool = True
) -> NDArray[np.intp]:
    """Return the permutation that a row applies to the order of its samples in each epoch."""
    if not shuffle:
        return np.arange(n)
    state.randint(1, MAX_INT)  # scikit-learn draws this one for another use
    return xorshift_permutation(n, state.randint(MAX_INT))


class Patience:
    """Counts the epochs in a row that were not better than the best before them by `tol`.

    tol: None never loses patience.
    """

    def __init__(self, tol: float | None, n_iter_no_change: int) -> None:
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.best = -math.inf
        self.n_without_improvement = 0

    def is_lost(self, value: float) -> bool:
        """Take the value of an epoch, larger is better; return whether to stop."""
        if self.tol is None:
            return False
        improved = value >= self.best + self.tol
        self.n_without_improvement = 0 if improved else self.n_without_improvement + 1
        self.best = max(self.best, value)
        return self.n_without_improvement >= self.n_iter_no_change


def stratified_holdout(
    y: NDArray[Any], fraction: float, random_state: np.random.RandomState
) -> NDArray[np.bool_]:
    """Return a mask, (N,), of the ⌈fraction · N⌉ samples held out, each class with its share.

    They are the test part of the first `StratifiedShuffleSplit`.
    Raises ValueError if a class has fewer than two samples, or a side has fewer than classes.
    """
    splitter = StratifiedShuffleSplit(1, test_size=fraction, random_state=random_state)
    try:
        _, held = next(splitter.split(y, y))
    except ValueError as error:
        n_held = math.ceil(fraction * len(y))
        raise ValueError(
            f"validation_fraction={fraction} of {len(y)} samples holds out {n_held} and leaves "
            f"{len(y) - n_held}: {error}"
        ) from error
    mask = np.zeros(len(y), dtype=bool)
    mask[held] = True
    return mask

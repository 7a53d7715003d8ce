"""Which parameters a search tries: all of a grid, or some drawn at random."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scratchnet.utils.validation import check_random_state

__all__ = ["ParameterGrid", "ParameterSampler"]

Grid = Mapping[str, Sequence[Any]] | Iterable[Mapping[str, Sequence[Any]]]


class ParameterGrid:
    """Every choice of one value for each parameter: a sequence of dictionaries.

    param_grid: a dictionary from a parameter to a list of its values; or a list of such dictionaries,
        whose choices come one after the other. An empty dictionary is one choice: the defaults.
    The parameter whose name comes last in the alphabet varies fastest.
    Raises TypeError for values that are no list or array, ValueError if there are none.

    >>> list(ParameterGrid({"kernel": ["rbf"], "C": [1, 10]}))
    [{'C': 1, 'kernel': 'rbf'}, {'C': 10, 'kernel': 'rbf'}]
    """

    def __init__(self, param_grid: Grid) -> None:
        self.param_grid = _dictionaries(param_grid, "param_grid")
        for grid in self.param_grid:
            for name, values in grid.items():
                if isinstance(values, np.ndarray) and values.ndim > 1:
                    raise ValueError(
                        f"the values of {name!r} must be one-dimensional, got shape {values.shape}"
                    )
                if isinstance(values, str) or not isinstance(values, np.ndarray | Sequence):
                    raise TypeError(
                        f"the values of {name!r} must be a list or an array, got {values!r} of type "
                        f"{type(values).__name__}; a single value is a list of one"
                    )
                if len(values) == 0:
                    raise ValueError(f"{name!r} must have at least one value, got {values!r}")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield each choice."""
        for grid in self.param_grid:
            names = sorted(grid)
            for values in product(*(grid[name] for name in names)):
                yield dict(zip(names, values, strict=True))

    def __len__(self) -> int:
        """Return the number of choices."""
        return sum(math.prod(map(len, grid.values())) for grid in self.param_grid)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return the choice that stands at `index` in the iteration, without the others."""
        for grid in self.param_grid:
            size = math.prod(map(len, grid.values()))
            if index < size:
                choice = {}
                for name in sorted(grid, reverse=True):  # the last varies fastest
                    index, place = divmod(index, len(grid[name]))
                    choice[name] = grid[name][place]
                return choice
            index -= size
        raise IndexError("ParameterGrid index out of range")


class ParameterSampler:
    """Choices drawn at random, `n_iter` of them: an iterable of dictionaries.

    If all values are given as lists, the choices are drawn without repetition, and are all of them,
    with a warning, if there are no more than `n_iter`. If something is a distribution, each choice is
    drawn independently: of several dictionaries one, then a value for each of its parameters.

    param_distributions: a dictionary from a parameter to a list of values or to a distribution, which
        has `rvs(random_state=...)` as SciPy's do; or a list of such dictionaries.
    random_state: a seed draws the same choices at every iteration, and those that scikit-learn draws.

    >>> sampler = ParameterSampler({"C": [1, 10, 100], "tol": [0.1, 0.01]}, 2, random_state=0)
    >>> list(sampler)
    [{'tol': 0.01, 'C': 100}, {'tol': 0.1, 'C': 10}]
    """

    def __init__(
        self,
        param_distributions: Mapping[str, Any] | Iterable[Mapping[str, Any]],
        n_iter: int,
        *,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.param_distributions = _dictionaries(param_distributions, "param_distributions")
        for distributions in self.param_distributions:
            for name, values in distributions.items():
                if not (isinstance(values, Iterable) or hasattr(values, "rvs")):
                    raise TypeError(
                        f"the values of {name!r} must be a list or a distribution with rvs, got "
                        f"{values!r}"
                    )
        self.n_iter = n_iter
        self.random_state = random_state

    def _is_grid(self) -> bool:
        values = (v for distributions in self.param_distributions for v in distributions.values())
        return not any(hasattr(v, "rvs") for v in values)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Draw and yield the choices."""
        rng = check_random_state(self.random_state)
        if self._is_grid():
            grid = ParameterGrid(self.param_distributions)
            if len(grid) < self.n_iter:
                message = (
                    f"The total space of parameters {len(grid)} is smaller than "
                    f"n_iter={self.n_iter}: all of it is tried, as by GridSearchCV"
                )
                warnings.warn(message, UserWarning, stacklevel=2)
            for index in _distinct(len(grid), min(self.n_iter, len(grid)), rng):
                yield grid[int(index)]
            return
        for _ in range(self.n_iter):
            distributions = rng.choice(self.param_distributions)  # type: ignore[arg-type]
            yield {
                name: values.rvs(random_state=rng)
                if hasattr(values, "rvs")
                else values[rng.randint(len(values))]
                for name, values in sorted(distributions.items())
            }

    def __len__(self) -> int:
        """Return the number of choices."""
        if self._is_grid():
            return min(self.n_iter, len(ParameterGrid(self.param_distributions)))
        return self.n_iter


def _dictionaries(given: Any, argument: str) -> list[dict[str, Any]]:
    """Return a dictionary, or an iterable of them, as a list of dictionaries."""
    if not isinstance(given, Mapping | Iterable):
        raise TypeError(
            f"{argument} must be a dictionary or a list of them, got {given!r} of type "
            f"{type(given).__name__}"
        )
    found: list[Any] = [given] if isinstance(given, Mapping) else list(given)
    for one in found:
        if not isinstance(one, dict):
            raise TypeError(f"{argument} must hold dictionaries, got {one!r}")
    return found


def _distinct(n: int, n_drawn: int, rng: np.random.RandomState) -> NDArray[np.intp]:
    """Return different integers below n, as scikit-learn draws them.

    By a permutation, unless nearly none or nearly all are drawn: then by draws until one is new, or
    by replacing the first ones at random (Vitter 1985, algorithm R), in time that depends on how many
    are drawn.
    """
    share = n_drawn / n
    if 0.01 < share < 0.99:
        return rng.permutation(n)[:n_drawn]
    if share < 0.2:
        found: dict[int, None] = {}
        while len(found) < n_drawn:
            found[int(rng.randint(n))] = None
        return np.array(list(found), dtype=np.intp)
    reservoir = np.arange(n_drawn)
    for i in range(n_drawn, n):
        place = rng.randint(0, i + 1)
        if place < n_drawn:
            reservoir[place] = i
    return reservoir

"""Grids of parameters, and samples of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.model_selection import ParameterGrid, ParameterSampler

grids = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(), min_size=1, max_size=4), max_size=3
)


class Uniform:
    """A distribution, as SciPy's are."""

    def rvs(self, random_state):
        return random_state.uniform()


@given(st.lists(grids, max_size=3))
def test_a_grid_is_the_sequence_of_its_choices(param_grid):
    grid = ParameterGrid(param_grid)
    choices = list(grid)
    assert len(grid) == len(choices)
    assert [grid[i] for i in range(len(grid))] == choices
    with pytest.raises(IndexError, match="out of range"):
        grid[len(grid)]


@given(grids)
def test_every_choice_of_values_is_there_once(param_grid):
    found = [tuple(sorted(choice.items())) for choice in ParameterGrid(param_grid)]
    expected = [()]
    for name in sorted(param_grid):
        expected = [(*c, (name, value)) for c in expected for value in param_grid[name]]
    assert found == expected


@pytest.mark.parametrize("param_grid", [{}, [{}], [{}, {"a": [1]}]])
def test_an_empty_dictionary_is_the_choice_of_the_defaults(param_grid):
    assert next(iter(ParameterGrid(param_grid))) == {}


@pytest.mark.parametrize(
    ("param_grid", "error", "words"),
    [
        (5, TypeError, "param_grid must be a dictionary or a list of them, got 5"),
        ([5], TypeError, "param_grid must hold dictionaries, got 5"),
        ({"a": 5}, TypeError, "values of 'a' must be a list or an array, got 5"),
        ({"a": "text"}, TypeError, "values of 'a' must be a list or an array, got 'text'"),
        ({"a": {1, 2}}, TypeError, "of type set"),
        ({"a": []}, ValueError, "'a' must have at least one value"),
        ({"a": np.zeros((2, 2))}, ValueError, r"one-dimensional, got shape \(2, 2\)"),
    ],
)
def test_what_is_no_grid_is_refused(param_grid, error, words):
    with pytest.raises(error, match=words):
        ParameterGrid(param_grid)


@given(grids, st.integers(1, 70), st.integers(0, 100))
def test_choices_from_lists_are_drawn_without_repetition(param_grid, n_iter, seed):
    everything = list(
        ParameterGrid({name: list(dict.fromkeys(v)) for name, v in param_grid.items()})
    )
    n_iter = min(n_iter, len(everything))
    values = {name: list(dict.fromkeys(v)) for name, v in param_grid.items()}
    sampler = ParameterSampler(values, n_iter, random_state=seed)
    found = list(sampler)
    assert len(found) == len(sampler) == n_iter
    assert all(choice in everything for choice in found)
    assert all(choice not in found[:i] for i, choice in enumerate(found))
    assert list(sampler) == found  # a seed draws the same again


def test_more_than_there_are_is_all_of_them_with_a_warning():
    sampler = ParameterSampler({"a": [1, 2, 3]}, 5, random_state=0)
    with pytest.warns(UserWarning, match="total space of parameters 3 is smaller than n_iter=5"):
        found = list(sampler)
    assert sorted(choice["a"] for choice in found) == [1, 2, 3]
    assert len(sampler) == 3


@pytest.mark.parametrize(
    ("distributions", "words"),
    [
        (5, "param_distributions must be a dictionary or a list of them"),
        ([5], "param_distributions must hold dictionaries"),
        ({"a": 5}, "values of 'a' must be a list or a distribution with rvs, got 5"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(distributions, words):
    with pytest.raises(TypeError, match=words):
        ParameterSampler(distributions, 3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("distributions", "n_iter"),
    [
        ({"a": range(10), "b": list(range(10))}, 30),  # by a permutation
        ({"a": range(40), "b": list(range(50))}, 7),  # nearly none: by draws until one is new
        ({"a": range(10), "b": list(range(30))}, 299),  # nearly all: by replacement
        ({"a": range(3)}, 3),
        ([{"a": [1, 2]}, {"b": [3, 4, 5], "a": [6]}], 4),
        ({"a": Uniform(), "b": ["x", "y", "z"]}, 6),
        ([{"a": Uniform()}, {"b": ["x", "y", "z"], "c": [1, 2]}], 8),
    ],
)
def test_a_seed_draws_what_scikit_learn_draws(distributions, n_iter, seed):
    theirs = pytest.importorskip("sklearn.model_selection").ParameterSampler
    found = list(ParameterSampler(distributions, n_iter, random_state=seed))
    assert found == list(theirs(distributions, n_iter, random_state=seed))

"""States: nested to flat, and prefixes; what would never end is an error."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.serialization import flatten, save, strip_prefix

names = st.text("ab", min_size=1, max_size=3)
states = st.recursive(
    st.dictionaries(names, st.integers(), max_size=3),
    lambda inner: st.dictionaries(names, st.integers() | inner, max_size=3),
    max_leaves=12,
)


def leaves(state):
    """Yield (names from the outside in, value) in order."""
    for key, value in state.items():
        if isinstance(value, dict):
            yield from (((key, *path), leaf) for path, leaf in leaves(value))
        else:
            yield (key,), value


@given(states)
def test_a_dotted_name_is_the_names_from_the_outside_in(state):
    expected = [(".".join(path), value) for path, value in leaves(state)]
    assert list(flatten(state).items()) == expected


@given(states)
def test_a_flat_state_stays_as_it_is(state):
    flat = flatten(state)
    assert flatten(flat) == flat


def test_whole_numbers_are_names_and_lists_are_values():
    assert flatten({"state": {0: {"step": 1}}, "groups": [{"lr": 1}]}) == {
        "state.0.step": 1,
        "groups": [{"lr": 1}],
    }


@pytest.mark.parametrize("state", [{"a": {"b": 1}, "a.b": 2}, {1: 1, "1": 2}])
def test_two_values_of_one_name_are_an_error(state):
    with pytest.raises(ValueError, match=r"share the name"):
        flatten(state)


@pytest.mark.parametrize("key", [None, True, 1.0, (1,), b"a"])
def test_other_keys_are_an_error(key):
    with pytest.raises(TypeError, match=rf"part\. holds a key of type {type(key).__name__}"):
        flatten({"part": {key: 1}})


@pytest.mark.parametrize("function", [flatten, lambda state: strip_prefix(state, "a")])
def test_what_is_no_mapping_is_an_error(function):
    with pytest.raises(TypeError, match="a state is a mapping of names to arrays, got ndarray"):
        function(np.ones(3))


@pytest.mark.parametrize("function", [flatten, lambda state: strip_prefix(state, "m.")])
def test_a_state_that_contains_itself_is_an_error(function):
    state = {"w": 1}
    state["self"] = state
    with pytest.raises(ValueError, match="nested more than 32 deep, or contains itself"):
        function(state)


@pytest.mark.parametrize(("width", "key"), [(2, ""), (2, "w" * 100_000), (1000, "")])
def test_a_state_of_too_many_names_is_an_error_and_not_a_hang(width, key):
    state = {}
    for _ in range(30):
        state = {f"{key}{i}": state for i in range(width)}
    with pytest.raises(ValueError, match="too many names"):
        flatten(state)


def test_a_dictionary_that_occurs_twice_is_stripped_once():
    state = {"module.w": 1}
    for _ in range(30):
        state = {"a": state, "module.b": state}
    found = strip_prefix(state, "module.")
    assert found["a"] is found["b"]
    for _ in range(30):
        found = found["b"]
    assert found == {"w": 1}


@given(states, st.sampled_from(["a", "b.", "ab"]))
def test_stripping_takes_the_prefix_once_from_every_name_that_has_it(state, prefix):
    def expected(state):
        return {
            key.removeprefix(prefix): expected(v) if isinstance(v, dict) else v
            for key, v in state.items()
        }

    def collide(state):
        return len({key.removeprefix(prefix) for key in state}) < len(state) or any(
            collide(v) for v in state.values() if isinstance(v, dict)
        )

    if collide(state):
        with pytest.raises(ValueError, match="two entries have the name"):
            strip_prefix(state, prefix)
    else:
        assert strip_prefix(state, prefix) == expected(state)


def test_stripping_leaves_the_state_as_it_was():
    state = {"module.w": 1, "inner": {"module.module.v": 2, 3: 4}}
    assert strip_prefix(state, "module.") == {"w": 1, "inner": {"module.v": 2, 3: 4}}
    assert state == {"module.w": 1, "inner": {"module.module.v": 2, 3: 4}}


@pytest.mark.parametrize("suffix", ["npz", "safetensors"])
def test_tensors_that_no_array_can_be_are_named(torch, suffix, tmp_path):
    number = torch.ones(2, dtype=torch.complex64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of a prototype
        nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    refused = {
        "conjugated": number.conj(),
        "negated": number.conj().imag,
        "nested": nested,
        "sparse": torch.eye(2).to_sparse(),
        "meta": torch.ones(2, device="meta"),
        "half": torch.ones(2, dtype=torch.bfloat16),
    }
    for name, tensor in refused.items():
        with pytest.raises(TypeError, match=rf"layer\.{name} cannot become an array: "):
            save({"layer": {name: tensor}}, tmp_path / f"a.{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_mask_is_not_dropped(tmp_path):
    masked = np.ma.array([1, 2], mask=[0, 1])
    with pytest.raises(TypeError, match=r"layer\.w is a masked array"):
        save({"layer": {"w": masked}}, tmp_path / "a.npz")

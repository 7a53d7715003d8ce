"""The generator that networks draw from: seeds, its state, and what it leaves alone."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import manual_seed, nn
from scratchnet.random import get_rng_state, resolve_rng, set_rng_state


@given(seed=st.integers(0, 2**64))
def test_a_seed_starts_the_same_stream_every_time(seed):
    manual_seed(seed)
    first = resolve_rng().random(5)
    manual_seed(seed)
    np.testing.assert_array_equal(resolve_rng().random(5), first)
    np.testing.assert_array_equal(resolve_rng(seed).random(5), first)
    assert (resolve_rng().random(5) != first).all()


@pytest.mark.parametrize("flag", [True, False])
def test_a_bool_is_no_seed(flag):
    with pytest.raises(TypeError, match=f"a seed or a generator, got {flag}"):
        resolve_rng(flag)


def test_manual_seed_returns_the_generator_that_is_drawn_from():
    assert manual_seed(0) is resolve_rng()


def test_a_generator_is_passed_through_and_the_shared_one_is_not_touched():
    generator = np.random.default_rng(1)
    manual_seed(0)
    before = get_rng_state()
    assert resolve_rng(generator) is generator
    generator.random()
    resolve_rng(5).random()
    assert get_rng_state() == before


@given(n=st.integers(0, 20))
def test_a_state_put_back_continues_the_stream_also_through_json(n):
    manual_seed(3)
    resolve_rng().random(n)
    state = json.loads(json.dumps(get_rng_state()))
    expected = resolve_rng().standard_normal(5)
    manual_seed(4)
    set_rng_state(state)
    np.testing.assert_array_equal(resolve_rng().standard_normal(5), expected)


def test_a_state_is_a_copy_that_later_draws_do_not_change():
    manual_seed(3)
    state = get_rng_state()
    kept = json.dumps(state)
    resolve_rng().random(100)
    assert json.dumps(state) == kept


def test_the_global_state_of_numpy_is_neither_read_nor_written():
    def draw():
        manual_seed(0)
        layer = nn.Sequential(nn.Linear(3, 3), nn.Dropout())
        return layer(np.ones((4, 3), np.float32)).data

    np.random.seed(1)  # noqa: NPY002 - the global state is what this is about
    expected = draw()
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    np.testing.assert_array_equal(draw(), expected)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(draw(), expected)


def test_without_a_seed_two_processes_draw_different_numbers():
    program = "from scratchnet.random import resolve_rng; print(resolve_rng().integers(2**62))"
    runs = [subprocess.check_output([sys.executable, "-c", program]) for _ in range(2)]
    assert runs[0] != runs[1]


def test_importing_the_layers_does_not_load_the_generators_of_numpy():
    program = "import sys, scratchnet.nn; print('numpy.random' in sys.modules)"
    alone = "import sys, numpy; print('numpy.random' in sys.modules)"
    loads = [subprocess.check_output([sys.executable, "-c", p]).strip() for p in (program, alone)]
    assert loads[0] == loads[1]  # older versions of NumPy load them themselves


@pytest.mark.parametrize(
    ("seed", "error"), [(-1, ValueError), ("abc", TypeError), (1.5, TypeError)]
)
def test_a_seed_that_is_no_whole_number_is_refused(seed, error):
    with pytest.raises(error):
        manual_seed(seed)
    with pytest.raises(error):
        nn.Linear(1, 1, rng=seed)
    with pytest.raises(error):
        nn.Dropout(rng=seed)

"""The pickle machine gives what Python's own unpickler gives, for plain data in protocols 2 to 5."""

import contextlib
import io
import math
import pickle
import pickletools
import random
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchnet.serialization import pickle_machine
from scratchnet.serialization._opcodes import ACTIONS, NOT_READ
from scratchnet.serialization.limits import Limits
from scratchnet.serialization.pickle_machine import PickleMachine
from scratchnet.serialization.plain_names import numpy_names, python_names
from scratchnet.serialization.plain_values import check_plain

numbers = st.integers(-(2**100), 2**100) | st.floats(allow_nan=False) | st.booleans()
keys = st.text(max_size=300) | st.binary(max_size=3) | numbers | st.none()
keys |= st.tuples(st.integers(), st.text(max_size=2))
leaves = keys | st.complex_numbers(allow_nan=False) | st.binary(max_size=300)
leaves |= st.builds(bytearray, st.binary(max_size=5)) | st.builds(slice, st.none(), st.integers())
leaves |= st.sets(keys, max_size=3) | st.frozensets(keys, max_size=3)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.lists(inner, max_size=5).map(tuple)
        | st.dictionaries(keys, inner, max_size=5)
    ),
    max_leaves=20,
)


def machine_of(content):
    limits = Limits(len(content))
    names = python_names(limits) | numpy_names(limits)
    return PickleMachine(io.BytesIO(content), len(content), names, limits=limits)


def read(content):
    machine = machine_of(content)
    value = machine.run()
    assert machine.n_left == 0
    return value


def assert_equal(found, expected):
    """Assert equality with types, which == does not compare: True == 1, 1.0 == 1."""
    assert type(found) is type(expected)
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, dict):
        assert_equal(list(found.items()), list(expected.items()))
    else:
        assert found == expected


@given(value=values, protocol=st.integers(2, 5))
@example(value=[2**2000, -(2**2030), 255, 256, 65535, 65536, -1, 2**31, -(2**31)], protocol=2)
@example(value={i: str(i) for i in range(3000)}, protocol=4)  # a memo beyond one byte
@example(value=["x" * 70_000, b"x" * 70_000], protocol=4)  # more than a frame
@settings(max_examples=200)
def test_plain_data_is_read_as_python_reads_it(value, protocol):
    assert_equal(read(pickle.dumps(value, protocol)), value)
    assert_equal(read(pickle._dumps(value, protocol)), value)  # the other writer, in Python


@given(protocol=st.integers(2, 5))
def test_what_occurs_twice_is_one_object(protocol):
    shared = [1]
    a, b = read(pickle.dumps([shared, shared], protocol))
    assert a is b


@given(protocol=st.integers(2, 5))
def test_dictionaries_of_other_kinds_are_dictionaries(protocol):
    kinds = [OrderedDict(b=1, a=2), Counter("aab"), defaultdict(list, {1: [2]}), defaultdict(None)]
    assert_equal(read(pickle.dumps(kinds, protocol)), [dict(kind) for kind in kinds])


@given(
    dtype=st.sampled_from("?bBhHiIlLefdFD"),
    byte_order=st.sampled_from("<>"),
    size=st.lists(st.integers(0, 3), max_size=3),
    order=st.sampled_from("CF"),
    protocol=st.integers(2, 5),
)
def test_numpy_arrays_are_read_as_numpy_reads_them(dtype, byte_order, size, order, protocol):
    values = np.random.default_rng(0).integers(-2, 3, math.prod(size)).reshape(size)
    array = np.asarray(values.astype(np.dtype(dtype).newbyteorder(byte_order)), order=order)
    found = read(pickle.dumps({"a": array, "again": array, "dtype": array.dtype}, protocol))
    assert found["a"] is found["again"]
    assert found["a"].dtype == array.dtype.newbyteorder("=")
    assert found["a"].dtype.isnative
    assert found["dtype"] == array.dtype
    assert found["a"].flags.writeable
    assert np.array_equal(found["a"], array)
    for number in array.reshape(-1)[:1]:
        one = read(pickle.dumps(number, protocol))
        assert type(one) is type(number)
        assert one == number


def test_text_and_ordered_dictionaries_of_python_2_are_read():
    assert read(b"\x80\x02U\x03abcq\x00.") == "abc"
    pairs = (
        b"\x80\x02ccollections\nOrderedDict\nq\x00]q\x01]q\x02(U\x01aq\x03K\x01ea\x85q\x04Rq\x05."
    )
    assert read(pairs) == {"a": 1}


def test_the_machine_stops_behind_the_pickle():
    first, second = pickle.dumps(1, 2), pickle.dumps("two", 2)
    stream = io.BytesIO(first + second)
    for expected in (1, "two"):
        limits = Limits(100)
        machine = PickleMachine(stream, 100 - stream.tell(), python_names(limits), limits=limits)
        assert machine.run() == expected
    assert stream.tell() == len(first + second)


def test_every_opcode_of_pickle_is_read_or_refused_by_name():
    known = {opcode.code.encode("latin-1") for opcode in pickletools.opcodes}
    assert {*ACTIONS, *NOT_READ, b"."} == known
    assert not {*ACTIONS} & {*NOT_READ}


def test_the_example_of_a_pickle_is_what_python_writes():
    opcodes = pickletools.genops(pickle.dumps((1, [2.0]), 2))
    written = [opcode.name if arg is None else f"{opcode.name} {arg}" for opcode, arg, _ in opcodes]
    assert f"(1, [2.0])   {'  '.join(written)}\n" in pickle_machine.__doc__


def test_random_bytes_are_an_error_of_value():
    rng = random.Random(0)
    codes = sorted(ACTIONS) + [b"."] * 3
    for _ in range(3000):
        content = b"\x80\x02" + b"".join(
            rng.choice(codes) + rng.randbytes(rng.choice([0, 0, 0, 1, 4])) for _ in range(20)
        )
        with contextlib.suppress(ValueError):
            check_plain(machine_of(content).run())


# --- what may be returned


def test_a_value_of_100_levels_is_the_deepest():
    value = []
    for _ in range(99):
        value = [value]
    check_plain(value)
    with pytest.raises(ValueError, match="more than 100 levels"):
        check_plain([value])
    deepest = {"a": value, "b": (value, value)}
    with pytest.raises(ValueError, match="more than 100 levels"):
        check_plain(deepest)


def test_what_stands_twice_is_counted_twice_and_is_no_cycle():
    shared = [1, 2]
    check_plain([shared, {"a": shared}, (shared, shared)])
    doubled = [0]
    for _ in range(20):
        doubled = [doubled, doubled]
    check_plain(doubled)  # 2²¹ − 1 values and 2²⁰ leaves
    with pytest.raises(ValueError, match=r"more than 4194304 values .*state_dict"):
        check_plain([doubled, doubled])
    check_plain([doubled, doubled], 2**22)  # of a file that may hold as many


def test_a_cycle_is_an_error():
    inner = {}
    inner["self"] = ([inner],)
    with pytest.raises(ValueError, match="contains itself"):
        check_plain([inner])


@pytest.mark.parametrize("value", [object(), int, [len], {"a": {1: object}}, (Exception(),)])
def test_what_is_no_plain_value_is_an_error(value):
    with pytest.raises(ValueError, match="no value"):
        check_plain(value)

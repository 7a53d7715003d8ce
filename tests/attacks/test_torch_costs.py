"""What the pickle of a checkpoint can cost: storms of containers, long arguments, keys that collide.

Each of these files was small and took gigabytes, minutes or hours. Beside them, what honest files look
like that must not be taken for one.
"""

import contextlib
import pickle
import sys
import time

import pytest
from attacks import harness
from attacks.harness import assert_refused
from attacks.torch.parts import (
    ADDITEMS,
    BUILD,
    EMPTY_DICT,
    EMPTY_LIST,
    EMPTY_SET,
    EMPTY_TUPLE,
    FALSE,
    MAGIC,
    MARK,
    NONE,
    POP,
    REDUCE,
    TRUE,
    TUPLE1,
    checkpoint,
    data,
    get,
    name,
    number,
    numbers,
    numpy_dtype,
    pickled,
    put,
    text,
    tuple_of,
)

from scratchnet.serialization import FormatError
from scratchnet.serialization.torch_checkpoint import load_torch

# Bytes of memory for a byte of a pickle: 64 for containers and the memo (`Limits.hold`), and the lists
# that they stand in, which grow in steps. What writers write of small containers takes up to 40.
STORM = 100


def attempt(path):
    with contextlib.suppress(FormatError):
        load_torch(path)


@pytest.mark.parametrize(
    "body",
    [
        MARK + EMPTY_SET * 30_000 + b"t",
        MARK + EMPTY_DICT * 30_000 + b"t",
        MARK + EMPTY_TUPLE + b"\x85" * 30_000 + b"t",
        EMPTY_TUPLE + b"\x94" * 30_000,
    ],
    ids=["sets", "dicts", "tuples", "memo"],
)
def test_an_opcode_takes_no_more_memory_than_its_object(tmp_path, body):
    path = tmp_path / "storm.pt"
    path.write_bytes(checkpoint(body))
    peak = harness.peak_memory(lambda: attempt(path))
    assert peak < harness.BYTES + STORM * path.stat().st_size


@pytest.mark.parametrize(
    "opcodes",
    [EMPTY_SET, EMPTY_DICT, EMPTY_LIST, EMPTY_LIST + b"\x94", MARK + b"\x91"],
    ids=["sets", "dicts", "lists", "numbered-lists", "frozensets"],
)
def test_a_storm_of_empty_containers_is_refused(tmp_path, opcodes):
    path = tmp_path / "storm.pt"
    path.write_bytes(checkpoint(MARK + opcodes * (200_000 // len(opcodes)) + b"t"))

    def read():
        with pytest.raises(FormatError, match=r"containers of more than 64 times.*state_dict"):
            load_torch(path)

    assert harness.peak_memory(read) < harness.BYTES + STORM * path.stat().st_size


def test_what_writers_write_of_small_containers_is_not_taken_for_a_storm(tmp_path):
    # Ten thousand of the smallest, in a file that holds little else; protocol 5 has the fewest bytes.
    values = [[[i, i] for i in range(10_000)], [{i: None} for i in range(10_000)]]
    values += [[(i, i) for i in range(10_000)], [{i} for i in range(2_000)]]
    for value in values:
        for protocol in (2, 5):
            path = tmp_path / "small.pt"
            path.write_bytes(checkpoint(pickle.dumps(value, protocol)[2:-1], protocol=protocol))
            assert load_torch(path) == value


def repeated(prepared, step, n):
    """Return a body: what is prepared, then a list, then n times a step that leaves nothing."""
    return prepared + EMPTY_LIST + step * n


def test_calls_with_long_arguments_are_refused_before_they_take_long(tmp_path):
    # The arguments are made once, and cost each time: a walk of a millisecond, or a copy of 100 KB.
    ones = MARK + b"K\x01" * 100_000 + b"t"
    nones = text("C") + NONE * 100_000
    buffer = MARK + data(b"") + numpy_dtype() + numbers(0) + nones + b"t"
    calls = {
        ("torch", "Size"): ones + TUPLE1,
        ("torch", "device"): tuple_of(text("x" * 100_000), number(0)),
        ("numpy.core.numeric", "_frombuffer"): buffer,
        ("collections", "OrderedDict"): ones,
        ("builtins", "slice"): ones,
    }
    path = tmp_path / "calls.pt"
    for (module, function), arguments in calls.items():
        prepared = name(module, function) + put(0) + POP + arguments + put(1) + POP
        path.write_bytes(checkpoint(repeated(prepared, get(0) + get(1) + REDUCE + POP, 100_000)))
        assert_refused(load_torch, path)


def test_dtypes_with_long_arguments_are_refused_before_they_take_long(tmp_path):
    path = tmp_path / "dtypes.pt"
    arguments = MARK + text("f4") + NONE * 100_000 + b"t"
    prepared = name("numpy", "dtype") + put(0) + POP + arguments + put(1) + POP
    path.write_bytes(checkpoint(repeated(prepared, get(0) + get(1) + REDUCE + POP, 100_000)))
    assert_refused(load_torch, path, "containers of more than 64 times")


def test_what_is_finished_again_and_again_costs_no_more_each_time(tmp_path):
    # A dtype stands in 20,000 places of the memo, which are looked through when it is finished.
    n = 20_000
    dtype = name("numpy", "dtype") + tuple_of(text("f4"), FALSE, TRUE) + REDUCE
    state_ = tuple_of(number(3), text("<"), NONE, NONE, NONE, number(-1), number(-1), number(0))
    places = b"".join(put(i) for i in range(2, n))
    many = state_ + put(0) + POP + dtype + put(1) + places + get(1) * n
    path = tmp_path / "finished.pt"
    path.write_bytes(checkpoint(MARK + many + (get(0) + BUILD + POP) * n + b"t"))
    began = time.process_time()
    attempt(path)
    assert time.process_time() - began < harness.SECONDS


def colliding(n, make_key=number):
    """Return n keys of one hash, each with the value None."""
    return b"".join(make_key(i * sys.hash_info.modulus) + NONE for i in range(5, n + 5))


@pytest.mark.parametrize(
    "make_key",
    [number, lambda i: tuple_of(number(i)), lambda i: tuple_of(*[number(7)] * 63, number(i))],
    ids=["numbers", "tuples", "long-tuples"],
)
def test_keys_of_one_hash_are_refused_before_they_take_long(tmp_path, make_key):
    path = tmp_path / "keys.pt"
    n = 1000 if len(make_key(0)) > 100 else 17_000
    path.write_bytes(checkpoint(EMPTY_DICT + MARK + colliding(n, make_key) + b"u"))
    assert_refused(load_torch, path, r"more than 16384 keys .*state_dict")


@pytest.mark.parametrize("end", [ADDITEMS, b"\x91"], ids=["set", "frozenset"])
def test_members_of_one_hash_are_refused_before_they_take_long(tmp_path, end):
    members = b"".join(number(i * sys.hash_info.modulus) for i in range(17_000))
    path = tmp_path / "members.pt"
    path.write_bytes(checkpoint((EMPTY_SET if end == ADDITEMS else b"") + MARK + members + end))
    assert_refused(load_torch, path, "more than 16384 keys")


def test_keys_of_one_hash_are_counted_over_all_pickles_of_the_older_format(tmp_path):
    path = tmp_path / "keys.pt"
    facts = pickled(EMPTY_DICT + MARK + colliding(9000) + b"u")
    rest = pickled(EMPTY_DICT + MARK + colliding(9000) + b"u") + pickled(EMPTY_LIST)
    path.write_bytes(MAGIC + pickled(number(1001)) + facts + rest)
    assert_refused(load_torch, path, "more than 16384 keys")


def test_long_parts_of_keys_of_one_hash_are_counted(tmp_path):
    # Two equal texts that are not one object are compared in full.
    for n_texts, length in ((1, 16_000), (63, 250)):
        texts = b"".join(text("x" * length) + put(i) + POP for i in range(2))
        keys = b"".join(
            tuple_of(*[get(i % 2)] * n_texts, number(i * sys.hash_info.modulus)) + NONE
            for i in range(5, 8000)
        )
        path = tmp_path / "keys.pt"
        path.write_bytes(checkpoint(texts + EMPTY_DICT + MARK + keys + b"u"))
        assert_refused(load_torch, path, "more than 16384 keys")


def test_integers_that_walk_through_the_table_are_counted(tmp_path):
    # All of these are less than 2²⁰. The first fill the places that a search visits one after another,
    # the others begin their search there.
    chain, place = [], 0
    while len(chain) < 1 << 15:
        chain.append(place)
        place = (5 * place + 1) % (1 << 17)
    path = tmp_path / "chain.pt"
    pairs = b"".join(number(key) + NONE for key in chain)
    path.write_bytes(checkpoint(EMPTY_DICT + MARK + pairs + b"u"))
    assert_refused(load_torch, path, "more than 16384 keys")


def test_real_dictionaries_are_not_taken_for_attacks(tmp_path):
    values = {
        "merges": {(f"a{i}", f"b{i}"): i for i in range(17_000)},
        "vocabulary": {f"word{i}": i for i in range(30_000)},
        "words by number": {i: f"word{i}" for i in range(30_000)},
        "numbers, largest first": dict.fromkeys(range(4000, -1, -1)),
        "optimiser": {i: {"step": i, "exp_avg": 0.5} for i in range(2000)},
        "ids": {1_000_000 + 100 * i: i for i in range(9000)},
        "pairs": {(i, j) for i in range(60) for j in range(60)},
        "losses": [0.1 * i for i in range(50_000)],
    }
    for value in values.values():
        for protocol in (2, 5):
            path = tmp_path / "real.pt"
            path.write_bytes(checkpoint(pickle.dumps(value, protocol)[2:-1], protocol=protocol))
            assert load_torch(path) == value

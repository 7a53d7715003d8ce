"""The form in which tables are stored: what a writer writes is read back bit for bit."""

import bz2
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import datasets
from scratchnet.datasets._columns import read_columns

FILES = Path(datasets.__file__).with_name("files")


def write_column(name, integers, decimals, keys, columns, base=10):
    """Return the line of a column. It sorts with Python's `sorted`, where the reader has NumPy's."""
    n_places = 1
    while max(integers) >= base**n_places:
        n_places += 1
    places = [[n // base**p % base for n in integers] for p in reversed(range(n_places))]
    written, known = [], [0] * len(integers)
    for digits in places:
        ties = [columns[key] for key in reversed(keys)]
        order = sorted(
            range(len(integers)), key=lambda n: (known[n], *(column[n] for column in ties))
        )
        written.append("".join(chr(48 + digits[n]) for n in order))
        known = [10 * k + d for k, d in zip(known, digits, strict=True)]
    return ",".join([name, str(decimals), " ".join(map(str, keys)), *written])


@st.composite
def tables(draw):
    n_samples = draw(st.integers(1, 12))
    integers = st.lists(
        st.one_of(st.integers(0, 30), st.integers(0, 2**53 - 1)),
        min_size=n_samples,
        max_size=n_samples,
    )
    return [
        (
            draw(integers),
            draw(st.integers(0, 18)),
            draw(st.lists(st.integers(0, number - 1), max_size=3)) if number else [],
        )
        for number in range(draw(st.integers(1, 4)))
    ]


@given(tables())
def test_what_is_read_are_the_floats_of_the_decimals(table):
    lines, columns = [], []
    for number, (integers, decimals, keys) in enumerate(table):
        lines.append(write_column(f"column {number}", integers, decimals, keys, columns) + "\n")
        columns.append([float(f"{n}e-{decimals}") for n in integers])
    read = read_columns(lines)
    assert list(read) == [f"column {number}" for number in range(len(table))]
    for values, expected in zip(read.values(), columns, strict=True):
        assert values.dtype == np.float64
        assert values.tolist() == expected


def test_a_digit_above_9_is_one_character():
    line = write_column("pixel", [16, 0, 10, 9], 0, [], [], base=17)
    assert line == "pixel,0,,@0:9"
    assert read_columns([line])["pixel"].tolist() == [16, 0, 10, 9]


def test_equal_samples_stand_in_the_order_of_the_last_key_then_of_the_one_before():
    first, second = [1, 0, 1, 0], [0, 1, 1, 0]
    line = write_column("third", [1, 2, 3, 4], 0, [0, 1], [first, second])
    assert line == "third,0,0 1,4123"
    lines = ["first,0,,1010", "second,0,,0110", line]
    assert read_columns(lines)["third"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("path", sorted(FILES.glob("*.columns.bz2")), ids=lambda path: path.name)
def test_the_shipped_files_are_what_the_writer_writes(path):
    lines = bz2.decompress(path.read_bytes()).decode("ascii").splitlines()
    if path.name.startswith("names."):
        lines = lines[:2]
    read = read_columns(lines)
    columns = list(read.values())
    for (name, values), line in zip(read.items(), lines, strict=True):
        _, decimals, keys, *_ = line.split(",")
        integers = [int(Decimal(repr(x)).scaleb(int(decimals))) for x in values.tolist()]
        base = 17 if name.startswith("pixel") else 10
        keys = [int(key) for key in keys.split()]
        assert write_column(name, integers, int(decimals), keys, columns, base) == line


def test_shared_beginnings_of_names_are_as_long_as_they_can_be():
    path = Path(datasets.load_names().filename)
    lines = bz2.decompress(path.read_bytes()).decode("ascii").splitlines()[2:]
    names = datasets.load_names().data.tolist()
    for line, before, name in zip(lines, ["", *names], names, strict=False):
        equal = [a == b for a, b in zip(before, name, strict=False)]
        shared = [*equal, False].index(False)
        assert line == f"{shared}{name[shared:]}"

"""IDX files: what is written is read back, and nothing that is not an IDX file is believed."""

import gzip
import io
import math
import os
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from scratchnet.data import read_idx, write_idx

DTYPES = ["u1", "i1", "i2", "i4", "f4", "f8"]

# tmp_path is shared by the examples of one test; each example overwrites its file.
repeatable = settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def header(code, *shape):
    """The header of an IDX file, written from the description of the format."""
    return bytes([0, 0, code, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)


def compressed(content):
    return gzip.compress(content, mtime=0)


def peak_memory(function):
    """The bytes that a call holds at its peak."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


arrays = st.one_of(
    hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=6, min_side=0, max_side=4))
    for name in DTYPES
    for dtype in (np.dtype(f"<{name}"), np.dtype(f">{name}"))
)


@repeatable
@given(arrays, st.sampled_from(["a.idx", "a.idx.gz"]))
@example(np.zeros((1,) * 64, np.uint8), "a.idx")
@example(np.zeros((0, 28, 28), np.uint8), "a.idx.gz")
@example(np.array([np.nan, np.inf, -0.0], np.float32), "a.idx")
def test_what_is_written_is_read_back(tmp_path, array, name):
    write_idx(tmp_path / name, array)
    back = read_idx(tmp_path / name)
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.dtype.isnative
    assert back.shape == array.shape
    assert back.tobytes() == array.astype(back.dtype).tobytes()  # bits, so NaN and −0 too
    back.fill(1)  # what is returned belongs to the caller
    assert os.listdir(tmp_path).count(name) == 1
    assert not [left for left in os.listdir(tmp_path) if left.endswith(".part")]


@pytest.mark.parametrize(
    ("code", "entries", "expected"),
    [
        (0x08, b"\x00\x01\xff", np.array([0, 1, 255], np.uint8)),
        (0x09, b"\x00\x01\xff", np.array([0, 1, -1], np.int8)),
        (0x0B, b"\x01\x00\xff\xff\x00\x02", np.array([256, -1, 2], np.int16)),
        (0x0C, b"\x00\x00\x01\x00" * 3, np.array([256] * 3, np.int32)),
        (0x0D, b"\x3f\x80\x00\x00" * 3, np.array([1] * 3, np.float32)),
        (0x0E, b"\xc0\x00" + b"\0" * 6 + b"\0" * 16, np.array([-2, 0, 0], np.float64)),
    ],
)
def test_the_entries_are_big_endian_numbers_of_the_type_in_the_header(
    tmp_path, code, entries, expected
):
    (tmp_path / "a").write_bytes(header(code, 3) + entries)
    back = read_idx(tmp_path / "a")
    assert back.dtype == expected.dtype
    np.testing.assert_array_equal(back, expected)


def test_the_last_dimension_varies_fastest(tmp_path):
    (tmp_path / "a").write_bytes(header(0x08, 2, 3) + bytes(range(6)))
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), [[0, 1, 2], [3, 4, 5]])


def test_compression_is_recognised_by_content_and_not_by_name(tmp_path):
    content = header(0x08, 3) + b"abc"
    (tmp_path / "plain.gz").write_bytes(content)
    (tmp_path / "packed").write_bytes(compressed(content))
    np.testing.assert_array_equal(read_idx(tmp_path / "plain.gz"), [97, 98, 99])
    np.testing.assert_array_equal(read_idx(tmp_path / "packed"), [97, 98, 99])


def test_path_may_be_a_string(tmp_path):
    write_idx(str(tmp_path / "a.gz"), np.arange(3, dtype=np.uint8))
    np.testing.assert_array_equal(read_idx(str(tmp_path / "a.gz")), [0, 1, 2])


def test_the_same_array_gives_the_same_file(tmp_path):
    x = np.arange(300, dtype=np.int16).reshape(3, 100)
    for name in ("a", "b.gz", "c.gz"):
        write_idx(tmp_path / name, x)
    content = (tmp_path / "a").read_bytes()
    assert content == header(0x0B, 3, 100) + x.astype(">i2").tobytes()
    packed = (tmp_path / "b.gz").read_bytes()
    assert packed == (tmp_path / "c.gz").read_bytes()
    assert packed[3:8] == b"\0" * 5  # no name, and no time, which passes between two writes
    assert gzip.decompress(packed) == content


def test_a_large_compressed_array_comes_back_in_one_piece(tmp_path):
    x = np.arange(3 * 2**20, dtype=np.int32)  # 12 MB: more than one chunk of the reader
    buffer = io.BytesIO(header(0x0C, 3, 2**20) + x.astype(">i4").tobytes())
    (tmp_path / "a.gz").write_bytes(gzip.compress(buffer.getvalue(), compresslevel=1))
    back = read_idx(tmp_path / "a.gz")
    assert math.prod(back.shape) == x.size
    np.testing.assert_array_equal(back.ravel(), x)


# ---------------------------------------------------------------- damaged and hostile files

SOUND = header(0x0B, 2, 3) + np.arange(6).astype(">i2").tobytes()


@pytest.mark.parametrize("content", [SOUND, compressed(SOUND)], ids=["plain", "gzip"])
def test_a_file_cut_off_at_any_byte_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "cut.idx"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"cut\.idx is not a sound IDX file"):
            read_idx(path)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_idx(path), [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize("extra", [b"\0", b"x", b"\n" * 9])
@pytest.mark.parametrize("pack", [bytes, compressed], ids=["plain", "gzip"])
def test_bytes_left_over_are_an_error(tmp_path, extra, pack):
    (tmp_path / "long.idx").write_bytes(pack(SOUND + extra))
    with pytest.raises(ValueError, match=r"long\.idx .*left over"):
        read_idx(tmp_path / "long.idx")


def test_bytes_behind_the_compressed_data_are_an_error(tmp_path):
    (tmp_path / "a.gz").write_bytes(compressed(SOUND) + b"more")
    with pytest.raises(ValueError, match=r"a\.gz is not a sound IDX file"):
        read_idx(tmp_path / "a.gz")


def serialised(array):
    """The bytes of the IDX file that holds `array`."""
    codes = dict(zip(DTYPES, [0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E], strict=True))
    big = array.astype(array.dtype.newbyteorder(">"))
    return header(codes[array.dtype.str[1:]], *array.shape) + big.tobytes()


def array_or_error(path):
    try:
        return read_idx(path)
    except ValueError as error:
        return error


def assert_error_or_exactly_this_array(path, content):
    """The law that no damage can break: either an error, or an array that is these very bytes."""
    path.write_bytes(content)
    result = array_or_error(path)
    if isinstance(result, ValueError):
        assert path.name in str(result)
    else:
        assert serialised(result) == content


def test_a_flipped_byte_never_gives_an_array_that_the_file_does_not_hold(tmp_path):
    for position in range(len(SOUND)):
        # Every type and every number of dimensions; elsewhere each bit, and the extremes.
        flips = range(256) if position in (2, 3) else [1, 2, 4, 8, 16, 32, 64, 128, 255]
        for flip in flips:
            content = bytearray(SOUND)
            content[position] ^= flip
            assert_error_or_exactly_this_array(tmp_path / "flipped.idx", bytes(content))


@repeatable
@given(st.binary(max_size=12), st.sampled_from([0x08, 0x0B, 0x0E]), st.integers(0, 3))
def test_arbitrary_bytes_never_give_an_array_that_the_file_does_not_hold(
    tmp_path, rest, code, n_dims
):
    magic = bytes([0, 0, code, n_dims])
    assert_error_or_exactly_this_array(tmp_path / "any.idx", rest)
    assert_error_or_exactly_this_array(tmp_path / "any.idx", magic + rest)
    assert_error_or_exactly_this_array(tmp_path / "any.idx", magic + b"\0\0\0\x01" * n_dims + rest)


def test_a_flipped_byte_in_compressed_data_never_gives_another_array(tmp_path):
    packed = compressed(SOUND)
    for position in range(10, len(packed)):  # behind gzip's header, whose time stamp may change
        content = bytearray(packed)
        content[position] ^= 0x5A
        (tmp_path / "flipped.gz").write_bytes(content)
        result = array_or_error(tmp_path / "flipped.gz")
        if isinstance(result, ValueError):
            assert "flipped.gz" in str(result)
        else:
            np.testing.assert_array_equal(result, [[0, 1, 2], [3, 4, 5]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 of 4 bytes of magic number"),
        (b"\x89PNG\r\n", "magic number is 0x89504e47"),
        (header(0x0A, 1) + b"a", "magic number is 0x00000a01"),
        (b"\x01" + header(0x08, 1)[1:] + b"a", "magic number is 0x01000801"),
        (header(0x08) + b"a", "0 dimensions"),
        (header(0x08, *[1] * 65) + b"a", "65 dimensions"),
        (header(0x08, 5) + b"abc", "3 of 5 bytes of entries"),
        (header(0x08, 0, *[2**31] * 3), "above max_bytes"),  # no entries, but no shape of NumPy's
        (header(0x08, 2, 2)[:-1], "7 of 8 bytes of sizes"),
    ],
)
def test_the_error_says_what_was_wrong(tmp_path, content, message):
    (tmp_path / "bad.idx").write_bytes(content)
    with pytest.raises(ValueError, match=rf"bad\.idx is not a sound IDX file: .*{message}"):
        read_idx(tmp_path / "bad.idx")


@pytest.mark.parametrize(
    "shape",
    [
        (2**31, 2**31),
        (2**32 - 1,) * 8,
        (2**32 - 1,) * 64,  # the product is far above 2⁶⁴
        (2**30 - 1,),  # within max_bytes, but not there
        (1000, 1000, 1000),
    ],
)
@pytest.mark.parametrize("pack", [bytes, compressed], ids=["plain", "gzip"])
def test_a_header_alone_never_makes_the_reader_allocate(tmp_path, shape, pack):
    path = tmp_path / "huge.idx"
    path.write_bytes(pack(header(0x08, *shape) + b"abc"))

    def refuse():
        with pytest.raises(ValueError, match=r"huge\.idx"):
            read_idx(path)

    assert peak_memory(refuse) < 3 * 2**20  # buffers and the traceback, not 1 GB


def test_no_more_is_unpacked_than_the_header_promises(tmp_path):
    bomb = tmp_path / "bomb.gz"
    bomb.write_bytes(compressed(header(0x08, 10) + bytes(30 * 2**20)))  # 30 MB in 30 kB

    def refuse():
        with pytest.raises(ValueError, match=r"bomb\.gz .*left over"):
            read_idx(bomb)

    assert peak_memory(refuse) < 3 * 2**20  # gzip's own buffers


def test_an_array_above_max_bytes_is_refused(tmp_path):
    write_idx(tmp_path / "a.idx", np.zeros((5, 2), np.float64))
    assert read_idx(tmp_path / "a.idx", max_bytes=80).shape == (5, 2)
    with pytest.raises(ValueError, match=r"float64 of shape \(5, 2\) is 80 bytes, .*max_bytes=79"):
        read_idx(tmp_path / "a.idx", max_bytes=79)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent\.idx"):
        read_idx(tmp_path / "absent.idx")


# ---------------------------------------------------------------- writing


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.float16, bool, complex, object, "U3"])
def test_a_dtype_that_idx_lacks_is_refused_by_name(tmp_path, dtype):
    array = np.zeros(3, dtype)
    with pytest.raises(TypeError, match=f"uint8, int8, .* got {array.dtype}"):
        write_idx(tmp_path / "a.idx", array)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "array", [np.uint8(3), np.broadcast_to(np.uint8(0), (2**31,))], ids=["scalar", "too long"]
)
def test_a_shape_that_idx_cannot_hold_is_refused(tmp_path, array):
    with pytest.raises(ValueError, match="1 dimension or more"):
        write_idx(tmp_path / "a.idx", array)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.idx", "a.idx.gz"])
def test_a_failed_write_leaves_what_was_there(tmp_path, name, monkeypatch):
    write_idx(tmp_path / name, np.arange(3, dtype=np.uint8))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_idx(tmp_path / name, np.zeros(9, np.uint8))
    assert os.listdir(tmp_path) == [name]
    np.testing.assert_array_equal(read_idx(tmp_path / name), [0, 1, 2])


def test_writing_into_a_missing_folder_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent"):
        write_idx(tmp_path / "absent" / "a.idx", np.zeros(3, np.uint8))

"""npz: what is written is read back by us and by NumPy, and nothing that is no array of numbers."""

import warnings
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import scratchnet
from scratchnet.serialization import FormatError, load_npz, save_npz

# tmp_path is shared by the examples of one test; each example overwrites its file.
repeatable = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

NUMBERS = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "b1", "c8", "c16"]
arrays = st.one_of(
    hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4))
    for name in NUMBERS
    for dtype in (np.dtype(f"<{name}"), np.dtype(f">{name}"))
)
# `Cs`: halves of a character, which no file can hold.
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def assert_equal(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype.newbyteorder("=")
        assert found[name].tobytes() == array.astype(found[name].dtype).tobytes()


@repeatable
@given(st.dictionaries(names, arrays, max_size=4))
@example({"": np.zeros((1,) * 64, np.uint8), "a.npy": np.ones(1), "a": np.zeros(2)})
@example({"file": np.array(np.longdouble(1) / 3), "a/b\\c": np.array([np.nan, -0.0])})
def test_what_is_written_is_read_back(tmp_path, state):
    save_npz(state, tmp_path / "a")
    assert_equal(load_npz(tmp_path / "a"), state)


def test_numpy_reads_what_is_written_and_the_reverse(tmp_path):
    state = {"w": np.arange(6.0).reshape(2, 3), "b.c": np.array(True), "i": np.zeros((0, 2), "i2")}
    save_npz(state, tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert_equal(dict(arrays), state)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "b.npz", **state)
        assert_equal(load_npz(tmp_path / "b.npz"), state)


def test_order_and_views_are_kept(tmp_path):
    array = np.arange(24.0).reshape(4, 6)
    state = {"f": np.asfortranarray(array), "t": array.T, "s": array[::-1, ::2], "c": array}
    save_npz(state, tmp_path / "a")
    found = load_npz(tmp_path / "a")
    assert_equal(found, state)
    assert found["f"].flags.f_contiguous
    assert found["t"].flags.f_contiguous
    assert found["c"].flags.c_contiguous


def test_the_names_are_in_the_order_in_which_they_were_given(tmp_path):
    save_npz({"z": np.ones(1), "a": {"y": np.ones(2), 0: np.ones(3)}}, tmp_path / "a")
    assert list(load_npz(tmp_path / "a")) == ["z", "a.y", "a.0"]


def test_the_same_arrays_give_the_same_bytes_later(tmp_path, monkeypatch):
    save_npz({"w": np.arange(3)}, tmp_path / "a")
    monkeypatch.setattr("time.time", lambda: 2e9)
    save_npz({"w": np.arange(3)}, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_tensors_are_stored(tmp_path):
    save_npz({"w": scratchnet.Tensor([1.0, 2.0], requires_grad=True)}, tmp_path / "a")
    np.testing.assert_array_equal(load_npz(tmp_path / "a")["w"], np.array([1.0, 2.0], np.float32))


@pytest.mark.parametrize(
    ("name", "value", "error", "match"),
    [
        ("w", np.array([None]), TypeError, "w has dtype object: npz files are for numbers"),
        ("w", np.array(["text"]), TypeError, "w has dtype <U4"),
        ("w", np.zeros(1, [("a", "f4")]), TypeError, "w has dtype"),
        ("epoch", 3, TypeError, "epoch is of type int: an npz file holds arrays only"),
        ("a\0", np.ones(1), ValueError, r"'a\\x00' holds NUL"),
        ("a\ud800", np.ones(1), ValueError, r"'a\\ud800' holds"),
        ("w" * 2**16, np.ones(1), ValueError, "too long for a zip archive"),
    ],
)
def test_what_cannot_be_stored_is_named_and_the_old_file_stays(name, value, error, match, tmp_path):
    (tmp_path / "a").write_text("kept")
    with pytest.raises(error, match=match):
        save_npz({"sound": np.ones(3), name: value}, tmp_path / "a")
    assert (tmp_path / "a").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_what_is_compressed_may_take_max_bytes_and_what_is_stored_what_the_file_has(tmp_path):
    array = np.zeros(100_000, np.uint8)
    np.savez_compressed(tmp_path / "packed.npz", a=array, b=array)
    declared = sum(m.file_size for m in zipfile.ZipFile(tmp_path / "packed.npz").infolist())
    assert len(load_npz(tmp_path / "packed.npz", max_bytes=declared)) == 2
    with pytest.raises(FormatError, match=f"{declared} bytes when unpacked, above max_bytes="):
        load_npz(tmp_path / "packed.npz", max_bytes=declared - 1)
    save_npz({"a": array, "b": array}, tmp_path / "stored.npz")
    assert len(load_npz(tmp_path / "stored.npz", max_bytes=0)) == 2


def test_an_array_can_be_written_into(tmp_path):
    save_npz({"w": np.zeros(3)}, tmp_path / "a")
    array = load_npz(tmp_path / "a")["w"]
    array[0] = 1
    assert array.tolist() == [1, 0, 0]


def npz_of(header, path):
    """Write an archive of one array of one float32 whose header is this text."""
    text = header.encode() + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        start = b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little")
        archive.writestr("w.npy", start + text + b"\0\0\x80?")
    return path


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }",
        "{'shape':(1,),'descr':'<f4','fortran_order':False}",
        '{ "descr" : "<f4", "fortran_order" : True, "shape" : ( 1, ) }   ',
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1L,), }",  # of Python 2
    ],
)
def test_headers_of_other_writers_are_read_without_a_warning(header, tmp_path):
    assert load_npz(npz_of(header, tmp_path / "a.npz"))["w"].tolist() == [1.0]


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), '\\\x1b[2J': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1or 2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 L,)}",
        "{'descr': 'a4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': 1, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (True,)}",
        "{'descr': '<f4', 'descr': '<f4', 'shape': (1,)}",
    ],
)
def test_a_header_that_provokes_a_warning_is_an_error_instead(header, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(FormatError, match=r"'w\.npy' has no sound header") as error:
            load_npz(npz_of(header, tmp_path / "a.npz"))
    assert caught == []
    assert str(error.value).isprintable()

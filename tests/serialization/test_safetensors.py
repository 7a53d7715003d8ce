"""Safetensors: the bytes are the reference library's, and what is written is read back, lazily."""

import gc
import mmap
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import scratchnet
from scratchnet import nn
from scratchnet.serialization import (
    FormatError,
    is_widened,
    load,
    load_safetensors,
    save,
    save_safetensors,
)

# tmp_path is shared by the examples of one test; each example overwrites its file.
repeatable = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

TENSORS = {
    "b": np.arange(3, dtype=np.float32),
    "a": np.ones(2, np.float16),
    "z": np.array(True),
    "c": np.array(1 + 2j, np.complex64),
    "i": np.zeros((0, 4), np.int64),
}
STORABLE = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", "b1", "c8"]

# Written by safetensors 0.8.0: (what was given to its `save`, the bytes that it returned).
REFERENCE = [
    (
        (TENSORS, None),
        b"\x10\x01\x00\x00\x00\x00\x00\x00"
        b'{"i":{"dtype":"I64","shape":[0,4],"data_offsets":[0,0]},'
        b'"c":{"dtype":"C64","shape":[],"data_offsets":[0,8]},'
        b'"b":{"dtype":"F32","shape":[3],"data_offsets":[8,20]},'
        b'"a":{"dtype":"F16","shape":[2],"data_offsets":[20,24]},'
        b'"z":{"dtype":"BOOL","shape":[],"data_offsets":[24,25]}}'
        b"\x00\x00\x80?\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@\x00<\x00<\x01",
    ),
    (
        (TENSORS, {"format": "pt"}),
        b"0\x01\x00\x00\x00\x00\x00\x00"
        b'{"__metadata__":{"format":"pt"},'
        b'"i":{"dtype":"I64","shape":[0,4],"data_offsets":[0,0]},'
        b'"c":{"dtype":"C64","shape":[],"data_offsets":[0,8]},'
        b'"b":{"dtype":"F32","shape":[3],"data_offsets":[8,20]},'
        b'"a":{"dtype":"F16","shape":[2],"data_offsets":[20,24]},'
        b'"z":{"dtype":"BOOL","shape":[],"data_offsets":[24,25]}} '
        b"\x00\x00\x80?\x00\x00\x00@\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@\x00<\x00<\x01",
    ),
    (({}, None), b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "),
    (
        ({"w": np.ones(1, np.uint8)}, {}),
        b"H\x00\x00\x00\x00\x00\x00\x00"
        b'{"__metadata__":{},"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}} \x01',
    ),
    (
        ({'é\n\x01/"\\\x7f\u2028😀': np.array([7], np.uint8)}, None),
        b"P\x00\x00\x00\x00\x00\x00\x00"
        b'{"\xc3\xa9\\n\\u0001/\\"\\\\\x7f\xe2\x80\xa8\xf0\x9f\x98\x80":'
        b'{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}     \x07',
    ),
    (
        ({name: np.arange(2).astype(name) for name in STORABLE}, None),
        b"\xe0\x02\x00\x00\x00\x00\x00\x00"
        b'{"u8":{"dtype":"U64","shape":[2],"data_offsets":[0,16]},'
        b'"i8":{"dtype":"I64","shape":[2],"data_offsets":[16,32]},'
        b'"f8":{"dtype":"F64","shape":[2],"data_offsets":[32,48]},'
        b'"c8":{"dtype":"C64","shape":[2],"data_offsets":[48,64]},'
        b'"f4":{"dtype":"F32","shape":[2],"data_offsets":[64,72]},'
        b'"u4":{"dtype":"U32","shape":[2],"data_offsets":[72,80]},'
        b'"i4":{"dtype":"I32","shape":[2],"data_offsets":[80,88]},'
        b'"f2":{"dtype":"F16","shape":[2],"data_offsets":[88,92]},'
        b'"u2":{"dtype":"U16","shape":[2],"data_offsets":[92,96]},'
        b'"i2":{"dtype":"I16","shape":[2],"data_offsets":[96,100]},'
        b'"i1":{"dtype":"I8","shape":[2],"data_offsets":[100,102]},'
        b'"u1":{"dtype":"U8","shape":[2],"data_offsets":[102,104]},'
        b'"b1":{"dtype":"BOOL","shape":[2],"data_offsets":[104,106]}}  '
        b"\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"  # u8
        b"\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0"  # i8
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0?"  # f8
        b"\0\0\0\0\0\0\0\0\0\0\x80?\0\0\0\0"  # c8
        b"\0\0\0\0\0\0\x80?\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0"  # f4, u4, i4
        b"\0\0\0<\0\0\1\0\0\0\1\0\0\1\0\1\0\1",  # f2, u2, i2, i1, u1, b1
    ),
]


def file(header, data=b""):
    """Return the bytes of a file with this header, whose end may lie at any place."""
    return len(header).to_bytes(8, "little") + header.encode() + data


@pytest.mark.parametrize(("given", "expected"), REFERENCE)
def test_the_bytes_are_those_of_the_reference_library(given, expected, tmp_path):
    tensors, metadata = given
    save_safetensors(tensors, tmp_path / "a", metadata)
    assert (tmp_path / "a").read_bytes() == expected


def test_the_order_in_which_tensors_are_given_does_not_matter(tmp_path):
    save_safetensors(dict(reversed(TENSORS.items())), tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == REFERENCE[0][1]


arrays = st.one_of(
    hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4))
    for name in STORABLE
    for dtype in (np.dtype(f"<{name}"), np.dtype(f">{name}"))
)
# `Cs`: halves of a character, which no file can hold.
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@repeatable
@given(st.dictionaries(names.filter(lambda name: name != "__metadata__"), arrays, max_size=4))
@example({"": np.zeros((1,) * 64, np.uint8)})
@example({"nan": np.array([np.nan, -0.0, np.inf, 5e-324]), "e\u0301": np.array(3)})
def test_what_is_written_is_read_back(tmp_path, tensors):
    save_safetensors(tensors, tmp_path / "a")
    found = load_safetensors(tmp_path / "a")
    assert set(found) == set(tensors)
    for name, array in tensors.items():
        assert found[name].shape == array.shape
        assert found[name].dtype == array.dtype.newbyteorder("=")
        assert found[name].tobytes() == array.astype(found[name].dtype).tobytes()


@pytest.mark.parametrize(
    "view",
    [
        lambda a: a.T,
        lambda a: a[::-1, ::2],
        lambda a: np.asfortranarray(a),
        lambda a: np.broadcast_to(a[0], (5, 6)),
        lambda a: a[:, 1],
        lambda a: a.astype(">f8"),
        lambda a: a[1, 1],  # a NumPy number
    ],
)
def test_arrays_of_any_layout_are_stored_in_order(view, tmp_path):
    array = view(np.arange(24.0).reshape(4, 6))
    save_safetensors({"a": array, "b": array}, tmp_path / "a")
    for found in load_safetensors(tmp_path / "a").values():
        np.testing.assert_array_equal(found, array)
        assert found.flags.c_contiguous


def test_tensors_parameters_and_torchs_tensors_are_stored(tmp_path, torch):
    state = {
        "ours": scratchnet.Tensor([1.0, 2.0], requires_grad=True),
        "parameter": nn.Parameter([3.0]),
        "torch": torch.ones(2, 3, requires_grad=True).T,
    }
    save_safetensors(state, tmp_path / "a")
    found = load_safetensors(tmp_path / "a")
    np.testing.assert_array_equal(found["ours"], np.array([1.0, 2.0], np.float32))
    np.testing.assert_array_equal(found["parameter"], np.array([3.0], np.float32))
    np.testing.assert_array_equal(found["torch"], np.ones((3, 2), np.float32))
    with pytest.raises(TypeError, match=r"half cannot become an array: .*BFloat16"):
        save_safetensors({"half": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "value", "error", "match"),
    [
        ("w", np.ones(2, complex), TypeError, "w has dtype complex128, which safetensors lacks"),
        ("w", np.ones(2, np.longdouble), TypeError, "w has dtype .*float.*, which"),
        ("w", np.array(["text"]), TypeError, "w has dtype <U4"),
        ("w", np.array([None]), TypeError, "w has dtype object"),
        ("w", np.array("2000", "M8[s]"), TypeError, "w has dtype datetime64"),
        ("w", np.zeros(1, [("a", "f4")]), TypeError, "w has dtype"),
        ("epoch", 3, TypeError, "epoch is of type int: a safetensors file holds arrays only"),
        ("w", [1.0, 2.0], TypeError, "w is of type list"),
        (("w",), np.ones(1), TypeError, "names are strings, .* key of type tuple"),
        ("a\0", np.ones(1), ValueError, r"'a\\x00' holds NUL"),
        ("a\ud800", np.ones(1), ValueError, r"'a\\ud800' holds"),
        ("__metadata__", np.ones(1), ValueError, "cannot be called __metadata__"),
    ],
)
def test_what_cannot_be_stored_is_named_and_the_old_file_stays(name, value, error, match, tmp_path):
    (tmp_path / "a").write_text("kept")
    with pytest.raises(error, match=match):
        save_safetensors({"sound": np.ones(3), name: value}, tmp_path / "a")
    assert (tmp_path / "a").read_text() == "kept"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_metadata_are_read_back_and_are_texts(tmp_path):
    metadata = {"format": "pt", "": "é\n", "b": ""}
    save_safetensors(TENSORS, tmp_path / "a", metadata)
    assert load_safetensors(tmp_path / "a").metadata == metadata
    save_safetensors(TENSORS, tmp_path / "a")
    assert load_safetensors(tmp_path / "a").metadata == {}
    with pytest.raises(TypeError, match="metadata are texts"):
        save_safetensors(TENSORS, tmp_path / "a", {"epoch": 3})


# --- reading


def test_the_names_are_in_the_order_of_the_header_and_the_data_may_be_in_another(tmp_path):
    header = (
        '{ "z" : {"shape":[2], "data_offsets":[ 1,3 ],"dtype":"U8"},\t"__metadata__":{},\n'
        '"a":{"dtype":"I8","shape":[],"data_offsets":[0,1]}} \r\n'
    )
    (tmp_path / "a").write_bytes(file(header, b"\xff\1\2"))
    found = load_safetensors(tmp_path / "a")
    assert list(found) == ["z", "a"]
    assert found["z"].tolist() == [1, 2]
    assert found["a"].tolist() == -1
    assert len(found) == 2
    assert "z" in found
    assert "y" not in found
    assert found.info["z"] == ("U8", (2,), 1, 3)
    with pytest.raises(KeyError, match="y"):
        found["y"]
    assert repr(found) == f"<SafetensorsFile '{tmp_path / 'a'}', 2 tensors>"


@given(st.lists(st.integers(0, 2**16 - 1), max_size=30))
@repeatable
@example(list(range(2**16)))  # all that there are
def test_bfloat16_is_widened_to_the_float32_of_the_same_upper_half(tmp_path, halves):
    data = np.array(halves, "<u2").tobytes()
    entry = f'{{"dtype":"BF16","shape":[{len(halves)}],"data_offsets":[0,{len(data)}]}}'
    (tmp_path / "a").write_bytes(file(f'{{"w":{entry}}}', data))
    found = load_safetensors(tmp_path / "a")["w"]
    assert (found.dtype, is_widened(found)) == (np.float32, True)
    np.testing.assert_array_equal(found.view(np.uint32), np.array(halves, np.uint32) * 2**16)


def test_bfloat16_has_torchs_values(tmp_path, torch):
    numbers = torch.tensor([1.0, -2.5, 3.1415927, 1e38, 1e-40, torch.inf]).to(torch.bfloat16)
    data = numbers.view(torch.int16).numpy().tobytes()
    entry = '{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}'
    (tmp_path / "a").write_bytes(file(f'{{"w":{entry}}}', data))
    np.testing.assert_array_equal(
        load_safetensors(tmp_path / "a")["w"], numbers.float().numpy().reshape(2, 3)
    )


def test_a_dtype_that_numpy_lacks_is_an_error_of_that_tensor_alone(tmp_path):
    header = (
        '{"half":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]},'
        '"quarter":{"dtype":"F4","shape":[2],"data_offsets":[4,5]},'
        '"w":{"dtype":"U8","shape":[1],"data_offsets":[5,6]}}'
    )
    (tmp_path / "a").write_bytes(file(header, b"xxxxy\7"))
    found = load_safetensors(tmp_path / "a")
    assert found["w"].tolist() == [7]
    assert found.info["half"].dtype == "F8_E4M3"
    with pytest.raises(FormatError, match="a: 'half' is F8_E4M3, which NumPy has no dtype for"):
        found["half"]
    with pytest.raises(FormatError, match="'quarter' is F4"):
        found["quarter"]


def test_arrays_are_read_only_views_of_one_map(tmp_path):
    save_safetensors(TENSORS, tmp_path / "a")
    found = load_safetensors(tmp_path / "a")

    def owner(array):
        while isinstance(array, np.ndarray):
            array = array.base
        return array.obj if isinstance(array, memoryview) else array

    maps = {id(owner(found[name])) for name in ("a", "b", "c", "z")}
    assert len(maps) == 1
    assert isinstance(owner(found["b"]), mmap.mmap)
    for array in found.values():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_only_the_bytes_of_the_tensors_that_are_asked_for_come_from_the_disk(tmp_path):
    # A bool that is neither 0 nor 1 is seen only when it is looked at.
    header = (
        '{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
        '"bad":{"dtype":"BOOL","shape":[1],"data_offsets":[1,2]}}'
    )
    (tmp_path / "a").write_bytes(file(header, b"\1\2"))
    found = load_safetensors(tmp_path / "a")
    assert found["w"].tolist() == [1]
    assert "bad" in found
    with pytest.raises(FormatError, match="'bad' is BOOL, but not all 0 and 1"):
        found["bad"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not replace a file in use")
def test_arrays_outlive_the_mapping_and_a_file_that_is_replaced(tmp_path):
    save_safetensors({"w": np.arange(1000)}, tmp_path / "a")
    array = load_safetensors(tmp_path / "a")["w"]
    gc.collect()
    save_safetensors({"w": np.zeros(5)}, tmp_path / "a")
    np.testing.assert_array_equal(array, np.arange(1000))


@pytest.mark.parametrize("spaces", range(8))
def test_data_at_an_odd_place_is_read_as_aligned_arrays(spaces, tmp_path):
    # Older versions of the format did not pad the header.
    entry = '{"dtype":"F64","shape":[3],"data_offsets":[0,24]}'
    expected = np.array([1.0, -2.0, 3.5])
    (tmp_path / "a").write_bytes(file(f'{{"w":{entry}}}' + " " * spaces, expected.tobytes()))
    found = load_safetensors(tmp_path / "a")["w"]
    np.testing.assert_array_equal(found, expected)
    assert found.flags.aligned
    assert not found.flags.writeable


def test_a_file_of_scalars_and_empty_tensors_only_is_read(tmp_path):
    tensors = {"a": np.zeros((0, 3), np.float32), "b": np.zeros((2, 0), np.int8)}
    save({"empty": tensors, "one": np.float32(3)}, tmp_path / "a.safetensors")
    found = load(tmp_path / "a.safetensors")
    assert found["empty.a"].shape == (0, 3)
    assert found["empty.b"].shape == (2, 0)
    assert found["one"].shape == ()
    save({}, tmp_path / "a.safetensors")
    assert load(tmp_path / "a.safetensors") == {}

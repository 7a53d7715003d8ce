"""What PyTorch saves is what the reader gives, in both formats."""

import argparse
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet.serialization import FormatError, is_widened
from scratchnet.serialization.torch_checkpoint import is_torch_checkpoint, load_torch

sys.path.insert(0, str(Path(__file__).parent.parent))
from attacks.harness import peak_memory
from attacks.torch.parts import (
    SOUND,
    checkpoint,
    number,
    older,
    state,
    storage,
    tensor,
    text,
    tuple_of,
)

FORMATS = [
    {},
    {"pickle_protocol": 4},
    {"_use_new_zipfile_serialization": False},
    {"_use_new_zipfile_serialization": False, "pickle_protocol": 5},
]
in_every_format = pytest.mark.parametrize(
    "options", FORMATS, ids=["zip", "zip-4", "older", "older-5"]
)


def saved(torch, value, path, **options):
    """Save by PyTorch and read by scratchnet."""
    torch.save(value, path, **options)
    assert is_torch_checkpoint(path)
    return load_torch(path)


def as_array(tensor):
    """Return the array that a tensor of PyTorch is to be read as."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def assert_same(found, expected):
    """Assert that what was read is what PyTorch has: the same structure, the same bits."""
    if hasattr(expected, "detach"):
        expected = as_array(expected)
    if isinstance(expected, np.ndarray):
        assert isinstance(found, np.ndarray)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        assert found.tobytes() == expected.tobytes()
    elif isinstance(expected, dict):
        assert type(found) is dict
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert_same(found[key], value)
    elif isinstance(expected, list | tuple):
        assert type(found) is (tuple if isinstance(expected, tuple) else list)
        assert len(found) == len(expected)
        for one, value in zip(found, expected, strict=True):
            assert_same(one, value)
    else:
        assert type(found) is type(expected)
        assert found == expected


FLOATS = ["float64", "float32", "float16", "bfloat16", "complex128", "complex64"]
INTEGERS = ["int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64", "bool"]


@in_every_format
@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_every_dtype_keeps_its_bits(torch, tmp_path, dtype, options):
    # All the bits that there are, NaNs, infinities and numbers below the normal ones included.
    data = np.random.default_rng(0).integers(0, 256, 96, np.uint8)
    if dtype == "bool":
        data %= 2
    whole = torch.from_numpy(data).view(getattr(torch, dtype))
    assert_same(saved(torch, whole, tmp_path / "a.pt", **options), whole)
    assert_same(saved(torch, whole[1:4], tmp_path / "a.pt", **options), whole[1:4])


@in_every_format
def test_every_bfloat16_is_widened_exactly(torch, tmp_path, options):
    every = torch.arange(2**16, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    found = saved(torch, every, tmp_path / "a.pt", **options)
    assert found.dtype == np.float32
    assert np.array_equal(found.view(np.uint32), np.arange(2**16, dtype=np.uint32) << 16)


@in_every_format
def test_what_was_bfloat16_is_told_apart_from_float32(torch, tmp_path, options):
    half = torch.arange(12).reshape(3, 4).to(torch.bfloat16)
    value = {
        "half": half, "part": half[1:, ::2], "turned": half.T, "number": half[1, 2],
        "none": half[:0], "spread": half[:1].expand(5, 4), "parameter": torch.nn.Parameter(half),
        "in a list": [half],
    }  # fmt: skip
    found = saved(torch, value, tmp_path / "a.pt", **options)
    found["in a list"] = found["in a list"][0]
    assert {name for name, array in found.items() if is_widened(array)} == set(value)
    assert all(type(array) is np.ndarray for array in found.values())
    assert not is_widened(found["half"].copy())
    assert not is_widened(found["half"] + 1)
    others = saved(torch, {"a": half.float(), "b": half.float().half()}, tmp_path / "b.pt")
    assert not any(is_widened(array) for array in others.values())


@in_every_format
def test_values_of_many_megabytes_are_read(torch, tmp_path, options):
    value = {
        "array": np.zeros((1200, 1000)),
        "bytes": b"\x90" * 9_000_000,
        "text": "x" * 9_000_000,
        "tensor": torch.zeros(3_000_000),
    }
    assert_same(saved(torch, value, tmp_path / "a.pt", **options), value)


@in_every_format
def test_numpy_integers_are_keys(torch, tmp_path, options):
    found = saved(
        torch, {np.int64(5): "a", np.uint8(7): {np.int32(-1)}}, tmp_path / "a.pt", **options
    )
    assert_same(found, {5: "a", 7: {-1}})
    assert [type(key) for key in found] == [int, int]


@in_every_format
def test_conjugated_and_negated_numbers_are_arrays_without_dimensions(torch, tmp_path, options):
    number = torch.tensor(1 + 2j)
    value = {
        "tensor": number.conj(),
        "parameter": torch.nn.Parameter(number.conj()),
        "negated": torch.tensor(3 + 4j).conj().imag,
    }
    found = saved(torch, value, tmp_path / "a.pt", **options)
    assert_same(found, value)
    assert all(array.shape == () and array.flags.writeable for array in found.values())


@st.composite
def views(draw):
    """Draw the size, stride and offset of a view of 30 entries."""
    size = draw(st.lists(st.integers(0, 4), max_size=4))
    stride = [draw(st.integers(0, 5)) for _ in size]
    reach = sum((n - 1) * step for n, step in zip(size, stride, strict=True) if n)
    offset = draw(st.integers(0, max(0, 29 - reach)))
    return tuple(size), tuple(stride), offset


@given(view=views(), older_format=st.booleans())
def test_every_view_of_a_storage_is_that_of_pytorch(torch, tmp_path_factory, view, older_format):
    size, stride, offset = view
    base = torch.arange(30.0)
    reach = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and reach >= 30:
        return
    value = base.as_strided(size, stride, offset)
    path = tmp_path_factory.mktemp("views") / "a.pt"
    found = saved(torch, value, path, _use_new_zipfile_serialization=not older_format)
    assert_same(found, value)
    entries = [
        sum(i * step for i, step in zip(index, stride, strict=True)) for index in np.ndindex(size)
    ]
    repeats = len(set(entries)) < len(entries)  # then writing to one position changes another
    if repeats or found.flags.c_contiguous:
        assert found.flags.writeable != repeats


@in_every_format
def test_modules_and_optimisers(torch, tmp_path, options):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, bias=False), torch.nn.BatchNorm2d(4), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(4 * 36, 5),
    )  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    model(torch.randn(2, 3, 8, 8)).square().sum().backward()
    optimiser.step()
    value = {
        "epoch": 3,
        "state_dict": model.state_dict(),
        "optimizer": optimiser.state_dict(),
        "random": torch.get_rng_state(),
        "parameters": list(model.parameters()),
        "history": [(1, 0.5), (2, float("inf"))],
        "name": "a" * 300,
        "nothing": None,
    }
    assert_same(saved(torch, value, tmp_path / "a.pt", **options), value)


@in_every_format
def test_tied_weights_stay_tied(torch, tmp_path, options):
    weight = torch.nn.Parameter(torch.randn(3, 4))
    found = saved(torch, {"a": weight, "b": weight, "c": weight.T}, tmp_path / "a.pt", **options)
    found["a"][0, 1] = 7
    assert found["b"][0, 1] == found["c"][1, 0] == 7


@in_every_format
def test_storages_are_read_as_arrays(torch, tmp_path, options):
    row = torch.arange(3.0)
    found = saved(torch, [row.untyped_storage()], tmp_path / "a.pt", **options)
    assert_same(found, [np.arange(3, dtype=np.float32).view(np.uint8)])


@in_every_format
def test_what_is_no_plain_data_is_refused_by_name(torch, tmp_path, options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, about what it will drop
        quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
        refused = {
            r"torch\.nn\.modules\.linear\.Linear.*state_dict": torch.nn.Linear(2, 2),
            r"argparse\.Namespace.*checkpoint\[.state_dict.\]": argparse.Namespace(lr=1),
            r"pathlib\.": Path("a"),
            r"_rebuild_sparse_tensor: a sparse tensor": torch.eye(2).to_sparse(),
            r"_rebuild_qtensor: a quantized tensor": quantized,
            r"a meta tensor": torch.zeros(2, device="meta"),
            r"NumPy has no torch\.float8_e4m3fn": torch.ones(2).to(torch.float8_e4m3fn),
            r"NumPy has no torch\.complex32": torch.ones(2, dtype=torch.complex32),
            r"objects, text and records": np.array(["a"]),
        }
        for reason, value in refused.items():
            with pytest.raises(FormatError, match=rf"a\.pt is not a sound.* at layer: .*{reason}"):
                saved(torch, {"first": 1, "layer": value}, tmp_path / "a.pt", **options)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_is_refused_by_name(torch, tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "a.pt")
    assert is_torch_checkpoint(tmp_path / "a.pt")
    with pytest.raises(FormatError, match=r"a TorchScript archive.*state_dict"):
        load_torch(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("kind", "itemsize"),
    [("Short", 2), ("Half", 2), ("BFloat16", 2), ("Float", 4), ("Long", 8), ("ComplexDouble", 16)],
)
def test_files_of_the_other_byte_order_are_read_as_pytorch_reads_them(
    torch, tmp_path, kind, itemsize
):
    n = 48 // itemsize
    body = state(tensor(storage(n=n, kind=f"{kind}Storage"), size=(n - 1,), offset=1))
    path = tmp_path / "big.pt"
    path.write_bytes(checkpoint(body, {"0": bytes(range(48))}, **{"a/byteorder": b"big"}))
    assert_same(load_torch(path), torch.load(path))


def test_storage_views_of_the_older_format_are_read_as_pytorch_reads_them(torch, tmp_path):
    view = tuple_of(text("7"), number(1), number(3))
    path = tmp_path / "views.pt"
    path.write_bytes(older(state(tensor(storage(view=view), size=(2,), offset=1))))
    assert_same(load_torch(path), torch.load(path))
    assert load_torch(path)["w"].tolist() == [3, 4]


def test_a_file_without_checksums_is_read(torch, tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        assert_same(saved(torch, [torch.ones(3)], tmp_path / "a.pt"), [torch.ones(3)])
    finally:
        torch.serialization.set_crc32_options(True)


def test_an_archive_that_was_packed_again_is_read(torch, tmp_path):
    value = {"a": torch.randn(50, 50), "b": "text"}
    torch.save(value, tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as old,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in sorted(old.namelist()):
            new.writestr(name, old.read(name))
    assert is_torch_checkpoint(tmp_path / "b.pt")
    assert_same(load_torch(tmp_path / "b.pt"), value)


@pytest.mark.parametrize("zip_format", [True, False])
def test_a_checkpoint_is_read_once_and_takes_its_own_size_in_memory(torch, tmp_path, zip_format):
    path = tmp_path / "a.pt"
    value = {str(i): torch.ones(500_000) for i in range(4)}
    value |= {f"{i} again": value[str(i)][1:] for i in range(4)}
    torch.save(value, path, _use_new_zipfile_serialization=zip_format)
    peak = peak_memory(lambda: load_torch(path))
    assert peak < path.stat().st_size + 3_000_000  # two pieces on their way through zipfile


def test_what_the_attacks_are_built_from_is_what_pytorch_reads(torch, tmp_path):
    path = tmp_path / "a.pt"
    for content in SOUND.values():
        path.write_bytes(content)
        assert_same(load_torch(path), torch.load(path))

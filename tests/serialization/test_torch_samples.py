"""Checkpoints that PyTorch has written, read where PyTorch need not be installed."""

import ast
from pathlib import Path

import numpy as np
import pytest

from scratchnet import serialization
from scratchnet.serialization import file_format, load
from scratchnet.serialization.torch_checkpoint import is_torch_checkpoint, load_torch

SAMPLES = Path(__file__).parent / "samples"
FORMATS = ["zip", "zip-protocol-5", "older"]

BASE = np.arange(24, dtype=np.float32).reshape(4, 6)
EXPECTED = {
    "base": BASE,
    "transposed": BASE.T,
    "part": BASE[1:3, ::2],
    "expanded": np.full((2, 3), 7, np.float32),
    "scalar": np.array(2.5),
    "empty": np.empty((0, 3), np.int32),
    "parameter": np.array([1, -1], np.float32),
    "buffer": np.array([3, 4]),
    "half": np.array([0.5, -2], np.float16),
    "bfloat16": np.array([-3, 2.0**100], np.float32),
    "bool": np.array([True, False]),
    "conjugated": np.array([1 - 2j], np.complex64),
    "negated": np.array([-2], np.float32),
    "uint16": np.array([65535, 3], np.uint16),
    "array": np.array([[0, 3], [1, 4], [2, 5]], np.int16),
    "number": np.float64(0.1),
}


@pytest.fixture(params=FORMATS)
def sample(request):
    return SAMPLES / f"{request.param}.pt"


def test_arrays_have_the_entries_shape_and_dtype_of_the_tensors(sample):
    found = load_torch(sample)
    for name, expected in EXPECTED.items():
        array = found[name]
        assert type(array) is type(expected), name
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape), name
        assert np.array_equal(array, expected), name


def test_plain_values_stay_what_they_are(sample):
    found = load_torch(sample)
    expected = [None, True, -1, 2**70, 1.5, 2j, "é", b"\xff", (1, (2,)), {1, 2}, slice(1, None)]
    assert found["plain"] == expected
    assert [type(value) for value in found["plain"]] == [type(value) for value in expected]
    assert found["kinds"] == [{"a": 1}, {2: []}, {"a": 2, "b": 1}]
    assert [type(value) for value in found["kinds"]] == [dict] * 3
    assert found["torch"] == ((2, 3), "cuda:1", "torch.bfloat16")


def test_a_state_dict_keeps_its_order(sample):
    state = load_torch(sample)["state_dict"]
    assert list(state) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert np.array_equal(state["weight"], np.ones(2, np.float32))
    assert state["num_batches_tracked"].shape == ()


def test_tensors_of_one_storage_share_memory(sample):
    found = load_torch(sample)
    assert np.shares_memory(found["base"], found["transposed"])
    assert np.shares_memory(found["base"], found["part"])
    found["base"][1, 0] = 99
    assert found["transposed"][0, 1] == found["part"][0, 0] == 99


def test_an_expanded_tensor_is_read_only_and_all_others_can_be_written(sample):
    found = load_torch(sample)
    arrays = {name: value for name, value in found.items() if isinstance(value, np.ndarray)}
    assert [name for name, array in arrays.items() if not array.flags.writeable] == ["expanded"]


def test_a_sample_is_recognised_by_its_content(sample, tmp_path):
    renamed = tmp_path / "weights.npz"
    renamed.write_bytes(sample.read_bytes())
    assert is_torch_checkpoint(renamed)
    assert file_format(renamed) == "torch"
    assert load(renamed).keys() == load_torch(sample).keys()


def test_other_files_are_not_taken_for_checkpoints(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.ones(3))
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_bytes(b"PK\3\4 is how a zip archive begins")
    (tmp_path / "pickle").write_bytes(b"\x80\x02}.")
    assert not any(is_torch_checkpoint(path) for path in tmp_path.iterdir())
    with pytest.raises(FileNotFoundError):
        is_torch_checkpoint(tmp_path / "missing")


def test_neither_torch_nor_an_unpickler_is_imported_by_the_reader():
    for path in Path(serialization.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            roots = {name.split(".")[0] for name in names}
            assert not roots & {"pickle", "_pickle", "torch", "shelve", "marshal", "importlib"}, (
                path
            )
            calls = node.func.id if isinstance(node, ast.Call) and hasattr(node.func, "id") else ""
            assert calls not in ("eval", "exec", "compile", "__import__", "getattr"), path

"""`load` goes by the content, `save` by the suffix; a module's state comes back whole."""

import os
import subprocess
import sys

import numpy as np
import pytest

import scratchnet
from scratchnet import nn
from scratchnet.serialization import (
    FormatError,
    file_format,
    load,
    save,
    save_npz,
    save_safetensors,
)


def network():
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".SafeTensors"])
def test_a_modules_state_comes_back_whole(suffix, tmp_path):
    scratchnet.manual_seed(0)
    model, other = network(), network()
    model(np.random.default_rng(0).normal(size=(4, 1, 4, 4)).astype(np.float32))
    path = tmp_path / f"model{suffix}"
    save(model.state_dict(), path)
    other.load_state_dict(load(path))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array)
        assert other.state_dict()[name].dtype == array.dtype


@pytest.mark.parametrize("suffix", [".safetensors", ".npz"])
def test_a_nested_state_comes_back_flat(suffix, tmp_path):
    path = tmp_path / f"run{suffix}"
    save({"model": {"module.w": np.ones(2)}, "best": {"0": {"w": np.zeros(1)}}}, path)
    assert set(load(path)) == {"model.module.w", "best.0.w"}
    assert type(load(path)) is dict
    stripped = load(path, prefix="model.module.")
    assert set(stripped) == {"w", "best.0.w"}
    np.testing.assert_array_equal(stripped["w"], np.ones(2))


def test_the_format_is_recognised_by_the_content_and_not_by_the_name(tmp_path):
    state = {"w": np.arange(3)}
    for name in ("a.safetensors", "b.npz", "c.pt", "d"):
        save_safetensors(state, tmp_path / name)
        assert file_format(tmp_path / name) == "safetensors"
        np.testing.assert_array_equal(load(tmp_path / name)["w"], np.arange(3))
        save_npz(state, tmp_path / name)
        assert file_format(tmp_path / name) == "npz"
        np.testing.assert_array_equal(load(tmp_path / name)["w"], np.arange(3))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_of_torch_is_recognised_under_any_name(zipped, tmp_path, torch):
    state = {"state_dict": {"module.w": torch.arange(3)}, "epoch": 3}
    torch.save(state, tmp_path / "a.npz", _use_new_zipfile_serialization=zipped)
    assert file_format(tmp_path / "a.npz") == "torch"
    found = load(tmp_path / "a.npz", prefix="module.")
    assert found["epoch"] == 3
    np.testing.assert_array_equal(found["state_dict"]["w"], np.arange(3))


def test_a_checkpoint_of_torch_that_is_no_dictionary_is_refused(tmp_path, torch):
    torch.save(torch.arange(3), tmp_path / "a.pt")
    with pytest.raises(FormatError, match=r"a\.pt holds a value of type ndarray"):
        load(tmp_path / "a.pt")


def test_two_names_that_would_become_one_are_refused_with_the_files_name(tmp_path):
    save({"module.w": np.ones(1), "w": np.zeros(1)}, tmp_path / "a.npz")
    with pytest.raises(FormatError, match=r"a\.npz .*two entries have the name 'w'"):
        load(tmp_path / "a.npz", prefix="module.")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".PT", ".bin", ".ckpt"])
def test_saving_for_torch_is_an_error_that_says_what_to_do(suffix, tmp_path):
    path = tmp_path / f"model{suffix}"
    with pytest.raises(
        ValueError, match=r"\.safetensors, .*safetensors\.torch\.load_file"
    ) as error:
        save({"w": np.ones(1)}, path)
    assert str(path) in str(error.value)
    assert not path.exists()


@pytest.mark.parametrize("name", ["model", "model.txt", ".npz"])
def test_saving_under_another_suffix_is_an_error(name, tmp_path):
    with pytest.raises(ValueError, match=r"the suffix must be \.safetensors or \.npz"):
        save({"w": np.ones(1)}, tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is no file of safetensors, npz or PyTorch$"),
        (b"weights", "is no file of safetensors, npz or PyTorch$"),
        (b"\x93NUMPY\1\0", r"numpy\.load\(path, allow_pickle=False\)"),
        (b"\x80\x04]\x94.", "is no file of safetensors, npz or PyTorch$"),
    ],
)
def test_what_is_none_of_the_formats_is_refused(content, match, tmp_path):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=match) as error:
        load(path)
    assert str(error.value).startswith(str(path))


def test_an_archive_of_something_else_is_refused(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("letter.txt", "hello")
    with pytest.raises(FormatError, match=r"neither npz nor PyTorch: it holds letter\.txt"):
        load(tmp_path / "a.npz")


def test_serialization_imports_no_optional_package_and_not_the_reader_of_pickles():
    program = "import sys; import scratchnet.serialization; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    ).stdout.split()
    assert "scratchnet.serialization.safetensors" in loaded
    assert "scratchnet.serialization.torch_checkpoint" not in loaded
    assert not {"torch", "safetensors", "scipy", "PIL"} & set(loaded)


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
def test_a_path_may_be_bytes(suffix, tmp_path):
    path = os.fsencode(tmp_path / f"a.{suffix}")
    save({"w": np.arange(3)}, path)
    assert load(path)["w"].tolist() == [0, 1, 2]
    (tmp_path / f"a.{suffix}").write_bytes(b"PK\3\4" if suffix == "npz" else b"x" * 9)
    with pytest.raises(FormatError) as error:
        load(path)
    assert str(error.value).startswith(str(tmp_path))

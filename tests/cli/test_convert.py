"""`scratchnet convert`: the arrays arrive, and what does not is said."""

import numpy as np
import pytest

from scratchnet.cli import main
from scratchnet.serialization import load, load_safetensors, save, save_safetensors

STATE = {"module.w": np.arange(6.0).reshape(2, 3), "module.n": np.array(7)}


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize("given", [".safetensors", ".npz"])
@pytest.mark.parametrize("wanted", [".safetensors", ".npz"])
def test_the_arrays_arrive_as_they_were(given, wanted, tmp_path, capsys):
    source, target = tmp_path / f"in{given}", tmp_path / f"out{wanted}"
    save(STATE, source)
    assert main(["convert", str(source), str(target)]) == 0
    assert_same(load(target), STATE)
    printed = capsys.readouterr()
    assert printed.out == f"wrote {target}: {wanted[1:]}, arrays: 2, bytes: 56\n"
    assert printed.err == ""


def test_a_file_that_is_there_is_replaced_and_it_says_so(tmp_path, capsys):
    save(STATE, tmp_path / "in.npz")
    (tmp_path / "out.npz").write_text("old")
    assert main(["convert", str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]) == 0
    assert capsys.readouterr().out.startswith(f"replaced {tmp_path / 'out.npz'}: ")
    assert_same(load(tmp_path / "out.npz"), STATE)


def test_a_prefix_is_stripped(tmp_path):
    source, target = str(tmp_path / "in.npz"), str(tmp_path / "out.npz")
    save(STATE | {"other": np.ones(1)}, source)
    assert main(["convert", source, target, "--strip-prefix", "module."]) == 0
    assert set(load(target)) == {"w", "n", "other"}


def test_a_checkpoint_of_torch_is_converted_and_what_is_left_out_is_said(tmp_path, capsys, torch):
    source, target = str(tmp_path / "run.pt"), str(tmp_path / "out.safetensors")
    state = {name: torch.tensor(array) for name, array in STATE.items()}
    torch.save({"state_dict": state, "epoch": 3, "gr\x1boups": [{"lr": 0.1}]}, source)
    assert main(["convert", source, target]) == 0
    assert_same(load(target), {f"state_dict.{name}": array for name, array in STATE.items()})
    assert capsys.readouterr().err == (
        "scratchnet convert: left out, because only arrays can be stored: "
        "epoch (int), gr\\x1boups (list)\n"
    )
    arguments = ["--key", "state_dict", "--strip-prefix", "module."]
    assert main(["convert", source, target, *arguments]) == 0
    assert_same(load(target), {name[7:]: array for name, array in STATE.items()})
    assert capsys.readouterr().err == ""


def test_a_long_list_of_what_is_left_out_is_cut(tmp_path, capsys, torch):
    source, target = str(tmp_path / "run.pt"), str(tmp_path / "out.npz")
    torch.save({"w": torch.zeros(1)} | {f"v{i}": i for i in range(25)}, source)
    assert main(["convert", source, target]) == 0
    assert capsys.readouterr().err.endswith("v18 (int), v19 (int) and 5 more\n")


def test_metadata_stay_in_safetensors_and_are_said_to_be_left_out_of_npz(tmp_path, capsys):
    source = str(tmp_path / "in.safetensors")
    save_safetensors(STATE, source, {"format": "pt"})
    assert main(["convert", source, str(tmp_path / "out.safetensors")]) == 0
    assert load_safetensors(tmp_path / "out.safetensors").metadata == {"format": "pt"}
    assert capsys.readouterr().err == ""
    assert main(["convert", source, str(tmp_path / "out.npz")]) == 0
    assert "npz has no metadata: format\n" in capsys.readouterr().err


def test_widened_bfloat16_is_said(tmp_path, capsys):
    header = b'{"w":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    source, target = tmp_path / "in", tmp_path / "out.npz"
    source.write_bytes(len(header).to_bytes(8, "little") + header + b"\x80\x3f\0\xc0")
    assert main(["convert", str(source), str(target)]) == 0
    assert_same(load(target), {"w": np.array([1, -2], np.float32)})
    assert "widened from bfloat16 to float32: w\n" in capsys.readouterr().err


def test_widened_bfloat16_of_a_checkpoint_is_said_too(tmp_path, capsys, torch):
    source, target = str(tmp_path / "run.pt"), str(tmp_path / "out.npz")
    w = torch.tensor([1.0, -2.0], dtype=torch.bfloat16)
    torch.save({"model": {"w": w, "half": w.half()}, "ema": [w]}, source)
    assert main(["convert", source, target]) == 0
    found = load(target)
    assert (found["model.w"].dtype, found["model.half"].dtype) == (np.float32, np.float16)
    np.testing.assert_array_equal(found["model.w"], [1, -2])
    assert capsys.readouterr().err == (
        "scratchnet convert: widened from bfloat16 to float32: model.w, ema.0\n"
    )


@pytest.mark.parametrize(
    ("state", "target", "options", "code", "message"),
    [
        (STATE, "out.pt", [], 2, "PyTorch's files are read but not written"),
        (STATE, "out", [], 2, "the suffix must be .safetensors or .npz"),
        (STATE, "in.npz", [], 1, "are the same file"),
        (STATE, "out.npz", ["--key", "model"], 1, "no dictionary under the key 'model'"),
        (STATE, "out.npz", ["--key", "module.w"], 1, "no dictionary under the key 'module.w'"),
        (STATE, "out.npz", ["--strip-prefix", "m_"], 1, "begins with 'm_': module.w, module.n"),
        ({"m.w": np.ones(1), "w": np.ones(1)}, "out.npz", ["--strip-prefix", "m."], 1, "name 'w'"),
        ({"w": np.ones(1, complex)}, "out.safetensors", [], 1, "w has dtype complex128"),
        ({}, "out.npz", [], 1, "holds no arrays"),
        (STATE, "none/out.npz", [], 1, "none"),
    ],
)
def test_what_cannot_be_done_is_an_error_of_one_line_that_writes_nothing(
    state, target, options, code, message, tmp_path, capsys
):
    source = tmp_path / "in.npz"
    save(state, source)
    before = source.read_bytes()
    assert main(["convert", str(source), str(tmp_path / target), *options]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert source.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["in.npz"]


def test_a_suffix_that_cannot_be_written_is_an_error_before_anything_is_read(tmp_path, capsys):
    assert main(["convert", str(tmp_path / "missing"), str(tmp_path / "out.pth")]) == 2
    assert "safetensors.torch.load_file" in capsys.readouterr().err


def test_an_unsound_file_is_an_error_and_the_old_one_stays(tmp_path, capsys):
    (tmp_path / "in.npz").write_bytes(b"PK\3\4")
    (tmp_path / "out.npz").write_text("old")
    assert main(["convert", str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]) == 1
    assert f"{tmp_path / 'in.npz'} is not a sound" in capsys.readouterr().err
    assert (tmp_path / "out.npz").read_text() == "old"

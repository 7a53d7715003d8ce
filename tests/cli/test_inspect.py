"""`scratchnet inspect`: what is in a file, for people and for programs."""

import json
from pathlib import Path

import numpy as np
import pytest

from scratchnet.cli import main
from scratchnet.serialization import save_npz, save_safetensors

ATTACKS = Path(__file__).parent.parent / "attacks"

STATE = {"conv.weight": np.zeros((8, 3, 5, 5), np.float32), "steps": np.array(7)}


def write(path, format):
    if format == "safetensors":
        save_safetensors(STATE, path, {"format": "pt"})
    elif format == "npz":
        save_npz(STATE, path)
    else:
        torch = pytest.importorskip("torch")
        torch.save({name: torch.tensor(array) for name, array in STATE.items()}, path)


@pytest.mark.parametrize("format", ["safetensors", "npz", "torch"])
def test_it_shows_names_dtypes_shapes_sizes_and_totals(format, tmp_path, capsys):
    path = tmp_path / "weights"
    write(path, format)
    assert main(["inspect", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{path}: {format}, arrays: 2, entries: 601, bytes: 2,408"
    assert ["conv.weight", "float32", "(8,", "3,", "5,", "5)", "2,400"] in map(str.split, lines)
    assert ["steps", "int64", "()", "8"] in map(str.split, lines)
    assert ("metadata format: pt" in lines) == (format == "safetensors")
    assert len({line.rindex(line.split()[-1]) + len(line.split()[-1]) for line in lines[-2:]}) == 1


@pytest.mark.parametrize("format", ["safetensors", "npz", "torch"])
def test_json_has_the_same_for_a_program(format, tmp_path, capsys):
    path = tmp_path / "weights"
    write(path, format)
    assert main(["inspect", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = found.pop("arrays")
    assert sorted(rows, key=lambda row: row["name"]) == [
        {"name": "conv.weight", "dtype": "float32", "shape": [8, 3, 5, 5], "bytes": 2400},
        {"name": "steps", "dtype": "int64", "shape": [], "bytes": 8},
    ]
    assert found == {
        "file": str(path),
        "format": format,
        "metadata": {"format": "pt"} if format == "safetensors" else {},
        "values": [],
        "total_entries": 601,
        "total_bytes": 2408,
    }


def test_plain_values_of_a_checkpoint_are_shown(tmp_path, capsys, torch):
    path = tmp_path / "run.pt"
    state = {
        "state_dict": {"w": torch.zeros(2)},
        "epoch": 3,
        "note": "a\x1b[2J" + "b" * 500,
        "big": 10**600,
        "loss": float("nan"),
        "none": None,
        "groups": [{"lr": 0.1}],
    }
    torch.save(state, path)
    assert main(["inspect", str(path)]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert ["state_dict.w", "float32", "(2,)", "8"] in map(str.split, lines)
    for line in ("epoch: int 3", "big: int 1994 bits", "loss: float nan", "groups: list"):
        assert line in lines
    assert r"note: str 'a\x1b[2Jbbb" in text
    assert max(map(len, lines)) < 250 + len(str(path))
    assert main(["inspect", str(path), "--json"]) == 0
    values = {row["name"]: row for row in json.loads(capsys.readouterr().out)["values"]}
    assert values["epoch"] == {"name": "epoch", "type": "int", "value": "3"}
    assert values["groups"] == {"name": "groups", "type": "list", "value": None}


def test_names_that_would_move_the_cursor_are_escaped_and_long_ones_cut(tmp_path, capsys):
    names = ["a\n\r\x1b[2J\x9b", "\u202efile", "tab\t", "w" * 5000, "gewicht ü"]
    path = tmp_path / "a"
    save_safetensors({name: np.zeros(1) for name in names}, path, {"k\x1b": "v\n\x1b" * 1000})
    assert main(["inspect", str(path)]) == 0
    text = capsys.readouterr().out
    assert text.replace("\n", "").isprintable()
    assert r"a\n\r\x1b[2J\x9b" in text
    assert r"\u202efile" in text
    assert "gewicht ü" in text
    assert max(map(len, text.splitlines())) < 300
    assert main(["inspect", str(path), "--json"]) == 0
    text = capsys.readouterr().out
    assert {row["name"] for row in json.loads(text)["arrays"]} == set(names)
    assert text.isascii()


def test_dtypes_that_numpy_lacks_are_shown(tmp_path, capsys):
    header = (
        b'{"half":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},'
        b'"eighth":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[4,6]}}'
    )
    path = tmp_path / "a"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(6))
    assert main(["inspect", str(path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["half", "BF16", "(2,)", "4"] in rows
    assert ["eighth", "F8_E4M3", "(2,)", "2"] in rows


def test_bfloat16_of_a_checkpoint_is_shown_as_it_is_stored(tmp_path, capsys, torch):
    torch.save({"half": torch.ones(2, dtype=torch.bfloat16), "one": torch.ones(2)}, tmp_path / "a")
    assert main(["inspect", str(tmp_path / "a")]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["half", "BF16", "(2,)", "4"] in rows
    assert ["one", "float32", "(2,)", "8"] in rows


@pytest.mark.parametrize(
    "name",
    [
        "safetensors/name-with-nul.safetensors",
        "safetensors/objects-nested-too-deep.safetensors",
        "npz/dtype-object.npz",
        "npz/name-with-nul.npz",
        "missing.npz",
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_of_one_line(name, capsys):
    path = ATTACKS / name
    assert main(["inspect", str(path)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert str(path) in printed.err
    assert printed.err.count("\n") == 1
    assert printed.err[:-1].isprintable()


def test_an_empty_file_of_weights_is_shown(tmp_path, capsys):
    save_safetensors({}, tmp_path / "a")
    assert main(["inspect", str(tmp_path / "a")]) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path / 'a'}: safetensors, arrays: 0, entries: 0, bytes: 0\n"
    )

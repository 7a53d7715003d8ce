"""What is in a checkpoint, by name: lists of arrays are opened, odd keys block nothing, work is bounded."""

import json

import numpy as np
import pytest

from scratchnet.cli import main
from scratchnet.cli.entries import Unnamed, entries_of, kind_of
from scratchnet.cli.error import CommandError
from scratchnet.serialization import flatten, load

W = np.arange(3.0)
ODD = {None: "x", (1, 2): 3}


def test_without_lists_of_arrays_it_is_flatten():
    state = {"model": {"w": W, "deep": {0: {"b": W}}}, "epoch": 3, "betas": (0.9, 0.99), "none": {}}
    found, expected = entries_of(state, "f"), flatten(state)
    assert list(found) == list(expected)
    assert all(found[name] is value for name, value in expected.items())


def test_lists_are_opened_as_deep_as_they_hold_arrays():
    inner = [1, 2]
    state = {"ema": [W, [inner, (W, 0.5)]], "optimizer": [{"state": {0: {"avg": W}}, "ids": inner}]}
    assert list(entries_of(state, "f").items()) == [
        ("ema.0", W), ("ema.1.0", inner), ("ema.1.1.0", W), ("ema.1.1.1", 0.5),
        ("optimizer.0.state.0.avg", W), ("optimizer.0.ids", inner),
    ]  # fmt: skip


@pytest.mark.parametrize("key", [None, (1, 2), True, 1.5, b"w"])
def test_a_dictionary_with_a_key_that_is_no_name_is_one_value(key):
    found = entries_of({"w": W, "a": {"names": {key: 1}, "more": {key: [W]}}}, "f")
    assert list(found) == ["w", "a.names", "a.more"]
    assert isinstance(found["a.names"], Unnamed)
    assert kind_of(found["a.names"]) == "dict whose keys are no names"
    assert kind_of(found["a.more"]) == "dict whose keys are no names, with arrays"
    assert (kind_of(3), kind_of([])) == ("int", "list")


def test_what_contains_itself_is_an_error_that_names_the_file_and_takes_no_time():
    around = [W]
    around.append(around)
    doubled = [W]
    for _ in range(60):  # 2⁶⁰ names
        doubled = [doubled, doubled]
    barren = {None: list(range(10**5))}
    many = [[barren, W]] * 10**5  # each look at `barren` takes 10⁵ steps
    for state in ({"a": around}, {"a": doubled}, {None: W}, {"a": {"b": W}, "a.b": W}):
        with pytest.raises(CommandError, match=r"^run\.pt: "):
            entries_of(state, "run.pt")
    assert len(entries_of({"a": many}, "run.pt")) == 2 * 10**5


@pytest.fixture
def checkpoint(tmp_path, torch):
    """A checkpoint with names of labels whose keys are none, and with arrays in lists."""
    path = str(tmp_path / "run.pt")
    w = torch.from_numpy(W)
    state = {"state_dict": {"w": w}, "label_map": ODD, "ema": [w + 1], "odd": {None: w}}
    torch.save(state | {"groups": [{"lr": 0.1}]}, path)
    return path


def test_inspect_lists_them(checkpoint, capsys):
    assert main(["inspect", checkpoint]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert ["state_dict.w", "float64", "(3,)", "24"] in map(str.split, lines)
    assert ["ema.0", "float64", "(3,)", "24"] in map(str.split, lines)
    assert "label_map: dict whose keys are no names" in lines
    assert "odd: dict whose keys are no names, with arrays" in lines
    assert "groups: list" in lines
    assert main(["inspect", checkpoint, "--json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["arrays"]]
    assert names == ["state_dict.w", "ema.0"]


def test_convert_writes_the_arrays_and_says_what_is_left_out(checkpoint, tmp_path, capsys):
    target = str(tmp_path / "out.npz")
    assert main(["convert", checkpoint, target]) == 0
    found = load(target)
    assert set(found) == {"state_dict.w", "ema.0"}
    np.testing.assert_array_equal(found["ema.0"], W + 1)
    assert capsys.readouterr().err == (
        "scratchnet convert: left out, because only arrays can be stored: "
        "label_map (dict whose keys are no names), "
        "odd (dict whose keys are no names, with arrays), groups (list)\n"
    )


@pytest.mark.parametrize("command", ["inspect", "convert"])
def test_an_error_of_names_names_the_file(command, tmp_path, capsys, torch):
    path = str(tmp_path / "run.pt")
    torch.save({"a.b": 1, "a": {"b": torch.zeros(1)}}, path)
    out = [str(tmp_path / "out.npz")] if command == "convert" else []
    assert main([command, path, *out]) == 1
    error = capsys.readouterr().err
    assert error == f"scratchnet {command}: {path}: two values of the state share the name 'a.b'\n"

"""The groups of the suite: what is listed, and that the sides of each case compute the same."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import conv, depth, harness, inference, startup, tape, worker
from scratchnet.data import write_idx

GROUPS = {name: importlib.import_module(f"benchmarks.{name}") for name in command.GROUPS}
CHECKOUT = Path(command.__file__).parents[1]


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_has_a_title_and_cases_with_names_of_their_own(name):
    cases = GROUPS[name].CASES
    assert command.title(GROUPS[name])
    assert len({case.name for case in cases}) == len(cases) > 0
    for case in cases:
        assert next(iter(case.sides)) == harness.OURS


def test_list_names_every_group_and_case_and_measures_nothing(capsys, monkeypatch):
    monkeypatch.setattr(command, "measure", None)
    assert command.main(["--list"]) == 0
    printed = capsys.readouterr().out
    for name, group in GROUPS.items():
        assert f"{name}: " in printed
        for case in group.CASES:
            assert case.name in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convolution"], "there is no group 'convolution': choose from conv, "),
        (["--threads", "0"], "--threads takes a positive number, got 0"),
        (["--rounds", "-1"], "--rounds takes a positive number, got -1"),
        (["--json", "no/such/folder/x.json"], "no folder no/such/folder"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_runs(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_a_group_is_printed_and_written(tmp_path, capsys):
    file = tmp_path / "figures.json"
    arguments = ["startup", "--rounds", "1", "--threads", "1", "--json", str(file)]
    assert command.main(arguments) == 0
    assert "geometric" not in capsys.readouterr().out  # one row needs no mean
    report = json.loads(file.read_text(encoding="utf-8"))
    (row,) = report["rows"]
    assert row["case"] == "import"
    assert row["seconds"] > 0
    assert row["ratio"] == pytest.approx(row["seconds"] / row["peer_seconds"])  # of the one round
    assert report["facts"]["threads"] == 1
    assert report["remarks"]["startup"]["loaded of scipy, PIL, matplotlib"] == "none"
    assert list(tmp_path.iterdir()) == [file]


def test_a_failing_case_is_the_exit_status(monkeypatch, capsys):
    row = harness.Row("startup", "import", error="scratchnet: ImportError: no module")
    monkeypatch.setattr(command, "measure", lambda *_: iter([row]))
    monkeypatch.setattr(startup, "remarks", lambda rows: {})
    assert command.main(["startup"]) == 1
    assert "ImportError: no module" in capsys.readouterr().out


def test_the_installed_size_is_that_of_the_files_without_compiled_ones(tmp_path, monkeypatch):
    package = tmp_path / "package_of_the_test"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_bytes(b"# 9 bytes")
    (package / "data.txt").write_bytes(b"12345")
    (package / "__pycache__" / "x.pyc").write_bytes(b"0" * 100)
    monkeypatch.syspath_prepend(tmp_path)
    assert startup.installed_size(package.name) == (2, 14)


# N, C, H, F, k, stride, padding: small ones of every kind that the group has
@pytest.mark.parametrize(
    "shape", [(2, 3, 7, 4, 3, 1, 1), (1, 3, 9, 2, 7, 2, 3), (2, 3, 5, 4, 1, 2, 0)]
)
@pytest.mark.parametrize("mode", ["forward", "both"])
def test_both_sides_of_conv_compute_the_same(mode, shape):
    pytest.importorskip("torch")
    calls = [getattr(conv, f"{side}_{mode}")(*shape) for side in ("scratchnet", "torch")]
    for _ in range(2):  # a second call must not add to the gradients of the first
        ours, theirs = (worker.arrays_of(call()) for call in calls)
        assert len(ours) == {"forward": 1, "both": 3}[mode]
        assert harness.difference(ours, theirs) < 1e-6  # float32 sums of at most 147 products


def test_conv_covers_resnets_layers_in_both_means():
    means = [case.mean for case in conv.CASES]
    assert means.count("forward") == means.count("forward with backward") == 8
    assert means.count(None) == 2 * len(conv.OTHERS)


def test_both_sides_of_the_tape_compute_the_powers_and_their_gradients():
    pytest.importorskip("torch")
    length = 20
    x, w = (a.astype(np.float64) for a in tape.inputs())
    expected = [x * w**length, w**length, length * x * w ** (length - 1)]
    for side in (tape.scratchnet_chain, tape.torch_chain):
        call = side(length)
        for _ in range(2):
            timed = call()
            assert set(timed.seconds) == {"forward", "backward"}
            # 20 roundings of 6e-8 each, and as many in the sum over the uses of w
            for got, exact in zip(worker.arrays_of(timed.result), expected, strict=True):
                np.testing.assert_allclose(got, exact, rtol=3e-6)


@pytest.fixture
def folder(tmp_path):
    """IDX files named as MNIST's, of images whose label is the height of a bright line."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 200), ("t10k", 50)):
        labels = rng.integers(0, 10, n).astype(np.uint8)
        images = np.zeros((n, 28, 28), np.uint8)
        images[np.arange(n), 2 * labels + 4] = 255
        write_idx(tmp_path / f"{split}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{split}-labels-idx1-ubyte", labels)
    return tmp_path


@pytest.mark.parametrize(("name", "longest"), [("lenet_mnist", 40), ("resnet_fashion_mnist", 59)])
def test_a_training_script_is_short_and_trains_on_a_folder_of_idx_files(folder, name, longest):
    script = CHECKOUT / "benchmarks" / f"{name}.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) <= longest
    run = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", str(folder)],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    first, *_, last = run.stdout.splitlines()
    assert first.startswith("epoch 1: test accuracy ")
    assert last.endswith(" seconds")


def test_the_table_of_depths_has_a_row_for_each_network(folder, capsys, monkeypatch):
    for name, value in {"DEPTHS": (8, 14), "TRAINED_ON": 60, "EPOCHS": 1, "WIDTH": 2}.items():
        monkeypatch.setattr(depth, name, value)
    depth.small_images(str(folder), seed=0)
    rows = capsys.readouterr().out.splitlines()[-4:]
    assert [row.split()[:2] for row in rows] == [
        ["8", "residual"],
        ["8", "plain"],
        ["14", "residual"],
        ["14", "plain"],
    ]


def test_both_sides_of_inference_have_the_same_weights_and_logits():
    pytest.importorskip("torch")
    theirs = worker.arrays_of(inference.torch_eager("resnet18", 1)())
    for side in (inference.scratchnet_plain, inference.scratchnet_optimised):
        ours = worker.arrays_of(side("resnet18", 1)())
        assert harness.difference(ours, theirs) < 1e-4  # the tolerance of the cases

"""The groups of the suite: what is listed, and that the sides of each case compute the same."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import (
    conv,
    depth,
    estimators,
    growth,
    harness,
    inference,
    linear,
    memory,
    recurrent,
    splitters,
    startup,
    tape,
    training,
    validation,
    worker,
)
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


@pytest.mark.parametrize("name", GROUPS)
def test_a_sweep_has_enough_values_for_an_exponent_and_one_case_for_each(name):
    grows: dict[str, list[float]] = {}
    for case in GROUPS[name].CASES:
        if case.sweep is not None:
            grows.setdefault(case.sweep[0], []).append(case.sweep[1])
    for values in grows.values():
        assert len(set(values)) == len(values) >= growth.LEAST


def test_the_installed_size_is_that_of_the_files_without_compiled_ones(tmp_path, monkeypatch):
    package = tmp_path / "package_of_the_test"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_bytes(b"# 9 bytes")
    (package / "data.txt").write_bytes(b"12345")
    (package / "__pycache__" / "x.pyc").write_bytes(b"0" * 100)
    monkeypatch.syspath_prepend(tmp_path)
    assert startup.installed_size(package.name) == (2, 14)


def both_results(sides, *args):
    """Return what our side gives and what its one peer gives, each at its second call.

    A second call must not add to the gradients of the first.
    """
    calls = [side(*args) for side in sides]
    for call in calls:
        call()
    outcomes = [call() for call in calls]
    return [worker.arrays_of(o.result if isinstance(o, harness.Timed) else o) for o in outcomes]


# small ones of every kind that the group has
@pytest.mark.parametrize(
    "shape",
    [
        conv.Shape(2, 3, 7, 4, 3, padding=1),
        conv.Shape(1, 3, 9, 2, 7, stride=2, padding=3),
        conv.Shape(2, 3, 5, 4, 1, stride=2),
        conv.Shape(2, 4, 6, 4, 3, padding=1, groups=4),
    ],
)
@pytest.mark.parametrize("mode", conv.MODES)
def test_both_sides_of_conv_compute_the_same(mode, shape):
    pytest.importorskip("torch")
    ours, theirs = both_results(conv.MODES[mode][0].values(), shape)
    assert len(ours) == {"forward": 1, "both": 3}[mode]
    assert harness.difference(ours, theirs) < 1e-6  # float32 sums of at most 147 products


def test_convs_means_are_over_everything_but_depthwise_and_over_that():
    is_depthwise = {case.name: case.args[0].groups > 1 for case in conv.CASES}
    for case in conv.CASES:
        if case.mean is None:
            assert case.sweep is not None
        else:
            assert case.mean.startswith("depthwise") == is_depthwise[case.name]
    means = [case.mean for case in conv.CASES]
    assert means.count("forward") == means.count("forward with backward") == 20


def test_the_operations_of_a_convolution_are_those_of_its_loops():
    shape = conv.Shape(2, 4, 7, 6, 3, stride=2, padding=1, groups=2)
    # 2 images, 6 filters, 4×4 outputs; 2 channels of 3×3 taps, each a product and a sum
    assert shape.out == 4
    assert shape.flops == 2 * 6 * 16 * 2 * 9 * 2
    ours = conv.scratchnet_forward(shape)()
    assert ours.shape == (2, 6, 4, 4)


def test_the_remarks_of_conv_name_the_worst_shape_of_each_mean():
    rows = [
        harness.Row("conv", name, mean=mean, peer="torch", ratio=ratio)
        for name, mean, ratio in (
            ("a", "forward", 1.0),
            ("b", "forward", 2.5),
            ("c", None, 9.0),
            ("d", "depthwise forward", 3.0),
        )
    ]
    assert conv.remarks(rows) == {"worst forward": "2.50, b", "worst depthwise forward": "3.00, d"}


@pytest.mark.parametrize("mode", linear.MODES)
def test_both_sides_of_linear_compute_the_same(mode):
    pytest.importorskip("torch")
    ours, theirs = both_results(linear.MODES[mode][0].values(), 5, 7, 3)
    assert len(ours) == {"forward": 1, "both": 4}[mode]
    assert harness.difference(ours, theirs) < 1e-6  # float32 sums of at most 7 products


@pytest.mark.parametrize("mode", recurrent.MODES)
@pytest.mark.parametrize("name", recurrent.GATES)
def test_both_sides_of_recurrent_compute_the_same(mode, name):
    pytest.importorskip("torch")
    ours, theirs = both_results(recurrent.MODES[mode][0].values(), name, 5, 3, 4)
    assert len(ours) == {"forward": 1, "both": 6}[mode]
    assert harness.difference(ours, theirs) < 1e-5  # five steps in float32


def test_the_recurrent_means_are_over_the_whole_grid():
    means = [case.mean for case in recurrent.CASES]
    assert means.count("forward") == means.count("forward with backward") == 3 * 18
    assert means.count(None) == 3  # unequal lengths


@pytest.mark.parametrize(
    ("name", "shape"),
    [("LeNet", (8, 1, 28, 28)), ("ResNet-18", (4, 3, 64, 64)), ("ResNet-20", (8, 3, 16, 16))],
)
def test_both_sides_of_a_training_step_compute_the_same(name, shape, monkeypatch):
    pytest.importorskip("torch")
    for side in ("scratchnet_network", "torch_network"):
        network = getattr(training, side)
        monkeypatch.setattr(training, side, lambda name, network=network: network(name).double())
    x, labels = training.batch(*shape)
    monkeypatch.setattr(training, "batch", lambda *_: (x.astype(np.float64), labels))
    ours, theirs = both_results((training.scratchnet_step, training.torch_step), name, *shape)
    shapes = [p.shape for p in training.scratchnet_network(name).parameters()]
    assert len(ours) == 1 + len(shapes) + sum(len(shape) > 1 for shape in shapes)
    # In float32 one number on the other side of a ReLU would move a gradient by 3e-2. In float64
    # rounding is 1e-16, and the batch norms of few images magnify it.
    assert harness.difference(ours, theirs) < 1e-9


def test_both_sides_of_the_epoch_train_alike(monkeypatch):
    pytest.importorskip("torch")
    x, y, x_test, y_test = training.digits()
    monkeypatch.setattr(training, "images", lambda: (x[:320], y[:320], x_test, y_test))
    accuracies = [side()().result for side in (training.scratchnet_epoch, training.torch_epoch)]
    # Five updates of Adam: so early, rounding has not made the trainings part.
    assert abs(accuracies[0] - accuracies[1]) <= 0.01
    assert accuracies[0] > 0.2  # by chance: 0.1, give or take 0.02


def test_the_digits_are_images_of_28_by_28_like_mnists():
    x, y, x_test, y_test = training.digits()
    assert (x.shape, x_test.shape) == ((1500, 1, 28, 28), (297, 1, 28, 28))
    assert x.dtype == np.uint8
    assert (x.min(), x.max()) == (0, 255)
    assert y.dtype == y_test.dtype == np.int64
    assert not x[:, :, :2].any()  # the margin


def test_both_sides_of_the_memory_case_compute_the_same():
    pytest.importorskip("torch")
    ours, theirs = both_results((memory.scratchnet_step, memory.torch_step), 4)
    assert harness.difference(ours, theirs) < memory.CASES[0].tolerance


@pytest.mark.parametrize("name", [name for name, *_ in splitters.SPLITTERS])
def test_both_sides_of_splitters_give_the_same_folds(name):
    pytest.importorskip("sklearn")
    options = next(options for found, options, _ in splitters.SPLITTERS if found == name)
    sides = (
        splitters.splitting("scratchnet.model_selection"),
        splitters.splitting(splitters.SKLEARN),
    )
    ours, theirs = both_results(sides, name, options, 200)
    assert len(ours) == 2
    assert harness.difference(ours, theirs) == 0


@pytest.mark.parametrize("estimator", estimators.ESTIMATORS, ids=lambda e: e[1])
def test_both_sides_of_estimators_give_the_same(estimator):
    pytest.importorskip("sklearn")
    *what, tolerance = estimator
    sides = estimators.fitting("scratchnet"), estimators.fitting("sklearn")
    ours, theirs = both_results(sides, *what, 300)
    assert np.ptp(theirs[0]) > 0
    assert harness.difference(ours, theirs) <= tolerance


def test_the_parts_of_estimators_have_means_of_their_own():
    rows = [
        harness.Row("estimators", "Ridge, 10^2", part, ratio=ratio)
        for part, ratio in (("fit", 2.0), ("fit", 0.5), ("predict", 0.1), ("transform", 0.4))
    ]
    assert estimators.remarks(rows) == {
        "geometric mean, fit": 1.0,
        "geometric mean, predict or transform": 0.2,
    }


def test_both_sides_of_validation_give_the_same_scores():
    pytest.importorskip("sklearn")
    for case in validation.CASES:
        if "LeaveOneOut" not in case.name and case.mean is not None:  # theirs takes seconds
            ours, theirs = both_results(case.sides.values(), *case.args)
            assert harness.difference(ours, theirs) <= case.tolerance


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

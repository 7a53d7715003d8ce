"""The tables that ship with the package: scikit-learn's arrays, entry for entry."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from scratchnet import datasets

TABLES = ["load_breast_cancer", "load_diabetes", "load_digits", "load_iris", "load_wine"]
CALLS = [(name, {}) for name in TABLES]
CALLS += [("load_diabetes", {"scaled": False})]
CALLS += [("load_digits", {"n_class": n}) for n in (1, 2, 9)]
FILES = Path(datasets.__file__).with_name("files")


def assert_same(ours, theirs):
    assert type(ours) is type(theirs)
    if isinstance(theirs, np.ndarray):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        assert (ours == theirs).all()
    else:
        assert ours == theirs


@pytest.mark.parametrize(("name", "options"), CALLS)
def test_every_array_equals_that_of_scikit_learn(name, options):
    reference = pytest.importorskip("sklearn.datasets")
    ours = getattr(datasets, name)(**options)
    theirs = getattr(reference, name)(**options)
    compared = {"data", "target", "images", "feature_names", "target_names"}
    assert compared & ours.keys() == compared & theirs.keys()
    for key in compared & theirs.keys():
        assert_same(ours[key], theirs[key])


@pytest.mark.parametrize(("name", "options"), CALLS)
def test_return_X_y_gives_data_and_target(name, options):
    bunch = getattr(datasets, name)(**options)
    X, y = getattr(datasets, name)(return_X_y=True, **options)
    assert_same(X, bunch.data)
    assert_same(y, bunch.target)


@pytest.mark.parametrize(
    ("name", "shape", "n_classes"),
    [
        ("load_breast_cancer", (569, 30), 2),
        ("load_digits", (1797, 64), 10),
        ("load_iris", (150, 4), 3),
        ("load_wine", (178, 13), 3),
    ],
)
def test_every_class_has_a_name_and_every_column_too(name, shape, n_classes):
    bunch = getattr(datasets, name)()
    assert bunch.data.shape == shape
    assert bunch.data.flags.c_contiguous
    assert len(bunch.feature_names) == shape[1]
    assert len(bunch.target_names) == n_classes
    np.testing.assert_array_equal(np.unique(bunch.target), range(n_classes))


def test_scaled_diabetes_is_centred_with_columns_of_length_one():
    X = datasets.load_diabetes().data
    # 442 numbers below 0.2 are summed: rounding stays far below 1e-14.
    np.testing.assert_allclose(X.sum(axis=0), 0, atol=1e-13)
    np.testing.assert_allclose((X**2).sum(axis=0), 1, rtol=1e-13)


def test_images_of_digits_are_the_data_in_another_shape():
    digits = datasets.load_digits()
    assert digits.images.shape == (1797, 8, 8)
    assert np.shares_memory(digits.images, digits.data)
    assert (digits.data.min(), digits.data.max()) == (0, 16)
    assert digits.feature_names[8 * 3 + 5] == "pixel_3_5"


@pytest.mark.parametrize("n_class", [0, 11, -1, 2.5, None])
def test_n_class_outside_1_to_10_is_refused(n_class):
    with pytest.raises(ValueError, match=f"from 1 to 10, got {n_class}"):
        datasets.load_digits(n_class=n_class)


@pytest.mark.parametrize("name", TABLES)
def test_what_is_returned_belongs_to_the_caller(name):
    load = getattr(datasets, name)
    first = load()
    expected = first.data.copy()
    first.data.fill(-1)
    first.target.fill(-1)
    again = load()
    np.testing.assert_array_equal(again.data, expected)
    assert (again.target >= 0).all()


def test_as_frame_is_left_out():
    with pytest.raises(TypeError, match="as_frame"):
        datasets.load_iris(as_frame=True)


@pytest.mark.parametrize("name", TABLES)
def test_the_description_gives_source_licence_and_changes(name):
    bunch = getattr(datasets, name)()
    assert Path(bunch.filename).is_file()
    for heading in ("## Source", "## Licence", "## What was changed"):
        assert heading in bunch.DESCR


def test_every_shipped_file_has_its_licence_beside_it_and_all_are_small():
    shipped = [path for path in FILES.iterdir() if path.suffix != ".md"]
    assert len(shipped) == 8
    for path in shipped:
        assert path.with_name(path.name.split(".")[0] + ".md").is_file()
    # The whole wheel must stay below 1 MB, with room for what is to come.
    assert sum(path.stat().st_size for path in FILES.iterdir()) < 150_000


def test_importing_reads_no_file_and_needs_numpy_only():
    program = """
import sys
opened = []
sys.addaudithook(lambda event, args: event == "open" and opened.append(str(args[0])))
import scratchnet.datasets, scratchnet.data
assert not [name for name in opened if "files" in name and "datasets" in name], opened
assert not {"PIL", "scipy", "sklearn", "matplotlib"} & set(sys.modules)
scratchnet.datasets.load_iris()
assert [name for name in opened if name.endswith("iris.columns.bz2")], "the hook sees what is opened"
"""
    subprocess.run([sys.executable, "-c", program], check=True)


# ---------------------------------------------------------------- Bunch


def test_entries_of_a_bunch_are_attributes():
    bunch = datasets.Bunch(data=1)
    bunch.target = 2
    assert bunch == {"data": 1, "target": 2}
    assert bunch["target"] == bunch.target == 2
    assert {"data", "target", "keys"} <= set(dir(bunch))
    with pytest.raises(AttributeError, match="no 'frame' here; there are data, target"):
        _ = bunch.frame
    assert not hasattr(bunch, "frame")


def test_a_bunch_survives_copying_and_pickling():
    bunch = datasets.load_iris()
    for twin in (copy.copy(bunch), copy.deepcopy(bunch), pickle.loads(pickle.dumps(bunch))):
        assert type(twin) is datasets.Bunch
        assert twin.keys() == bunch.keys()
        np.testing.assert_array_equal(twin.data, bunch.data)


def test_a_missing_name_beside_keys_that_are_no_strings_is_an_attribute_error():
    assert not hasattr(datasets.Bunch({1: 2}), "data")

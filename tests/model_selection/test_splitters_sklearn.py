"""The same folds as scikit-learn's for the same data and seed, index by index; the same errors and
warnings; the same text; each library's splitters inside the other's tools.
"""

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scratchnet import model_selection as ours
from scratchnet.model_selection.shuffle_split import part_sizes

theirs = pytest.importorskip("sklearn.model_selection")

seeds = st.none() | st.integers(0, 2**32 - 1)
sizes = st.none() | st.integers(-1, 30) | st.floats(-0.1, 1.1)


def run(call):
    """Return what a call gives, or the class of its error; and the classes of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except (ValueError, TypeError) as error:
            result = ValueError if isinstance(error, ValueError) else TypeError
    return result, [w.category for w in caught]


def assert_same_splits(name, options, X, y=None, groups=None):
    """Build one splitter of each library, and compare everything that they say."""
    results = []
    for library in (theirs, ours):

        def everything(library=library):
            splitter = getattr(library, name)(**options)
            # A list of arrays first, so that two calls with a RandomState see the same draws.
            splits = list(splitter.split(X, y, groups))
            return splits, splitter.get_n_splits(X, y, groups), repr(splitter)

        results.append(run(everything))
    (expected, expected_warnings), (found, found_warnings) = results
    assert found_warnings == expected_warnings
    if isinstance(expected, type):
        assert found is expected
        return
    assert found[1:] == expected[1:]
    assert len(found[0]) == len(expected[0])
    for a, b in zip(itertools.chain(*expected[0]), itertools.chain(*found[0]), strict=True):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype


@given(n=st.integers(0, 100), k=st.integers(0, 12), seed=seeds)
def test_k_fold(n, k, seed):
    assert_same_splits("KFold", {"n_splits": k}, np.zeros((n, 1)))
    assert_same_splits(
        "KFold", {"n_splits": k, "shuffle": True, "random_state": seed or 0}, range(n)
    )
    assert_same_splits("KFold", {"n_splits": k, "random_state": seed}, range(n))


labels = st.one_of(
    st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.array),
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6).flatmap(
        lambda values: st.lists(st.sampled_from(values), min_size=1, max_size=40).map(
            lambda y: np.array(y, dtype=np.int64)
        )
    ),
    st.lists(st.sampled_from([-128, 127, 3]), min_size=1, max_size=40).map(
        lambda y: np.array(y, dtype=np.int8)
    ),
    st.lists(st.sampled_from(["b", "aa", "c"]), min_size=1, max_size=40),
    st.lists(st.sampled_from([0.0, -0.0, -2.0, 1e15]), min_size=1, max_size=40).map(np.array),
    st.lists(st.booleans(), min_size=1, max_size=40).map(np.array),
)


@given(y=labels, k=st.integers(2, 7), shuffle=st.booleans(), seed=st.integers(0, 2**32 - 1))
@example(y=np.repeat([0, 1, 2], [7, 4, 1]), k=3, shuffle=True, seed=0)
@example(y=np.arange(700) // 2, k=2, shuffle=True, seed=0)  # more classes than a byte numbers
def test_stratified_k_fold(y, k, shuffle, seed):
    options = {"n_splits": k, "shuffle": shuffle, "random_state": seed if shuffle else None}
    assert_same_splits("StratifiedKFold", options, np.zeros(len(y)), y)


@given(y=labels, k=st.integers(1, 4), n_repeats=st.integers(0, 3), seed=st.integers(0, 99))
def test_repeated_k_folds(y, k, n_repeats, seed):
    options = {"n_splits": k, "n_repeats": n_repeats, "random_state": seed}
    assert_same_splits("RepeatedKFold", options, y)
    assert_same_splits("RepeatedStratifiedKFold", options, y, y)


@given(n=st.integers(0, 9), p=st.integers(1, 4))
def test_leaving_out(n, p):
    assert_same_splits("LeaveOneOut", {}, range(n))
    assert_same_splits("LeavePOut", {"p": p}, range(n))


@given(groups=labels, k=st.integers(2, 7), shuffle=st.booleans(), seed=st.integers(0, 99))
@example(groups=np.array([], int), k=2, shuffle=False, seed=0)
def test_group_splitters(groups, k, shuffle, seed):
    X = np.zeros(len(groups))
    options = {"n_splits": k, "shuffle": shuffle, "random_state": seed if shuffle else None}
    assert_same_splits("GroupKFold", options, X, groups=groups)
    assert_same_splits("LeaveOneGroupOut", {}, X, groups=groups)
    assert_same_splits("LeavePGroupsOut", {"n_groups": min(k, 3) - 1}, X, groups=groups)


@given(
    groups=st.lists(st.integers(0, 12), min_size=2, max_size=60).map(np.array),
    classes=st.integers(1, 11),
    k=st.integers(2, 9),
    shuffle=st.booleans(),
    seed=st.integers(0, 99),
)
def test_stratified_group_k_fold(groups, classes, k, shuffle, seed):
    y = np.random.default_rng(seed).integers(0, classes, len(groups))
    options = {"n_splits": k, "shuffle": shuffle, "random_state": seed if shuffle else None}
    assert_same_splits("StratifiedGroupKFold", options, y, y, groups)


@given(n=st.integers(0, 40), test=sizes, train=sizes, seed=st.integers(0, 99))
def test_shuffle_split(n, test, train, seed):
    options = {"n_splits": 3, "test_size": test, "train_size": train, "random_state": seed}
    assert_same_splits("ShuffleSplit", options, range(n))


@given(groups=labels, test=sizes, train=sizes, seed=st.integers(0, 99))
def test_group_shuffle_split(groups, test, train, seed):
    options = {"n_splits": 2, "test_size": test, "train_size": train, "random_state": seed}
    assert_same_splits("GroupShuffleSplit", options, range(len(groups)), groups=groups)


@settings(max_examples=120)
@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    test=sizes,
    train=sizes,
    seed=st.integers(0, 99),
)
def test_stratified_shuffle_split(counts, test, train, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)) * 7, counts))
    options = {"n_splits": 2, "test_size": test, "train_size": train, "random_state": seed}
    assert_same_splits("StratifiedShuffleSplit", options, y, y)
    assert_same_splits("StratifiedShuffleSplit", options, y, np.stack([y, -y], axis=1))


@given(
    n=st.integers(0, 40),
    k=st.integers(1, 6),
    gap=st.integers(0, 4),
    test_size=st.none() | st.integers(1, 6),
    most=st.none() | st.integers(0, 12),
)
def test_time_series_split(n, k, gap, test_size, most):
    options = {"n_splits": k, "gap": gap, "test_size": test_size, "max_train_size": most}
    assert_same_splits("TimeSeriesSplit", options, range(n))


@given(test_fold=st.lists(st.integers(-3, 5), min_size=1, max_size=90))
def test_predefined_split(test_fold):
    assert_same_splits("PredefinedSplit", {"test_fold": test_fold}, test_fold)


def test_a_random_state_instance_is_drawn_from_as_scikit_learn_does():
    y, groups = np.arange(40) % 3, np.arange(40) % 11
    for name, options in [
        ("KFold", {"shuffle": True}),
        ("StratifiedKFold", {"shuffle": True}),
        ("GroupKFold", {"shuffle": True}),
        ("StratifiedGroupKFold", {"shuffle": True}),
        ("RepeatedKFold", {"n_repeats": 2}),
        ("ShuffleSplit", {}),
        ("StratifiedShuffleSplit", {}),
        ("GroupShuffleSplit", {}),
    ]:
        left = []
        for library in (theirs, ours):
            state = np.random.RandomState(5)
            splitter = getattr(library, name)(**options, random_state=state)
            list(splitter.split(y, y, *([groups] if "Group" in name else [])))
            left.append(state.randint(2**31))  # as many draws were taken
        assert left[0] == left[1], name


@pytest.mark.parametrize(
    ("y", "groups"),
    [
        (None, None),
        ([0, 1, 0, np.nan], [0, 1, 2, 3]),
        ([0.5, 1, 1, 0.5], [0, 1, 2, np.inf]),
        (np.eye(4, dtype=int), [0, 0, 0, 1]),
        ([0, 1, 0], [0, 1, 0]),
        ([[0], [1], [0], [1]], [1.5, 0.5, 0.5, 1.5]),
        (np.array([0, 1, 0, 1], object), np.array([0, 1, 0, 1], object)),
        (["b", "a", "b", "a"], ["b", "a", "b", "a"]),
        ([0, 0, 0, 1], [0, 0, 0, 0]),
        ([1j, 1, 1j, 1], [1j, 1, 1j, 1]),
    ],
)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("KFold", {"n_splits": 2}),
        ("StratifiedKFold", {"n_splits": 2}),
        ("RepeatedStratifiedKFold", {"n_splits": 2, "random_state": 0}),
        ("StratifiedShuffleSplit", {"test_size": 0.5, "random_state": 0}),
        ("GroupKFold", {"n_splits": 2}),
        ("LeaveOneGroupOut", {}),
        ("LeavePGroupsOut", {"n_groups": 1}),
        ("GroupShuffleSplit", {"random_state": 0}),
    ],
)
def test_odd_targets_and_groups(name, options, y, groups):
    assert_same_splits(name, options, np.zeros(4), y, groups if "Group" in name else None)


@given(
    n=st.integers(1, 40),
    test=sizes,
    train=sizes,
    shuffle=st.booleans(),
    stratify=st.booleans(),
    seed=st.integers(0, 99),
)
def test_train_test_split(n, test, train, shuffle, stratify, seed):
    y = np.arange(n) % 3
    arrays = np.zeros((n, 2)) + y[:, None], y, y.tolist(), range(n)
    options = {"test_size": test, "train_size": train, "shuffle": shuffle, "random_state": seed}
    options["stratify"] = y if stratify else None
    (expected, _), (found, _) = (
        run(lambda library=library: library.train_test_split(*arrays, **options))
        for library in (theirs, ours)
    )
    if isinstance(expected, type):
        assert found is expected
        return
    for a, b in zip(expected, found, strict=True):
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b)


@given(n=st.integers(1, 50), test=sizes, train=sizes)
@example(n=50, test=np.float32(0.3), train=np.float32(0.7))
@example(n=50, test=np.int32(7), train=None)
def test_the_sizes_of_both_parts(n, test, train):
    validate = pytest.importorskip("sklearn.model_selection._split")._validate_shuffle_split
    expected, _ = run(lambda: validate(n, test, train, default_test_size=0.25))
    assert run(lambda: part_sizes(n, test, train, 0.25))[0] == expected


@pytest.mark.parametrize("classifier", [False, True])
@pytest.mark.parametrize(
    "y", [None, [0, 1, 0, 1], ["a", "b", "c", "a"], [0.5, 1.5, 2, 3], np.eye(4, dtype=int)]
)
@pytest.mark.parametrize("cv", [None, 2, np.int64(3), 1, 1.5, "ab", [([0], [1])], "generator"])
def test_check_cv(cv, y, classifier):
    (expected, _), (found, _) = (
        run(
            lambda library=library: library.check_cv(
                (pair for pair in [([0], [1])]) if cv == "generator" else cv,
                y,
                classifier=classifier,
            )
        )
        for library in (theirs, ours)
    )
    if isinstance(expected, type):
        assert found is expected
    elif hasattr(expected, "n_splits"):
        assert repr(found) == repr(expected)
    else:
        for _ in range(2):  # a generator was kept
            assert list(found.split(y)) == list(expected.split(y)) == [([0], [1])]
        assert found.get_n_splits() == expected.get_n_splits() == 1


@pytest.mark.parametrize("options", [{"shuffle": True, "random_state": 3}, {"random_state": 3}])
def test_check_cv_hands_shuffling_on(options):
    (expected, _), (found, _) = (
        run(lambda library=library: repr(library.check_cv(3, **options)))
        for library in (theirs, ours)
    )
    assert found == expected


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("GroupShuffleSplit", {"n_splits": 2, "random_state": 42, "train_size": 0.7}),
        ("GroupShuffleSplit", {"n_splits": 20000, "random_state": 123456789, "test_size": 1 / 3}),
        ("StratifiedShuffleSplit", {"test_size": np.float64(0.1), "train_size": 10**30}),
        ("KFold", {"n_splits": 3, "shuffle": True, "random_state": np.random.RandomState(0)}),
        ("PredefinedSplit", {"test_fold": np.arange(1000)}),
        ("PredefinedSplit", {"test_fold": np.arange(60)}),
        ("RepeatedKFold", {"n_splits": 3, "random_state": 1}),
        ("TimeSeriesSplit", {"gap": 2}),
        ("LeavePOut", {"p": 3}),
    ],
)
def test_a_splitter_prints_as_scikit_learns_does(name, options):
    assert repr(getattr(ours, name)(**options)) == repr(getattr(theirs, name)(**options))


SPLITTERS = [
    ("KFold", {"n_splits": 3}),
    ("StratifiedKFold", {"n_splits": 3, "shuffle": True, "random_state": 0}),
    ("GroupKFold", {"n_splits": 3}),
    ("LeavePGroupsOut", {"n_groups": 2}),
    ("StratifiedGroupKFold", {"n_splits": 2}),
    ("RepeatedStratifiedKFold", {"n_splits": 2, "n_repeats": 2, "random_state": 0}),
    ("StratifiedShuffleSplit", {"n_splits": 3, "random_state": 0}),
    ("TimeSeriesSplit", {"n_splits": 3}),
]


@pytest.mark.parametrize("is_routed", [False, True])
@pytest.mark.parametrize(("name", "options"), SPLITTERS, ids=[name for name, _ in SPLITTERS])
def test_scikit_learns_cross_validation_takes_our_splitters(name, options, is_routed):
    sklearn = pytest.importorskip("sklearn")
    from sklearn.dummy import DummyClassifier

    rng = np.random.default_rng(0)
    X, y, groups = np.zeros((40, 1)), np.arange(40) % 2, rng.integers(0, 5, 40)
    given = {"groups": groups} if "Group" in name else {}
    scores = []
    for library in (theirs, ours):
        cv = getattr(library, name)(**options)
        model = DummyClassifier(strategy="stratified", random_state=0)
        with sklearn.config_context(enable_metadata_routing=is_routed):
            arguments = {"params": given} if is_routed else given
            scores.append(theirs.cross_val_score(model, X, y, cv=cv, **arguments))
            search = theirs.GridSearchCV(model, {"random_state": [0, 1]}, cv=cv)
            scores.append(search.fit(X, y, **given).cv_results_["mean_test_score"])
    np.testing.assert_array_equal(scores[0], scores[2])
    np.testing.assert_array_equal(scores[1], scores[3])


@pytest.mark.parametrize(("name", "options"), SPLITTERS, ids=[name for name, _ in SPLITTERS])
def test_check_cv_takes_scikit_learns_splitters_as_they_are(name, options):
    cv = getattr(theirs, name)(**options)
    assert ours.check_cv(cv) is cv

"""Perceptron beside scikit-learn's: the same weights from the same seed."""

import numpy as np
import pytest

from scratchnet.linear_model import Perceptron

sklearn_linear_model = pytest.importorskip("sklearn.linear_model")
from sklearn import datasets, model_selection, pipeline, preprocessing  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",  # most of this data is not separable
)


def jittered(X, y):
    """Move the samples a little: whole numbers give scores of exactly 0, where rounding decides."""
    return X + 1e-3 * np.random.default_rng(0).normal(size=X.shape), y


IRIS = jittered(*datasets.load_iris(return_X_y=True))
CANCER = jittered(*datasets.load_breast_cancer(return_X_y=True))
WHOLE_DIGITS = tuple(a[:400] for a in datasets.load_digits(return_X_y=True))
DATA = {"iris": IRIS, "breast cancer": CANCER, "digits": jittered(*WHOLE_DIGITS)}
# Both add the same terms in the same order, a thousand times or so. They round alike where the
# compiler does not fuse scikit-learn's products and sums, and where no l2 penalty makes it keep w
# as a factor times a vector.
ROUNDED = 1e-11
OPTIONS = [
    {},
    {"shuffle": False},
    {"random_state": 7},
    {"eta0": 0.3},
    {"fit_intercept": False},
    {"tol": None, "max_iter": 12},
    {"tol": 0.5, "n_iter_no_change": 2},
    {"class_weight": "balanced"},
    {"class_weight": {1: 3.5}, "shuffle": False},
    {"early_stopping": True},
    {"early_stopping": True, "validation_fraction": 0.3, "n_iter_no_change": 2, "tol": 0.01},
    {"penalty": "l2"},
    {"penalty": "l2", "alpha": 0.01, "shuffle": False},
    {"penalty": "l1", "tol": None, "max_iter": 6},
    {"penalty": "elasticnet", "alpha": 0.001, "tol": None, "max_iter": 6, "eta0": 0.5},
]


def both(**options):
    return Perceptron(**options), sklearn_linear_model.Perceptron(**options)


def assert_same_weights(ours, theirs, rtol=ROUNDED):
    assert ours.coef_.dtype == theirs.coef_.dtype
    scale = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=rtol, atol=rtol * scale)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=rtol, atol=rtol * scale)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)


@pytest.mark.parametrize("data", DATA)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_same_seed_gives_scikit_learns_weights(options, data):
    X, y = DATA[data]
    ours, theirs = (model.fit(X, y) for model in both(**options))
    assert_same_weights(ours, theirs)
    assert ours.n_iter_ <= theirs.n_iter_  # theirs goes on after an epoch without a mistake
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


def test_the_epochs_are_scikit_learns_where_every_one_makes_a_mistake():
    X, y = CANCER
    ours, theirs = (model.fit(X, y) for model in both())
    assert ours.mistakes_[0][-1] > 0
    assert (ours.n_iter_, ours.t_) == (theirs.n_iter_, theirs.t_)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "options",
    [{}, {"shuffle": False, "class_weight": "balanced"}, {"early_stopping": True, "tol": 0.01}],
    ids=str,
)
def test_sample_weights_are_scikit_learns(options, n_classes):
    X, y = IRIS
    X, y = X[y < n_classes], y[y < n_classes]
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y)) ** 3
    ours, theirs = (model.fit(X, y, sample_weight=weight) for model in both(**options))
    assert_same_weights(ours, theirs)


def test_partial_fit_and_warm_starts_are_scikit_learns():
    X, y = IRIS
    models = both(warm_start=True, max_iter=4)
    for model in models:
        for part in (slice(0, 100), slice(30, 150), slice(0, 150)):
            model.partial_fit(X[part], y[part], classes=[0, 1, 2])
    assert_same_weights(*models)
    assert models[0].t_ == models[1].t_
    for model in models:
        model.fit(X, y)
    assert_same_weights(*models)


def test_a_random_state_is_drawn_from_in_the_same_order():
    X, y = DATA["digits"]
    for labels in (y, y == 8):
        ours, theirs = (
            model.set_params(random_state=np.random.RandomState(3)).fit(X, labels)
            for model in both(tol=None, max_iter=3)
        )
        assert_same_weights(ours, theirs)


def test_float32_is_kept_as_scikit_learn_keeps_it():
    X, y = WHOLE_DIGITS  # all sums are exact, in float32 too
    ours, theirs = (model.fit(X.astype(np.float32), y) for model in both())
    assert ours.coef_.dtype == np.float32
    assert_same_weights(ours, theirs, rtol=0)


def test_the_parameters_and_their_defaults_are_scikit_learns():
    ours, theirs = both()
    assert list(ours.get_params().items()) == list(theirs.get_params().items())


def test_bad_input_raises_the_kind_of_error_that_scikit_learn_raises():
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    cases = [
        {"X": X, "y": [1, 1, 1, 1]},
        {"X": X, "y": [0, 1, 1]},
        {"X": X, "y": [0, 0.5, 1, 1]},
        {"X": X, "y": None},
        {"X": X, "y": np.eye(4)},
        {"X": X[0], "y": [0, 1]},
        {"X": [["a"], ["b"]], "y": [0, 1]},
        {"X": [[{}], [{}]], "y": [0, 1]},
        {"X": X, "y": np.array([0, 1, "a", 1], object)},
        {"X": X + 1j, "y": [0, 1, 1, 0]},
        {"X": X * np.nan, "y": [0, 1, 1, 0]},
        {"X": X, "y": [0, 1, 1, 0], "sample_weight": [1, 2]},
        {"X": X, "y": [0, 1, 1, 0], "sample_weight": [0, 0, 0, 0]},
        {"X": X, "y": [0, 1, 1, 0], "coef_init": [1.0, 2.0, 3.0]},
    ]
    for case in cases:
        kinds = []
        for model in both():
            try:
                model.fit(**case)
            except (TypeError, ValueError) as error:
                kinds.append(ValueError if isinstance(error, ValueError) else TypeError)
        assert len(kinds) == 2, case
        assert kinds[0] is kinds[1], case


# scikit-learn's tools


def test_it_works_inside_scikit_learns_tools():
    X, y = IRIS
    model = pipeline.make_pipeline(preprocessing.StandardScaler(), Perceptron())
    search = model_selection.GridSearchCV(
        model, {"perceptron__eta0": [0.1, 1], "perceptron__penalty": [None, "l2"]}, cv=3
    )
    search.fit(X, y)
    assert search.best_score_ > 0.85
    scores = model_selection.cross_val_score(Perceptron(), X, y, cv=model_selection.KFold(3))
    expected = model_selection.cross_val_score(both()[1], X, y, cv=model_selection.KFold(3))
    np.testing.assert_array_equal(scores, expected)

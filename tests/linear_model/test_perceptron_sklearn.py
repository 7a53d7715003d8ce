"""Perceptron beside scikit-learn's: the same weights from the same seed, and its estimator checks."""

import unittest
import warnings

import numpy as np
import pytest

from scratchnet.linear_model import Perceptron

sklearn_linear_model = pytest.importorskip("sklearn.linear_model")
from sklearn import datasets, model_selection, pipeline, preprocessing  # noqa: E402
from sklearn.utils import estimator_checks  # noqa: E402

pytestmark = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning",  # most of this data is not separable
    "ignore:Estimator Perceptron does not inherit from:UserWarning",
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


def checks_of(estimator):
    """Yield each check: its name, which is one or two partials deep, the estimator, the call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generated = list(estimator_checks.estimator_checks_generator(estimator))
    for instance, check in generated:
        inner = check.func
        yield getattr(inner, "func", inner).__name__, instance, check


# A rule that learns from one sample at a time depends on their order, and the check shuffles the
# weighted samples but not the repeated ones. scikit-learn exempts its own Perceptron from it too.
CANNOT_HOLD = "check_sample_weight_equivalence_on_dense_data"


# What these look at (a pandas object, another array library) is not installed with the test extras;
# the rest of the second one has run by the time that it asks for pandas.
MAY_SKIP = {
    "check_sample_weights_pandas_series",
    "check_classifier_data_not_an_array",
    "check_array_api_input",
}


@pytest.mark.parametrize(
    ("name", "instance", "check"),
    [
        pytest.param(name, instance, check, id=f"{i}-{name}")
        for i, (name, instance, check) in enumerate(checks_of(Perceptron()))
        if name != CANNOT_HOLD
    ],
)
def test_scikit_learns_estimator_check_passes(name, instance, check):
    try:
        check(instance)
    except unittest.SkipTest:
        assert name in MAY_SKIP


def test_no_check_of_scikit_learns_own_perceptron_is_missed():
    ours = [name for name, *_ in checks_of(Perceptron())]
    theirs = [name for name, *_ in checks_of(sklearn_linear_model.Perceptron())]
    assert len(ours) > 50
    not_ours = {
        "check_sample_weight_equivalence_on_sparse_data",  # sparse matrices are refused
        "check_sparsify_coefficients",  # sparsify needs SciPy
        "check_class_weight_balanced_linear_classifier",  # asks isinstance; run below
    }
    assert set(theirs) - set(ours) <= not_ours
    assert len(ours) >= len(theirs) - len(not_ours)


def test_the_check_of_balanced_class_weights_passes():
    check = estimator_checks.check_class_weight_balanced_linear_classifier
    check("Perceptron", Perceptron())


def test_scikit_learn_exempts_its_own_perceptron_from_the_check_that_cannot_hold():
    generator = pytest.importorskip("sklearn.utils._test_common.instance_generator")
    exempt = generator.PER_ESTIMATOR_XFAIL_CHECKS[sklearn_linear_model.Perceptron]
    assert CANNOT_HOLD in exempt

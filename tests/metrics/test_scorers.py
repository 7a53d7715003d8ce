"""Scorers: which output of an estimator they take, several at once, all folds at once."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import metrics
from scratchnet.base import BaseEstimator, ClassifierMixin, RegressorMixin
from scratchnet.linear_model import Perceptron
from scratchnet.metrics import check_scoring, get_scorer, get_scorer_names, make_scorer


class Known(BaseEstimator):
    """An estimator whose outputs are given; it counts how often each was asked for."""

    def __init__(self, **outputs):
        self.calls = []
        for name, output in outputs.items():
            if name == "classes_":
                self.classes_ = np.array(output)
            else:
                setattr(self, name, self.method(name, output))

    def method(self, name, output):
        def call(X):
            self.calls.append(name)
            return np.asarray(output)

        call.__name__ = name
        return call

    def fit(self, X, y):
        return self


class Classifier(ClassifierMixin, Known):
    pass


class Regressor(RegressorMixin, Known):
    pass


class Fits(BaseEstimator):
    def fit(self, X, y):
        return self


X = np.zeros((4, 1))
Y = np.array([0, 1, 1, 0])
PROBABILITY = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7]])


def binary(classes=(0, 1)):
    labels = np.array(classes)
    return Classifier(
        classes_=classes,
        predict=labels[[0, 0, 1, 1]],
        predict_proba=PROBABILITY,
        decision_function=PROBABILITY[:, 1] - 0.5,
    )


# what the metric is given


def test_a_scorer_is_the_metric_of_the_predictions_with_its_sign():
    model = Regressor(predict=[1.0, 2.0, 3.0, 5.0])
    y = [1.0, 2.0, 3.0, 4.0]
    assert get_scorer("r2")(model, X, y) == metrics.r2_score(y, [1, 2, 3, 5])
    assert get_scorer("neg_mean_squared_error")(model, X, y) == -0.25
    weight = [1, 1, 0, 2]
    assert get_scorer("neg_mean_squared_error")(model, X, y, sample_weight=weight) == -0.5
    assert make_scorer(metrics.mean_pinball_loss, alpha=0.25)(model, X, y) == 0.75 / 4


@pytest.mark.parametrize("classes", [(0, 1), ("no", "yes")])
def test_the_probability_is_that_of_the_positive_class(classes):
    y = np.array(classes)[Y]
    model = binary(classes)
    for method in ("predict_proba", "decision_function"):
        for pos_label, right in ((classes[1], Y == 1), (classes[0], Y == 0)):
            sign = 1 if pos_label == classes[1] else -1
            expected = metrics.roc_auc_score(right, sign * PROBABILITY[:, 1])
            scorer = make_scorer(
                lambda t, s, pos_label: metrics.roc_auc_score(t == pos_label, s),
                response_method=method,
                pos_label=pos_label,
            )
            assert scorer(model, X, y) == pytest.approx(expected)


def test_the_default_of_the_metrics_pos_label_counts_and_must_be_a_class():
    scorer = make_scorer(metrics.average_precision_score, response_method="decision_function")
    assert scorer(binary(), X, Y) == metrics.average_precision_score(Y, PROBABILITY[:, 1])
    with pytest.raises(ValueError, match=r"pos_label=1 is not a valid label: .*\['no', 'yes'\]"):
        scorer(binary(("no", "yes")), X, np.array(["no", "yes"])[Y])


def test_the_first_method_that_is_there_is_taken():
    scorer = get_scorer("roc_auc")
    model = binary()
    scorer(model, X, Y)
    assert model.calls == ["decision_function"]
    model = Classifier(classes_=(0, 1), predict_proba=PROBABILITY)
    assert scorer(model, X, Y) == metrics.roc_auc_score(Y, PROBABILITY[:, 1])
    with pytest.raises(AttributeError, match=r"none of .*: decision_function, predict_proba"):
        scorer(Classifier(classes_=(0, 1), predict=Y), X, Y)


def test_probabilities_of_several_classes_stay_a_table():
    table = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.5, 0.4, 0.1]])
    model = Classifier(classes_=(0, 1, 2), predict_proba=table)
    y = [0, 1, 2, 1]
    assert get_scorer("neg_log_loss")(model, X, y) == -metrics.log_loss(y, table)


def test_the_probabilities_of_several_labels_become_one_table():
    columns = [PROBABILITY, PROBABILITY[::-1]]
    model = Classifier(predict_proba=Y)
    model.predict_proba = lambda X: columns
    model.predict_proba.__name__ = "predict_proba"
    model.classes_ = [np.array([0, 1]), np.array([0, 1])]
    y = np.stack([Y, 1 - Y], axis=1)
    scorer = make_scorer(metrics.roc_auc_score, response_method="predict_proba")
    expected = metrics.roc_auc_score(y, np.stack([c[:, 1] for c in columns], axis=1))
    assert scorer(model, X, y) == expected


def test_a_classifier_of_one_class_has_no_probability_of_two():
    model = Classifier(classes_=(0,), predict_proba=np.ones((4, 1)))
    with pytest.raises(ValueError, match="need classifier with two classes"):
        get_scorer("neg_log_loss")(model, X, Y)


def test_a_parameter_passed_twice_gives_a_warning_and_the_call_counts():
    scorer = make_scorer(metrics.mean_squared_error, sample_weight=[1, 1, 1, 1])
    model = Regressor(predict=[0.0, 0.0, 0.0, 2.0])
    with pytest.warns(UserWarning, match="sample_weight"):
        assert scorer(model, X, [0.0] * 4, sample_weight=[1, 0, 0, 1]) == 2


# several scorers


def test_several_scorers_ask_for_each_output_once():
    names = ["accuracy", "f1", "roc_auc", "average_precision", "neg_log_loss", "neg_brier_score"]
    model = binary()
    scorer = check_scoring(model, names)
    scores = scorer(model, X, Y)
    assert sorted(model.calls) == ["decision_function", "predict", "predict_proba"]
    assert scores == {name: get_scorer(name)(binary(), X, Y) for name in names}
    assert str(check_scoring(model, ["accuracy", "r2"])) == 'MultiMetricScorer("accuracy", "r2")'


def test_scorers_that_share_an_output_keep_their_own_positive_class():
    # (scikit-learn gives the second one the column of the first.)
    scorers = {
        str(pos_label): make_scorer(
            metrics.brier_score_loss, response_method="predict_proba", pos_label=pos_label
        )
        for pos_label in (0, 1)
    }
    model = binary()
    scores = check_scoring(model, scorers)(model, X, Y)
    assert model.calls == ["predict_proba"]
    assert scores == {name: one(model, X, Y) for name, one in scorers.items()}


def test_weights_go_to_the_scorers_that_take_them():
    def unweighted(y_true, y_pred):
        return 1.0

    model = binary()
    scoring = {"accuracy": "accuracy", "other": make_scorer(unweighted)}
    scorer = check_scoring(model, scoring)
    assert scorer(model, X, Y, sample_weight=[1, 0, 0, 0]) == {"accuracy": 1.0, "other": 1.0}


def test_a_scorer_that_fails_raises_or_gives_the_error_as_text():
    def fails(estimator, X, y):
        raise ValueError("out of order")

    scoring = {"accuracy": "accuracy", "fails": fails}
    with pytest.raises(ValueError, match="out of order"):
        check_scoring(binary(), scoring)(binary(), X, Y)
    scores = check_scoring(binary(), scoring, raise_exc=False)(binary(), X, Y)
    assert scores["accuracy"] == 0.5
    assert "ValueError: out of order" in scores["fails"]


# what scoring may be


def test_without_scoring_the_estimators_own_score_counts():
    model = binary()
    scorer = check_scoring(model)
    assert scorer(model, X, Y) == 0.5
    assert repr(scorer) == "Classifier.score"
    assert check_scoring(Fits(), allow_none=True) is None
    with pytest.raises(TypeError, match="a 'score' method"):
        check_scoring(Fits())
    with pytest.raises(TypeError, match="a method 'fit'"):
        check_scoring(3, "accuracy")


def test_a_callable_is_a_scorer_but_a_metric_is_not():
    def scorer(estimator, X, y):
        return 3.0

    assert check_scoring(binary(), scorer) is scorer
    assert get_scorer(scorer) is scorer
    for metric in (metrics.accuracy_score, metrics.r2_score, metrics.rand_score):
        with pytest.raises(ValueError, match="make_scorer turns it into a scorer"):
            check_scoring(binary(), metric)


@pytest.mark.parametrize(
    ("scoring", "words"),
    [
        ("acuracy", "'acuracy' is not a valid scoring value"),
        ([], r"scoring is empty: \[\]"),
        ({}, r"scoring is empty: \{\}"),
        (["f1", "f1"], "names a scorer twice"),
        ([len], "pass a dictionary"),
        ({1: "f1"}, r"keys of scoring must be strings, got \[1\]"),
        (7, "got 7"),
    ],
)
def test_scoring_that_names_no_scorer_is_refused(scoring, words):
    with pytest.raises(ValueError, match=words):
        check_scoring(binary(), scoring)


def test_make_scorer_refuses_what_is_no_function_and_no_method():
    with pytest.raises(TypeError, match="got 'accuracy'"):
        make_scorer("accuracy")
    for methods in ("score", [], ["predict", "transform"]):
        with pytest.raises(ValueError, match="response_method must be of"):
            make_scorer(metrics.accuracy_score, response_method=methods)


@pytest.mark.parametrize("name", get_scorer_names())
def test_a_scorer_is_new_each_time_and_survives_pickling(name):
    scorer = get_scorer(name)
    assert scorer is not get_scorer(name)
    copy = pickle.loads(pickle.dumps(scorer))
    assert repr(copy) == repr(scorer)
    assert (copy.sample_scores is None) == (scorer.sample_scores is None)


# all folds at once

SAMPLE_METRICS = {
    "accuracy": {},
    "neg_mean_squared_error": {},
    "neg_root_mean_squared_error": {},
    "neg_mean_squared_log_error": {},
    "neg_root_mean_squared_log_error": {},
    "neg_mean_absolute_error": {},
    "neg_mean_absolute_percentage_error": {},
    "neg_mean_poisson_deviance": {},
    "neg_mean_gamma_deviance": {},
}
SAMPLE_SCORERS = {
    **{name: get_scorer(name) for name in SAMPLE_METRICS},
    "zero_one": make_scorer(metrics.zero_one_loss, greater_is_better=False),
    "pinball": make_scorer(metrics.mean_pinball_loss, alpha=0.2, greater_is_better=False),
    "tweedie": make_scorer(metrics.mean_tweedie_deviance, power=1.5, greater_is_better=False),
}
OF_ONE_OUTPUT = ("neg_mean_poisson_deviance", "neg_mean_gamma_deviance", "tweedie")
OF_CLASSES = ("accuracy", "zero_one")


@pytest.mark.parametrize("name", SAMPLE_SCORERS)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    n_outputs=st.integers(0, 3),
    seed=st.integers(0, 100),
)
def test_the_scores_of_all_folds_are_those_of_each_fold_by_itself(name, sizes, n_outputs, seed):
    scorer = SAMPLE_SCORERS[name]
    rng = np.random.default_rng(seed)
    starts = np.cumsum([0, *sizes])
    shape = (starts[-1],) if n_outputs == 0 or name in OF_ONE_OUTPUT else (starts[-1], n_outputs)
    if name in OF_CLASSES:
        y_true, y_pred = rng.integers(0, 2, (2, *shape))
    else:
        y_true, y_pred = rng.gamma(2, size=(2, *shape)) + 0.01
    found = scorer.score_groups(y_true, y_pred, starts)
    parts = [slice(a, b) for a, b in pairwise(starts)]
    expected = [scorer(Known(predict=y_pred[part]), None, y_true[part]) for part in parts]
    # A sum in another order; what counts samples is exact.
    np.testing.assert_allclose(found, expected, rtol=0 if name in OF_CLASSES else 1e-12)

    values = scorer.sample_scores(y_true, y_pred)
    is_root = name.startswith("neg_root")
    means = np.array([values[part].mean(axis=0) for part in parts])
    if is_root and n_outputs > 1:
        assert values.shape == shape
        means = np.sqrt(means).mean(axis=1)
    else:
        assert values.shape == shape[:1]
        means = np.sqrt(means) if is_root else means
    np.testing.assert_allclose(scorer._sign * means, expected, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(get_scorer_names()) - set(SAMPLE_METRICS)))
def test_what_is_no_mean_over_samples_has_no_sample_scores(name):
    scorer = get_scorer(name)
    assert scorer.sample_scores is None
    with pytest.raises(TypeError, match="not a mean over samples"):
        scorer.score_groups([0, 1], [0, 1], [0, 2])


def test_other_arguments_and_other_functions_have_no_sample_scores():
    def custom(y_true, y_pred):
        return 0.0

    for scorer in (
        make_scorer(custom),
        make_scorer(metrics.accuracy_score, normalize=False),
        make_scorer(metrics.mean_squared_error, multioutput=[1, 2]),
        make_scorer(metrics.mean_squared_error, sample_weight=[1, 2]),
        make_scorer(metrics.mean_squared_error, response_method="decision_function"),
    ):
        assert scorer.sample_scores is None


@pytest.mark.parametrize(
    "starts",
    [
        *([0, 2, 2, 4], [1, 4], [0, 3], [0], [0, 5], [4, 0]),
        *([], 4, None, [[0, 4]], [0.0, 4.0], [0.0, 1.5, 4.0], [0.0, np.nan, 4.0], ["0", "4"]),
    ],
)
def test_folds_that_do_not_cover_the_samples_are_refused(starts):
    with pytest.raises(ValueError, match=r"rise from 0 to the number of samples, 4"):
        get_scorer("accuracy").score_groups([0, 1, 1, 0], [0, 0, 1, 1], starts)


def test_text_labels_and_single_samples_are_scored_for_all_folds():
    y_true, y_pred = np.array(["a", "b", "b"]), np.array(["a", "a", "b"])
    found = get_scorer("accuracy").score_groups(y_true, y_pred, np.arange(4))
    np.testing.assert_array_equal(found, [1.0, 0.0, 1.0])


# scikit-learn


def test_the_names_and_what_they_stand_for_are_scikit_learns():
    reference = pytest.importorskip("sklearn.metrics")
    assert get_scorer_names() == reference.get_scorer_names()
    for name in get_scorer_names():
        assert repr(get_scorer(name)) == repr(reference.get_scorer(name))


@pytest.fixture
def separated():
    """Two classes of points, and a perceptron fitted to them."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 60)
    points = rng.normal(size=(60, 2)) + 1.5 * y[:, np.newaxis]
    return points, y


@pytest.mark.filterwarnings("ignore::scratchnet.exceptions.ConvergenceWarning")
def test_our_scorers_work_in_scikit_learns_tools_and_theirs_in_ours(separated):
    reference = pytest.importorskip("sklearn.metrics")
    selection = pytest.importorskip("sklearn.model_selection")
    linear = pytest.importorskip("sklearn.linear_model")
    points, y = separated
    for model in (linear.LogisticRegression(), Perceptron()):
        for name in ("accuracy", "roc_auc", "f1_macro", "balanced_accuracy"):
            ours = selection.cross_val_score(model, points, y, scoring=get_scorer(name), cv=4)
            theirs = selection.cross_val_score(model, points, y, scoring=name, cv=4)
            np.testing.assert_allclose(ours, theirs, rtol=1e-12)  # sums in another order
        found = selection.cross_validate(
            model, points, y, scoring={"a": get_scorer("accuracy"), "b": "accuracy"}, cv=4
        )
        np.testing.assert_array_equal(found["test_a"], found["test_b"])
        model.fit(points, y)
        names = ["accuracy", "roc_auc", "f1", "neg_mean_squared_error"]
        mixed = {name: reference.get_scorer(name) for name in names[:2]}
        mixed |= {name: get_scorer(name) for name in names[2:]}
        scores = check_scoring(model, mixed)(model, points, y)
        expected = reference.check_scoring(model, scoring=names)(model, points, y)
        assert scores == pytest.approx(expected)


def test_scikit_learns_metrics_are_told_from_scorers_too():
    reference = pytest.importorskip("sklearn.metrics")
    with pytest.raises(ValueError, match="make_scorer"):
        check_scoring(binary(), reference.accuracy_score)
    scorer = reference.get_scorer("accuracy")
    assert check_scoring(binary(), scorer) is scorer

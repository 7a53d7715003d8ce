"""Every classification metric beside scikit-learn's: values, types, warnings and the class of errors,
over labels of every type, averages, weights, chosen labels and what replaces the undefined.
"""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import metrics as ours

theirs = pytest.importorskip("sklearn.metrics")

WORDS = np.array(["b", "a", "dd", "c", "x"])
# How the classes 0 … 3 are written. (More would say nothing new.)
KINDS = {
    "int": lambda y: y,
    "gaps": lambda y: y * 3 - 4,
    "int8": lambda y: y.astype(np.int8),
    "uint8": lambda y: y.astype(np.uint8),
    "float": lambda y: y.astype(float),
    "bool": lambda y: y > 0,
    "str": lambda y: WORDS[y],
    "object": lambda y: WORDS[y].astype(object),
    "list": lambda y: y.tolist(),
    "far apart": lambda y: y * 10**7,
}
ZERO_DIVISION = ["warn", 0, 1, np.nan]
# Sums in another order: a few roundings of each of at most 12 terms; differences of them may cancel.
CLOSE = {"rtol": 1e-10, "atol": 1e-13}


def run(function, *args, **options):
    """Return what a call gives, or its error; and the names of the classes of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **options)
        except (ValueError, TypeError, ZeroDivisionError) as error:
            result = error
    # NumPy's own warnings of 0/0 come once or twice, depending on how a quotient is computed.
    return result, {w.category.__name__ for w in caught} - {"RuntimeWarning"}


def assert_same(name, *args, **options):
    expected, their_warnings = run(getattr(theirs, name), *args, **options)
    found, our_warnings = run(getattr(ours, name), *args, **options)
    if isinstance(expected, Exception):
        assert isinstance(found, type(expected) if type(expected) is TypeError else Exception), (
            found
        )
        assert isinstance(found, ValueError) == isinstance(expected, ValueError), (found, expected)
        return
    assert not isinstance(found, Exception), (found, expected)
    assert our_warnings == their_warnings
    assert_equal(found, expected)


def assert_equal(found, expected):
    if isinstance(expected, str):
        # Where no prediction is right scikit-learn prints the support as 1.0; a space takes its place.
        found, expected = (text.replace(".0\n", "\n").split() for text in (found, expected))
        assert found == expected
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for name in expected:
            assert_equal(found[name], expected[name])
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif expected is None:
        assert found is None
    else:
        assert isinstance(found, type(expected)) or isinstance(expected, np.float64)
        np.testing.assert_allclose(found, expected, **CLOSE)


@st.composite
def problems(draw, multilabel=False, most=4):
    """Draw true and predicted labels, of at most so many classes, weights, and labels to look at."""
    # Mostly several samples of several classes: Hypothesis likes 1, which few scores are defined for.
    n, seed = draw(st.sampled_from([12, 12, 8, 5, 2, 1])), draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    if multilabel:
        K = draw(st.integers(2, 3))
        y_true, y_pred = rng.integers(0, 2, (2, n, K))
        present, unknown = np.arange(K), K
    else:
        K = draw(st.sampled_from([most, most, 2, 1]))
        kind = draw(st.sampled_from(list(KINDS)))
        y_true, y_pred = (KINDS[kind](rng.integers(0, K, n)) for _ in range(2))
        y_pred = draw(
            st.sampled_from([y_pred, y_true, y_true[:1] * n if kind == "list" else y_pred])
        )
        present = np.unique(np.append(y_true, y_pred))
        unknown = "zz" if kind in ("str", "object") else 77
    weight = draw(
        st.sampled_from([None, rng.random(n), rng.integers(0, 4, n), rng.integers(0, 2, n) * 1.0])
    )
    labels = draw(st.none() | st.permutations(present.tolist()))
    if labels is not None:
        labels = labels[: draw(st.integers(1, len(labels)))]
        if draw(st.booleans()):
            labels = [*labels, unknown]
    return y_true, y_pred, weight, labels


MEANS = ["accuracy_score", "zero_one_loss", "hamming_loss"]
SETS = ["precision_score", "recall_score", "f1_score", "fbeta_score", "jaccard_score"]


@pytest.mark.parametrize("name", MEANS + ["balanced_accuracy_score", "matthews_corrcoef"])
@given(problems() | problems() | problems() | problems(multilabel=True), st.booleans())
def test_one_number_of_all_classes(name, problem, flag):
    y_true, y_pred, weight, _ = problem
    option = {"accuracy_score": "normalize", "zero_one_loss": "normalize"}.get(name)
    options = (
        {"adjusted": flag} if name.startswith("balanced") else {option: flag} if option else {}
    )
    assert_same(name, y_true, y_pred, sample_weight=weight, **options)


@given(problems(), st.sampled_from([None, "true", "pred", "all"]))
def test_confusion_matrices(problem, normalize):
    y_true, y_pred, weight, labels = problem
    options = {"sample_weight": weight, "labels": labels}
    assert_same("confusion_matrix", y_true, y_pred, **options, normalize=normalize)
    assert_same("multilabel_confusion_matrix", y_true, y_pred, **options)


@given(problems(multilabel=True), st.booleans())
def test_confusion_matrices_of_tables(problem, samplewise):
    y_true, y_pred, weight, labels = problem
    options = {"sample_weight": weight, "labels": labels, "samplewise": samplewise}
    assert_same("multilabel_confusion_matrix", y_true, y_pred, **options)
    assert_same("confusion_matrix", y_true, y_pred)


@given(problems(), st.sampled_from([None, "linear", "quadratic"]))
def test_kappa(problem, weights):
    y1, y2, weight, labels = problem
    options = {"sample_weight": weight, "labels": labels, "weights": weights}
    assert_same("cohen_kappa_score", y1, y2, **options)


@given(problems(most=2), st.sampled_from([1.0, np.nan, {"LR+": 3.0, "LR-": 0.5}]))
def test_likelihood_ratios(problem, instead):
    y_true, y_pred, weight, _ = problem
    options = {"sample_weight": weight, "replace_undefined_by": instead}
    assert_same("class_likelihood_ratios", y_true, y_pred, **options)


@pytest.mark.parametrize("average", [None, "binary", "micro", "macro", "weighted", "samples"])
@settings(max_examples=40)
@given(
    problems() | problems(multilabel=True),
    st.sampled_from([1, 0, "a", True, None, 77]),
    st.sampled_from(range(4)),
    st.sampled_from([0, 0.5, 2, np.inf]),
)
def test_scores_of_sets(average, problem, pos_label, zero, beta):
    y_true, y_pred, weight, labels = problem
    options = {"average": average, "labels": labels, "sample_weight": weight}
    options |= {"pos_label": pos_label, "zero_division": ZERO_DIVISION[zero]}
    for name in SETS:
        if not (name == "jaccard_score" and zero == 3):  # NaN is not among its choices
            more = {"beta": beta} if name == "fbeta_score" else {}
            assert_same(name, y_true, y_pred, **options, **more)
    assert_same("precision_recall_fscore_support", y_true, y_pred, **options, beta=beta)


@given(problems() | problems(multilabel=True), st.sampled_from(range(4)), st.integers(0, 4))
def test_the_report_as_text_and_as_a_dictionary(problem, zero, digits):
    y_true, y_pred, weight, labels = problem
    options = {"labels": labels, "zero_division": ZERO_DIVISION[zero]}
    assert_same("classification_report", y_true, y_pred, **options, digits=digits)
    options |= {"sample_weight": weight, "output_dict": True}
    assert_same("classification_report", y_true, y_pred, **options)


PROBABILITIES = ["log_loss", "brier_score_loss", "d2_log_loss_score", "d2_brier_score"]


@pytest.mark.parametrize("name", [*PROBABILITIES, "hinge_loss", "top_k_accuracy_score"])
@given(
    problems(),
    st.sampled_from(["random", "certain", "ties", "too large"]),
    st.sampled_from([0, 0, 0, 1]),
    st.booleans(),
)
def test_scores_of_probabilities_and_decisions(name, problem, values, n_more, with_labels):
    y_true, _, weight, _ = problem
    if weight is not None:
        weight = (
            weight + 0.5
        )  # D² without a weight on one of the classes is −∞, or 1e31 by rounding
    n, present = len(y_true), np.unique(y_true).tolist()
    K = max(2, len(present) + n_more)
    rng = np.random.default_rng(n)
    proba = {
        "random": rng.dirichlet(np.ones(K), n),
        "certain": np.eye(K)[rng.integers(0, K, n)],
        "ties": np.full((n, K), 1 / K),
        "too large": rng.random((n, K)) * 2,
    }[values]
    if name in ("hinge_loss", "top_k_accuracy_score"):
        proba = proba * 4 - 2
    unseen = ["y", "z"] if isinstance(present[0], str) else [80, 90]
    labels = sorted((present + unseen)[:K]) if with_labels else None
    options = {"sample_weight": weight}
    assert_same(name, y_true, proba, **options, labels=labels)
    if not (name.startswith("d2") and len(present) == 1):  # 0/0 or 1e31, by rounding
        assert_same(name, y_true, proba[:, 0], **options)


@given(problems(multilabel=True))
def test_losses_of_tables_of_zeros_and_ones(problem):
    y_true, _, weight, _ = problem
    proba = np.random.default_rng(len(y_true)).dirichlet(np.ones(y_true.shape[1]), len(y_true))
    for name in ("log_loss", "brier_score_loss"):
        assert_same(name, y_true, proba, sample_weight=weight)


def test_the_signatures_are_scikit_learns():
    from inspect import signature

    for name in (
        *MEANS,
        *SETS,
        *PROBABILITIES,
        *("balanced_accuracy_score", "matthews_corrcoef", "confusion_matrix", "cohen_kappa_score"),
        *("multilabel_confusion_matrix", "class_likelihood_ratios", "classification_report"),
        *("precision_recall_fscore_support", "hinge_loss", "top_k_accuracy_score"),
    ):
        one, other = (
            [
                (p.name, p.kind, str(p.default))
                for p in signature(getattr(m, name)).parameters.values()
            ]
            for m in (ours, theirs)
        )
        assert one == other, name

"""Matthews' correlation, Cohen's kappa and likelihood ratios, by their equations; where undefined."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics import (
    class_likelihood_ratios,
    cohen_kappa_score,
    confusion_matrix,
    matthews_corrcoef,
)

pytestmark = pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)
CLOSE = {"rel": 1e-12, "abs": 1e-14}  # differences of sums of up to 12² products


@given(pairs)
def test_of_two_classes_matthews_correlation_is_pearsons(pairs):
    a, b = (np.array(column) % 2 for column in zip(*pairs, strict=True))
    found = matthews_corrcoef(a, b)
    assume(a.std() > 0 and b.std() > 0)
    assert found == pytest.approx(np.corrcoef(a, b)[0, 1], **CLOSE)


@given(pairs)
def test_of_more_it_is_the_correlation_of_the_indicator_tables(pairs):
    # cov(X, Y) = Σ_k Σ_n (X_nk − mean)(Y_nk − mean), X and Y one-hot: Gorodkin's definition.
    X, Y = (np.eye(4)[list(column)] for column in zip(*pairs, strict=True))
    X, Y = X - X.mean(axis=0), Y - Y.mean(axis=0)
    variances = (X * X).sum() * (Y * Y).sum()
    expected = (X * Y).sum() / np.sqrt(variances) if variances > 1e-12 else 0.0
    found = matthews_corrcoef(*zip(*pairs, strict=True))
    assert found == pytest.approx(expected, rel=1e-10, abs=1e-12)  # the means round


def test_matthews_correlation_of_very_many_samples_does_not_overflow():
    weight = np.array([3, 1, 2, 4]) * 10**15  # the products of the counts go beyond 2⁶³
    found = matthews_corrcoef([0, 0, 1, 1], [0, 1, 0, 1], sample_weight=weight)
    assert found == pytest.approx((3 * 4 - 1 * 2) / np.sqrt(4 * 6 * 5 * 5), rel=1e-14)


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
@given(pairs=pairs)
def test_kappa_is_one_minus_the_disagreement_over_that_of_chance(pairs, weights):
    y1, y2 = zip(*pairs, strict=True)
    classes = sorted({*y1, *y2})
    place = {label: i for i, label in enumerate(classes)}

    def disagreement(a, b):
        distance = abs(place[a] - place[b])
        return {None: distance > 0, "linear": distance, "quadratic": distance**2}[weights]

    # By chance every label of the one meets every label of the other.
    chance = np.mean([disagreement(a, b) for a in y1 for b in y2])
    assume(chance > 0)
    observed = np.mean([disagreement(a, b) for a, b in pairs])
    assert cohen_kappa_score(y1, y2, weights=weights) == pytest.approx(
        1 - observed / chance, **CLOSE
    )
    swapped = cohen_kappa_score(y2, y1, weights=weights)
    assert cohen_kappa_score(y1, y2, weights=weights) == pytest.approx(swapped, **CLOSE)


def test_kappa_of_chosen_labels_leaves_the_other_pairs_out():
    y1, y2 = [0, 0, 1, 1, 2], [0, 1, 1, 1, 2]
    assert cohen_kappa_score(y1, y2, labels=[0, 1]) == cohen_kappa_score(y1[:4], y2[:4])


@pytest.mark.parametrize(
    ("y1", "y2", "labels", "reason"),
    [
        ([1, 1, 2], [3, 3, 3], [1, 2], "no pair is left"),
        ([3, 3], [3, 3], None, "only one label in common"),
        ([1, 1, 2], [1, 1, 3], [1, 2], "only one label in common"),
    ],
)
def test_kappa_is_undefined_where_chance_cannot_disagree(y1, y2, labels, reason):
    with pytest.warns(UndefinedMetricWarning, match=reason):
        assert np.isnan(cohen_kappa_score(y1, y2, labels=labels))
    with pytest.warns(UndefinedMetricWarning, match=r"set to 0\.5"):
        assert cohen_kappa_score(y1, y2, labels=labels, replace_undefined_by=0.5) == 0.5


@given(st.lists(st.integers(1, 2**40), min_size=4, max_size=4))
def test_likelihood_ratios_are_ratios_of_rates_and_change_the_odds(counts):
    tn, fp, fn, tp = counts
    y_true, y_pred = [0, 0, 1, 1], [0, 1, 0, 1]
    positive, negative = class_likelihood_ratios(y_true, y_pred, sample_weight=counts)
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    # 1 − specificity cancels, hence the rates of the false ones directly.
    assert positive == pytest.approx(sensitivity / (fp / (tn + fp)), rel=1e-13)
    assert negative == pytest.approx((fn / (tp + fn)) / specificity, rel=1e-13)
    odds_before, odds_after = (tp + fn) / (tn + fp), tp / fp
    assert positive == pytest.approx(odds_after / odds_before, rel=1e-13)


def test_the_labels_say_which_class_is_positive():
    y_true, y_pred = ["ill", "ill", "well", "well", "well"], ["ill", "well", "well", "ill", "well"]
    found = class_likelihood_ratios(y_true, y_pred, labels=["well", "ill"])
    assert found == pytest.approx((1.5, 0.75), rel=1e-15)
    C = confusion_matrix(y_true, y_pred, labels=["well", "ill"])
    assert C.ravel().tolist() == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("y_true", "y_pred", "n_warnings", "plain", "replaced"),
    [
        ([1, 1, 0], [1, 0, 0], 1, (np.nan, 0.5), (2.0, 0.5)),  # no false positive
        ([1, 0, 0], [0, 1, 1], 1, (0.0, np.nan), (0.0, 0.25)),  # no true negative
        ([0, 0, 0], [1, 0, 0], 1, (np.nan, np.nan), (np.nan, np.nan)),  # no positive
        ([1, 0], [0, 0], 1, (np.nan, 1.0), (2.0, 1.0)),
    ],
)
def test_ratios_without_a_denominator_warn_and_are_replaced(
    y_true, y_pred, n_warnings, plain, replaced
):
    with pytest.warns(UndefinedMetricWarning, match="LR") as caught:
        np.testing.assert_equal(class_likelihood_ratios(y_true, y_pred), plain)
    assert len(caught) == n_warnings
    instead = {"LR+": 2.0, "LR-": 0.25}
    with pytest.warns(UndefinedMetricWarning):
        found = class_likelihood_ratios(y_true, y_pred, replace_undefined_by=instead)
    np.testing.assert_equal(found, replaced)


@pytest.mark.parametrize("instead", [0.5, {"LR+": 2.0}, {"LR+": 0.5, "LR-": 0.5}, "nan"])
def test_replacements_outside_their_range_are_refused(instead):
    with pytest.raises(ValueError, match="replace_undefined_by must be"):
        class_likelihood_ratios([0, 1], [0, 1], replace_undefined_by=instead)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: matthews_corrcoef([[0, 1]], [[0, 1]]), "multilabel-indicator"),
        (lambda: cohen_kappa_score([0, 1], [0, 1], weights="cubic"), "'cubic'"),
        (lambda: cohen_kappa_score(["a"], ["a"], labels=["b"]), "At least one label"),
        (lambda: cohen_kappa_score([0], [0], replace_undefined_by=2), "at most 1, got 2"),
        (lambda: class_likelihood_ratios([0, 1, 2], [0, 1, 2]), "multiclass"),
        (lambda: class_likelihood_ratios([0, 1], [0, 1], labels=[0, 1, 2]), "two labels"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""The sections on evaluation: what they compute, and that the pictures show what was computed."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from scratchnet import datasets, manual_seed
from scratchnet.cli.tour.command import _one_blas_thread
from scratchnet.cli.tour.drawing import CLASS_COLOURS, MUTED
from scratchnet.cli.tour.experiments import confusion, r2, roc, validation
from scratchnet.cli.tour.experiments.breast_cancer import load_tumours, scaled_logistic_regression
from scratchnet.cli.tour.figures import r2 as r2_figures
from scratchnet.cli.tour.figures import validation as validation_figures
from scratchnet.cli.tour.sections.validation import _write_costs
from scratchnet.metrics import roc_auc_score, roc_curve
from scratchnet.model_selection import KFold, LeaveOneOut, StratifiedKFold, cross_val_score


def compute(experiment):
    manual_seed(0)
    with _one_blas_thread():
        return experiment.compute(0, lambda line: None)


@pytest.fixture(scope="module")
def validated():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "timed", lambda run: (run(), 0.25))
        return compute(validation)


@pytest.fixture(scope="module")
def counted():
    return compute(confusion)


@pytest.fixture(scope="module")
def ranked():
    return compute(roc)


@pytest.fixture(scope="module")
def explained():
    return compute(r2)


def axes():
    return Figure().add_subplot()


# --- cross-validation


def test_the_loop_on_the_page_and_all_folds_at_once_give_the_same_scores(validated):
    assert [cost.agrees for cost in validated.costs] == [True] * 3
    assert [len(cost.scores) for cost in validated.costs] == [5, 5, 569]


def test_each_sample_is_tested_once_and_trained_on_by_all_other_folds(validated):
    assert np.array_equal(validated.tested, np.ones(569))
    assert np.array_equal(validated.trained, np.full(569, validation.K - 1))


def test_the_model_to_use_is_the_procedure_fitted_to_everything():
    X, y = load_tumours()
    model = scaled_logistic_regression()
    cv = StratifiedKFold(5)
    scores, final = validation.validate_and_fit(model, X, y, cv)
    assert np.array_equal(scores, validation.one_by_one(model, X, y, cv))
    assert not hasattr(model[-1], "coef_")  # what was validated stays unfitted
    assert np.array_equal(final[-1].coef_, model.fit(X, y)[-1].coef_)


def test_three_plain_folds_of_sorted_irises_test_what_they_have_not_seen(validated):
    y = datasets.load_iris().target
    for train, test in KFold(3).split(y):
        assert not set(y[train]) & set(y[test])
    assert np.array_equal(validated.unseen, [0, 0, 0])


def test_stratified_folds_test_every_species_equally_and_plain_ones_do_not(validated):
    plain, shuffled, stratified = validated.irises
    assert np.array_equal(stratified.counts, np.full((5, 3), 10))
    assert plain.counts[0].tolist() == [30, 0, 0]
    for splits in validated.irises:
        assert np.array_equal(splits.counts.sum(axis=0), [50, 50, 50])
        assert np.array_equal(splits.counts.sum(axis=1), np.full(5, 30))
    assert shuffled.counts.min() > 0


def test_the_scores_on_the_page_do_not_depend_on_which_way_they_are_timed(validated):
    X, y = load_tumours()
    model = scaled_logistic_regression()
    loo = cross_val_score(model, X, y, cv=LeaveOneOut())
    assert np.array_equal(validated.costs[-1].scores, loo)
    assert loo.sum() == 557  # as many as scikit-learn has right


def test_the_fastest_of_several_runs_counts(monkeypatch):
    clock = iter([0.0, 0.0, 3.0, 3.0, 4.0, 4.0, 6.0])  # runs of 3, 1 and 2 seconds
    monkeypatch.setattr(validation, "perf_counter", lambda: next(clock))
    runs = []
    result, seconds = validation.timed(lambda: runs.append(0) or len(runs), enough=5)
    assert (result, seconds, len(runs)) == (3, 1.0, 3)


def test_a_fold_is_drawn_with_what_it_tests_in_the_colour_of_its_class(validated):
    for splits in [*validated.small, *validated.irises]:
        ax = axes()
        validation_figures.paint_splits(ax, splits)
        seen = np.full((len(splits.tests), len(splits.labels)), "", dtype=object)
        for bars in ax.collections:
            colour = to_hex(bars.get_facecolor()[0])
            for path in bars.get_paths():
                (left, low), (right, high) = path.get_extents().get_points()
                row = round((low + high) / 2)
                assert (seen[row, round(left) : round(right)] == "").all()  # nothing twice
                seen[row, round(left) : round(right)] = colour
        for fold, test in enumerate(splits.tests):
            expected = np.full(len(splits.labels), MUTED, dtype=object)
            expected[test] = np.array(CLASS_COLOURS, dtype=object)[splits.labels[test]]
            assert np.array_equal(seen[fold], expected)


def test_the_page_says_it_if_the_scores_of_both_ways_differ(validated):
    first, *others = validated.costs
    other = dataclasses.replace(
        validated, costs=[dataclasses.replace(first, agrees=False), *others]
    )
    assert "The scores are the same" in "".join(_write_costs(validated))
    html = "".join(_write_costs(other))
    assert "The scores of KFold(5) differ" in html
    assert "The scores are the same" not in html


# --- confusion matrix


def test_precision_and_recall_are_shares_of_a_column_and_of_a_row(counted):
    tn, fp, fn, tp = counted.counts
    assert (tn + fp, fn + tp) == (357, 212)  # each tumour is counted once
    assert counted.precision == pytest.approx(tp / (tp + fp))
    assert counted.recall == pytest.approx(tp / (tp + fn))
    assert counted.accuracy == pytest.approx((tp + tn) / 569)
    assert counted.f1 == pytest.approx(
        2 / (1 / counted.precision + 1 / counted.recall)  # the harmonic mean
    )


def test_an_interval_holds_its_estimate(counted):
    for value, interval in (
        (counted.precision, counted.precision_interval),
        (counted.recall, counted.recall_interval),
        (counted.accuracy, counted.accuracy_interval),
    ):
        assert interval.estimate == pytest.approx(value)
        assert 0 < interval.low < value < interval.high < 1


def test_always_benign_is_mostly_right_and_finds_nothing(counted):
    assert counted.never_matrix.tolist() == [[357, 0], [212, 0]]
    assert counted.never_accuracy == pytest.approx(357 / 569)
    assert "ill-defined" in counted.never_warning


# --- the ROC curve


@given(
    st.lists(st.tuples(st.integers(-99, 99), st.booleans()), unique_by=lambda pair: pair[0]).filter(
        lambda pairs: len({label for _, label in pairs}) == 2
    )
)
def test_the_sweep_on_the_page_is_the_roc_curve_where_no_scores_are_equal(pairs):
    score, y = np.array(pairs).T
    fpr, tpr, _ = roc_curve(y, score, drop_intermediate=False)
    np.testing.assert_allclose(roc.sweep(y, score), (fpr[1:], tpr[1:]))


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans())).filter(
        lambda pairs: len({label for _, label in pairs}) == 2
    )
)
def test_the_area_is_the_share_of_pairs_in_order(pairs):
    score, y = np.array(pairs).T
    in_order, n_pairs = roc.pairs_in_order(y, score)
    assert roc_auc_score(y, score) == pytest.approx(in_order / n_pairs)


def test_the_ten_samples_have_21_of_25_pairs_in_order(ranked):
    assert roc.pairs_in_order(roc.EXAMPLE_TRUTH, roc.EXAMPLE_SCORES) == (21, 25)
    assert ranked.example_auc == pytest.approx(21 / 25)
    assert ranked.example_agrees


def test_the_chosen_thresholds_are_the_best_of_all(ranked):
    _, youden, wanted = ranked.choices
    y, score = ranked.y, ranked.full.score
    rates = [((score[y == 1] >= t).mean(), (score[y == 0] >= t).mean()) for t in [np.inf, *score]]
    assert youden.recall - youden.fpr == pytest.approx(max(tpr - fpr for tpr, fpr in rates))
    assert wanted.fpr == pytest.approx(min(fpr for tpr, fpr in rates if tpr >= roc.WANTED))
    assert wanted.recall >= roc.WANTED


def test_the_matrix_of_a_choice_counts_the_samples_at_or_above_its_threshold(ranked):
    for choice in ranked.choices:
        said = ranked.full.score >= choice.threshold
        counts = [[((ranked.y == i) & (said == j)).sum() for j in (0, 1)] for i in (0, 1)]
        assert choice.matrix.tolist() == counts


def test_the_area_lies_in_its_interval_and_all_measurements_tell_more_than_one(ranked):
    for ranking in (ranked.full, ranked.texture):
        assert ranking.auc.low < ranking.auc.estimate < ranking.auc.high
        in_order, n_pairs = roc.pairs_in_order(ranked.y, ranking.score)
        assert ranking.auc.estimate == pytest.approx(in_order / n_pairs)
    assert ranked.difference.difference == pytest.approx(
        ranked.full.auc.estimate - ranked.texture.auc.estimate
    )
    assert ranked.difference.low > 0


def test_a_recall_that_was_chosen_is_not_reached_on_other_samples(ranked):
    assert len(ranked.recalls) == roc.N_HALVINGS
    assert ranked.recalls.mean() < roc.WANTED


# --- R²


def test_r2_of_the_five_points_is_one_minus_a_share_of_squares(explained):
    y = r2.EXAMPLE_Y
    total = sum((v - 3) ** 2 for v in y)  # 4 + 0 + 1 + 4 + 1
    for line in explained.lines:
        left = sum((v - p) ** 2 for v, p in zip(y, line.predicted, strict=True))
        assert line.r2 == pytest.approx(1 - left / total)
    assert [line.r2 for line in explained.lines] == pytest.approx([0, 0.64, -2.6])


def test_the_squares_that_are_drawn_have_the_area_that_r2_compares(explained):
    for line in explained.lines:
        ax = axes()
        r2_figures.paint_squares(ax, line)
        sides = np.array([(square.get_width(), square.get_height()) for square in ax.patches])
        np.testing.assert_allclose(abs(sides[:, 0]), abs(sides[:, 1]))
        assert np.square(sides[:, 1]).sum() == pytest.approx((1 - line.r2) * 10)
        for square in ax.patches:  # inside the picture
            x, width = square.get_x(), square.get_width()
            left, right = ax.get_xlim()
            assert left <= min(x, x + width) <= max(x, x + width) <= right


def test_the_mean_has_r2_of_zero_and_learning_by_heart_one_here_and_less_than_zero_elsewhere(
    explained,
):
    assert explained.mean.r2 == 0
    assert 0 < explained.model.r2 < 1
    assert explained.by_heart.r2 == pytest.approx(1)
    assert explained.elsewhere.r2 < 0
    assert len(explained.by_heart.y) + len(explained.elsewhere.y) == 442


def test_pooled_r2_is_that_of_the_out_of_fold_predictions(explained):
    assert explained.pooled == pytest.approx(explained.model.r2)
    assert len(explained.fold_scores) == r2.K


def test_leave_one_out_has_no_r2_of_one_patient_but_one_of_all(explained):
    assert np.isnan(explained.single_scores).all()
    assert "pooled_score" in explained.single_warning
    X, y = datasets.load_diabetes(return_X_y=True)
    A = np.column_stack([X, np.ones(len(y))])
    hat = A @ np.linalg.pinv(A)  # the residual without sample i is e_i / (1 − h_ii)
    left = (y - hat @ y) / (1 - hat.diagonal())
    expected = 1 - np.square(left).sum() / np.square(y - y.mean()).sum()
    assert explained.single_pooled == pytest.approx(expected, rel=1e-9)  # rounding of two solvers


def test_every_prediction_is_drawn_once_and_at_the_edge_if_it_lies_beyond(explained):
    for prediction in (explained.model, explained.elsewhere):
        ax = axes()
        r2_figures.paint_prediction(ax, prediction)
        drawn = np.concatenate([dots.get_offsets() for dots in ax.collections])
        low, high = ax.get_ylim()
        expected = np.column_stack([prediction.y, prediction.predicted.clip(low, high)])
        assert np.array_equal(np.sort(drawn, axis=0), np.sort(expected, axis=0))

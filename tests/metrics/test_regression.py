"""Errors, deviances and scores of predicted quantities: their equations, their laws, scikit-learn."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import metrics
from scratchnet.exceptions import UndefinedMetricWarning
from scratchnet.metrics._quantile import weighted_quantile
from scratchnet.metrics._regression_targets import BLOCK

EPS = np.finfo(float).eps


def xlogx(y, ratio):
    return y * np.log(ratio) if y else 0.0


# The loss of one sample, as the docstrings state it.
LOSSES = {
    "mean_squared_error": (lambda y, z: (y - z) ** 2, {}),
    "mean_absolute_error": (lambda y, z: abs(y - z), {}),
    "mean_absolute_percentage_error": (lambda y, z: abs(y - z) / max(abs(y), EPS), {}),
    "mean_squared_log_error": (lambda y, z: (np.log(1 + y) - np.log(1 + z)) ** 2, {}),
    "mean_pinball_loss": (lambda y, z: 0.3 * max(y - z, 0) + 0.7 * max(z - y, 0), {"alpha": 0.3}),
}
DEVIANCES = {
    0: lambda y, m: (y - m) ** 2,
    1: lambda y, m: 2 * (xlogx(y, y / m) - y + m),
    2: lambda y, m: 2 * (np.log(m / y) + y / m - 1),
    -1: lambda y, m: 2 * (max(y, 0) ** 3 / 6 - y * m**2 / 2 + m**3 / 3),
    1.5: lambda y, m: 2 * (y**0.5 / (-0.5 * 0.5) - y * m**-0.5 / -0.5 + m**0.5 / 0.5),
    3: lambda y, m: 2 * (y**-1 / (-2 * -1) - y * m**-2 / -2 + m**-1 / -1),
}
MULTIOUTPUT = [
    *LOSSES,
    "root_mean_squared_error",
    "root_mean_squared_log_error",
    "median_absolute_error",
    "r2_score",
    "explained_variance_score",
    "d2_pinball_score",
    "d2_absolute_error_score",
]
SINGLE = [
    "mean_tweedie_deviance",
    "mean_poisson_deviance",
    "mean_gamma_deviance",
    "d2_tweedie_score",
]
WEIGHTED = [*MULTIOUTPUT, *SINGLE]
SCORES = [name for name in WEIGHTED if name.endswith("_score")]


def sample(n, seed=0, shape=()):
    """Return y_true and y_pred, positive, and integer weights, some of them zero."""
    rng = np.random.default_rng(seed)
    y_true, y_pred = rng.gamma(2, size=(2, n, *shape)) + 0.01
    return y_true, y_pred, rng.integers(0, 4, n)


# the equations


@pytest.mark.parametrize("name", LOSSES)
@given(seed=st.integers(0, 1000), n=st.integers(1, 20))
def test_a_mean_is_the_sum_of_what_its_equation_says_over_the_weights(name, seed, n):
    y_true, y_pred, weight = sample(n, seed)
    weight[0] = 1
    loss, options = LOSSES[name]
    losses = [loss(y, z) for y, z in zip(y_true, y_pred, strict=True)]
    metric = getattr(metrics, name)
    expected = sum(w * v for w, v in zip(weight, losses, strict=True)) / sum(weight)
    assert metric(y_true, y_pred, sample_weight=weight, **options) == pytest.approx(expected)
    assert metric(y_true, y_pred, **options) == pytest.approx(sum(losses) / n)


@pytest.mark.parametrize("power", DEVIANCES)
@given(seed=st.integers(0, 1000), n=st.integers(1, 20))
def test_a_mean_deviance_is_the_mean_of_its_equation(power, seed, n):
    y_true, y_pred, _ = sample(n, seed)
    if power in (1, 1.5):
        y_true[0] = 0
    if power <= 0:
        y_true = y_true - 1
    expected = np.mean([DEVIANCES[power](y, m) for y, m in zip(y_true, y_pred, strict=True)])
    found = metrics.mean_tweedie_deviance(y_true, y_pred, power=power)
    assert found == pytest.approx(expected, abs=1e-12)  # y near μ leaves rounding only
    if power == 1:
        assert metrics.mean_poisson_deviance(y_true, y_pred) == found
    if power == 2:
        assert metrics.mean_gamma_deviance(y_true, y_pred) == found


@given(seed=st.integers(0, 1000), n=st.integers(2, 20))
def test_a_score_is_one_less_the_error_relative_to_that_of_the_best_constant(seed, n):
    y, z, weight = sample(n, seed)
    weight[:2] = 1
    mean = np.average(y, weights=weight)
    for name, error, constant in (
        ("r2_score", lambda a, b: np.average((a - b) ** 2, weights=weight), mean),
        (
            "explained_variance_score",
            lambda a, b: np.cov(a - b, fweights=weight, ddof=0),
            np.full(n, 7.0),
        ),
        (
            "d2_absolute_error_score",
            lambda a, b: np.average(abs(a - b), weights=weight),
            np.median(np.repeat(y, weight)),
        ),
    ):
        expected = 1 - error(y, z) / error(y, constant)
        found = getattr(metrics, name)(y, z, sample_weight=weight)
        assert found == pytest.approx(expected, rel=1e-9), name
    ratio = [
        metrics.mean_tweedie_deviance(y, m, power=1.5, sample_weight=weight)
        for m in (z, np.full(n, mean))
    ]
    found = metrics.d2_tweedie_score(y, z, power=1.5, sample_weight=weight)
    assert found == pytest.approx(1 - ratio[0] / ratio[1], rel=1e-9)


@given(
    values=st.lists(st.integers(-5, 5), min_size=1, max_size=12),
    q=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]),
    data=st.data(),
)
def test_the_quantile_has_at_most_its_share_of_the_weight_on_either_side(values, q, data):
    n = len(values)
    weight = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), float)
    if not weight.any():
        weight[0] = 1
    y = np.array(values, float)
    (found,) = weighted_quantile(y[:, None], weight, q)
    total = weight.sum() + 1e-9  # q · total is rounded
    assert weight[y < found].sum() <= q * total
    assert weight[y > found].sum() <= (1 - q) * total
    repeated = np.repeat(y, weight.astype(int))[:, None]
    assert weighted_quantile(repeated, None, q) == found


# laws


@pytest.mark.parametrize("name", WEIGHTED)
@given(seed=st.integers(0, 200))
def test_a_weight_of_two_is_the_row_twice_and_a_weight_of_zero_is_no_row(name, seed):
    y_true, y_pred, weight = sample(15, seed)
    weight[:2] = 1
    metric = getattr(metrics, name)
    repeated = metric(np.repeat(y_true, weight), np.repeat(y_pred, weight))
    # Sums in another order: equal up to rounding.
    assert metric(y_true, y_pred, sample_weight=weight) == pytest.approx(repeated, rel=1e-9)
    assert metric(y_true, y_pred, sample_weight=weight * 0.3) == pytest.approx(repeated, rel=1e-9)


@pytest.mark.parametrize("name", [*WEIGHTED, "max_error"])
def test_a_perfect_prediction_has_error_zero_or_score_one(name):
    y = sample(10)[0]
    assert getattr(metrics, name)(y, y) == pytest.approx(float(name in SCORES), abs=1e-15)


@pytest.mark.parametrize("name", MULTIOUTPUT)
@pytest.mark.parametrize("weighted", [False, True])
def test_several_outputs_are_scored_column_by_column(name, weighted):
    y_true, y_pred, weight = sample(30, shape=(3,))
    options = {"sample_weight": weight} if weighted else {}
    metric = getattr(metrics, name)
    columns = [metric(y_true[:, m], y_pred[:, m], **options) for m in range(3)]
    raw = metric(y_true, y_pred, multioutput="raw_values", **options)
    np.testing.assert_allclose(raw, columns, rtol=1e-12)  # sums in another order
    assert raw.dtype == np.float64
    assert metric(y_true, y_pred, **options) == pytest.approx(np.mean(columns))
    found = metric(y_true, y_pred, multioutput=[1, 2, 0], **options)
    assert found == pytest.approx((columns[0] + 2 * columns[1]) / 3)
    assert isinstance(found, float)
    one = metric(y_true[:, :1], y_pred[:, 0], multioutput="raw_values", **options)
    np.testing.assert_array_equal(one, columns[:1])


def test_variance_weighted_is_r2_of_all_outputs_together():
    y_true, y_pred, _ = sample(30, shape=(3,))
    unexplained = ((y_true - y_pred) ** 2).sum()
    total = ((y_true - y_true.mean(axis=0)) ** 2).sum()
    found = metrics.r2_score(y_true, y_pred, multioutput="variance_weighted")
    assert found == pytest.approx(1 - unexplained / total)


@pytest.mark.parametrize("value", [0.1, 3.0, 1e9 + 0.1])
@pytest.mark.parametrize("name", SCORES)
def test_a_constant_y_scores_one_if_predicted_perfectly_and_else_zero(name, value):
    # Ten times 0.1 has a computed mean that is not 0.1.
    y = np.full(10, value)
    wrong = y * np.linspace(1.1, 1.2, 10)
    score = getattr(metrics, name)
    assert score(y, y) == 1.0
    assert score(y, wrong) == 0.0
    assert score(y, y, sample_weight=np.arange(10)) == 1.0
    if name in ("r2_score", "explained_variance_score"):
        assert np.isnan(score(y, y, force_finite=False))
        assert score(y, wrong, force_finite=False) == -np.inf


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("weight", [[0, 3, 0], [0, 0.1, 0], [0, 0, 7]])
def test_one_sample_with_a_weight_is_a_constant_y(name, weight):
    y_true, y_pred, _ = sample(3)
    # The residual of one sample is constant: the explained variance is 1.
    expected = float(name == "explained_variance_score")
    assert getattr(metrics, name)(y_true, y_pred, sample_weight=weight) == expected
    assert getattr(metrics, name)(y_true, y_true, sample_weight=weight) == 1.0


def test_a_constant_y_at_the_edge_of_the_range_of_a_deviance_scores_as_any_other():
    for power, y_true, y_pred, weight in (
        (1, [0, 0, 0, 0], [1, 2, 3, 4], None),
        (1.5, [0, 0, 0, 0], [1, 2, 3, 4], None),
        (1, [0, 0, 5, 0], [1, 2, 3, 4], [1, 1, 0, 1]),
        (-1, [-2, -2, -2, -2], [1, 2, 3, 4], None),
    ):
        found = metrics.d2_tweedie_score(y_true, y_pred, power=power, sample_weight=weight)
        assert found == 0.0
    with pytest.raises(ValueError, match="strictly positive y_pred"):
        metrics.d2_tweedie_score([0, 0], [0, 1], power=1)


def test_a_negative_mean_of_y_is_taken_as_scikit_learn_takes_it():
    reference = pytest.importorskip("sklearn.metrics")
    y_true, y_pred = [-3.0, 1.0, 1.0], [1.0, 2.0, 3.0]
    found = metrics.d2_tweedie_score(y_true, y_pred, power=-1)
    assert found == pytest.approx(reference.d2_tweedie_score(y_true, y_pred, power=-1))
    with pytest.warns(UndefinedMetricWarning, match="the score is NaN"):  # a root of ȳ < 0
        assert np.isnan(metrics.d2_tweedie_score(y_true, y_pred, power=-0.5))


def test_two_middle_values_have_a_mean_where_their_sum_overflows():
    for y in ([1e308, 1.2e308], np.array([2e38, 3e38], np.float32), np.array([100, 120], np.int8)):
        column = np.asarray(y)[:, np.newaxis]
        expected = float(y[0]) / 2 + float(y[1]) / 2
        assert weighted_quantile(column, None, 0.5) == expected
        assert weighted_quantile(column, np.ones(2), 0.5) == expected
    smallest = np.full((2, 1), 5e-324)  # halved, it would be 0
    assert weighted_quantile(smallest, None, 0.5) == 5e-324


def test_an_error_of_the_constant_beyond_float64_gives_no_score():
    y_true, y_pred = np.array([1e200, -1e200, 0.0]), np.array([1e200, -1e200, 1.0])
    for score in (metrics.r2_score, metrics.explained_variance_score, metrics.d2_tweedie_score):
        with pytest.warns(UndefinedMetricWarning, match="beyond float64"):
            assert np.isnan(score(y_true, y_pred))
    huge = np.array([1.7e308, -1.7e308, 0.0, 1.7e308])
    with pytest.warns(UndefinedMetricWarning, match="beyond float64"):
        assert np.isnan(metrics.d2_absolute_error_score(huge, huge))
    two = np.column_stack([y_true, [1.0, 2.0, 3.0]])
    with pytest.warns(UndefinedMetricWarning, match="beyond float64"):
        raw = metrics.r2_score(two, two, multioutput="raw_values")
    np.testing.assert_array_equal(raw, [np.nan, 1.0])


@pytest.mark.parametrize("name", ["r2_score", "d2_pinball_score", "d2_absolute_error_score"])
def test_arguments_are_checked_also_where_one_sample_has_no_score(name):
    metric = getattr(metrics, name)
    for multioutput, words in (("mean", "one of"), ([1.0, 2.0], r"shape \(2,\) for 3 outputs")):
        with pytest.raises(ValueError, match=words):
            metric([[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0]], multioutput=multioutput)
    with pytest.raises(ValueError, match=r"power=0\.5"):
        metrics.d2_tweedie_score([1.0], [1.0], power=0.5)
    with pytest.raises(ValueError, match="variance_weighted"):
        metrics.d2_pinball_score([1.0], [1.0], multioutput="variance_weighted")


def test_rmse_takes_the_weight_of_a_single_output():
    reference = pytest.importorskip("sklearn.metrics")
    y_true, y_pred, _ = sample(5)
    found = metrics.root_mean_squared_error(y_true, y_pred, multioutput=[0.3])
    theirs = reference.root_mean_squared_error(y_true, y_pred, multioutput=[0.3])
    assert found == pytest.approx(theirs)
    assert type(found) is type(theirs)


@pytest.mark.parametrize("name", [n for n in SCORES if n != "explained_variance_score"])
def test_fewer_than_two_samples_have_no_score_and_the_warning_names_the_way_out(name):
    words = "score the predictions of all folds together: pooled_score"
    with pytest.warns(UndefinedMetricWarning, match=words) as caught:
        assert np.isnan(getattr(metrics, name)([1.0], [2.0]))
    if name != "d2_absolute_error_score":
        assert caught[0].filename == __file__


def test_the_mean_predicts_with_r2_zero_and_an_offset_costs_r2_but_no_explained_variance():
    y = sample(20)[0]
    assert metrics.r2_score(y, np.full(20, y.mean())) == pytest.approx(0, abs=1e-14)
    assert metrics.explained_variance_score(y, y + 3) == pytest.approx(1)
    assert metrics.r2_score(y, y + 3) < 0


def test_the_pinball_loss_is_least_at_the_quantile():
    y = sample(50)[0]
    for alpha in (0.0, 0.05, 0.5, 0.93, 1.0):
        quantile = weighted_quantile(y[:, None], None, alpha)[0]
        least = min(metrics.mean_pinball_loss(y, np.full(50, c), alpha=alpha) for c in y)
        at_quantile = metrics.mean_pinball_loss(y, np.full(50, quantile), alpha=alpha)
        assert at_quantile == pytest.approx(least)


def test_the_deviance_goes_over_into_the_next_law_continuously():
    y_true, y_pred, _ = sample(20)
    for power in (1, 2):
        near = metrics.mean_tweedie_deviance(y_true, y_pred, power=power + 1e-8)
        # Near the power the equation divides by its distance: half the digits are left.
        at = metrics.mean_tweedie_deviance(y_true, y_pred, power=power)
        assert near == pytest.approx(at, rel=1e-6)


# precision, memory


@pytest.mark.parametrize("name", WEIGHTED)
def test_float32_is_summed_in_float64(name):
    y_true, y_pred, _ = sample(5000)
    y_true, y_pred = y_true.astype(np.float32), y_pred.astype(np.float32)
    metric = getattr(metrics, name)
    exact = metric(y_true.astype(float), y_pred.astype(float))
    # The blocks are summed in one order: only MAPE rounds |y| before, in float32, and that is exact.
    assert metric(y_true, y_pred) == pytest.approx(exact, rel=1e-12)
    assert metric(y_true, y_pred.astype(float)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, bool, np.float16, object, "U3"])
def test_whatever_reads_as_numbers_is_subtracted_as_floats(dtype):
    y_true, y_pred = np.array([0, 1, 1, 0]).astype(dtype), np.array([1, 1, 0, 0]).astype(dtype)
    if dtype == "U3":
        y_true, y_pred = (y.astype(object).astype(str) for y in (y_true, y_pred))
    assert metrics.mean_squared_error(y_true, y_pred) == 0.5
    assert metrics.max_error(y_true, y_pred) == 1.0
    assert metrics.r2_score(y_true, y_pred) == -1.0


@pytest.mark.parametrize("n", [BLOCK - 1, BLOCK, 2 * BLOCK + 3])
def test_blocks_add_up(n):
    y_true, y_pred, weight = sample(n)
    error = (y_true - y_pred) ** 2
    assert metrics.mean_squared_error(y_true, y_pred) == pytest.approx(error.mean(), rel=1e-12)
    found = metrics.mean_squared_error(y_true, y_pred, sample_weight=weight)
    assert found == pytest.approx(np.average(error, weights=weight), rel=1e-12)
    assert metrics.r2_score(y_true, y_pred) == pytest.approx(1 - error.mean() / y_true.var())


SORTING = ["median_absolute_error", "d2_pinball_score", "d2_absolute_error_score"]


@pytest.mark.parametrize("name", [name for name in WEIGHTED if name not in SORTING])
def test_no_array_as_long_as_the_data_is_made(name):
    y_true, y_pred, _ = sample(200_000)
    metric = getattr(metrics, name)
    metric(y_true[:10], y_pred[:10])
    tracemalloc.start()
    try:
        metric(y_true, y_pred)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < y_true.nbytes


# bad input


@pytest.mark.parametrize("name", [*WEIGHTED, "max_error"])
@pytest.mark.parametrize(
    ("y_true", "y_pred", "error", "words"),
    [
        ([1.0, 2.0], [1.0], ValueError, "y_true has 2, y_pred has 1"),
        ([], [], ValueError, r"0 sample\(s\)"),
        ([1.0, np.nan], [1.0, 1.0], ValueError, "Input y_true contains NaN: row 1"),
        ([1.0, 1.0], [np.inf, 1.0], ValueError, "Input y_pred contains infinity: row 0"),
        ([[1.0, 2.0]], [[1.0]], ValueError, "different numbers of outputs: 2 and 1"),
        ([[[1.0]]], [[[1.0]]], ValueError, r"it has shape \(1, 1, 1\)"),
        (["a", "b"], ["a", "b"], ValueError, "y_true must hold numbers"),
        (1.0, 1.0, TypeError, "array-like"),
    ],
)
def test_targets_that_cannot_be_compared_are_refused(name, y_true, y_pred, error, words):
    with pytest.raises(error, match=words):
        getattr(metrics, name)(y_true, y_pred)


@pytest.mark.parametrize("name", WEIGHTED)
@pytest.mark.parametrize(
    ("weight", "error", "words"),
    [
        ([1.0], ValueError, "sample_weight has 1"),
        ([[1.0], [1.0]], ValueError, r"a vector \(N,\), it has shape \(2, 1\)"),
        ([0.0, 0.0], ValueError, "zero for every sample"),
        ([1.0, np.nan], ValueError, "Input sample_weight contains NaN: row 1"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(name, weight, error, words):
    with pytest.raises(error, match=words):
        getattr(metrics, name)([1.0, 2.0], [2.0, 1.5], sample_weight=weight)


@pytest.mark.parametrize("name", [n for n in WEIGHTED if n != "median_absolute_error"])
def test_weights_may_be_negative_but_not_cancel_out(name):
    metric = getattr(metrics, name)
    with pytest.raises(ZeroDivisionError, match="sample_weight sums to zero"):
        metric([1.0, 2.0], [2.0, 1.5], sample_weight=[1.0, -1.0])
    assert np.isfinite(metric([1.0, 2.0, 3.0], [2.0, 1.5, 3.0], sample_weight=[1.0, 3.0, -1.0]))


@pytest.mark.parametrize("name", MULTIOUTPUT)
def test_weights_of_outputs_that_do_not_fit_are_refused(name):
    metric = getattr(metrics, name)
    y_true, y_pred, _ = sample(5, shape=(2,))
    if name != "root_mean_squared_error":
        with pytest.raises(ValueError, match="useful only in multi-output cases"):
            metric(y_true[:, 0], y_pred[:, 0], multioutput=[1.0])
    with pytest.raises(ValueError, match=r"weights of shape \(3,\) for 2 outputs"):
        metric(y_true, y_pred, multioutput=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"multioutput must be one of .* got 'mean'"):
        metric(y_true, y_pred, multioutput="mean")
    if name not in ("r2_score", "explained_variance_score"):
        with pytest.raises(ValueError, match="variance_weighted"):
            metric(y_true, y_pred, multioutput="variance_weighted")


@pytest.mark.parametrize("name", [*SINGLE, "max_error"])
def test_metrics_of_one_output_refuse_several(name):
    y_true, y_pred, _ = sample(5, shape=(2,))
    with pytest.raises(ValueError, match="Multioutput not supported"):
        getattr(metrics, name)(y_true, y_pred)


def test_values_outside_the_range_of_a_loss_are_named():
    for metric in (metrics.mean_squared_log_error, metrics.root_mean_squared_log_error):
        with pytest.raises(ValueError, match=r"above -1, but y_pred contains -1\.5"):
            metric([1.0, 2.0], [1.0, -1.5])
    for power, y_true, y_pred, words in (
        (-1, [-1.0], [0.0], r"power=-1 needs strictly positive y_pred: its smallest is 0\.0"),
        (1, [-1.0], [1.0], r"power=1 needs non-negative y_true: its smallest is -1\.0"),
        (1.5, [0.0], [0.0], "strictly positive y_pred"),
        (2, [0.0], [1.0], "power=2 needs strictly positive y_true"),
        (0.5, [1.0], [1.0], "power=0.5"),
    ):
        with pytest.raises(ValueError, match=words):
            metrics.mean_tweedie_deviance(y_true, y_pred, power=power)
    for metric in (metrics.mean_pinball_loss, metrics.d2_pinball_score):
        with pytest.raises(ValueError, match=r"alpha .* 1\.5"):
            metric([1.0, 2.0], [1.0, 2.0], alpha=1.5)


def test_inputs_are_left_as_they_are():
    y_true, y_pred, weight = sample(20)
    weight = weight.astype(float)
    copies = y_true.copy(), y_pred.copy(), weight.copy()
    for name in WEIGHTED:
        getattr(metrics, name)(y_true, y_pred)
        getattr(metrics, name)(y_true, y_pred, sample_weight=weight)
    for array, copy in zip((y_true, y_pred, weight), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


# scikit-learn

OPTIONS = {
    "mean_pinball_loss": [{"alpha": 0.1}, {"alpha": 1}],
    "d2_pinball_score": [{"alpha": 0.1}, {"alpha": 0.9}],
    "mean_tweedie_deviance": [{"power": p} for p in (-2.5, 0, 1, 1.3, 2, 3.5)],
    "d2_tweedie_score": [{"power": p} for p in (-1, 0, 1, 1.7, 2)],
    "r2_score": [{"multioutput": "variance_weighted"}, {"multioutput": None}],
    "explained_variance_score": [{"force_finite": False}],
}


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, shape) for name in WEIGHTED for shape in ((), (1,))]
    + [(name, (4,)) for name in MULTIOUTPUT],
)
def test_the_figures_are_scikit_learns(name, shape):
    reference = pytest.importorskip("sklearn.metrics")
    for n in (2, 3, 50, 51):
        y_true, y_pred, weight = sample(n, seed=n, shape=shape)
        weight[:2] = 1, 2
        for options in ({}, *OPTIONS.get(name, [])):
            # Fractions that are exact: scikit-learn's median takes rounded sums as they are.
            for w in (None, weight, weight / 4):
                ours = getattr(metrics, name)(y_true, y_pred, sample_weight=w, **options)
                theirs = getattr(reference, name)(y_true, y_pred, sample_weight=w, **options)
                np.testing.assert_allclose(ours, theirs, rtol=1e-10)  # sums in another order
                assert type(ours) is type(theirs)

"""The confidence band of a ROC curve: its laws, its coverage, what it refuses."""

import numpy as np
import pytest
from plotting.drawn import band_of, legend, samples

from scratchnet import metrics
from scratchnet.plotting import RocCurveDisplay, roc_band


def test_the_band_is_drawn_as_roc_band_gives_it_and_a_seed_gives_it_again():
    _, y, score, weight = samples()
    args = {"sample_weight": weight, "n_resamples": 50, "random_state": 3}
    display = RocCurveDisplay.from_predictions(y, score, confidence_level=0.9, **args)
    band = roc_band(y, score, confidence_level=0.9, **args)
    drawn = band_of(display.band_)
    assert list(drawn) == band.fpr.tolist()
    assert drawn[0.5] == (band.tpr_low[50], band.tpr_high[50])
    assert legend(display)[1] == "90 % pointwise confidence band"
    for a, b in zip(band, display.band, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_band_lies_around_the_curve_and_grows_with_its_level():
    _, y, score, _ = samples(200)
    narrow, wide = (
        roc_band(y, score, confidence_level=level, n_resamples=300, random_state=0)
        for level in (0.5, 0.99)
    )
    fpr, tpr, _ = metrics.roc_curve(y, score, drop_intermediate=False)
    curve = np.interp(narrow.fpr, fpr, tpr)
    for band in (narrow, wide):
        assert (np.diff(band.tpr_low) >= 0).all()
        assert (np.diff(band.tpr_high) >= 0).all()
        assert ((band.tpr_low <= curve) & (curve <= band.tpr_high)).all()
    assert (wide.tpr_low <= narrow.tpr_low).all()
    assert (wide.tpr_high >= narrow.tpr_high).all()
    assert (wide.tpr_high - wide.tpr_low > narrow.tpr_high - narrow.tpr_low)[1:-1].all()


def test_the_band_does_not_look_at_the_scale_of_the_scores():
    _, y, score, _ = samples()
    args = {"n_resamples": 20, "random_state": 0}
    for a, b in zip(roc_band(y, score, **args), roc_band(y, np.exp(score), **args), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_perfect_ranking_has_wilsons_interval_of_all_positives_found():
    band = roc_band([0] * 10 + [1] * 20, range(30), n_resamples=20, random_state=0)
    low = metrics.wilson_interval(20, 20).low
    np.testing.assert_array_equal(band.tpr_low[1:-1], low)
    np.testing.assert_array_equal(band.tpr_high, 1)
    assert (band.tpr_low[0], band.tpr_low[-1]) == (0, 1)


@pytest.mark.parametrize("shift", [1.0, 2.0])
def test_the_band_holds_the_true_curve_about_as_often_as_it_says(shift):
    # Normal scores, the positives higher by `shift`: R(u) = Φ(shift + Φ⁻¹(u)).
    from scratchnet.metrics._normal import normal_cdf, normal_quantile

    rng = np.random.RandomState(0)
    y = np.repeat([0, 1], 60)
    at = np.array([10, 20, 30, 50, 80])
    truth = [normal_cdf(shift + normal_quantile(u / 100)) for u in at.tolist()]
    inside = np.zeros(len(at))
    for seed in range(100):
        band = roc_band(y, rng.randn(120) + shift * y, n_resamples=100, random_state=seed)
        inside += (band.tpr_low[at] <= truth) & (truth <= band.tpr_high[at])
    # 0.95 less three standard errors of a share of 100 tries, √(0.95 · 0.05 / 100) = 0.022.
    assert (inside / 100 >= 0.885).all()


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ({"confidence_level": 1.0}, ValueError, "confidence_level must be below 1, got 1.0"),
        ({"n_resamples": 1}, ValueError, "n_resamples must be at least 2, got 1"),
        ({"n_resamples": 2.5}, TypeError, "n_resamples must be"),
        ({"random_state": "a"}, ValueError, "random_state"),
        ({"sample_weight": [1, 1, -1, 1]}, ValueError, "must not be negative .* -1"),
    ],
)
def test_what_the_band_refuses(args, error, words):
    with pytest.raises(error, match=words):
        roc_band([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], **args)


def test_a_band_needs_both_classes_and_one_curve():
    with pytest.raises(ValueError, match="0 of the 2 samples in y_true are positive"):
        roc_band([0, 0], [0.1, 0.2])
    band = roc_band([0, 1], [0.1, 0.2], n_resamples=2, random_state=0)
    curve = np.array([0.0, 1.0])
    display = RocCurveDisplay(fpr=[curve] * 2, tpr=[curve] * 2, band=band)
    with pytest.raises(ValueError, match="a band is drawn around one curve, there are 2"):
        display.plot()

"""The scorers that have a name: the metric, and the arguments of `make_scorer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scratchnet.metrics import cluster
from scratchnet.metrics.accuracy import (
    accuracy_score,
    balanced_accuracy_score,
    top_k_accuracy_score,
)
from scratchnet.metrics.agreement import class_likelihood_ratios, matthews_corrcoef
from scratchnet.metrics.average_precision import average_precision_score
from scratchnet.metrics.deviance import mean_gamma_deviance, mean_poisson_deviance
from scratchnet.metrics.explained import (
    d2_absolute_error_score,
    explained_variance_score,
    r2_score,
)
from scratchnet.metrics.fscore import f1_score, jaccard_score, precision_score, recall_score
from scratchnet.metrics.probability import (
    brier_score_loss,
    d2_brier_score,
    d2_log_loss_score,
    log_loss,
)
from scratchnet.metrics.regression import (
    max_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_log_error,
    median_absolute_error,
    root_mean_squared_error,
    root_mean_squared_log_error,
)
from scratchnet.metrics.roc_auc import roc_auc_score

__all__ = ["METRICS", "negative_likelihood_ratio", "positive_likelihood_ratio"]


def positive_likelihood_ratio(y_true: Any, y_pred: Any) -> float:
    """Return sensitivity / (1 − specificity), 1 where that is not defined."""
    return class_likelihood_ratios(y_true, y_pred, replace_undefined_by=1.0)[0]


def negative_likelihood_ratio(y_true: Any, y_pred: Any) -> float:
    """Return (1 − sensitivity) / specificity, 1 where that is not defined."""
    return class_likelihood_ratios(y_true, y_pred, replace_undefined_by=1.0)[1]


LESS: dict[str, Any] = {"greater_is_better": False}
PROBABILITY: dict[str, Any] = {"response_method": "predict_proba"}
RANKING: dict[str, Any] = {"response_method": ("decision_function", "predict_proba")}

METRICS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    # of quantities
    "r2": (r2_score, {}),
    "explained_variance": (explained_variance_score, {}),
    "d2_absolute_error_score": (d2_absolute_error_score, {}),
    "neg_max_error": (max_error, LESS),
    "neg_median_absolute_error": (median_absolute_error, LESS),
    "neg_mean_absolute_error": (mean_absolute_error, LESS),
    "neg_mean_absolute_percentage_error": (mean_absolute_percentage_error, LESS),
    "neg_mean_squared_error": (mean_squared_error, LESS),
    "neg_mean_squared_log_error": (mean_squared_log_error, LESS),
    "neg_root_mean_squared_error": (root_mean_squared_error, LESS),
    "neg_root_mean_squared_log_error": (root_mean_squared_log_error, LESS),
    "neg_mean_poisson_deviance": (mean_poisson_deviance, LESS),
    "neg_mean_gamma_deviance": (mean_gamma_deviance, LESS),
    # of classes
    "accuracy": (accuracy_score, {}),
    "balanced_accuracy": (balanced_accuracy_score, {}),
    "matthews_corrcoef": (matthews_corrcoef, {}),
    "positive_likelihood_ratio": (positive_likelihood_ratio, {}),
    "neg_negative_likelihood_ratio": (negative_likelihood_ratio, LESS),
    # of probabilities, and of any scores of the classes
    "neg_log_loss": (log_loss, LESS | PROBABILITY),
    "neg_brier_score": (brier_score_loss, LESS | PROBABILITY),
    "d2_log_loss_score": (d2_log_loss_score, PROBABILITY),
    "d2_brier_score": (d2_brier_score, PROBABILITY),
    "top_k_accuracy": (top_k_accuracy_score, RANKING),
    "average_precision": (average_precision_score, RANKING),
    "roc_auc": (roc_auc_score, RANKING),
    "roc_auc_ovr": (roc_auc_score, PROBABILITY | {"multi_class": "ovr"}),
    "roc_auc_ovo": (roc_auc_score, PROBABILITY | {"multi_class": "ovo"}),
    "roc_auc_ovr_weighted": (
        roc_auc_score,
        PROBABILITY | {"multi_class": "ovr", "average": "weighted"},
    ),
    "roc_auc_ovo_weighted": (
        roc_auc_score,
        PROBABILITY | {"multi_class": "ovo", "average": "weighted"},
    ),
    # of clusterings
    "adjusted_mutual_info_score": (cluster.adjusted_mutual_info_score, {}),
    "adjusted_rand_score": (cluster.adjusted_rand_score, {}),
    "completeness_score": (cluster.completeness_score, {}),
    "fowlkes_mallows_score": (cluster.fowlkes_mallows_score, {}),
    "homogeneity_score": (cluster.homogeneity_score, {}),
    "mutual_info_score": (cluster.mutual_info_score, {}),
    "normalized_mutual_info_score": (cluster.normalized_mutual_info_score, {}),
    "rand_score": (cluster.rand_score, {}),
    "v_measure_score": (cluster.v_measure_score, {}),
}

# Each with its four averages: "f1" of the positive class, "f1_macro", and so on.
for _name, _metric in (
    ("precision", precision_score),
    ("recall", recall_score),
    ("f1", f1_score),
    ("jaccard", jaccard_score),
):
    METRICS[_name] = (_metric, {"average": "binary"})
    for _average in ("macro", "micro", "samples", "weighted"):
        METRICS[f"{_name}_{_average}"] = (_metric, {"pos_label": None, "average": _average})

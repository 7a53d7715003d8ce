"""Metrics beside scikit-learn's: one of each kind from 100 to 10⁷ samples, the others at 10⁴.

Both sides get the same arrays and check them as they always do. A ratio of 0.1 is ten times as fast.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

import scratchnet.metrics  # noqa: F401  # as the peer's module: before memory is counted
from benchmarks.harness import Case

Inputs = Callable[..., tuple[Any, ...]]


def binary(n: int, dtype: str = "float64") -> tuple[Any, ...]:
    """Return labels and scores of which none are equal but by chance."""
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, n)
    return y_true, (rng.standard_normal(n) + y_true).astype(dtype)


def classes(n: int, n_classes: int = 10) -> tuple[Any, ...]:
    """Return true classes and predictions of which some two thirds are right."""
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, n_classes, n)
    return y_true, np.where(rng.random(n) < 0.6, y_true, rng.integers(0, n_classes, n))


def words(n: int) -> tuple[Any, ...]:
    """Return classes named by strings."""
    names = np.array(["cat", "cow", "dog", "elephant", "frog"])
    return tuple(names[code] for code in classes(n, len(names)))


def class_probabilities(n: int, n_classes: int = 10) -> tuple[Any, ...]:
    """Return true classes and a probability for each class."""
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, n_classes, n)
    scores = np.exp(rng.standard_normal((n, n_classes)) + np.eye(n_classes)[y_true])
    return y_true, scores / scores.sum(axis=1, keepdims=True)


def labels(n: int, n_labels: int = 10) -> tuple[Any, ...]:
    """Return tables of labels and scores for each."""
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, (n, n_labels))
    y_true[:, 0] = 1
    return y_true, rng.random((n, n_labels)) + 0.5 * y_true


def quantities(n: int) -> tuple[Any, ...]:
    """Return positive quantities and estimates of them."""
    rng = np.random.default_rng(0)
    y_true = np.exp(rng.standard_normal(n))
    return y_true, y_true * np.exp(0.3 * rng.standard_normal(n))


def blobs(n: int) -> tuple[Any, ...]:
    """Return points in eight dimensions around ten centres, and the number of each one's centre."""
    rng = np.random.default_rng(0)
    number = rng.integers(0, 10, n)
    return rng.standard_normal((n, 8)) + 3 * rng.standard_normal((10, 8))[number], number


def case(
    metric: str, inputs: Inputs, *args: Any, label: str = "", mean: str | None, **options: Any
) -> Case:
    """Return the case of one metric; `options` are its keyword arguments."""

    def side(module: str) -> Callable[..., Callable[[], Any]]:
        def prepare(*args: Any) -> Callable[[], Any]:
            function = getattr(importlib.import_module(module), metric)
            arrays = inputs(*args)
            return lambda: as_arrays(function(*arrays, **options))

        return prepare

    size = f"10^{len(str(args[0])) - 1}" if args[0] >= 1000 else str(args[0])
    return Case(
        f"{metric} {label} {size}".replace("  ", " "),
        {"scratchnet": side("scratchnet.metrics"), "sklearn.metrics": side("sklearn.metrics")},
        args,
        tolerance=1e-9,  # sums of up to 10⁷ terms in another order
        mean=mean,
        sweep=("samples", args[0]) if (metric, label) == ("roc_auc_score", "float64") else None,
    )


def as_arrays(result: Any) -> Any:
    """Return numbers as arrays, which is what results are compared as; ∞ as 9, NaN as −9.

    The only ∞ is a ROC curve's first threshold, beside scores between 0 and 1.
    """
    parts = result if isinstance(result, tuple) else (result,)
    arrays = (np.asarray(part, dtype=float) for part in parts)
    return tuple(np.nan_to_num(a, nan=-9.0, posinf=9.0) for a in arrays)


N = 10**4
CASES = [
    *(
        case("roc_auc_score", binary, n, dtype, label=dtype, mean="ROC AUC, 10² to 10⁷")
        for n in (100, 10**4, 10**6, 10**7)
        for dtype in ("float64", "float32")
    ),
    *(
        case(metric, inputs, n, mean=None)
        for metric, inputs in (
            ("confusion_matrix", classes),
            ("r2_score", quantities),
            ("adjusted_rand_score", classes),
        )
        for n in (100, 10**6, 10**7)
    ),
    case("confusion_matrix", classes, N, mean="classification"),
    case("confusion_matrix", words, N, label="words", mean="classification"),
    case("accuracy_score", classes, N, mean="classification"),
    case("balanced_accuracy_score", classes, N, mean="classification"),
    case("precision_recall_fscore_support", classes, N, mean="classification"),
    case("f1_score", classes, N, label="macro", mean="classification", average="macro"),
    case("f1_score", words, N, label="macro, words", mean="classification", average="macro"),
    case("jaccard_score", classes, N, label="macro", mean="classification", average="macro"),
    case("matthews_corrcoef", classes, N, mean="classification"),
    case("cohen_kappa_score", classes, N, mean="classification"),
    case("hamming_loss", classes, N, mean="classification"),
    case("log_loss", class_probabilities, N, mean="classification"),
    case("top_k_accuracy_score", class_probabilities, N, mean="classification"),
    case("roc_curve", binary, N, mean="ranking"),
    case("precision_recall_curve", binary, N, mean="ranking"),
    case("average_precision_score", binary, N, mean="ranking"),
    case("det_curve", binary, N, mean="ranking"),
    case("roc_auc_score", class_probabilities, N, label="ovr", mean="ranking", multi_class="ovr"),
    case("roc_auc_score", class_probabilities, N, label="ovo", mean="ranking", multi_class="ovo"),
    case("ndcg_score", labels, N, mean="ranking"),
    case("label_ranking_loss", labels, N, mean="ranking"),
    case("coverage_error", labels, N, mean="ranking"),
    case("label_ranking_average_precision_score", labels, N, mean="ranking"),
    *(
        case(metric, quantities, N, mean="regression")
        for metric in (
            "r2_score",
            "mean_squared_error",
            "root_mean_squared_error",
            "mean_absolute_error",
            "median_absolute_error",
            "mean_absolute_percentage_error",
            "mean_squared_log_error",
            "explained_variance_score",
            "max_error",
            "mean_pinball_loss",
            "mean_poisson_deviance",
            "mean_gamma_deviance",
            "d2_absolute_error_score",
        )
    ),
    case("silhouette_score", blobs, N, mean="clustering"),
    case("calinski_harabasz_score", blobs, N, mean="clustering"),
    case("davies_bouldin_score", blobs, N, mean="clustering"),
    case("adjusted_rand_score", classes, N, mean="clustering"),
    case("adjusted_mutual_info_score", classes, N, mean="clustering"),
    case("normalized_mutual_info_score", classes, N, mean="clustering"),
    case("v_measure_score", classes, N, mean="clustering"),
]

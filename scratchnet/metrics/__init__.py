"""How well predictions agree with the truth, under scikit-learn's names; NumPy is all it needs."""

from scratchnet.metrics.accuracy import (
    accuracy_score,
    balanced_accuracy_score,
    hamming_loss,
    top_k_accuracy_score,
    zero_one_loss,
)
from scratchnet.metrics.agreement import (
    class_likelihood_ratios,
    cohen_kappa_score,
    matthews_corrcoef,
)
from scratchnet.metrics.auc_interval import AUCInterval, DeLongTest, delong_test, roc_auc_interval
from scratchnet.metrics.average_precision import average_precision_score, precision_recall_curve
from scratchnet.metrics.bootstrap import BootstrapInterval, bootstrap_interval
from scratchnet.metrics.calibration import calibration_curve, expected_calibration_error
from scratchnet.metrics.cluster import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    calinski_harabasz_score,
    completeness_score,
    davies_bouldin_score,
    fowlkes_mallows_score,
    homogeneity_completeness_v_measure,
    homogeneity_score,
    mutual_info_score,
    normalized_mutual_info_score,
    pair_confusion_matrix,
    rand_score,
    silhouette_samples,
    silhouette_score,
    v_measure_score,
)
from scratchnet.metrics.confusion import confusion_matrix, multilabel_confusion_matrix
from scratchnet.metrics.deviance import (
    mean_gamma_deviance,
    mean_poisson_deviance,
    mean_tweedie_deviance,
)
from scratchnet.metrics.explained import (
    d2_absolute_error_score,
    d2_pinball_score,
    d2_tweedie_score,
    explained_variance_score,
    r2_score,
)
from scratchnet.metrics.fscore import (
    f1_score,
    fbeta_score,
    jaccard_score,
    precision_recall_fscore_support,
    precision_score,
    recall_score,
)
from scratchnet.metrics.gain import dcg_score, ndcg_score
from scratchnet.metrics.hinge import hinge_loss
from scratchnet.metrics.label_ranking import (
    coverage_error,
    label_ranking_average_precision_score,
    label_ranking_loss,
)
from scratchnet.metrics.probability import (
    brier_score_loss,
    d2_brier_score,
    d2_log_loss_score,
    log_loss,
)
from scratchnet.metrics.proportion import ProportionInterval, wilson_interval
from scratchnet.metrics.regression import (
    max_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_pinball_loss,
    mean_squared_error,
    mean_squared_log_error,
    median_absolute_error,
    root_mean_squared_error,
    root_mean_squared_log_error,
)
from scratchnet.metrics.report import classification_report
from scratchnet.metrics.roc import auc, det_curve, roc_curve
from scratchnet.metrics.roc_auc import roc_auc_score
from scratchnet.metrics.scorers import (
    check_scoring,
    get_scorer,
    get_scorer_names,
    make_scorer,
)
from scratchnet.metrics.threshold_choice import (
    ThresholdChoice,
    threshold_for_cost,
    threshold_for_fpr,
    threshold_for_recall,
    threshold_for_youden,
)
from scratchnet.metrics.thresholds import confusion_matrix_at_thresholds, metric_at_thresholds

__all__ = [
    "AUCInterval",
    "BootstrapInterval",
    "DeLongTest",
    "ProportionInterval",
    "ThresholdChoice",
    "accuracy_score",
    "adjusted_mutual_info_score",
    "adjusted_rand_score",
    "auc",
    "average_precision_score",
    "balanced_accuracy_score",
    "bootstrap_interval",
    "brier_score_loss",
    "calibration_curve",
    "calinski_harabasz_score",
    "check_scoring",
    "class_likelihood_ratios",
    "classification_report",
    "cohen_kappa_score",
    "completeness_score",
    "confusion_matrix",
    "confusion_matrix_at_thresholds",
    "coverage_error",
    "d2_absolute_error_score",
    "d2_brier_score",
    "d2_log_loss_score",
    "d2_pinball_score",
    "d2_tweedie_score",
    "davies_bouldin_score",
    "dcg_score",
    "delong_test",
    "det_curve",
    "expected_calibration_error",
    "explained_variance_score",
    "f1_score",
    "fbeta_score",
    "fowlkes_mallows_score",
    "get_scorer",
    "get_scorer_names",
    "hamming_loss",
    "hinge_loss",
    "homogeneity_completeness_v_measure",
    "homogeneity_score",
    "jaccard_score",
    "label_ranking_average_precision_score",
    "label_ranking_loss",
    "log_loss",
    "make_scorer",
    "matthews_corrcoef",
    "max_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_gamma_deviance",
    "mean_pinball_loss",
    "mean_poisson_deviance",
    "mean_squared_error",
    "mean_squared_log_error",
    "mean_tweedie_deviance",
    "median_absolute_error",
    "metric_at_thresholds",
    "multilabel_confusion_matrix",
    "mutual_info_score",
    "ndcg_score",
    "normalized_mutual_info_score",
    "pair_confusion_matrix",
    "precision_recall_curve",
    "precision_recall_fscore_support",
    "precision_score",
    "r2_score",
    "rand_score",
    "recall_score",
    "roc_auc_interval",
    "roc_auc_score",
    "roc_curve",
    "root_mean_squared_error",
    "root_mean_squared_log_error",
    "silhouette_samples",
    "silhouette_score",
    "threshold_for_cost",
    "threshold_for_fpr",
    "threshold_for_recall",
    "threshold_for_youden",
    "top_k_accuracy_score",
    "v_measure_score",
    "wilson_interval",
    "zero_one_loss",
]

"""Judging clusterings: against another clustering, or by how far apart the clusters are."""

from scratchnet.metrics.cluster.chance import expected_mutual_information
from scratchnet.metrics.cluster.contingency import contingency_matrix
from scratchnet.metrics.cluster.dispersion import calinski_harabasz_score, davies_bouldin_score
from scratchnet.metrics.cluster.information import (
    adjusted_mutual_info_score,
    completeness_score,
    entropy,
    homogeneity_completeness_v_measure,
    homogeneity_score,
    mutual_info_score,
    normalized_mutual_info_score,
    v_measure_score,
)
from scratchnet.metrics.cluster.pairs import (
    adjusted_rand_score,
    fowlkes_mallows_score,
    pair_confusion_matrix,
    rand_score,
)
from scratchnet.metrics.cluster.silhouette import silhouette_samples, silhouette_score

__all__ = [
    "adjusted_mutual_info_score",
    "adjusted_rand_score",
    "calinski_harabasz_score",
    "completeness_score",
    "contingency_matrix",
    "davies_bouldin_score",
    "entropy",
    "expected_mutual_information",
    "fowlkes_mallows_score",
    "homogeneity_completeness_v_measure",
    "homogeneity_score",
    "mutual_info_score",
    "normalized_mutual_info_score",
    "pair_confusion_matrix",
    "rand_score",
    "silhouette_samples",
    "silhouette_score",
    "v_measure_score",
]

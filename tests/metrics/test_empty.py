"""Nothing to score is a ValueError, as in scikit-learn, and never a mean of nothing."""

import numpy as np
import pytest

from scratchnet import metrics
from scratchnet.exceptions import UndefinedMetricWarning

TABLE = np.zeros((0, 3))
CALLS = {
    "log_loss": lambda: metrics.log_loss([], [], labels=[0, 1]),
    "brier_score_loss": lambda: metrics.brier_score_loss([], []),
    "brier_score_loss, pos_label": lambda: metrics.brier_score_loss([], [], pos_label=1),
    "hinge_loss": lambda: metrics.hinge_loss([], []),
    "average_precision_score": lambda: metrics.average_precision_score([], []),
    "roc_auc_score": lambda: metrics.roc_auc_score([], []),
    "dcg_score": lambda: metrics.dcg_score(TABLE, TABLE),
    "ndcg_score": lambda: metrics.ndcg_score(TABLE, TABLE),
    "coverage_error": lambda: metrics.coverage_error(TABLE, TABLE),
    "label_ranking_loss": lambda: metrics.label_ranking_loss(TABLE, TABLE),
    "lrap": lambda: metrics.label_ranking_average_precision_score(TABLE, TABLE),
    "mean_squared_error": lambda: metrics.mean_squared_error([], []),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_to_score_is_an_error(call):
    with pytest.raises(ValueError, match=r"0 sample|empty"):
        call()


def test_one_class_is_undefined_also_with_a_column_for_each_class():
    with pytest.warns(UndefinedMetricWarning, match="one class"):
        assert np.isnan(metrics.roc_auc_score([1, 1], [[0.6, 0.4], [0.4, 0.6]]))

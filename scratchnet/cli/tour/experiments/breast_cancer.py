"""The data and the model that sections 4 to 6 share: is a tumour malignant?

`N` = 569 tumours, `D` = 30 measurements of the cell nuclei of each.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from scratchnet import datasets
from scratchnet.linear_model import LogisticRegression
from scratchnet.pipeline import make_pipeline
from scratchnet.preprocessing import StandardScaler

__all__ = ["load_tumours", "scaled_logistic_regression"]

Array = NDArray[Any]


def load_tumours() -> tuple[Array, Array]:
    """Return the measurements, (N, D), and 1 for malignant, 0 for benign, (N,)."""
    X, y = datasets.load_breast_cancer(return_X_y=True)
    return X, (y == 0).astype(int)  # in the file 0 is malignant; what is looked for is positive


def scaled_logistic_regression() -> Any:
    """Return the model: the scaler is part of it, so that each fold scales by what it trains on."""
    return make_pipeline(StandardScaler(), LogisticRegression())

"""Bringing features to a common scale, under scikit-learn's names."""

from scratchnet.preprocessing.min_max_scaler import MinMaxScaler
from scratchnet.preprocessing.standard_scaler import StandardScaler

__all__ = [
    "MinMaxScaler",
    "StandardScaler",
]

"""Linear models, under scikit-learn's names."""

from scratchnet.linear_model.collinearity import variance_inflation_factor
from scratchnet.linear_model.linear_regression import LinearRegression
from scratchnet.linear_model.logistic_regression import LogisticRegression
from scratchnet.linear_model.perceptron import Perceptron
from scratchnet.linear_model.ridge import Ridge
from scratchnet.linear_model.ridge_cv import RidgeCV

__all__ = [
    "LinearRegression",
    "LogisticRegression",
    "Perceptron",
    "Ridge",
    "RidgeCV",
    "variance_inflation_factor",
]

"""Linear models, under scikit-learn's names."""

from scratchnet.linear_model.logistic_regression import LogisticRegression
from scratchnet.linear_model.perceptron import Perceptron

__all__ = ["LogisticRegression", "Perceptron"]

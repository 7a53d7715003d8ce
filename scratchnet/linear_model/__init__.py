"""Linear models, under scikit-learn's names."""

from scratchnet.linear_model.perceptron import Perceptron

__all__ = ["Perceptron"]

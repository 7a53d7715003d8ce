"""Pictures of how well a model does, under scikit-learn's names, and of what it attends to.

They need matplotlib:

    pip install 'scratchnet[plot]'

A Display keeps the figures that it draws as attributes; `plot` draws them, on the Axes that it is
given or on a new figure, which is the caller's to show, to save and to close.
"""

from scratchnet.plotting.attention import AttentionDisplay, TokenWeightsDisplay
from scratchnet.plotting.confusion import ConfusionMatrixDisplay
from scratchnet.plotting.folds import plot_folds
from scratchnet.plotting.learning import LearningCurveDisplay
from scratchnet.plotting.precision_recall import PrecisionRecallDisplay
from scratchnet.plotting.roc import RocCurveDisplay
from scratchnet.plotting.roc_band import RocBand, roc_band

__all__ = [
    "AttentionDisplay",
    "ConfusionMatrixDisplay",
    "LearningCurveDisplay",
    "PrecisionRecallDisplay",
    "RocBand",
    "RocCurveDisplay",
    "TokenWeightsDisplay",
    "plot_folds",
    "roc_band",
]

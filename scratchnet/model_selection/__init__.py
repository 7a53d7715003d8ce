"""Splitting samples into training and test parts, and judging estimators by them."""

from scratchnet.model_selection.base_search import BaseSearchCV
from scratchnet.model_selection.check_cv import check_cv
from scratchnet.model_selection.curves import learning_curve, validation_curve
from scratchnet.model_selection.groups import GroupKFold, LeaveOneGroupOut, LeavePGroupsOut
from scratchnet.model_selection.k_fold import KFold
from scratchnet.model_selection.leave_out import LeaveOneOut, LeavePOut
from scratchnet.model_selection.parameters import ParameterGrid, ParameterSampler
from scratchnet.model_selection.permutation import permutation_test_score
from scratchnet.model_selection.predefined_split import PredefinedSplit
from scratchnet.model_selection.predictions import cross_val_predict, pooled_score
from scratchnet.model_selection.repeated import RepeatedKFold, RepeatedStratifiedKFold
from scratchnet.model_selection.search import GridSearchCV, RandomizedSearchCV
from scratchnet.model_selection.shuffle_split import (
    BaseShuffleSplit,
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedShuffleSplit,
)
from scratchnet.model_selection.splitter import BaseCrossValidator
from scratchnet.model_selection.stratified import StratifiedKFold
from scratchnet.model_selection.stratified_groups import StratifiedGroupKFold
from scratchnet.model_selection.time_series_split import TimeSeriesSplit
from scratchnet.model_selection.train_test_split import train_test_split
from scratchnet.model_selection.validation import cross_val_score, cross_validate

__all__ = [
    "BaseCrossValidator",
    "BaseSearchCV",
    "BaseShuffleSplit",
    "GridSearchCV",
    "GroupKFold",
    "GroupShuffleSplit",
    "KFold",
    "LeaveOneGroupOut",
    "LeaveOneOut",
    "LeavePGroupsOut",
    "LeavePOut",
    "ParameterGrid",
    "ParameterSampler",
    "PredefinedSplit",
    "RandomizedSearchCV",
    "RepeatedKFold",
    "RepeatedStratifiedKFold",
    "ShuffleSplit",
    "StratifiedGroupKFold",
    "StratifiedKFold",
    "StratifiedShuffleSplit",
    "TimeSeriesSplit",
    "check_cv",
    "cross_val_predict",
    "cross_val_score",
    "cross_validate",
    "learning_curve",
    "permutation_test_score",
    "pooled_score",
    "train_test_split",
    "validation_curve",
]

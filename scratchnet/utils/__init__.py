"""What the estimators share: reading their input, random states, weights of classes."""

from scratchnet.utils.class_weight import compute_class_weight
from scratchnet.utils.multiclass import check_classification_targets
from scratchnet.utils.validation import (
    check_array,
    check_consistent_length,
    check_random_state,
    check_scalar,
    column_or_1d,
)

__all__ = [
    "check_array",
    "check_classification_targets",
    "check_consistent_length",
    "check_random_state",
    "check_scalar",
    "column_or_1d",
    "compute_class_weight",
]

"""Small real data sets that ship with the package. Importing this module reads none of them."""

from scratchnet.datasets.bunch import Bunch
from scratchnet.datasets.images import load_sample_image, sample_image_path
from scratchnet.datasets.tables import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
)

__all__ = [
    "Bunch",
    "load_breast_cancer",
    "load_diabetes",
    "load_digits",
    "load_iris",
    "load_sample_image",
    "load_wine",
    "sample_image_path",
]

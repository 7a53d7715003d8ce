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
from scratchnet.datasets.text import load_alice, load_names

__all__ = [
    "Bunch",
    "load_alice",
    "load_breast_cancer",
    "load_diabetes",
    "load_digits",
    "load_iris",
    "load_names",
    "load_sample_image",
    "load_wine",
    "sample_image_path",
]

"""Tables that ship with the package: digits, iris, wine, breast cancer, diabetes.

Interface and arrays are scikit-learn's, entry for entry. A table is `files/<name>.columns.bz2`: a line
for the target and then one for each feature, in the form that `_columns.py` describes, with the
decimals of the source. Where it comes from, its licence and what was changed stand in
`files/<name>.md`, which is also the `DESCR` of what is returned.

Every function reads its file when it is called and returns new arrays, which the caller may change.
With `return_X_y=True` it returns `(data, target)`, else a `Bunch` of

    data           (N, D) float64
    target         (N,) int64 classes; float64 in diabetes
    feature_names  the D columns of data
    target_names   the classes; diabetes has none
    DESCR          source, licence, what was changed
    filename       the file that was read
"""

from __future__ import annotations

import bz2
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.datasets._columns import read_columns
from scratchnet.datasets.bunch import Bunch

__all__ = ["load_breast_cancer", "load_diabetes", "load_digits", "load_iris", "load_wine"]

_FILES = Path(__file__).with_name("files")


def load_digits(*, n_class: int = 10, return_X_y: bool = False) -> Any:
    """Return 1797 handwritten digits as pictures of 8 × 8 pixels, each from 0 (paper) to 16 (ink).

    n_class: keep the digits 0 … n_class − 1 only; outside 1 to 10 raises a ValueError.
    The Bunch also has `images`, (N, 8, 8): `data` in another shape, on the same memory. Larger
    pictures of digits are read by `scratchnet.data.load_mnist`.

    >>> digits = load_digits()
    >>> digits.images[0, 2].astype(int)
    array([ 0,  3, 15,  2,  0, 11,  8,  0])
    """
    if not isinstance(n_class, int | np.integer) or not 1 <= n_class <= 10:
        raise ValueError(f"n_class must be an integer from 1 to 10, got {n_class!r}")
    bunch = _read("digits", target_names=np.arange(10))
    kept = bunch.target < n_class
    bunch.data, bunch.target = bunch.data[kept], bunch.target[kept]
    bunch.images = bunch.data.reshape(-1, 8, 8)
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_iris(*, return_X_y: bool = False) -> Any:
    """Return 150 irises of three species: length and width of sepals and petals, in centimetres.

    Setosa is linearly separable from the two others, which are not from each other.

    >>> load_iris().target_names
    array(['setosa', 'versicolor', 'virginica'], dtype='<U10')
    """
    bunch = _read("iris", target_names=np.array(["setosa", "versicolor", "virginica"]))
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_wine(*, return_X_y: bool = False) -> Any:
    """Return 178 wines from three growers, each with 13 quantities of its chemical analysis.

    >>> np.bincount(load_wine().target)
    array([59, 71, 48])
    """
    bunch = _read("wine", target_names=np.array(["class_0", "class_1", "class_2"]))
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_breast_cancer(*, return_X_y: bool = False) -> Any:
    """Return 569 breast masses, each with 30 measures of its cell nuclei; 0 malignant, 1 benign.

    >>> np.bincount(load_breast_cancer().target)
    array([212, 357])
    """
    bunch = _read("breast_cancer", target_names=np.array(["malignant", "benign"]))
    bunch.feature_names = np.array(bunch.feature_names)  # an array here only, as in scikit-learn
    return (bunch.data, bunch.target) if return_X_y else bunch


def load_diabetes(*, return_X_y: bool = False, scaled: bool = True) -> Any:
    """Return 442 patients with 10 measures each, and how far diabetes had advanced a year later.

        scaled: x[n, d] ← (x[n, d] − mean_d) / (std_d √N),   so that Σ_n x[n, d]² = 1

    scaled=False returns age in years, blood pressure and so on as they were measured.

    >>> load_diabetes(scaled=False).data[0, :4]
    array([ 59. ,   2. ,  32.1, 101. ])
    """
    bunch = _read("diabetes")
    bunch.target = bunch.target.astype(float)
    if scaled:
        # Two divisions: dividing once by the product would round differently from scikit-learn.
        x = bunch.data
        bunch.data = (x - x.mean(axis=0)) / x.std(axis=0) / len(x) ** 0.5
    return (bunch.data, bunch.target) if return_X_y else bunch


def _read(name: str, **more: Any) -> Bunch:
    """Return the Bunch of `files/<name>.columns.bz2`, with an integer target."""
    path = _FILES / f"{name}.columns.bz2"
    with bz2.open(path, "rt", encoding="ascii") as file:
        columns = read_columns(file)
    target = columns.pop("target")
    return Bunch(
        data=np.stack(list(columns.values()), axis=1),  # (N, D)
        target=target.astype(int),
        feature_names=list(columns),
        DESCR=path.with_name(f"{name}.md").read_text(encoding="utf-8"),
        filename=str(path),
        **more,
    )

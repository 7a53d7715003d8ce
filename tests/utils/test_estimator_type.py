"""What kind of estimator something is, whoever wrote it."""

import subprocess
import sys

import pytest

from scratchnet.base import BaseEstimator, ClassifierMixin, RegressorMixin
from scratchnet.utils.estimator_type import (
    estimator_type,
    is_classifier,
    is_pairwise,
    is_regressor,
)


class Classifier(ClassifierMixin, BaseEstimator):
    pass


class Regressor(RegressorMixin, BaseEstimator):
    pass


@pytest.mark.parametrize(
    ("estimator", "kind"),
    [
        (Classifier(), "classifier"),
        (Regressor(), "regressor"),
        (BaseEstimator(), None),
        (object(), None),
    ],
)
def test_ours_say_what_they_are(estimator, kind):
    assert estimator_type(estimator) == kind
    assert is_classifier(estimator) == (kind == "classifier")
    assert is_regressor(estimator) == (kind == "regressor")
    assert not is_pairwise(estimator)


def test_scikit_learns_say_so_by_their_tags():
    svm = pytest.importorskip("sklearn.svm")
    cluster = pytest.importorskip("sklearn.cluster")
    assert is_classifier(svm.SVC())
    assert is_regressor(svm.SVR())
    assert estimator_type(cluster.KMeans()) == "clusterer"
    assert is_pairwise(svm.SVC(kernel="precomputed"))
    assert not is_pairwise(svm.SVC())


def test_an_estimator_may_say_itself_that_x_holds_pairs_of_samples():
    estimator = Classifier()
    estimator._pairwise = True
    assert is_pairwise(estimator)


def test_asking_loads_no_scikit_learn():
    program = """
import sys
from scratchnet.base import BaseEstimator
from scratchnet.utils.estimator_type import is_classifier, is_pairwise
assert not is_classifier(BaseEstimator()) and not is_pairwise(BaseEstimator())
assert "sklearn" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

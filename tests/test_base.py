"""The estimator protocol: parameters, clones, scores, and what scikit-learn asks."""

import pickle
import subprocess
import sys
from collections import defaultdict, namedtuple

import numpy as np
import pytest

from scratchnet.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from scratchnet.exceptions import UndefinedMetricWarning


class Inner(BaseEstimator):
    def __init__(self, *, alpha=1.0, names=None):
        self.alpha = alpha
        self.names = names


class Outer(BaseEstimator):
    def __init__(self, model, *, depth=3):
        self.model = model
        self.depth = depth


class Classifier(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0]


class Regressor(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        X = np.asarray(X)
        return X if X.shape[1] > 1 else X[:, 0]


def test_parameters_are_those_of_init_and_of_inner_estimators():
    outer = Outer(Inner(alpha=2.0))
    assert outer.get_params(deep=False) == {"depth": 3, "model": outer.model}
    assert outer.get_params() == {
        "depth": 3,
        "model": outer.model,
        "model__alpha": 2.0,
        "model__names": None,
    }
    assert BaseEstimator().get_params() == {}


def test_an_estimator_class_as_a_parameter_has_no_inner_parameters():
    assert Outer(Inner).get_params() == {"depth": 3, "model": Inner}


def test_parameters_are_set_by_name_at_any_depth():
    outer = Outer(Outer(Inner()))
    assert outer.set_params(depth=5, model__depth=6, model__model__alpha=7) is outer
    assert (outer.depth, outer.model.depth, outer.model.model.alpha) == (5, 6, 7)


def test_inner_parameters_are_set_on_the_new_inner_estimator():
    old, new = Inner(), Inner()
    Outer(old).set_params(model__alpha=9, model=new)
    assert (old.alpha, new.alpha) == (1.0, 9)


@pytest.mark.parametrize("name", ["beta", "beta__alpha"])
def test_an_unknown_parameter_is_refused_with_the_known_ones(name):
    with pytest.raises(ValueError, match="Outer has no parameter 'beta'; it has depth, model"):
        Outer(None).set_params(**{name: 1})


def test_parameters_must_be_named_in_init():
    class Anything(BaseEstimator):
        def __init__(self, **options):
            self.options = options

    with pytest.raises(RuntimeError, match=r"Anything.__init__ .* it has \*\*options"):
        Anything().get_params()


def test_repr_shows_what_was_changed():
    assert repr(Inner()) == "Inner()"
    assert repr(Inner(alpha=2)) == "Inner(alpha=2)"
    assert repr(Inner(names=np.array([1, 2]))) == "Inner(names=array([1, 2]))"
    assert repr(Outer(Inner(alpha=2))) == "Outer(model=Inner(alpha=2))"


# clones


def theirs(name):
    return pytest.importorskip("sklearn.base").clone if name == "scikit-learn's" else clone


@pytest.mark.parametrize("whose", ["ours", "scikit-learn's"])
def test_a_clone_has_equal_parameters_and_nothing_learned(whose):
    outer = Outer(Inner(alpha=2.0, names=["a"]), depth=4)
    outer.coef_ = outer.model.coef_ = 1
    copy = theirs(whose)(outer)
    assert type(copy) is Outer
    assert copy.model is not outer.model
    assert copy.model.names == ["a"]
    assert copy.model.names is not outer.model.names
    assert (copy.depth, copy.model.alpha) == (4, 2.0)
    assert not hasattr(copy, "coef_")
    assert not hasattr(copy.model, "coef_")


def test_containers_of_estimators_are_cloned_item_by_item():
    first, second = clone([Inner(alpha=3), Inner(alpha=4)])
    assert (first.alpha, second.alpha) == (3, 4)
    assert clone({"a": Inner(alpha=3)})["a"].alpha == 3


def test_a_named_tuple_or_another_kind_of_dict_stays_what_it_is():
    pair, counts = namedtuple("pair", "a b")(1, 2), defaultdict(int, a=1)
    assert clone(Inner(alpha=pair)).alpha == pair
    copy = clone(Inner(alpha=counts)).alpha
    assert copy == counts
    assert type(copy) is defaultdict


@pytest.mark.parametrize("thing", [Inner, 3, "estimator"])
def test_what_is_no_estimator_is_not_cloned_unless_unsafe(thing):
    with pytest.raises(TypeError, match="clone expects an estimator instance"):
        clone(thing)
    assert clone(thing, safe=False) == thing


def test_an_init_that_changes_its_parameter_cannot_be_cloned():
    class Changes(BaseEstimator):
        def __init__(self, names=()):
            self.names = list(names)

    with pytest.raises(RuntimeError, match=r"Changes cannot be cloned: .* parameter names"):
        clone(Changes())


def test_our_clone_takes_scikit_learns_estimators():
    linear_model = pytest.importorskip("sklearn.linear_model")
    copy = clone(Outer(linear_model.Ridge(alpha=5.0)))
    assert isinstance(copy.model, linear_model.Ridge)
    assert copy.model.alpha == 5.0


def test_an_estimator_is_pickled_with_what_it_learned():
    inner = Inner(alpha=2.0)
    inner.coef_ = np.arange(3)
    again = pickle.loads(pickle.dumps(inner))
    assert again.alpha == 2.0
    np.testing.assert_array_equal(again.coef_, [0, 1, 2])


# scores


def test_accuracy_is_the_weighted_share_of_right_predictions():
    X, y = [["a"], ["b"], ["a"], ["b"]], ["a", "b", "b", "a"]
    assert Classifier().score(X, y) == 0.5
    assert Classifier().score(X, y, sample_weight=[3, 3, 1, 1]) == 0.75


def test_accuracy_of_labels_of_another_type_is_refused():
    with pytest.raises(ValueError, match="Mix of label input types"):
        Classifier().score([["a"], ["b"]], [0, 1])


def test_r2_compares_with_predicting_the_mean():
    # residuals 1, 0, 1 and deviations from the mean 3: 2, 0, 2
    assert Regressor().score([[2], [3], [4]], [1, 3, 5]) == 1 - 2 / 8


@pytest.mark.parametrize("weight", [None, [1.0, 2.0, 0.0, 1.5]])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_r2_is_scikit_learns(n_outputs, weight):
    r2_score = pytest.importorskip("sklearn.metrics").r2_score
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4, n_outputs)), rng.normal(size=(4, n_outputs))
    y[:, -1] = 2.0 if n_outputs == 3 else y[:, -1]  # a constant output among others
    expected = r2_score(y, X, sample_weight=weight)
    # Sums of four terms, in another order.
    assert Regressor().score(X, y, sample_weight=weight) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(("prediction", "r2"), [(2.0, 1.0), (3.0, 0.0)])
def test_r2_of_a_constant_is_one_if_it_is_predicted_and_else_zero(prediction, r2):
    assert Regressor().score([[prediction]] * 3, [2.0] * 3) == r2


def test_r2_of_one_sample_is_undefined():
    with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
        assert np.isnan(Regressor().score([[1.0]], [1.0]))


@pytest.mark.parametrize("estimator", [Classifier(), Regressor()], ids=["accuracy", "R²"])
def test_scores_of_different_lengths_are_refused(estimator):
    with pytest.raises(ValueError, match="y_true has 3, y_pred has 2"):
        estimator.score([[1], [2]], [1, 2, 3])


# scikit-learn


def test_scikit_learn_sees_what_kind_of_estimator_it_is():
    base = pytest.importorskip("sklearn.base")
    assert base.is_classifier(Classifier())
    assert base.is_regressor(Regressor())
    assert not base.is_classifier(Inner())
    tags = pytest.importorskip("sklearn.utils").get_tags
    assert tags(Classifier()).target_tags.required
    assert not tags(Inner()).target_tags.required


def test_nothing_imports_scikit_learn_until_it_asks():
    script = (
        "import sys, numpy as np; from scratchnet.linear_model import Perceptron\n"
        "model = Perceptron().fit(np.eye(2), [0, 1]); model.score(np.eye(2), [0, 1]); repr(model)\n"
        "assert not {'sklearn', 'scipy', 'pandas'} & set(sys.modules), sys.modules.keys()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""Pipelines: what each step is given, what comes back, steps as parameters, memory."""

import numpy as np
import pytest

from scratchnet.base import BaseEstimator, TransformerMixin, clone
from scratchnet.exceptions import NotFittedError
from scratchnet.linear_model import LinearRegression, Perceptron, Ridge
from scratchnet.pipeline import Pipeline, make_pipeline
from scratchnet.preprocessing import MinMaxScaler, StandardScaler


class Recorder(TransformerMixin, BaseEstimator):
    """Multiplies by `factor`, and keeps what it was given."""

    def __init__(self, factor=2.0):
        self.factor = factor

    def fit(self, X, y=None, **params):
        self.X_, self.y_, self.params_ = X, y, params
        return self

    def transform(self, X):
        return np.asarray(X) * self.factor

    def inverse_transform(self, X):
        return np.asarray(X) / self.factor

    def fit_predict(self, X, y=None, **params):
        return "fit_predict", self.fit(X, y, **params).transform(X)


def data(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 3)) * [1, 10, 100] + 5
    return X, X @ [3.0, 0.2, 0.01] + rng.normal(size=40)


def test_each_step_is_fitted_to_what_the_steps_before_it_made():
    X, y = [[1.0], [2.0]], [0, 1]
    first, second, last = Recorder(2), Recorder(5), Recorder(1)
    pipeline = Pipeline([("a", first), ("b", second), ("c", last)]).fit(X, y)
    assert first.X_ is X
    np.testing.assert_array_equal(second.X_, [[2], [4]])
    np.testing.assert_array_equal(last.X_, [[10], [20]])
    assert first.y_ is second.y_ is last.y_ is y
    np.testing.assert_array_equal(pipeline.transform([[3.0]]), [[30]])
    np.testing.assert_array_equal(pipeline.inverse_transform([[30.0]]), [[3]])


def test_it_is_the_steps_by_hand_and_leaks_nothing_of_the_test_samples():
    X, y = data()
    pipeline = make_pipeline(StandardScaler(), Ridge(2.0)).fit(X[:30], y[:30])
    scaler = StandardScaler().fit(X[:30])
    model = Ridge(2.0).fit(scaler.transform(X[:30]), y[:30])
    expected = model.predict(scaler.transform(X[30:]))
    np.testing.assert_array_equal(pipeline.predict(X[30:]), expected)
    assert pipeline.score(X[30:], y[30:]) == model.score(scaler.transform(X[30:]), y[30:])
    pipeline.predict(X[30:] + 1000)
    np.testing.assert_array_equal(pipeline[0].mean_, scaler.mean_)


def test_fit_transform_and_fit_predict_end_in_those_of_the_last_step():
    X = [[1.0], [2.0]]
    pipeline = make_pipeline(Recorder(2), Recorder(5))
    np.testing.assert_array_equal(pipeline.fit_transform(X), [[10], [20]])
    name, found = pipeline.fit_predict(X)
    assert name == "fit_predict"
    np.testing.assert_array_equal(found, [[10], [20]])


def test_it_has_the_methods_of_its_last_step():
    regression = make_pipeline(StandardScaler(), Ridge())
    assert hasattr(regression, "predict")
    for name in ("transform", "fit_transform", "predict_proba", "decision_function", "fit_predict"):
        assert not hasattr(regression, name)
    with pytest.raises(AttributeError, match="This 'Pipeline' has no attribute 'predict_proba'"):
        regression.predict_proba([[0.0]])
    assert hasattr(make_pipeline(StandardScaler(), Perceptron()), "decision_function")
    scalers = make_pipeline(StandardScaler(), MinMaxScaler())
    assert hasattr(scalers, "transform")
    assert hasattr(scalers, "inverse_transform")
    assert not hasattr(scalers, "predict")


def test_arguments_of_fit_reach_their_step():
    X, y = data()
    weight = np.random.default_rng(1).uniform(size=40)
    pipeline = make_pipeline(StandardScaler(), Ridge())
    pipeline.fit(X, y, ridge__sample_weight=weight, standardscaler__sample_weight=weight)
    scaler = StandardScaler().fit(X, sample_weight=weight)
    expected = Ridge().fit(scaler.transform(X), y, weight)
    np.testing.assert_array_equal(pipeline[-1].coef_, expected.coef_)
    for bad in ("sample_weight", "lasso__sample_weight"):
        with pytest.raises(ValueError, match=rf"Pipeline.fit does not accept the {bad} .*ridge__"):
            pipeline.fit(X, y, **{bad: weight})


def test_score_hands_the_weights_to_the_last_step():
    X, y = data()
    pipeline = make_pipeline(StandardScaler(), Ridge()).fit(X, y)
    weight = np.arange(40)
    expected = pipeline[-1].score(pipeline[0].transform(X), y, sample_weight=weight)
    assert pipeline.score(X, y, sample_weight=weight) == expected
    assert pipeline.score(X, y) != expected


@pytest.mark.parametrize("nothing", ["passthrough", None])
def test_passthrough_leaves_the_data_as_it_is(nothing):
    X = np.array([[1.0], [2.0]])
    pipeline = Pipeline([("a", Recorder(2)), ("b", nothing), ("c", Recorder(5))])
    np.testing.assert_array_equal(pipeline.fit_transform(X), [[10], [20]])
    np.testing.assert_array_equal(pipeline.inverse_transform(pipeline.transform(X)), X)
    pipeline.set_params(c=nothing)
    np.testing.assert_array_equal(pipeline.fit(X).transform(X), [[2], [4]])
    assert not hasattr(pipeline, "predict")
    assert Pipeline([("a", nothing)]).fit(X).transform(X) is X


# Steps and parameters


def test_steps_are_found_by_place_name_and_slice():
    scaler, ridge = StandardScaler(), Ridge()
    pipeline = Pipeline([("scale", scaler), ("ridge", ridge)], verbose=True)
    assert len(pipeline) == 2
    assert pipeline[0] is pipeline["scale"] is pipeline.named_steps.scale is scaler
    assert pipeline[-1] is ridge
    front = pipeline[:-1]
    assert type(front) is Pipeline
    assert front.steps == [("scale", scaler)]
    assert front.verbose
    front.steps.append(("more", Ridge()))
    assert len(pipeline) == 2
    with pytest.raises(ValueError, match="only supports a step of 1"):
        pipeline[::2]
    with pytest.raises(KeyError):
        pipeline["lasso"]


def test_parameters_of_steps_are_got_and_set_by_name():
    pipeline = make_pipeline(StandardScaler(), Ridge(alpha=3.0))
    params = pipeline.get_params()
    assert params["ridge__alpha"] == 3.0
    assert params["ridge"] is pipeline[1]
    assert pipeline.get_params(deep=False).keys() == {
        "steps", "transform_input", "memory", "verbose"
    }  # fmt: skip
    assert pipeline.set_params(ridge__alpha=5, verbose=True) is pipeline
    assert (pipeline[1].alpha, pipeline.verbose) == (5, True)
    new = Ridge()
    pipeline.set_params(ridge__alpha=7, ridge=new)  # the parameter goes to the new step
    assert pipeline[1] is new
    assert new.alpha == 7
    pipeline.set_params(steps=[("only", Ridge())], only__alpha=9)
    assert pipeline[0].alpha == 9
    with pytest.raises(ValueError, match=r"Invalid parameter 'lasso' .* it has .*steps, .*only"):
        pipeline.set_params(lasso__alpha=1)


def test_a_pipeline_in_a_pipeline_is_reached_through_both_names():
    inner = Pipeline([("scale", StandardScaler()), ("range", MinMaxScaler())])
    outer = Pipeline([("inner", inner), ("ridge", Ridge())])
    outer.set_params(inner__range__clip=True, inner__scale="passthrough")
    assert inner[1].clip
    assert inner[0] == "passthrough"
    X, y = data()
    assert outer.fit(X, y).predict(X).shape == (40,)


def test_a_clone_has_unfitted_steps_of_its_own():
    X, y = data()
    pipeline = make_pipeline(StandardScaler(), Ridge(alpha=3.0)).fit(X, y)
    copy = clone(pipeline)
    assert copy[0] is not pipeline[0]
    assert copy[1].alpha == 3.0
    with pytest.raises(NotFittedError):
        copy.predict(X)
    assert pipeline.predict(X).shape == (40,)


def test_repr_shows_the_steps():
    expected = "Pipeline(steps=[('standardscaler', StandardScaler()), ('ridge', Ridge(alpha=3))])"
    assert repr(make_pipeline(StandardScaler(), Ridge(alpha=3))) == expected


def test_names_are_made_of_classes_and_numbered_where_equal():
    names = [n for n, _ in make_pipeline(Ridge(), StandardScaler(), Ridge(), "passthrough").steps]
    assert names == ["ridge-1", "standardscaler", "ridge-2", "passthrough"]


@pytest.mark.parametrize(
    ("steps", "error", "words"),
    [
        ([], ValueError, "The pipeline is empty"),
        ([("a", Recorder()), ("a", Ridge())], ValueError, r"not unique: \['a', 'a'\]"),
        ([("a__b", Ridge())], ValueError, "must not contain __"),
        ([("verbose", Ridge())], ValueError, "must not be that of a parameter"),
        ([("a", Ridge)], TypeError, "the class Ridge, not an instance"),
        ([("a", Ridge()), ("b", Ridge())], TypeError, "'a' should implement fit and transform"),
        ([("a", Recorder()), ("b", 3)], TypeError, "'b' should implement fit, or be"),
    ],
)
def test_steps_that_cannot_be_fitted_in_turn_are_refused(steps, error, words):
    with pytest.raises(error, match=words):
        Pipeline(steps).fit([[1.0]], [1.0])


def test_what_is_left_out_says_so():
    with pytest.raises(ValueError, match="transform_input is left out"):
        make_pipeline(Ridge(), transform_input=["X_val"]).fit([[1.0]], [1.0])


# What it is, to others


def test_it_is_fitted_when_its_last_step_is():
    X, y = data()
    pipeline = make_pipeline(StandardScaler(), Ridge())
    with pytest.raises(NotFittedError):
        pipeline.predict(X)
    pipeline.fit(X, y)
    assert pipeline.n_features_in_ == 3
    assert not hasattr(pipeline, "classes_")
    assert not hasattr(pipeline, "feature_names_in_")
    assert make_pipeline("passthrough").transform(X) is X  # nothing to fit


def test_classes_and_kind_are_those_of_the_last_step():
    X, y = data()
    pipeline = make_pipeline(StandardScaler(), Perceptron()).fit(X, y > y.mean())
    assert pipeline.classes_.tolist() == [False, True]
    assert pipeline._estimator_type == "classifier"
    assert make_pipeline(StandardScaler(), Ridge())._estimator_type == "regressor"


def test_feature_names_pass_through_all_steps():
    pipeline = make_pipeline(StandardScaler(), "passthrough", MinMaxScaler()).fit(data()[0])
    assert pipeline.get_feature_names_out(["a", "b", "c"]).tolist() == ["a", "b", "c"]
    assert pipeline.get_feature_names_out().tolist() == ["x0", "x1", "x2"]
    with pytest.raises(AttributeError, match=r"'ridge' does not .*pipeline\[:-1\]"):
        make_pipeline(StandardScaler(), Ridge()).fit(*data()).get_feature_names_out()


def test_verbose_prints_a_line_for_each_step(capsys):
    make_pipeline(StandardScaler(), "passthrough", Ridge(), verbose=True).fit(*data())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for i, name in enumerate(["standardscaler", "passthrough", "ridge"], start=1):
        assert lines[i - 1].startswith("[Pipeline] ")
        assert f"(step {i} of 3) Processing {name}, total=" in lines[i - 1]


class Memory:
    """As much of joblib's Memory as is used: results are kept by the arguments' repr."""

    def __init__(self):
        self.kept, self.n_calls = {}, 0

    def cache(self, function):
        def cached(*arguments):
            key = repr(arguments)
            if key not in self.kept:
                self.n_calls += 1
                self.kept[key] = function(*arguments)
            return self.kept[key]

        return cached


def test_memory_keeps_fitted_transformers_and_leaves_the_given_one_unfitted():
    X, y = data()
    memory, scaler = Memory(), StandardScaler()
    pipeline = make_pipeline(scaler, Ridge(), memory=memory).fit(X, y)
    assert not hasattr(scaler, "mean_")
    assert pipeline[0] is not scaler
    expected = make_pipeline(StandardScaler(), Ridge()).fit(X, y).predict(X)
    np.testing.assert_array_equal(pipeline.predict(X), expected)
    make_pipeline(StandardScaler(), Ridge(alpha=5), memory=memory).fit(X, y)
    assert memory.n_calls == 1
    make_pipeline(StandardScaler(with_mean=False), Ridge(), memory=memory).fit(X, y)
    assert memory.n_calls == 2
    with pytest.raises(ValueError, match="memory must be None, a path, or have the method cache"):
        make_pipeline(StandardScaler(), Ridge(), memory=3).fit(X, y)


def test_memory_may_be_a_directory_for_joblib(tmp_path):
    pytest.importorskip("joblib")
    X, y = data()
    path = str(tmp_path / "kept")
    for _ in range(2):
        pipeline = make_pipeline(StandardScaler(), Ridge(), memory=path).fit(X, y)
        assert pipeline.predict(X).shape == (40,)
    assert (tmp_path / "kept").is_dir()


# scikit-learn


def test_scikit_learns_steps_work_in_it_and_it_works_in_scikit_learns_searches():
    sklearn_linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn import model_selection, preprocessing
    from sklearn import pipeline as sklearn_pipeline

    X, y = data()
    mixed = make_pipeline(preprocessing.PolynomialFeatures(2), StandardScaler(), Ridge())
    theirs = sklearn_pipeline.make_pipeline(
        preprocessing.PolynomialFeatures(2),
        preprocessing.StandardScaler(),
        sklearn_linear_model.Ridge(),
    )
    grid = {"ridge__alpha": [0.1, 1.0, 10.0]}
    searches = [model_selection.GridSearchCV(p, grid, cv=4).fit(X, y) for p in (mixed, theirs)]
    assert searches[0].best_params_ == searches[1].best_params_
    assert searches[0].best_score_ == pytest.approx(searches[1].best_score_, rel=1e-10)
    np.testing.assert_allclose(searches[0].predict(X), searches[1].predict(X), rtol=1e-9)
    inner = sklearn_pipeline.make_pipeline(StandardScaler(), mixed).fit(X, y)
    assert inner.predict(X).shape == (40,)


def test_scikit_learn_sees_the_kind_and_the_tags_of_the_steps():
    base = pytest.importorskip("sklearn.base")
    from sklearn import svm
    from sklearn.utils import get_tags

    assert base.is_regressor(make_pipeline(StandardScaler(), LinearRegression()))
    assert base.is_classifier(make_pipeline(StandardScaler(), Perceptron()))
    assert get_tags(make_pipeline(svm.SVC(kernel="precomputed"))).input_tags.pairwise
    assert get_tags(make_pipeline(StandardScaler(), Ridge())).target_tags.multi_output
    assert not get_tags(make_pipeline("passthrough")).target_tags.required


def test_the_parameters_and_their_defaults_are_scikit_learns():
    theirs = pytest.importorskip("sklearn.pipeline")
    steps = [("ridge", Ridge())]
    ours, expected = Pipeline(steps).get_params(False), theirs.Pipeline(steps).get_params(False)
    assert ours == expected

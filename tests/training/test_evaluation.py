"""A model at work: predict, evaluate, accuracy."""

import numpy as np
import pytest
from compare import normal

from scratchnet import functional, nn
from scratchnet.data import DataLoader
from scratchnet.training import accuracy, evaluate, predict


def net():
    return nn.Sequential(
        nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2, rng=1)
    )


@pytest.mark.parametrize("batch_size", [1, 4, 10, 99])
def test_predictions_do_not_depend_on_the_batches(batch_size):
    model, x = net(), normal((10, 3), 0, np.float32)
    found = predict(model, x, batch_size)
    assert isinstance(found, np.ndarray)
    # products of matrices of other shapes may add their four terms in another order
    np.testing.assert_allclose(found, model.eval()(x), rtol=1e-5, atol=1e-6)


def test_no_rows_give_no_predictions_of_the_right_shape():
    assert predict(net(), np.zeros((0, 3), np.float32)).shape == (0, 2)


def test_the_modes_are_as_found_and_the_state_is_unchanged():
    model, x = net(), normal((10, 3), 0, np.float32)
    model.train()
    model[1].eval()
    modes = [m.training for m in model.modules()]
    state = {k: np.array(v) for k, v in model.state_dict().items()}
    predict(model, x)
    evaluate(model, (x, np.zeros(10, int)))
    with pytest.raises(ValueError, match="features"):
        predict(model, x[:, :2])
    assert [m.training for m in model.modules()] == modes
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, state[name])


def test_the_loss_is_that_of_all_samples_at_once():
    model, x, y = net(), normal((10, 3), 0, np.float32), np.arange(10) % 2
    whole = float(functional.cross_entropy(predict(model, x), y))
    for data, size in (((x, y), 3), (DataLoader((x, y), 4), None), ((x, y), None)):
        assert evaluate(model, data, batch_size=size)["loss"] == pytest.approx(whole, rel=1e-6)
    assert evaluate(model, (x, y), loss_fn=nn.CrossEntropyLoss())["loss"] == pytest.approx(
        whole, rel=1e-6
    )
    target = normal((10, 2), 1, np.float32)
    squared = np.mean((predict(model, x) - target) ** 2)
    found = evaluate(model, (x, target), loss_fn=functional.mse_loss, batch_size=3)
    assert found == {"loss": pytest.approx(float(squared), rel=1e-6)}


def test_metrics_get_targets_and_outputs_in_this_order():
    x, y = normal((10, 3), 0, np.float32), np.arange(10) % 2
    model = net()
    found = evaluate(
        model, (x, y), metrics={"first": lambda t, o: t[3], "second": lambda t, o: o[7, 1]}
    )
    assert found["first"] == 1.0
    assert found["second"] == pytest.approx(predict(model, x)[7, 1], rel=1e-5)


def test_accuracy_is_the_part_of_largest_scores_at_the_label():
    logits = np.array([[1.0, 2.0], [2.0, 1.0], [0.0, 0.0], [0.0, 5.0]])
    assert accuracy(np.array([1, 0, 0, 0]), logits) == 0.75  # of equal scores the first
    pixels = np.zeros((2, 3, 4, 4))
    pixels[:, 2] = 1
    assert accuracy(np.full((2, 4, 4), 2), pixels) == 1.0
    assert np.isnan(accuracy(np.zeros(0, int), np.zeros((0, 3))))


def test_labels_and_scores_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(3,\), \(2, 4\)"):
        accuracy(np.zeros(3, int), np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"\(3,\), \(3,\)"):
        accuracy(np.zeros(3, int), np.zeros(3))
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        predict(net(), np.zeros((2, 3), np.float32), 0)


def test_accuracy_takes_lists():
    assert accuracy([0, 1], [[2.0, 1.0], [3.0, 0.0]]) == 0.5


def test_outputs_that_are_no_array_are_refused_and_not_stacked():
    class Twice(nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(TypeError, match="models with one output, got tuple"):
        predict(Twice(), np.zeros((4, 3), np.float32))


def test_a_score_that_is_nan_counts_as_wrong():
    assert accuracy([0, 1], np.array([[np.nan, 0.0], [0.0, 1.0]])) == 0.5

"""The training loop: what it learns, records, keeps and refuses."""

import math
import sys

import numpy as np
import pytest
from compare import normal

import scratchnet
from scratchnet import Tensor, functional, nn, optim
from scratchnet.data import DataLoader, TensorDataset
from scratchnet.optim import lr_scheduler
from scratchnet.training import NonFiniteError, accuracy, evaluate, fit, predict


def data(n=40, seed=0, dtype=np.float32):
    """Two classes, told apart by the sign of the first feature."""
    x = normal((n, 3), seed, dtype)
    return x, (x[:, 0] > 0).astype(np.int64)


def net(seed=0):
    return nn.Sequential(
        nn.Linear(3, 8, rng=seed),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(8, 2, rng=1),
    )


def train(model=None, source=None, **options):
    model = net() if model is None else model
    settings = {"epochs": 2, "progress": False, **options}
    if "optimizer" not in settings:
        settings["optimizer"] = optim.SGD(model.parameters(), lr=0.1)
    return fit(model, data() if source is None else source, **settings)


def weights(model):
    return {name: np.array(value) for name, value in model.state_dict().items()}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


# --- what it does


def test_it_is_the_loop_that_one_would_write():
    x, y = data(50)
    written, fitted = net(), net()
    optimizer = optim.Adam(written.parameters(), lr=0.01)
    scratchnet.manual_seed(3)
    for _ in range(3):
        for xb, yb in DataLoader((x, y), 8, shuffle=True):
            optimizer.zero_grad()
            functional.cross_entropy(written(xb), yb).backward()
            optimizer.step()
    scratchnet.manual_seed(3)
    optimizer = optim.Adam(fitted.parameters(), lr=0.01)
    train(fitted, (x, y), epochs=3, batch_size=8, optimizer=optimizer)
    assert_same(weights(fitted), weights(written))


def test_it_learns():
    scratchnet.manual_seed(0)
    model = net()
    history = train(
        model, data(200), epochs=12, validation=data(100, 1), metrics={"accuracy": accuracy}
    )
    assert history[-1]["loss"] < history[0]["loss"]
    assert history[-1]["val_accuracy"] > 0.9
    assert evaluate(model, data(100, 1), metrics={"accuracy": accuracy}) == pytest.approx(
        {"loss": history[-1]["val_loss"], "accuracy": history[-1]["val_accuracy"]}
    )


def test_the_history_has_one_row_of_figures_for_each_epoch():
    model, seen = net(), []

    def loss_fn(output, target):
        loss = functional.cross_entropy(output, target)
        if isinstance(loss, Tensor):
            seen.append((loss.item(), len(target)))
        return loss

    history = train(model, data(10), batch_size=4, loss_fn=loss_fn, validation=data(6, 1))
    assert [row["epoch"] for row in history] == [1, 2]
    for row, batches in zip(history, (seen[:3], seen[3:]), strict=True):
        names = ["epoch", "lr", "loss", "grad_norm", "val_loss", "seconds"]
        assert list(row) == names
        assert [n for _, n in batches] == [4, 4, 2]
        assert row["loss"] == pytest.approx(sum(v * n for v, n in batches) / 10, rel=1e-12)
        assert row["grad_norm"] > 0
        assert row["seconds"] > 0
    assert (
        history[-1]["val_loss"]
        == evaluate(model, data(6, 1), loss_fn=loss_fn, batch_size=4)["loss"]
    )


def test_training_ends_in_eval_mode_without_gradients_left():
    model = net()
    train(model)
    assert not any(module.training for module in model.modules())
    assert all(p.grad is None for p in model.parameters())
    assert isinstance(model(data()[0]), np.ndarray)


def test_loaders_data_sets_and_arrays_are_taken_and_several_inputs():
    x, y = data(12)
    for source in (
        (x, y),
        [x, y],
        TensorDataset(x, y),
        DataLoader((x, y), 5),
        [(a, b) for a, b in zip(x, y, strict=True)],
    ):
        assert len(train(None, source, validation=source)) == 2

    class Sum(nn.Module):
        def __init__(self):
            self.inner = nn.Linear(3, 2, rng=0)

        def forward(self, a, b):
            return self.inner(a + b)

    assert len(train(Sum(), (x, x, y), validation=(x, x, y))) == 2


def test_arrays_are_shuffled_in_every_epoch_and_loaders_are_left_as_they_are():
    x, y = np.arange(24, dtype=np.float32).reshape(8, 3), np.arange(8) % 2
    seen = []

    class Watch(nn.Linear):
        def forward(self, *inputs):
            seen.extend((inputs[0].data[:, 0] // 3).astype(int).tolist())
            return super().forward(*inputs)

    train(Watch(3, 2), (x, y), batch_size=3)
    assert sorted(seen[:8]) == sorted(seen[8:]) == list(range(8))
    assert seen[:8] != seen[8:]
    seen.clear()
    train(Watch(3, 2), DataLoader((x, y), 3))
    assert seen == [*range(8), *range(8)]


def test_a_scheduler_is_stepped_after_every_epoch_or_after_every_batch():
    for per_batch, steps in ((False, 3), (True, 9)):
        model = net()
        optimizer = optim.SGD(model.parameters(), lr=1.0)
        scheduler = lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
        history = train(
            model,
            data(12),
            batch_size=4,
            epochs=3,
            optimizer=optimizer,
            scheduler=scheduler,
            scheduler_per_batch=per_batch,
        )
        assert scheduler.last_epoch == steps
        assert [row["lr"] for row in history] == [0.5 ** (steps // 3 * i) for i in range(3)]


def test_gradients_are_clipped_and_their_norm_before_is_recorded():
    x, y = np.full((4, 3), 100, np.float32), np.array([0, 1, 1, 1])
    model = nn.Linear(3, 2, rng=0)
    before = weights(model)
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    history = train(model, (x, y), epochs=1, optimizer=optimizer, max_grad_norm=0.25)
    moved = np.concatenate([(before[k] - v).ravel() for k, v in weights(model).items()])
    assert history[0]["grad_norm"] > 10
    assert np.linalg.norm(moved) == pytest.approx(
        0.25, rel=1e-4
    )  # float32 weights that moved little


def test_metrics_see_all_validation_data_at_once():
    x, y = data(10, 1)
    shapes = []

    def spread(y_true, outputs):
        shapes.append((y_true.shape, outputs.shape))
        np.testing.assert_array_equal(y_true, y)
        return np.float32(outputs.std())

    history = train(validation=(x, y), batch_size=4, metrics={"spread": spread})
    assert shapes == [((10,), (10, 2))] * 2
    assert isinstance(history[0]["val_spread"], float)


# --- the best epoch


def with_scores(scores, **options):
    """Train with a validation figure that takes these values, and return model and history."""
    model, left = net(), iter(scores)
    kept = []

    def score(y_true, outputs):
        kept.append(weights(model))
        return next(left)

    history = train(
        model,
        epochs=len(scores),
        validation=data(6, 1),
        metrics={"score": score},
        monitor="val_score",
        **options,
    )
    return model, history, kept


def test_training_stops_when_so_many_epochs_were_not_better():
    for scores, maximize, min_delta, stop in [
        ([1, 2, 3, 3, 3, 9], True, 0.0, 5),
        ([3, 2, 1, 1, 1, 0], False, 0.0, 5),
        ([1.0, 1.4, 1.8, 1.9], True, 0.5, 4),  # 1.8 is better than 1.0 by more than 0.5, 1.4 is not
        ([1.0, 1.4, 1.4, 1.8], True, 0.5, 3),
        ([math.nan, math.nan, 1.0], True, 0.0, 2),
        ([math.nan, 1.0, 2.0], True, 0.0, 3),
        ([math.inf, 5.0, 4.0], False, 0.0, 3),
    ]:
        _, history, _ = with_scores(scores, maximize=maximize, min_delta=min_delta, patience=2)
        assert len(history) == stop, scores


def test_restore_best_ends_with_the_weights_of_the_best_epoch_the_first_of_equals():
    model, history, kept = with_scores([1, 5, 2, 5, 3], maximize=True, restore_best=True)
    assert len(history) == 5
    assert_same(weights(model), kept[1])
    model, _, kept = with_scores([1, 5, 2, 5, 3], maximize=False, restore_best=True)
    assert_same(weights(model), kept[0])


def test_without_restore_best_the_last_weights_stay():
    model, _, kept = with_scores([9, 1, 1], maximize=True, patience=2)
    assert_same(weights(model), kept[-1])


def test_if_no_epoch_is_best_the_last_weights_stay():
    model, _, kept = with_scores([math.nan] * 3, maximize=True, restore_best=True)
    assert_same(weights(model), kept[-1])


def test_the_validation_loss_is_watched_or_without_validation_the_loss():
    model = net()
    history = train(model, epochs=8, validation=data(6, 1), restore_best=True)
    assert evaluate(model, data(6, 1))["loss"] == min(row["val_loss"] for row in history)
    assert len(train(epochs=3, patience=1, min_delta=100.0)) == 2


# --- when training fails


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_leaves_the_model_as_before_that_batch(bad):
    model, calls, kept = net(), [], []

    def loss_fn(output, target):
        calls.append(output)
        loss = functional.cross_entropy(output, target)
        return loss * bad if len(calls) == 6 else loss

    class Watch(optim.SGD):
        def step(self, closure=None):
            super().step(closure)
            kept.append(weights(model))

    optimizer = Watch(model.parameters(), lr=0.125)
    with pytest.raises(NonFiniteError) as caught:
        train(model, data(16), batch_size=4, epochs=3, optimizer=optimizer, loss_fn=loss_fn)
    error = caught.value
    assert (error.epoch, error.batch, error.lr) == (2, 2, 0.125)
    np.testing.assert_equal(error.loss, bad)
    assert isinstance(error, FloatingPointError)
    assert f"epoch 2, batch 2: the loss is {bad}, at learning rate 0.125; batch and" in str(error)
    assert_same(weights(model), kept[-1])  # the running statistics too
    assert not model.training


def test_a_gradient_that_is_not_finite_leaves_the_model_as_before_that_batch():
    model = net()
    before = weights(model)

    def loss_fn(output, target):  # 0 for the loss, but the root has no slope at 0
        return (output - output).sqrt().sum()

    with pytest.raises(
        NonFiniteError, match=r"loss is 0, but the norm of its gradient nan.*gradient of 4\.bias is"
    ):
        train(model, loss_fn=loss_fn)
    assert_same(weights(model), before)


def test_the_error_names_what_is_not_finite():
    x, y = data()
    x[7, 1] = np.inf
    with pytest.raises(NonFiniteError, match="the batch itself holds NaN or infinity"):
        train(nn.Linear(3, 2, rng=0), (x, y))
    model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.Linear(4, 2, rng=1))
    optimizer = optim.SGD(model.parameters(), lr=1e38)
    with pytest.raises(
        NonFiniteError, match=r"epoch \d+, batch \d+: the loss is .*learning rate 1e\+38"
    ):
        train(model, epochs=9, optimizer=optimizer)


def test_divergence_is_that_one_error_and_no_warning_from_numpy():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=1e30)
    with pytest.raises(NonFiniteError):
        train(model, epochs=50, optimizer=optimizer)


def test_an_interrupt_leaves_a_usable_model():
    model, calls = net(), []

    def loss_fn(output, target):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return functional.cross_entropy(output, target)

    with pytest.raises(KeyboardInterrupt):
        train(model, data(16), batch_size=4, loss_fn=loss_fn)
    assert not model.training
    assert np.isfinite(predict(model, data()[0])).all()


def test_an_optimizer_of_another_model_is_refused():
    with pytest.raises(RuntimeError, match="no parameter that the optimiser holds"):
        train(net(), optimizer=optim.SGD(net().parameters()))


def test_arguments_that_make_no_sense_are_refused():
    x, y = data()
    loader = DataLoader((x, y), 4)
    for options, error, message in [
        ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
        ({"epochs": 1.5}, TypeError, "epochs must be an integer, got 1.5"),
        ({"source": x}, TypeError, "must be a DataLoader, .* got .*ndarray"),
        ({"source": DataLoader(x, 4)}, TypeError, r"a batch must be a tuple .* got ndarray"),
        ({"source": (x, y[:5])}, ValueError, r"\[40, 5\]"),
        ({"source": (x[:0], y[:0])}, ValueError, "no data to train on"),
        ({"validation": (x[:0], y[:0])}, ValueError, "no data to evaluate on"),
        ({"source": loader, "batch_size": 4}, ValueError, "batch_size=4 is for arrays"),
        ({"metrics": {"accuracy": accuracy}}, ValueError, "metrics are measured on validation"),
        ({"validation": (x, y), "metrics": {"loss": accuracy}}, ValueError, "called loss"),
        ({"scheduler_per_batch": True}, ValueError, "needs a scheduler"),
        ({"max_grad_norm": 0.0}, ValueError, "max_grad_norm must be above 0, got 0.0"),
        ({"patience": 0}, ValueError, "patience must be at least 1 epoch, got 0"),
        ({"patience": 1, "min_delta": -0.5}, ValueError, "min_delta .* got -0.5"),
        ({"patience": 1, "monitor": "val_f1"}, ValueError, "one of epoch, .* got 'val_f1'"),
        ({"patience": 1, "monitor": "grad_norm"}, ValueError, "maximize=True or False"),
        ({"monitor": "loss"}, ValueError, "are for patience and restore_best"),
        ({"resume": True}, ValueError, "resume needs a checkpoint"),
        ({"source": iter([(x, y)])}, TypeError, "train is an iterator .* and there are 2"),
        ({"validation": zip([x], [y], strict=True)}, TypeError, "validation is an iterator"),
    ]:
        model = net()
        before = weights(model)
        with pytest.raises(error, match=message):
            train(model, **options)
        if "validation" not in options or "metrics" in options:
            assert_same(weights(model), before)


def test_an_iterator_is_taken_for_the_one_epoch_that_it_has():
    assert len(train(source=iter([data()]), epochs=1)) == 1


def test_the_schedule_of_another_optimizer_is_refused():
    other = lr_scheduler.StepLR(optim.SGD(net().parameters(), lr=0.1), 1)
    with pytest.raises(ValueError, match="the scheduler has another optimiser"):
        train(scheduler=other)


@pytest.mark.parametrize("loss", [None, 1.0, np.float32(1), np.ones(3)])
def test_a_loss_that_is_no_tensor_is_refused(loss):
    with pytest.raises(TypeError, match=f"must return a Tensor .* got {type(loss).__name__}"):
        train(loss_fn=lambda output, target: loss)


def test_a_loss_of_many_numbers_is_refused():
    def loss_fn(output, target):
        return functional.cross_entropy(output, target, reduction="none")

    with pytest.raises(TypeError, match=r"must return one number, got Tensor of shape \(32,\)"):
        train(loss_fn=loss_fn)
    with pytest.raises(TypeError, match=r"must return one number, got ndarray of shape \(32,\)"):
        evaluate(net(), data(), loss_fn=loss_fn)


def test_a_loss_of_shape_one_is_a_number_in_training_and_in_validation():
    def loss_fn(output, target):
        return functional.cross_entropy(output, target).reshape(1)

    history = train(loss_fn=loss_fn, validation=data(seed=1))
    assert history[0]["val_loss"] > 0


# --- what is printed


def test_a_program_without_a_console_trains_in_silence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    train(progress=None)
    assert capsys.readouterr().out == ""


def test_one_line_for_each_epoch_and_none_if_silent(capsys):
    train(validation=data(6, 1), metrics={"accuracy": accuracy}, progress=None)
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("epoch 1/2  lr 0.1  loss 0.")
    assert "val_accuracy" in second
    assert second.endswith(" s")
    train(progress=False)
    assert capsys.readouterr() == ("", "")


def test_a_bar_where_tqdm_is_and_lines_alone_where_it_is_not(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    train(progress=True)
    assert "batch/s" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "tqdm", None)
    train(progress=True)
    err = capsys.readouterr().err
    assert "batch/s" not in err
    assert len(err.splitlines()) == 2


def test_an_early_stop_is_announced_with_the_best_epoch(capsys):
    train(epochs=9, patience=1, min_delta=100.0, progress=None)
    assert capsys.readouterr().err.splitlines()[-1] == "stopped: loss was best in epoch 1"

"""Batch, instance and group normalisation: what is kept over several steps, when, and in which order."""

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor, nn


def batches(*shape):
    return [3.0 * normal(shape, seed) + seed for seed in range(5)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": None},
        {"momentum": 0.5},
        {"track_running_stats": False},
        {"affine": False},
        {"affine": True, "track_running_stats": True},
        {"momentum": None, "track_running_stats": True},
        {"momentum": None, "affine": False},
        {"track_running_stats": False, "affine": False},
        {"bias": False},
    ],
)
@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("BatchNorm1d", (6, 3)),
        ("BatchNorm1d", (4, 3, 5)),
        ("BatchNorm2d", (2, 3, 4, 4)),
        ("InstanceNorm1d", (4, 3, 5)),
        ("InstanceNorm1d", (3, 5)),
        ("InstanceNorm2d", (2, 3, 4, 4)),
        ("InstanceNorm2d", (3, 4, 4)),
    ],
)
def test_statistics_over_several_steps_are_those_of_torch(torch, name, shape, options):
    ours = getattr(nn, name)(3, **options).double()
    theirs = getattr(torch.nn, name)(3, **options).double()
    for step, x in enumerate(batches(*shape)):
        training = step != 3  # in eval mode the statistics are used and left alone
        found = ours.train(training)(Tensor(x))
        expected = theirs.train(training)(torch.from_numpy(x)).detach().numpy()
        # float64: rounding (2e-16) through a sum over at most 32 values and a division
        np.testing.assert_allclose(found.data, expected, rtol=1e-12, atol=1e-12)
        state = ours.state_dict()
        for key, value in theirs.state_dict().items():
            np.testing.assert_allclose(state[key], value.numpy(), rtol=1e-12, err_msg=key)


def test_momentum_none_gives_the_mean_over_all_batches():
    layer = nn.BatchNorm1d(3, momentum=None).double()
    xs = batches(6, 3)
    for x in xs:
        layer(x)
    assert layer.num_batches_tracked == len(xs)
    np.testing.assert_allclose(layer.running_mean, np.mean([x.mean(0) for x in xs], 0), rtol=1e-12)
    np.testing.assert_allclose(
        layer.running_var, np.mean([x.var(0, ddof=1) for x in xs], 0), rtol=1e-12
    )


def test_the_batch_is_normalised_with_the_biased_variance_and_the_unbiased_one_is_kept():
    layer, (x, *_) = nn.BatchNorm1d(3, momentum=1.0, eps=0.0).double(), batches(4, 3)
    np.testing.assert_allclose(layer(x).data.var(0, ddof=0), 1.0, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, x.var(0, ddof=1), rtol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_statistics_that_are_switched_off_later_are_treated_as_in_torch(torch, training):
    ours, theirs = nn.BatchNorm1d(3).double(), torch.nn.BatchNorm1d(3).double()
    first, second, *_ = batches(6, 3)
    ours(first), theirs(torch.from_numpy(first))
    ours.track_running_stats = theirs.track_running_stats = False
    found = ours.train(training)(Tensor(second)).data
    expected = theirs.train(training)(torch.from_numpy(second)).detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key], value.numpy(), rtol=1e-12)


def test_eval_mode_does_not_depend_on_the_rest_of_the_batch():
    layer, (x, *rest) = nn.BatchNorm1d(3).double(), batches(6, 3)
    for y in rest:
        layer(y)
    layer.eval()
    np.testing.assert_array_equal(layer(x)[:2], layer(x[:2]))


def test_the_count_of_batches_is_saved_loaded_and_goes_on_from_there(torch):
    theirs = torch.nn.BatchNorm1d(3, momentum=None).double()
    ours, (first, *rest) = nn.BatchNorm1d(3, momentum=None).double(), batches(6, 3)
    theirs(torch.from_numpy(first))
    ours.load_state_dict(theirs.state_dict())
    state = ours.state_dict()
    assert state["num_batches_tracked"].dtype == np.int64
    assert state["num_batches_tracked"].shape == ()
    for x in rest:
        ours(x), theirs(torch.from_numpy(x))
    assert ours.num_batches_tracked == theirs.num_batches_tracked == 5
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(state[key], value.numpy(), rtol=1e-12)
    assert list(nn.BatchNorm1d(3, track_running_stats=False).state_dict()) == ["weight", "bias"]


def test_an_empty_batch_is_counted_and_leaves_the_statistics_as_in_torch(torch):
    ours, theirs = nn.BatchNorm1d(3).double(), torch.nn.BatchNorm1d(3).double()
    ours(np.zeros((0, 3))), theirs(torch.zeros(0, 3, dtype=torch.float64))
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[key], value.numpy())
    assert ours.num_batches_tracked == 1


def test_without_running_statistics_eval_mode_takes_those_of_the_batch_and_needs_more_than_one_value():
    layer, (x, *_) = nn.BatchNorm1d(3, track_running_stats=False).double(), batches(6, 3)
    np.testing.assert_array_equal(layer.eval()(x), layer.train()(x).data)
    for mode in (True, False):
        with pytest.raises(ValueError, match="more than one value per channel"):
            layer.train(mode)(x[:1])


@pytest.mark.parametrize("name", ["BatchNorm1d", "InstanceNorm1d"])
def test_reset_running_stats_starts_anew_in_the_same_arrays(name):
    layer = getattr(nn, name)(3, track_running_stats=True)
    state = layer.state_dict()
    fresh = {k: v.copy() for k, v in state.items()}
    layer(normal((4, 3, 5), dtype=np.float32))
    assert (state["running_mean"] != fresh["running_mean"]).any()
    layer.reset_running_stats()
    for key, value in fresh.items():
        np.testing.assert_array_equal(state[key], value)


def test_instance_norm_without_parameters_takes_any_number_of_channels_with_a_warning(torch):
    x = normal((2, 5, 4))
    with pytest.warns(
        UserWarning, match=r"InstanceNorm1d\(3\) got 5 channels: x \(2, 5, 4\)"
    ) as caught:
        y = nn.InstanceNorm1d(3)(x).data
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="does not match num_features"):
        expected = torch.nn.InstanceNorm1d(3)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


def test_group_norm_treats_each_group_of_a_sample_by_itself_in_either_mode():
    layer, x = nn.GroupNorm(2, 6, eps=0.0).double(), batches(4, 6, 3)[0]
    for training in (True, False):
        y = layer.train(training)(Tensor(x)).data
        groups = y.reshape(4, 2, 9)
        np.testing.assert_allclose(groups.mean(2), 0, atol=1e-12)
        np.testing.assert_allclose(groups.var(2), 1, rtol=1e-12)
        np.testing.assert_array_equal(layer(Tensor(x[:2])).data, y[:2])


def test_layer_norm_treats_each_sample_by_itself_in_either_mode():
    layer, (x, *_) = nn.LayerNorm(3, eps=0.0).double(), batches(6, 3)
    for training in (True, False):
        y = layer.train(training)(Tensor(x)).data
        np.testing.assert_allclose(y.mean(1), 0, atol=1e-12)
        np.testing.assert_allclose(y.var(1), 1, rtol=1e-12)
        np.testing.assert_array_equal(layer(Tensor(x[:2])).data, y[:2])

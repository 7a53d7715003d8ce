"""Initial weights: bounds, standard deviations and distributions as stated and as torch's, and seeds."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from scratchnet import Tensor, manual_seed, nn
from scratchnet.nn import init

# Each sample is drawn once, with a fixed seed. A right distribution falls below this p-value for one
# seed in a hundred; at the 21,600 numbers of SHAPE a variance that is 10 % off gives 1e-4 or less.
SIGNIFICANT = 0.01
SHAPE = (60, 40, 3, 3)  # fan_in 360, fan_out 540


def empty(shape=SHAPE, dtype=np.float32):
    return nn.Parameter(np.full(shape, np.nan, dtype))


def assert_uniform(values, bound):
    assert np.abs(values).max() <= bound
    assert stats.kstest(values.ravel(), "uniform", (-bound, 2 * bound)).pvalue > SIGNIFICANT


def assert_normal(values, std):
    assert stats.kstest(values.ravel(), "norm", (0.0, std)).pvalue > SIGNIFICANT


def test_uniform_and_normal_have_the_stated_parameters():
    assert_uniform(init.uniform_(empty(), -2.0, 2.0, rng=0).data, 2.0)
    values = init.uniform_(empty(), rng=0).data
    assert_uniform(values - 0.5, 0.5)
    assert_normal(init.normal_(empty(), rng=0).data, 1.0)
    assert_normal(init.normal_(empty(), 5.0, 3.0, rng=0).data - 5.0, 3.0)


def test_constants_fill():
    assert (init.zeros_(empty()).data == 0).all()
    assert (init.ones_(empty()).data == 1).all()
    assert (init.constant_(empty(), 2.5).data == 2.5).all()


@pytest.mark.parametrize("gain", [1.0, 5 / 3])
def test_xavier_has_variance_two_over_the_sum_of_the_fans(gain):
    std = gain * sqrt(2 / (360 + 540))
    assert_normal(init.xavier_normal_(empty(), gain, rng=1).data, std)
    assert_uniform(init.xavier_uniform_(empty(), gain, rng=0).data, std * sqrt(3))


@pytest.mark.parametrize(("mode", "fan"), [("fan_in", 360), ("fan_out", 540)])
@pytest.mark.parametrize(
    ("nonlinearity", "a", "gain"),
    [
        ("relu", 0.0, sqrt(2)),
        ("leaky_relu", 0.0, sqrt(2)),
        ("leaky_relu", sqrt(5), sqrt(1 / 3)),
        ("linear", 0.7, 1.0),
    ],
)
def test_kaiming_has_variance_gain_squared_over_the_fan(mode, fan, nonlinearity, a, gain):
    std = gain / sqrt(fan)
    assert_normal(init.kaiming_normal_(empty(), a, mode, nonlinearity, rng=1).data, std)
    assert_uniform(init.kaiming_uniform_(empty(), a, mode, nonlinearity, rng=0).data, std * sqrt(3))


def test_kaiming_keeps_the_size_of_a_signal_through_twenty_relu_layers():
    x = np.random.default_rng(0).standard_normal((256, 256))
    rng = np.random.default_rng(1)
    for _ in range(20):
        weight = init.kaiming_normal_(empty((256, 256), np.float64), nonlinearity="relu", rng=rng)
        x = np.maximum(x @ weight.data.T, 0)
    # E[x²] stays 1 on average. Its relative spread per layer is about √(5/256), over 20 layers 0.6.
    assert 0.2 < np.mean(x**2) < 5


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (4, 2, 3), (0, 3), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, -2.0])
def test_orthogonal_gives_orthonormal_rows_or_columns_times_the_gain(shape, gain):
    filled = init.orthogonal_(empty(shape, np.float64), gain, rng=0).data
    weight = filled.reshape(shape[0], np.prod(shape[1:], dtype=int))
    product = weight @ weight.T if len(weight) <= weight.shape[1] else weight.T @ weight
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-14)


def test_all_orthogonal_matrices_are_equally_likely(torch):
    # The trace of a uniformly drawn orthogonal matrix has mean 0 and variance 1 (Diaconis & Shahshahani
    # 1994); the Q of a QR decomposition as LAPACK gives it, without the signs, has another mean.
    drawn = [init.orthogonal_(empty((5, 5), np.float64), rng=seed).data for seed in range(2000)]
    traces = np.array([np.trace(q) for q in drawn])
    # five standard errors of 2,000 draws; the fourth moment of the trace is 3, as of a normal number
    assert abs(traces.mean()) < 5 / 2000**0.5
    assert abs(np.mean(traces**2) - 1) < 5 * (2 / 2000) ** 0.5
    generator = torch.Generator().manual_seed(0)
    theirs = [
        torch.nn.init.orthogonal_(torch.empty(5, 5), generator=generator).numpy()
        for _ in range(400)
    ]
    entries = [np.array([q[0, 0] for q in qs]) for qs in (drawn, theirs)]
    assert stats.ks_2samp(*entries).pvalue > SIGNIFICANT


def test_eye_is_the_identity():
    np.testing.assert_array_equal(init.eye_(empty((3, 5))).data, np.eye(3, 5, dtype=np.float32))


@pytest.mark.parametrize(
    "function",
    [
        "kaiming_normal_",
        "kaiming_uniform_",
        "xavier_normal_",
        "xavier_uniform_",
        "normal_",
        "uniform_",
    ],
)
def test_distribution_is_that_of_torch(torch, function):
    ours = getattr(init, function)(empty(), rng=0).data
    theirs = torch.empty(SHAPE)
    getattr(torch.nn.init, function)(theirs, generator=torch.Generator().manual_seed(0))
    assert stats.ks_2samp(ours.ravel(), theirs.numpy().ravel()).pvalue > SIGNIFICANT


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Linear", {"in_features": 30, "out_features": 500}),
        ("Conv2d", {"in_channels": 6, "out_channels": 500, "kernel_size": 3}),
        ("Conv2d", {"in_channels": 6, "out_channels": 500, "kernel_size": 3, "groups": 2}),
        ("Conv1d", {"in_channels": 6, "out_channels": 500, "kernel_size": 3}),
        # fan_in is that of the convolution it transposes: out_channels/groups · kernel
        ("ConvTranspose1d", {"in_channels": 30, "out_channels": 500, "kernel_size": 3}),
        ("ConvTranspose2d", {"in_channels": 6, "out_channels": 500, "kernel_size": 3, "groups": 2}),
    ],
)
def test_a_layer_starts_as_in_torch(torch, name, options):
    layer = getattr(nn, name)(**options, rng=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = getattr(torch.nn, name)(**options)
    bound = 1 / sqrt(np.prod(layer.weight.shape[1:]))
    for ours, reference in ((layer.weight, theirs.weight), (layer.bias, theirs.bias)):
        assert ours.dtype == np.float32
        assert_uniform(ours.data, bound)
        reference = reference.detach().numpy().ravel()
        assert stats.ks_2samp(ours.data.ravel(), reference).pvalue > SIGNIFICANT


LAYERS = [
    lambda **options: nn.Linear(1, 50, **options),
    lambda **options: nn.Conv2d(1, 50, 1, **options),
    lambda **options: nn.ConvTranspose2d(50, 1, 1, **options),
]


@pytest.mark.parametrize("make", LAYERS)
@pytest.mark.parametrize("rng", [3, np.int64(3), np.random.default_rng(3), None])
def test_weight_and_bias_are_not_the_same_numbers(make, rng):
    # fan_in is 1, so both are drawn from the same interval: drawn from one place they would be equal
    manual_seed(3)
    layer = make(rng=rng)
    assert np.intersect1d(layer.weight.data, layer.bias.data).size == 0


@pytest.mark.parametrize("make", LAYERS)
def test_a_seed_a_generator_and_manual_seed_give_the_same_weights(make):
    expected = make(rng=3).state_dict()
    manual_seed(3)
    for layer in (make(rng=3), make(rng=np.int64(3)), make(rng=np.random.default_rng(3)), make()):
        for key, value in layer.state_dict().items():
            np.testing.assert_array_equal(value, expected[key])
    assert (make(rng=4).weight.data != expected["weight"]).all()
    assert (make().weight.data != expected["weight"]).all()  # manual_seed's stream has gone on


def test_reset_parameters_draws_anew():
    layer = nn.Linear(4, 3, rng=0)
    parameter, before = layer.weight, layer.weight.data.copy()
    layer.reset_parameters(rng=1)
    assert (layer.weight.data != before).all()
    layer.reset_parameters(rng=0)
    np.testing.assert_array_equal(layer.weight.data, before)
    assert layer.weight is parameter
    nn.Linear(4, 3, bias=False).reset_parameters()


@pytest.mark.parametrize(
    "nonlinearity",
    [
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
    ],
)
def test_gain_is_that_of_torch(torch, nonlinearity):
    assert init.calculate_gain(nonlinearity) == torch.nn.init.calculate_gain(nonlinearity)


@given(slope=st.floats(-10, 10))
def test_gain_of_a_leaky_relu_is_that_of_torch_for_any_slope(torch, slope):
    expected = torch.nn.init.calculate_gain("leaky_relu", slope)
    assert init.calculate_gain("leaky_relu", slope) == expected


@given(shape=st.lists(st.integers(1, 5), min_size=2, max_size=5))
def test_fans_are_those_of_torch(torch, shape):
    expected = torch.nn.init._calculate_fan_in_and_fan_out(torch.empty(shape))
    assert init.fan_in_and_out(empty(shape)) == expected


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_tensor_is_filled_in_place_and_keeps_its_dtype(dtype):
    tensor = empty((3, 4), dtype)
    array = tensor.data
    for name in init.__all__:
        if name.endswith("_"):
            array[:] = np.nan
            function = getattr(init, name)
            assert (function(tensor, 2.0) if name == "constant_" else function(tensor)) is tensor
            assert tensor.data is array
            assert np.isfinite(array).all()
    assert array.dtype == dtype


def test_backward_through_a_tensor_that_was_filled_since_is_refused():
    tensor = empty((2, 2))
    y = (tensor * tensor).sum()
    init.ones_(tensor)
    with pytest.raises(RuntimeError, match="changed in place since"):
        y.backward()


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (0, 0), (2, 3, 0)])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_a_tensor_without_entries_stays_as_it_is(shape, mode):
    for fill in (init.kaiming_uniform_, init.kaiming_normal_):
        tensor = empty(shape)
        assert fill(tensor, mode=mode) is tensor
        assert tensor.shape == shape


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"nonlinearity 'swish' is none of conv1d, .*tanh"):
        init.calculate_gain("swish")
    with pytest.raises(ValueError, match="mode is 'fan_in' or 'fan_out', got 'fan_avg'"):
        init.kaiming_normal_(empty(), mode="fan_avg")
    with pytest.raises(ValueError, match=r"two or more dimensions, got \(3,\)"):
        init.xavier_uniform_(empty((3,)))
    with pytest.raises(ValueError, match=r"orthogonal_ fills two or more dimensions, got \(3,\)"):
        init.orthogonal_(empty((3,)))
    with pytest.raises(ValueError, match=r"eye_ fills a matrix, got \(3, 3, 3\)"):
        init.eye_(empty((3, 3, 3)))
    with pytest.raises(TypeError, match="a Tensor is filled in place, got ndarray"):
        init.normal_(np.zeros((2, 2)))
    for fill in (init.eye_, init.orthogonal_, init.zeros_):
        with pytest.raises(TypeError, match="a Tensor is filled in place, got list"):
            fill([[1.0]])
    recorded = Tensor([1.0], requires_grad=True) * 2
    with pytest.raises(RuntimeError, match="recorded Tensor must not be changed"):
        init.zeros_(recorded)
    assert recorded.item() == 2


@pytest.mark.parametrize("layout", ["contiguous", "transposed"])
def test_values_drawn_in_pieces_are_those_drawn_at_once(layout, monkeypatch):
    monkeypatch.setattr(init, "_PIECE", 7)
    for draw, reference in (
        (init.uniform_, np.random.default_rng(3).uniform(-1.0, 2.0, (5, 6))),
        (init.normal_, np.random.default_rng(3).normal(-1.0, 2.0, (5, 6))),
    ):
        tensor = empty((5, 6) if layout == "contiguous" else (6, 5))
        if layout == "transposed":
            tensor.data = tensor.data.T
        np.testing.assert_array_equal(draw(tensor, -1.0, 2.0, rng=3).data, reference.astype("f"))

"""functional: every operation lifted, and those with state: batch_norm, instance_norm, dropout."""

import inspect

import numpy as np
import pytest
from compare import normal

import scratchnet
from scratchnet import Tensor, functional, no_grad, ops

F = functional
X, Y, IMAGES = normal((4, 3), 1), normal((4, 3), 2), normal((2, 2, 4, 4), 3)
POSITIVE, LABELS = np.abs(X) + 0.5, np.array([0, 2, 1, 1])
SEQUENCE = normal((3, 2, 3), 4)

# Of every function one call: the arrays that get a gradient, and what else it takes.
CALLS = {
    "absolute": ([X], {}),
    "adaptive_avg_pool1d": ([IMAGES[0]], {"output_size": 3}),
    "adaptive_avg_pool2d": ([IMAGES], {"output_size": (3, None)}),
    "adaptive_max_pool1d": ([IMAGES[0]], {"output_size": 3, "return_indices": True}),
    "adaptive_max_pool2d": ([IMAGES], {"output_size": 3}),
    "add": ([X, Y], {}),
    "additive_attention": (
        [X, X, Y, normal((2, 3)), normal((2, 3)), normal(2)],
        {"attn_mask": np.tri(4, dtype=bool)},
    ),
    "amax": ([X], {"dim": 1}),
    "amin": ([X], {"dim": (0, 1)}),
    "astype": ([X], {"dtype": np.float32}),
    "avg_pool1d": ([IMAGES[0]], {"kernel_size": 2}),
    "avg_pool2d": ([IMAGES], {"kernel_size": 2}),
    "batch_norm": ([X], {"running_mean": None, "running_var": None, "training": True}),
    "batch_norm_inference": ([X], {"running_mean": np.zeros(3), "running_var": np.ones(3)}),
    "binary_cross_entropy_with_logits": ([X, POSITIVE], {"pos_weight": np.ones(3)}),
    "broadcast_to": ([X], {"shape": (2, 4, 3)}),
    "clip": ([X], {"min": -0.5, "max": 0.5}),
    "concatenate": ([[X, Y]], {"dim": 1}),
    "conv1d": ([IMAGES[0], normal((3, 4, 2)), normal(3)], {"padding": "same"}),
    "conv2d": ([IMAGES, normal((3, 2, 2, 2)), normal(3)], {"padding": "same"}),
    "conv_transpose1d": ([IMAGES[0], normal((4, 3, 2)), normal(3)], {"stride": 2}),
    "conv_transpose2d": ([IMAGES, normal((2, 3, 2, 2)), normal(3)], {"output_padding": 0}),
    "cross_entropy": ([X], {"target": LABELS, "weight": np.ones(3)}),
    "ctc_loss": (
        [normal((4, 2, 3))],
        {"targets": LABELS[1:3], "input_lengths": [4, 3], "target_lengths": [1, 1]},
    ),
    "divide": ([X, POSITIVE], {}),
    "dropout": ([X], {"rng": 0}),
    "dropout1d": ([X], {"rng": 0}),
    "dropout2d": ([IMAGES], {"rng": 0}),
    "elu": ([X], {}),
    "embedding": ([LABELS, X], {"padding_idx": 1}),
    "exp": ([X], {}),
    "flatten": ([IMAGES], {"start_dim": 1}),
    "fold": ([normal((2, 8, 9))], {"output_size": 4, "kernel_size": 2}),
    "gelu": ([X], {"approximate": "tanh"}),
    "getitem": ([X], {"index": (slice(None), 1)}),
    "group_norm": ([IMAGES], {"num_groups": 2, "weight": np.ones(2)}),
    "gru": ([SEQUENCE, normal((2, 2)), normal((6, 3)), normal((6, 2))], {"lengths": [2, 1]}),
    "gru_cell": ([X, normal((4, 2)), normal((6, 3)), normal((6, 2))], {"bias_ih": np.ones(6)}),
    "hardsigmoid": ([X], {}),
    "hardswish": ([X], {}),
    "hardtanh": ([X], {"min_val": -0.5}),
    "huber_loss": ([X, Y], {"delta": 0.5}),
    "instance_norm": ([IMAGES], {"bias": np.ones(2)}),
    "interpolate": ([IMAGES], {"size": 3, "mode": "bilinear"}),
    "l1_loss": ([X, Y], {"reduction": "sum"}),
    "layer_norm": ([X], {"normalized_shape": 3, "weight": np.ones(3)}),
    "leaky_relu": ([X], {"negative_slope": 0.1}),
    "linear": ([X, normal((5, 3)), normal(5)], {}),
    "log": ([POSITIVE], {}),
    "log_softmax": ([X], {"dim": 0}),
    "logsumexp": ([X], {"dim": 0, "keepdim": True}),
    "lstm": ([SEQUENCE, *normal((2, 2, 2)), normal((8, 3)), normal((8, 2))], {"reverse": True}),
    "lstm_cell": ([X, *normal((2, 4, 2)), normal((8, 3)), normal((8, 2))], {"bias_hh": None}),
    "matmul": ([X, normal((3, 2))], {}),
    "max": ([X], {"dim": 1}),
    "max_pool1d": ([IMAGES[0]], {"kernel_size": 3, "return_indices": True}),
    "max_pool2d": ([IMAGES], {"kernel_size": 3, "stride": 1, "padding": 1}),
    "maximum": ([X, Y], {}),
    "mean": ([X], {"dim": 0}),
    "min": ([X], {}),
    "minimum": ([X, Y], {}),
    "mse_loss": ([X, Y], {}),
    "multiply": ([X, Y], {}),
    "negative": ([X], {}),
    "nll_loss": ([X], {"target": LABELS, "weight": np.ones(3), "ignore_index": 2}),
    "pad": ([X], {"pad": (1, 2)}),
    "permute": ([X], {"dims": (1, 0)}),
    "pow": ([POSITIVE, Y], {}),
    "relu": ([X], {}),
    "relu6": ([X], {}),
    "reshape": ([X], {"shape": (2, -1)}),
    "rnn": ([SEQUENCE, normal((2, 2)), normal((2, 3)), normal((2, 2))], {"truncate": 1}),
    "rnn_cell": ([X, normal((4, 2)), normal((2, 3)), normal((2, 2))], {"nonlinearity": "relu"}),
    "rotary_embedding": ([IMAGES], {"positions": 3}),
    "scaled_dot_product_attention": (
        [*normal((3, 2, 4, 3))],
        {"dropout_p": 0.5, "is_causal": True, "rng": 0},
    ),
    "sigmoid": ([X], {}),
    "silu": ([X], {}),
    "softmax": ([X], {"dim": 1}),
    "softplus": ([X], {}),
    "split": ([X], {"split_size_or_sections": 2}),
    "sqrt": ([POSITIVE], {}),
    "stack": ([[X, Y]], {}),
    "subtract": ([X, Y], {}),
    "sum": ([X], {}),
    "tanh": ([X], {}),
    "transpose": ([X], {"dim0": 0, "dim1": 1}),
    "unfold": ([IMAGES], {"kernel_size": 2}),
    "var": ([X], {"correction": 0}),
    "where": ([X > 0, X, Y], {}),
}


def parts(y):
    return y if isinstance(y, tuple) else (y,)


def tensors(a):
    """Return the array as a Tensor that requires a gradient; those in a list; a mask as it is."""
    if isinstance(a, list):
        return [tensors(v) for v in a]
    return Tensor(a, requires_grad=a.dtype.kind == "f")


def test_every_operation_is_here_under_its_own_name():
    for name in ops.__all__:
        if name not in ("batch_norm", "dropout", "instance_norm"):  # which have their state here
            assert getattr(functional, name).__wrapped__ is getattr(ops, name)


def test_every_function_has_a_call_here():
    public = {
        name
        for name, value in vars(functional).items()
        if inspect.isfunction(value)
        and not name.startswith("_")
        and name not in ("lift", "flat_shape", "resolve_rng", "check_channels", "in_place", "wraps")
    }
    assert set(CALLS) == public


@pytest.mark.parametrize("name", sorted(CALLS))
def test_arrays_give_arrays_and_tensors_give_recorded_tensors_with_the_same_values(name):
    function, (arrays, options) = getattr(functional, name), CALLS[name]
    y = function(*arrays, **options)
    for part in parts(y):
        assert isinstance(part, np.ndarray | np.generic)
    inputs = [tensors(a) for a in arrays]
    out = function(*inputs, **options)
    for part, tensor in zip(parts(y), parts(out), strict=True):
        assert type(tensor) is Tensor
        assert tensor.requires_grad is (part.dtype.kind == "f")
        np.testing.assert_array_equal(tensor.data, part, strict=True)
    first = parts(out)[0]
    first.backward(np.ones(first.shape))
    for a in inputs:
        for leaf in a if isinstance(a, list) else [a]:
            assert (leaf.grad is not None) is leaf.requires_grad
    with no_grad():
        assert not any(t.requires_grad for t in parts(function(*inputs, **options)))


@pytest.mark.parametrize("name", sorted(CALLS))
def test_options_that_are_arrays_may_be_tensors(name):
    function, (arrays, options) = getattr(functional, name), CALLS[name]
    as_tensors = {k: Tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    expected = parts(function(*arrays, **options))
    for part, tensor in zip(expected, parts(function(*arrays, **as_tensors)), strict=True):
        np.testing.assert_array_equal(getattr(tensor, "data", tensor), part)


def test_options_that_are_numpy_numbers_leave_float32_as_it_is():
    x, half = X.astype(np.float32), np.float64(0.5)
    calls = {
        "batch_norm": lambda: ops.batch_norm(x, eps=half),
        "batch_norm_inference": lambda: ops.batch_norm_inference(x, x[0], x[1] ** 2, eps=half),
        "group_norm": lambda: ops.group_norm(x, 1, eps=half),
        "instance_norm": lambda: ops.instance_norm(x[None], eps=half),
        "layer_norm": lambda: ops.layer_norm(x, 3, eps=half),
        "hardtanh": lambda: ops.hardtanh(x, -half, half),
        "dropout": lambda: ops.dropout(x, half, seed=0),
        "huber_loss": lambda: ops.huber_loss(x, x[::-1], "none", half),
        "cross_entropy": lambda: ops.cross_entropy(x, LABELS, label_smoothing=half),
        "avg_pool2d": lambda: ops.avg_pool2d(x[None, None], 2, divisor_override=np.int64(3)),
    }
    for name, call in calls.items():
        y, pullback = call()
        dy = tuple(map(np.ones_like, y)) if isinstance(y, tuple) else np.ones_like(y)
        assert {np.asarray(a).dtype for a in (*parts(y), *pullback(dy))} == {x.dtype}, name


def test_what_is_no_tensor_is_not_recorded():
    weight = normal((5, 3))
    out = F.linear(Tensor(X), weight)
    assert not out.requires_grad
    out = F.linear(X, Tensor(weight, requires_grad=True))
    assert out.requires_grad
    assert len(out._node.parents) == 2
    assert out._node.parents[0] is None  # the plain array: its gradient has nowhere to go


def test_the_gradient_of_an_image_that_needs_none_is_not_computed():
    weight = Tensor(normal((3, 2, 3, 3)), requires_grad=True)
    out = F.conv2d(IMAGES, weight, padding=1)
    dx, dweight = out._node.pullback(np.ones(out.shape))
    assert dx is None
    assert dweight.shape == weight.shape
    out = F.conv2d(Tensor(IMAGES, requires_grad=True), weight.detach(), padding=1)
    dx, dweight = out._node.pullback(np.ones(out.shape))
    assert dx.shape == IMAGES.shape
    assert dweight is None


def test_weights_of_classes_and_running_statistics_get_no_gradient():
    x, weight = Tensor(X, requires_grad=True), Tensor(np.ones(3), requires_grad=True)
    calls = [
        lambda: F.cross_entropy(x, LABELS, weight),
        lambda: F.nll_loss(x, LABELS, weight=weight),
        lambda: F.binary_cross_entropy_with_logits(x, POSITIVE, weight, pos_weight=weight),
        lambda: F.batch_norm_inference(x, weight, running_var=weight).sum(),
    ]
    for call in calls:
        x.grad = None
        call().backward()
        assert x.grad.shape == X.shape
        assert weight.grad is None


# ---------------------------------------------------------------- batch_norm


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 2)])
@pytest.mark.parametrize("momentum", [0.1, 0.0, 1.0])
def test_the_running_arrays_become_what_torch_makes_of_them_over_several_steps(
    torch, dtype, shape, momentum
):
    mean, var = np.zeros(3, dtype), np.ones(3, dtype)
    their_mean, their_var = torch.from_numpy(mean.copy()), torch.from_numpy(var.copy())
    weight, bias = normal(3, 1, dtype), normal(3, 2, dtype)
    error = 32 * np.finfo(dtype).eps  # five steps, each with sums of up to 24 terms
    for step in range(5):
        x = normal(shape, 10 + step, dtype) * dtype(step + 1) + dtype(step)
        training = step != 3  # one step in between only reads them
        y = F.batch_norm(x, mean, var, weight, bias, training, momentum)
        expected = torch.nn.functional.batch_norm(
            torch.from_numpy(x),
            their_mean,
            their_var,
            torch.from_numpy(weight),
            torch.from_numpy(bias),
            training,
            momentum,
        )
        largest = float(expected.abs().max())
        np.testing.assert_allclose(y, expected.numpy(), rtol=error, atol=error * (1 + largest))
        np.testing.assert_allclose(mean, their_mean.numpy(), rtol=error, atol=error)
        np.testing.assert_allclose(var, their_var.numpy(), rtol=error, atol=error)
    assert (mean.dtype, var.dtype) == (dtype, dtype)


def test_momentum_weights_the_new_value_and_the_running_variance_is_unbiased():
    mean, var = np.array([10.0]), np.array([10.0])
    F.batch_norm(np.array([[1.0], [3.0]]), mean, var, training=True, momentum=0.25)
    np.testing.assert_array_equal(mean, [0.75 * 10 + 0.25 * 2])
    np.testing.assert_array_equal(var, [0.75 * 10 + 0.25 * 2])  # unbiased: (1 + 1) / (2 − 1)


def test_the_running_statistics_are_written_into_the_arrays_or_tensors_that_were_passed():
    expected_mean, expected_var = np.zeros(3), np.ones(3)
    F.batch_norm(X, expected_mean, expected_var, training=True)
    mean, var = Tensor(np.zeros(3)), Tensor(np.ones(3))
    F.batch_norm(Tensor(X, requires_grad=True), mean, var, training=True)
    np.testing.assert_array_equal(mean.data, expected_mean)
    np.testing.assert_array_equal(var.data, expected_var)
    assert expected_mean.any()


def test_outside_of_training_the_running_statistics_are_used_and_left_alone():
    mean, var = normal(3), np.abs(normal(3, 1)) + 0.5
    kept = mean.copy(), var.copy()
    y = F.batch_norm(X, mean, var)
    np.testing.assert_allclose(y, (X - mean) / np.sqrt(var + 1e-5), rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal((mean, var), kept)


def test_statistics_that_change_after_the_forward_pass_do_not_change_its_gradients():
    x, weight = Tensor(X, requires_grad=True), Tensor(np.ones(3), requires_grad=True)
    grads = []
    for train_in_between in (False, True):
        mean, var = np.zeros(3), np.ones(3)
        x.grad = weight.grad = None
        out = F.batch_norm(x, mean, var, weight)
        if train_in_between:
            F.batch_norm(X, mean, var, weight, training=True)
        out.backward(Y)
        grads.append((x.grad, weight.grad))
    for a, b in zip(*grads, strict=True):
        np.testing.assert_array_equal(a, b)


def test_without_running_statistics_those_of_the_batch_are_used_in_training_only():
    expected, _ = ops.batch_norm(X)
    np.testing.assert_array_equal(F.batch_norm(X, None, None, training=True), expected[0])
    with pytest.raises(ValueError, match=r"takes running_mean and running_var; .* training=True"):
        F.batch_norm(X, None, None)


@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 2, 2)])
def test_an_empty_batch_leaves_the_running_statistics_as_they_are(shape):
    mean, var = normal(3), np.ones(3)
    kept = mean.copy(), var.copy()
    assert F.batch_norm(np.zeros(shape), mean, var, training=True).shape == shape
    np.testing.assert_array_equal((mean, var), kept)


@pytest.mark.parametrize(
    ("x", "mean", "var", "error", "message"),
    [
        ((2, 3), np.zeros(3), None, ValueError, "running_mean and running_var both, or neither"),
        ((2, 3), np.zeros(1), np.ones(3), ValueError, r"x \(2, 3\), running_mean \(1,\)"),
        ((2, 3), np.zeros(3), np.ones((3, 1)), ValueError, r"running_var \(3, 1\)"),
        ((2, 3), np.zeros(3), np.ones(3, np.float32), TypeError, r"running_var float32 \(3,\)"),
        ((2, 3), np.zeros(3, int), np.ones(3), TypeError, r"running_mean int64 \(3,\)"),
        ((1, 3), np.zeros(3), np.ones(3), ValueError, r"more than one value per channel.*\(1, 3\)"),
        ((3,), np.zeros(3), np.ones(3), ValueError, r"\(N, C, …\), got \(3,\)"),
    ],
)
def test_statistics_that_do_not_fit_are_refused_and_nothing_is_written(
    x, mean, var, error, message
):
    kept = mean.copy(), None if var is None else var.copy()
    with pytest.raises(error, match=message):
        F.batch_norm(np.ones(x), mean, var, training=True)
    np.testing.assert_array_equal(mean, kept[0])
    if var is not None:
        np.testing.assert_array_equal(var, kept[1])


# ---------------------------------------------------------------- dropout


def test_dropout_draws_from_the_generator_that_manual_seed_seeds():
    x = np.ones((10, 10))
    scratchnet.manual_seed(5)
    first, second = F.dropout(x), F.dropout(x)
    scratchnet.manual_seed(5)
    np.testing.assert_array_equal(F.dropout(x), first)
    np.testing.assert_array_equal(F.dropout(Tensor(x)).data, second)
    assert (first != second).any()


def test_dropout_with_a_seed_of_its_own_leaves_the_shared_generator_alone():
    x = np.ones((10, 10))
    scratchnet.manual_seed(5)
    first = F.dropout(x)
    scratchnet.manual_seed(5)
    own = F.dropout(x, rng=11)
    np.testing.assert_array_equal(F.dropout(x), first)
    np.testing.assert_array_equal(F.dropout(x, rng=np.random.default_rng(11)), own)
    np.testing.assert_array_equal(own, ops.dropout(x, seed=11)[0])


def test_dropout_changes_nothing_outside_of_training_or_with_p_0_and_draws_nothing():
    scratchnet.manual_seed(5)
    expected = F.dropout(X)
    scratchnet.manual_seed(5)
    for x in (X, Tensor(X, requires_grad=True)):
        assert F.dropout(x, 0.5, training=False) is x
        assert F.dropout(x, 0.0) is x
    np.testing.assert_array_equal(F.dropout(X), expected)


def test_dropout_is_the_same_forwards_and_backwards():
    x = Tensor(np.ones((20, 20)), requires_grad=True)
    out = F.dropout(x, 0.3)
    out.backward(np.ones(x.shape))
    np.testing.assert_array_equal(x.grad, out.data)


@pytest.mark.parametrize("p", [-0.1, 1.1])
@pytest.mark.parametrize("training", [True, False])
def test_a_chance_that_is_none_is_refused_in_and_outside_of_training(p, training):
    with pytest.raises(ValueError, match=f"p is a probability, got {p}"):
        F.dropout(X, p, training)


# ---------------------------------------------------------------- flatten


def test_flatten_joins_the_axes_from_the_first_to_the_last(torch):
    for start, end in ((0, -1), (1, -1), (1, 2), (-2, -1), (2, 2)):
        expected = torch.flatten(torch.from_numpy(IMAGES), start, end).numpy()
        np.testing.assert_array_equal(F.flatten(IMAGES, start, end), expected, strict=True)
    assert F.flatten(np.array(3.0)).shape == (1,)
    with pytest.raises(ValueError, match=r"start_dim 2 comes after end_dim 1 in \(2, 2, 4, 4\)"):
        F.flatten(IMAGES, 2, 1)

"""Every layer and loss against torch.nn, with options that Hypothesis chooses."""

import copy
import inspect
import pickle

import attention_cases
import convolution_cases
import ctc_cases
import numpy as np
import pytest
import recurrent_cases
from compare import normal, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from scratchnet import Tensor, nn

sizes = st.integers(1, 4)
bools = st.booleans()
reductions = st.sampled_from(["mean", "sum", "none"])


def pairs(low, high):
    """An int or a pair of ints."""
    numbers = st.integers(low, high)
    return numbers | st.tuples(numbers, numbers)


def both(value):
    return value if isinstance(value, tuple) else (value, value)


@st.composite
def arrays(draw, *shape):
    """Normal numbers, or whole ones, which meet the kinks and tie in windows."""
    kind, seed = draw(st.sampled_from([normal, whole])), draw(st.integers(0, 99))
    return kind(shape, seed)


@st.composite
def shapes(draw, min_dims=1, max_dims=4):
    return tuple(draw(st.lists(sizes, min_size=min_dims, max_size=max_dims)))


@st.composite
def elementwise(draw, **options):
    shape = draw(shapes(0))
    return {k: draw(v) for k, v in options.items()}, [draw(arrays(*shape))]


@st.composite
def along_a_dim(draw):
    shape = draw(shapes())
    return {"dim": draw(st.integers(-len(shape), len(shape) - 1))}, [draw(arrays(*shape))]


@st.composite
def linear(draw):
    options = {"in_features": draw(sizes), "out_features": draw(sizes), "bias": draw(bools)}
    return options, [draw(arrays(*draw(shapes(0, 3)), options["in_features"]))]


@st.composite
def pool(draw, axes, **options):
    """The options of any pool of windows, and an image or a line."""
    number = pairs if axes == 2 else st.integers
    kernel = draw(number(1, 3))
    window = {
        "kernel_size": kernel,
        "stride": draw(st.none() | number(1, 3)),
        "padding": draw(number(0, min(both(kernel)) // 2)),
        "ceil_mode": draw(bools),
    }
    options = {k: draw(v) for k, v in options.items()}
    image = [draw(st.integers(5, 8)) for _ in range(axes)]
    return window | options, [draw(arrays(draw(sizes), draw(sizes), *image))]


@st.composite
def adaptive_pool(draw, axes, **options):
    in_two = sizes | st.tuples(sizes | st.none(), sizes | st.none())
    options = {"output_size": draw(in_two if axes == 2 else sizes)} | {
        k: draw(v) for k, v in options.items()
    }
    return options, [draw(arrays(*[draw(sizes) for _ in range(2 + axes)]))]


@st.composite
def upsampling(draw, **options):
    """Images that grow; tests/ops/test_interpolation.py has the others, and lines."""
    target = st.sampled_from([{"size": 5}, {"size": (4, 7)}, {"scale_factor": 3}])
    by_axis = st.just({"scale_factor": (1.5, 2.5)})
    options = draw(target | by_axis) | {k: draw(v) for k, v in options.items()}
    return options, [draw(arrays(draw(sizes), draw(sizes), draw(sizes), draw(sizes)))]


@st.composite
def batch_norm(draw, *n_further_axes):
    options = {
        "num_features": draw(sizes),
        "eps": draw(st.sampled_from([1e-5, 0.1])),
        "momentum": draw(st.sampled_from([None, 0.0, 0.1, 1.0])),
        "affine": draw(bools),
        "track_running_stats": draw(bools),
        "bias": draw(bools),
    }
    further = [draw(sizes) for _ in range(draw(st.sampled_from(n_further_axes)))]
    n = draw(st.integers(2, 5))  # one value per channel raises
    return options, [normal((n, options["num_features"], *further), draw(st.integers(0, 99)))]


@st.composite
def instance_norm(draw, n_axes):
    options = {
        "num_features": draw(sizes),
        "eps": draw(st.sampled_from([1e-5, 0.1])),
        "momentum": draw(st.sampled_from([None, 0.0, 0.1, 1.0])),
        "affine": draw(bools),
        "track_running_stats": draw(bools),
        "bias": draw(bools),
    }
    further = [draw(st.integers(2, 4))] + [draw(sizes) for _ in range(n_axes - 1)]
    batch = draw(st.lists(sizes, max_size=1))
    return options, [normal((*batch, options["num_features"], *further), draw(st.integers(0, 99)))]


@st.composite
def group_norm(draw):
    groups = draw(st.integers(1, 3))
    options = {
        "num_groups": groups,
        "num_channels": groups * draw(st.integers(1, 2)),
        "eps": draw(st.sampled_from([1e-5, 0.1])),
        "affine": draw(bools),
        "bias": draw(bools),
    }
    shape = draw(sizes), options["num_channels"], draw(st.integers(2, 4)), *draw(shapes(0, 1))
    return options, [normal(shape, draw(st.integers(0, 99)))]


@st.composite
def padding(draw, axes, **options):
    """Widths within what a mirror of an axis of length 4 can reach, or a crop of one on one side."""
    widths = st.integers(0, 3) | st.tuples(*[st.integers(-1, 3), st.integers(0, 3)] * axes)
    options = {"padding": draw(widths)} | {k: draw(v) for k, v in options.items()}
    return options, [draw(arrays(*draw(shapes(1, 2)), *[draw(st.integers(4, 6))] * axes))]


@st.composite
def layer_norm(draw):
    form = draw(shapes(1, 2))
    options = {
        "normalized_shape": form[0] if len(form) == 1 and draw(bools) else form,
        "eps": draw(st.sampled_from([1e-5, 0.1])),
        "elementwise_affine": draw(bools),
        "bias": draw(bools),
    }
    return options, [draw(arrays(*draw(shapes(0, 2)), *form))]


@st.composite
def flatten(draw):
    shape = draw(shapes(2))
    start = draw(st.integers(0, len(shape) - 1))
    end = draw(st.integers(start, len(shape) - 1))
    return {"start_dim": start, "end_dim": end - draw(st.sampled_from([0, len(shape)]))}, [
        draw(arrays(*shape))
    ]


@st.composite
def regression(draw, **options):
    shape = draw(shapes(0))
    target = draw(arrays(*shape))
    return {k: draw(v) for k, v in options.items()}, [draw(arrays(*shape)), target]


@st.composite
def labels(draw, **options):
    """Logits (N, K, …) and labels, some of which are to be ignored."""
    n, k, rest = draw(sizes), draw(sizes), draw(shapes(0, 2))
    options = {key: draw(v) for key, v in options.items()}
    options["ignore_index"] = draw(st.sampled_from([-100, 1]))
    options["weight"] = draw(st.none() | st.just(np.arange(1.0, k + 1)))
    target = np.random.default_rng(draw(st.integers(0, 99))).integers(0, k, (n, *rest))
    target.flat[0] = 0  # the mean over nothing is NaN in both, which has tests of its own
    return options, [draw(arrays(n, k, *rest)), target]


@st.composite
def probabilities(draw):
    n, k, rest = draw(sizes), draw(sizes), draw(shapes(0, 2))
    options = {
        "weight": draw(st.none() | st.just(np.arange(1.0, k + 1))),
        "label_smoothing": draw(st.sampled_from([0.0, 0.3])),
        "reduction": draw(reductions),
    }
    return options, [draw(arrays(n, k, *rest)), np.abs(draw(arrays(n, k, *rest)))]


@st.composite
def binary(draw):
    shape = draw(shapes(1, 3))
    weights = st.none() | st.just(np.arange(1.0, shape[-1] + 1))
    options = {"weight": draw(weights), "pos_weight": draw(weights), "reduction": draw(reductions)}
    return options, [
        draw(arrays(*shape)),
        np.random.default_rng(draw(st.integers(0, 99))).random(shape),
    ]


smoothings = st.sampled_from([0.0, 0.3])
CASES = {
    "AdaptiveAvgPool1d": adaptive_pool(1),
    "AdaptiveAvgPool2d": adaptive_pool(2),
    "AdaptiveMaxPool1d": adaptive_pool(1, return_indices=bools),
    "AdaptiveMaxPool2d": adaptive_pool(2, return_indices=bools),
    "AvgPool1d": pool(1, count_include_pad=bools),
    "AvgPool2d": pool(2, count_include_pad=bools, divisor_override=st.none() | st.integers(1, 5)),
    "BCEWithLogitsLoss": binary(),
    "BatchNorm1d": batch_norm(0, 1),
    "BatchNorm2d": batch_norm(2),
    "CTCLoss": ctc_cases.ctc_layer(),
    "CircularPad1d": padding(1),
    "CircularPad2d": padding(2),
    "ConstantPad1d": padding(1, value=st.sampled_from([0.0, 1.5])),
    "ConstantPad2d": padding(2, value=st.sampled_from([0.0, 1.5])),
    "Conv1d": convolution_cases.convolution(1),
    "Conv2d": convolution_cases.convolution(2),
    "ConvTranspose1d": convolution_cases.transposed_convolution(1),
    "ConvTranspose2d": convolution_cases.transposed_convolution(2),
    "CrossEntropyLoss": labels(reduction=reductions, label_smoothing=smoothings) | probabilities(),
    "Dropout": elementwise(p=st.sampled_from([0.0, 1.0])),  # test_dropout.py has what is random
    "Dropout1d": padding(1).map(lambda case: ({"p": 0.0}, case[1])),
    "Dropout2d": arrays(2, 3, 4, 4).map(lambda x: ({"p": 1.0}, [x])),
    "ELU": elementwise(alpha=st.sampled_from([1.0, 0.3])),
    "Flatten": flatten(),
    "Fold": convolution_cases.fold(),
    "GELU": elementwise(approximate=st.sampled_from(["none", "tanh"])),
    "GroupNorm": group_norm(),
    "Hardsigmoid": elementwise(),
    "Hardswish": elementwise(),
    "Hardtanh": elementwise(min_val=st.sampled_from([-1.0, -2]), max_val=st.sampled_from([1.0, 3])),
    "HuberLoss": regression(reduction=reductions, delta=st.sampled_from([1.0, 0.5, 2.0])),
    "Identity": elementwise(),
    "InstanceNorm1d": instance_norm(1),
    "InstanceNorm2d": instance_norm(2),
    "L1Loss": regression(reduction=reductions),
    "LayerNorm": layer_norm(),
    "LeakyReLU": elementwise(negative_slope=st.sampled_from([0.01, 0.3])),
    "Linear": linear(),
    "LogSoftmax": along_a_dim(),
    "MSELoss": regression(reduction=reductions),
    "MaxPool1d": pool(1, dilation=st.integers(1, 2), return_indices=bools),
    "MaxPool2d": pool(2, dilation=pairs(1, 2), return_indices=bools),
    "NLLLoss": labels(reduction=reductions),
    "ReLU": elementwise(),
    "ReLU6": elementwise(),
    "ReflectionPad1d": padding(1),
    "ReflectionPad2d": padding(2),
    "ReplicationPad1d": padding(1),
    "ReplicationPad2d": padding(2),
    "SiLU": elementwise(),
    "Sigmoid": elementwise(),
    "Softmax": along_a_dim(),
    "Softplus": elementwise(
        beta=st.sampled_from([1.0, 2.0]), threshold=st.sampled_from([20.0, 3.0])
    ),
    "Tanh": elementwise(),
    "Unfold": convolution_cases.unfold(),
    "Upsample": upsampling(mode=st.sampled_from(["nearest", "nearest-exact", "area"]))
    | upsampling(mode=st.just("bilinear"), align_corners=bools)
    | st.tuples(
        st.just({"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}),
        st.tuples(arrays(2, 3, 4, 5)),
    ),
    "UpsamplingBilinear2d": upsampling(),
    "UpsamplingNearest2d": upsampling(),
    "ZeroPad1d": padding(1),
    "ZeroPad2d": padding(2),
    **recurrent_cases.CASES,
    **attention_cases.CASES,
}
every_layer = pytest.mark.parametrize("name", sorted(CASES))


def test_every_layer_has_a_comparison():
    classes = {name for name in nn.__all__ if inspect.isclass(getattr(nn, name))}
    not_torchs = {name for name in classes if name.startswith("Fused")}  # in test_inference.py
    not_torchs |= set(attention_cases.TESTED_BY_THEMSELVES)
    assert set(CASES) == classes - {"Module", "ModuleList", "Parameter", "Sequential"} - not_torchs


@every_layer
@given(data=st.data(), training=bools)
@settings(max_examples=40)
@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")  # torch on even kernels
def test_layer_agrees_with_torch(assert_agrees, name, data, training):
    options, inputs = data.draw(CASES[name])
    assert_agrees(name, options, inputs, training)


def values(output):
    """The array of an output; of several outputs the first."""
    output = output[0] if isinstance(output, tuple) else output
    return output.data if isinstance(output, Tensor) else output


def converted(inputs, dtype):
    return [a.astype(dtype) if a.dtype.kind == "f" else a for a in inputs]


@every_layer
@given(data=st.data(), training=bools)
@settings(max_examples=15)
def test_layer_keeps_the_dtype_forwards_and_backwards(name, data, training):
    # the polynomials of erf overflow in float16
    dtypes = [np.float32, np.float64] + [np.float16] * (name != "GELU")
    dtype = data.draw(st.sampled_from(dtypes))
    options, inputs = data.draw(CASES[name])
    layer = getattr(nn, name)(**options).to(dtype).train(training)
    tensors = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in converted(inputs, dtype)]
    output = layer(*tensors)
    output = output[0] if isinstance(output, tuple) else output
    assert output.dtype == dtype
    output.backward(np.ones(output.shape, dtype))
    gradients = [t.grad for t in (*tensors, *layer.parameters()) if t.requires_grad]
    assert {g.dtype for g in gradients} == {np.dtype(dtype)}
    assert all(b.dtype == dtype for b in layer.buffers() if b.ndim)


@every_layer
@given(data=st.data())
@settings(max_examples=15)
def test_array_in_eval_mode_gives_the_array_that_a_tensor_gives(name, data):
    options, inputs = data.draw(CASES[name])
    layer = getattr(nn, name)(**options).double().eval()
    found, expected = layer(*inputs), layer(*map(Tensor, inputs))
    assert isinstance(found[0] if isinstance(found, tuple) else found, np.ndarray | np.generic)
    np.testing.assert_array_equal(values(found), values(expected))


@every_layer
@given(
    data=st.data(), clone=st.sampled_from([copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
)
@settings(max_examples=10)
def test_a_copied_or_pickled_layer_computes_the_same(name, data, clone):
    options, inputs = data.draw(CASES[name])
    layer = getattr(nn, name)(**options).double()
    twin = clone(layer)
    assert repr(twin) == repr(layer)
    np.testing.assert_array_equal(values(twin(*inputs)), values(layer(*inputs)))
    for a, b in zip(layer.state_dict().values(), twin.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a, b)  # also what the call has changed
        assert not np.shares_memory(a, b)


BATCHES = {  # an input for each kind of layer that a batch goes through; the first axis is cut to 0
    "Conv2d": ({"in_channels": 2, "out_channels": 3, "kernel_size": 2}, (4, 2, 5, 5), (0, 3, 4, 4)),
    "ConvTranspose1d": (
        {"in_channels": 2, "out_channels": 3, "kernel_size": 2},
        (4, 2, 5),
        (0, 3, 6),
    ),
    "Unfold": ({"kernel_size": 2}, (4, 2, 3, 3), (0, 8, 4)),
    "Linear": ({"in_features": 2, "out_features": 3}, (4, 2), (0, 3)),
    "BatchNorm1d": ({"num_features": 2}, (4, 2), (0, 2)),
    "BatchNorm2d": ({"num_features": 2}, (4, 2, 3, 3), (0, 2, 3, 3)),
    "LayerNorm": ({"normalized_shape": 2}, (4, 2), (0, 2)),
    "GroupNorm": ({"num_groups": 2, "num_channels": 4}, (4, 4, 3), (0, 4, 3)),
    "InstanceNorm2d": (
        {"num_features": 2, "affine": True, "track_running_stats": True},
        (4, 2, 3, 3),
        (0, 2, 3, 3),
    ),
    "ReflectionPad2d": ({"padding": 2}, (4, 2, 3, 4), (0, 2, 7, 8)),
    "AdaptiveAvgPool2d": ({"output_size": 1}, (4, 2, 4, 4), (0, 2, 1, 1)),
    "AdaptiveMaxPool1d": ({"output_size": 3}, (4, 2, 4), (0, 2, 3)),
    "MaxPool1d": ({"kernel_size": 2}, (4, 2, 4), (0, 2, 2)),
    "MaxPool2d": ({"kernel_size": 2}, (4, 2, 4, 4), (0, 2, 2, 2)),
    "Upsample": ({"scale_factor": 2}, (4, 2, 4, 3), (0, 2, 8, 6)),
    "AvgPool2d": ({"kernel_size": 2}, (4, 2, 4, 4), (0, 2, 2, 2)),
    "Flatten": ({}, (4, 2, 3, 3), (0, 18)),
    "Dropout": ({}, (4, 2), (0, 2)),
    "Dropout2d": ({}, (4, 2, 3, 3), (0, 2, 3, 3)),
    "ReLU": ({}, (4, 2), (0, 2)),
    "TransformerEncoderLayer": (
        {"d_model": 4, "nhead": 2, "batch_first": True},
        (4, 3, 4),
        (0, 3, 4),
    ),
}


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("training", [True, False])
def test_an_empty_batch_gives_an_empty_output_and_gradients_of_zero(name, training):
    options, shape, expected = BATCHES[name]
    layer = getattr(nn, name)(**options).train(training)
    statistics = {k: v.copy() for k, v in layer.named_buffers() if v.ndim}
    output = layer(Tensor(normal((0, *shape[1:]), 0, np.float32), requires_grad=True))
    assert output.shape == expected
    output.sum().backward()
    assert all(not p.grad.any() for p in layer.parameters())
    for key, before in statistics.items():
        np.testing.assert_array_equal(dict(layer.named_buffers())[key], before)

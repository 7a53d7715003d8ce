"""Hypothesis strategies for the options of convolution layers, and a comparison with torch."""

from compare import assert_close, normal, whole
from hypothesis import strategies as st


def numbers(low, high, axes):
    """An int, or one for each axis."""
    one = st.integers(low, high)
    return one | st.tuples(*[one] * axes)


def each(value, axes):
    return value if isinstance(value, tuple) else (value,) * axes


@st.composite
def arrays(draw, *shape):
    kind, seed = draw(st.sampled_from([normal, whole])), draw(st.integers(0, 99))
    return kind(shape, seed)


def channels(draw):
    groups = draw(st.integers(1, 3))
    return {
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 2)),
        "groups": groups,
        "bias": draw(st.booleans()),
    }


@st.composite
def convolution(draw, axes):
    """Options of Conv1d or Conv2d and an input."""
    kernel, dilation = draw(numbers(1, 3, axes)), draw(numbers(1, 2, axes))
    stride = draw(numbers(1, 3, axes))
    is_one = each(stride, axes) == (1,) * axes
    words = st.just("valid") | (st.just("same") if is_one else st.nothing())
    options = channels(draw) | {
        "kernel_size": kernel,
        "stride": stride,
        "padding": draw(numbers(0, 2, axes) | words),
        "dilation": dilation,
        "padding_mode": draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    }
    # At least 3, so that a mirror has the two entries that a padding of 2 takes from it.
    extent = [
        d * (k - 1) + 1 for k, d in zip(each(kernel, axes), each(dilation, axes), strict=True)
    ]
    size = [max(3, e) + draw(st.integers(0, 4)) for e in extent]
    return options, [draw(arrays(draw(st.integers(0, 3)), options["in_channels"], *size))]


@st.composite
def transposed_convolution(draw, axes):
    """Options of ConvTranspose1d or ConvTranspose2d and an input."""
    kernel, dilation, stride = [draw(st.tuples(*[st.integers(1, n)] * axes)) for n in (3, 3, 3)]
    size = draw(st.tuples(*[st.integers(1, 4)] * axes))
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    more = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    cut = [
        draw(st.integers(0, min(3, ((n - 1) * s + e + m - 1) // 2)))  # at least one entry is left
        for n, s, e, m in zip(size, stride, extent, more, strict=True)
    ]
    options = channels(draw) | {
        "kernel_size": kernel,
        "stride": stride,
        "padding": tuple(cut),
        "output_padding": tuple(more),
        "dilation": dilation,
    }
    return options, [draw(arrays(draw(st.integers(0, 3)), options["in_channels"], *size))]


def windows(draw):
    """Return the options that unfold and fold share, an image's size, and how many windows fit it."""
    options = {
        "kernel_size": draw(numbers(1, 3, 2)),
        "dilation": draw(numbers(1, 2, 2)),
        "padding": draw(numbers(0, 2, 2)),
        "stride": draw(numbers(1, 3, 2)),
    }
    kernel, gaps, pads, steps = [each(value, 2) for value in options.values()]
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, gaps, strict=True)]
    size = [max(1, e - 2 * p) + draw(st.integers(0, 3)) for e, p in zip(extent, pads, strict=True)]
    out = [(n + 2 * p - e) // s + 1 for n, p, e, s in zip(size, pads, extent, steps, strict=True)]
    return options, tuple(size), kernel[0] * kernel[1], out[0] * out[1]


@st.composite
def unfold(draw):
    options, size, _, _ = windows(draw)
    return options, [draw(arrays(draw(st.integers(0, 2)), draw(st.integers(1, 2)), *size))]


@st.composite
def fold(draw):
    options, size, taps, n_windows = windows(draw)
    n, depth = draw(st.integers(0, 2)), draw(st.integers(1, 2))
    return options | {"output_size": size}, [draw(arrays(n, depth * taps, n_windows))]


def assert_agrees_on_whole_numbers(torch, op, reference, *arrays):
    """Assert that op(*arrays) and reference(*tensors) agree in value and in gradients.

    On whole numbers, dy too: then no sum is rounded, in whatever order it is taken.
    """
    leaves = [torch.from_numpy(a.copy()).requires_grad_() for a in arrays]
    (y, pullback), expected = op(*arrays), reference(*leaves)
    assert_close(y, expected.detach().numpy())
    dy = whole(y.shape, 9, y.dtype)
    expected.backward(torch.from_numpy(dy))
    for found, leaf in zip(pullback(dy), leaves, strict=True):
        assert_close(found, leaf.grad.numpy())

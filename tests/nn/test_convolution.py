"""Convolution layers: padding modes, the size that a transposed one gives, what they refuse.

`test_layers.py` compares them with torch over all their options.
"""

import re

import numpy as np
import pytest
from compare import normal, whole
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import functional, nn

FLOAT = np.float32


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize(
    ("kernel", "padding"), [(3, 2), (3, (1, 2)), ((2, 4), "same"), (3, "valid")]
)
def test_a_padding_mode_is_a_border_around_x_and_then_no_padding(mode, kernel, padding):
    layer = nn.Conv2d(2, 3, kernel, padding=padding, padding_mode=mode)
    x = normal((2, 2, 5, 6), 1, FLOAT)
    borders = {  # left, right, top, bottom; of an odd total the extra one goes right and down
        2: (2, 2, 2, 2),
        (1, 2): (2, 2, 1, 1),
        "same": (1, 2, 0, 1),
        "valid": (0, 0, 0, 0),
    }[padding]
    expected = functional.conv2d(
        functional.pad(x, borders, mode), layer.weight.data, layer.bias.data
    )
    np.testing.assert_array_equal(layer.eval()(x), expected)


def test_padding_that_differs_by_side_reaches_every_padding_mode():
    x = normal((2, 2, 6), 1, FLOAT)
    for mode, name in (("zeros", "constant"), ("circular", "circular")):
        layer = nn.Conv1d(2, 3, 2, padding=[(3, 1)], padding_mode=mode).eval()
        padded = functional.pad(x, (3, 1), name)
        expected = functional.conv1d(padded, layer.weight.data, layer.bias.data)
        np.testing.assert_array_equal(layer(x), expected)


def test_a_list_of_paddings_is_shown_as_a_tuple():
    layer = nn.Conv2d(1, 1, 3, padding=[1, 2])
    assert repr(layer) == "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), padding=(1, 2))"


def test_a_mirror_wider_than_x_is_refused_when_x_is_seen():
    layer = nn.Conv2d(1, 1, 3, padding=3, padding_mode="reflect")
    with pytest.raises(ValueError, match=r"\(3, 3\).*\(1, 1, 3, 3\)"):
        layer(np.zeros((1, 1, 3, 3), FLOAT))


# ---------------------------------------------------------------- output_size


@given(st.integers(3, 9), st.integers(3, 9), st.integers(1, 3), st.integers(0, 1))
def test_output_size_undoes_the_loss_of_size_by_a_stride(height, width, stride, padding):
    down = nn.Conv2d(1, 2, 3, stride, padding, rng=0)
    up = nn.ConvTranspose2d(2, 1, 3, stride, padding, rng=0)
    x = normal((2, 1, height, width), 1, FLOAT)
    for output_size in ((height, width), x.shape, list(x.shape)):
        assert up(down(x), output_size).shape == x.shape


def test_output_size_takes_the_place_of_output_padding(torch):
    ours = nn.ConvTranspose2d(2, 3, 3, 2, 1, output_padding=1, rng=0)
    theirs = torch.nn.ConvTranspose2d(2, 3, 3, 2, 1, output_padding=1)
    theirs.load_state_dict({k: torch.from_numpy(v) for k, v in ours.state_dict().items()})
    x = whole((2, 2, 4, 5), 1, FLOAT)
    for size in ((7, 9), (8, 9), (7, 10), (8, 10), (2, 3, 8, 9)):
        expected = theirs(torch.from_numpy(x), size).detach().numpy()
        found = ours(x, output_size=size).data
        # sums of at most 8 products of numbers up to 9
        np.testing.assert_allclose(found, expected, rtol=0, atol=8 * 9 * np.finfo(FLOAT).eps)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        ((6, 9), "output_size (6, 9) is not from (7, 9) to (8, 10): x (2, 2, 4, 5)"),
        ((7, 11), "output_size (7, 11) is not from (7, 9) to (8, 10)"),
        ((7,), "output_size takes 2 or 4 numbers for x (2, 2, 4, 5), got (7,)"),
        ((2, 7, 9), "output_size takes 2 or 4 numbers for x (2, 2, 4, 5), got (2, 7, 9)"),
    ],
)
def test_a_size_that_no_output_padding_gives_is_refused_and_shown(size, message):
    layer = nn.ConvTranspose2d(2, 3, 3, 2, 1)
    with pytest.raises(ValueError, match=re.escape(message)):
        layer(np.zeros((2, 2, 4, 5), FLOAT), output_size=size)


# ---------------------------------------------------------------- shapes, and what is refused


@pytest.mark.parametrize(
    ("layer", "weight", "bias"),
    [
        (nn.Conv1d(4, 6, 3, groups=2), (6, 2, 3), (6,)),
        (nn.Conv2d(4, 6, (3, 2), groups=2), (6, 2, 3, 2), (6,)),
        (nn.ConvTranspose1d(4, 6, 3, groups=2), (4, 3, 3), (6,)),
        (nn.ConvTranspose2d(4, 6, (3, 2), groups=2), (4, 3, 3, 2), (6,)),
    ],
)
def test_the_weight_of_a_transposed_convolution_has_the_channels_in_first(layer, weight, bias):
    assert {k: v.shape for k, v in layer.state_dict().items()} == {"weight": weight, "bias": bias}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv1d(0, 8, 3), "in_channels must be at least 1, got 0"),
        (lambda: nn.Conv1d(3, 8, (3, 3)), "kernel_size takes an int"),
        (lambda: nn.Conv1d(3, 8, 3, padding=(1, 1)), "padding takes an int or ((left, right),)"),
        (lambda: nn.Conv2d(3, 8, 3, padding="full"), "'same', 'valid' or numbers, got 'full'"),
        (lambda: nn.Conv2d(3, 8, 3, 2, "same"), "padding='same' needs stride 1, got (2, 2)"),
        (
            lambda: nn.Conv2d(3, 8, 3, padding_mode="wrap"),
            "padding_mode 'wrap' is none of zeros, reflect, replicate, circular",
        ),
        (
            lambda: nn.ConvTranspose1d(3, 8, 3, padding_mode="reflect"),
            "ConvTranspose1d knows padding_mode 'zeros' only, got 'reflect'",
        ),
        (lambda: nn.ConvTranspose2d(4, 6, 3, groups=3), "groups=3 must divide 4 input and 6"),
        (lambda: nn.ConvTranspose2d(4, 6, 3, padding="same"), "padding takes an int or a pair"),
        (lambda: nn.ConvTranspose2d(4, 6, 3, output_padding=-1), "output_padding must be at least"),
    ],
)
def test_a_layer_that_cannot_be_made_names_the_argument_and_its_value(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Conv1d(3, 2, 1), (1, 4, 5), "expects 3 input channels, x has 4: x (1, 4, 5)"),
        (nn.Conv1d(3, 2, 1), (1, 3, 5, 5), "x of shape (N, C, L), got 4 dimensions"),
        (nn.ConvTranspose2d(3, 2, 1), (1, 4, 5, 5), "expects 3 input channels, x has 4"),
        (nn.Unfold(3), (1, 4, 2, 2), "extends over (3, 3), the padded x has (2, 2)"),
        (nn.Fold(4, 3), (1, 9, 3), "(N, C·9, 4) for output_size (4, 4)"),
    ],
)
def test_x_of_a_wrong_shape_is_shown(layer, shape, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        layer(np.zeros(shape, FLOAT))


@pytest.mark.parametrize("layer", [nn.Conv1d(3, 2, 1), nn.ConvTranspose1d(3, 2, 1)])
def test_x_of_another_dtype_is_refused(layer):
    with pytest.raises(TypeError, match=r"holds float32 arrays, x is float64 \(1, 3, 5\)"):
        layer(np.zeros((1, 3, 5)))


def test_output_size_is_a_number_for_each_axis():
    with pytest.raises(TypeError, match="output_size takes a number for each axis, got 10"):
        nn.ConvTranspose2d(1, 1, 3)(np.zeros((1, 1, 8, 8), FLOAT), output_size=10)


@pytest.mark.parametrize(
    ("padding", "shown"),
    [
        (np.array([1, 2]), "(1, 2)"),
        ([np.int64(1)], "(1, 1)"),
        (((1, 1), (2, 2)), "(1, 2)"),
        ((1, (0, 2)), "((1, 1), (0, 2))"),
    ],
)
def test_padding_is_kept_and_shown_as_python_numbers_however_it_is_written(padding, shown):
    layer = nn.Conv2d(1, 1, 3, padding=padding, rng=0)
    assert repr(layer).endswith(f"padding={shown})")
    x = normal((1, 1, 4, 5), 1, FLOAT)
    expected = functional.conv2d(x, layer.weight, layer.bias, padding=padding)
    np.testing.assert_array_equal(layer(x).data, expected.data)

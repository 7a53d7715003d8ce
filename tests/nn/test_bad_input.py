"""Sizes, shapes, dtypes and options that do not fit are shown in the error."""

import copy
import re

import numpy as np
import pytest

from scratchnet import nn


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(-1, 2), "in_features must be at least 1, got -1"),
        (lambda: nn.Linear(2, 0), "out_features must be at least 1, got 0"),
        (lambda: nn.Linear(2.5, 2), "in_features is a whole number, got 2.5"),
        (lambda: nn.Linear("2", 2), "in_features is a whole number, got '2'"),
        (lambda: nn.Conv2d(3, -8, 3), "out_channels must be at least 1, got -8"),
        (lambda: nn.Conv2d(3, 8, 0), "kernel_size must be at least 1, got 0"),
        (
            lambda: nn.Conv2d(3, 8, (3, 3, 3)),
            "kernel_size takes an int or a pair of ints, got (3, 3, 3)",
        ),
        (lambda: nn.Conv2d(3, 8, 3, stride=0), "stride must be at least 1, got 0"),
        (lambda: nn.Conv2d(3, 8, 3, dilation=0), "dilation must be at least 1, got 0"),
        (
            lambda: nn.Conv2d(4, 6, 3, groups=3),
            "groups=3 must divide 4 input and 6 output channels",
        ),
        (lambda: nn.Conv2d(4, 6, 3, groups=0), "groups must be at least 1, got 0"),
        (lambda: nn.BatchNorm2d(0), "num_features must be at least 1, got 0"),
        (lambda: nn.LayerNorm((3, -1)), "normalized_shape must be at least 1, got -1"),
        (lambda: nn.CTCLoss("mean"), "blank is a whole number, got 'mean'"),
        (lambda: nn.Dropout(1.5), "p is a probability, got 1.5"),
        (lambda: nn.Linear(2, 2, dtype=np.float64), "unexpected keyword argument 'dtype'"),
        (lambda: nn.Dropout(0.5, True, 3), "takes from 1 to 3 positional arguments"),
        (lambda: nn.Dropout2d(-0.5), "Dropout2d: p is a probability, got -0.5"),
        (lambda: nn.Hardtanh(1.0, 1.0), "max_val 1.0 must be greater than min_val 1.0"),
        (lambda: nn.GroupNorm(3, 4), "num_groups=3 must divide num_channels=4"),
        (lambda: nn.GroupNorm(0, 4), "num_groups must be at least 1, got 0"),
        (lambda: nn.InstanceNorm1d(0), "num_features must be at least 1, got 0"),
        (lambda: nn.ZeroPad2d((1, 2)), "ZeroPad2d: padding takes one width or 4, got (1, 2)"),
        (lambda: nn.ReflectionPad1d((1,) * 4), "ReflectionPad1d: padding takes one width or 2"),
        (lambda: nn.CircularPad1d(1.5), "cannot be interpreted as an integer"),
        (lambda: nn.MaxPool2d(0), "kernel_size must be at least 1, got 0"),
        (lambda: nn.MaxPool2d(2.5), "kernel_size takes an int or a pair of ints, got 2.5"),
        (lambda: nn.MaxPool2d(3, 2, padding=2), "padding (2, 2) must be at most half of"),
        (lambda: nn.MaxPool1d(3, dilation=0), "dilation must be at least 1, got 0"),
        (lambda: nn.MaxPool1d((2, 2)), "kernel_size takes an int or a sequence of one"),
        (lambda: nn.AvgPool1d(2, padding=2), "padding (2,) must be at most half of kernel_size"),
        (lambda: nn.AvgPool2d(2, padding=2), "padding (2, 2) must be at most half of"),
        (lambda: nn.AvgPool2d(2, stride=0), "stride must be at least 1, got 0"),
        (lambda: nn.Upsample(), "give size or scale_factor, one of them: None, None"),
        (lambda: nn.Upsample(2, mode="x"), "'bilinear', got 'x'"),
        (lambda: nn.Upsample(2, align_corners=True), "align_corners is for linear, bilinear"),
        (
            lambda: nn.Conv2d(1, 1, 1, device="cpu"),
            "_Conv.__init__() got an unexpected keyword argument 'device'",
        ),
    ],
)
def test_a_layer_that_cannot_be_made_names_the_argument_and_its_value(make, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("layer", "x", "words"),
    [
        (nn.Linear(3, 2), (5, 4), ["expects 3 features", "has 4", "(5, 4)", "(2, 3)"]),
        (nn.Linear(3, 2), (), ["linear takes x (…, in)", "x ()"]),
        (nn.Conv2d(3, 2, 1), (1, 4, 5, 5), ["expects 3 input channels", "has 4", "(1, 4, 5, 5)"]),
        (nn.Conv2d(3, 2, 1), (3, 5, 5), ["(N, C, H, W)", "3 dimensions", "(3, 5, 5)"]),
        (nn.Conv2d(3, 2, 7), (1, 3, 5, 5), ["(7, 7)", "(5, 5)"]),
        (nn.BatchNorm1d(3), (4, 2), ["BatchNorm1d(3)", "3 channels", "(4, 2)"]),
        (nn.BatchNorm1d(3), (4, 3, 2, 2), ["2 or 3 dimensions", "(4, 3, 2, 2)"]),
        (nn.BatchNorm2d(3), (4, 3), ["4 dimensions", "(4, 3)"]),
        (nn.BatchNorm2d(3), (1, 3, 1, 1), ["more than one value per channel", "(1, 3, 1, 1)"]),
        (nn.GroupNorm(2, 4), (2, 6, 3), ["6 channels", "(2, 6, 3)", "(4,)"]),
        (nn.GroupNorm(4, 4), (1, 4), ["more than one value per group", "(1, 4)"]),
        (nn.InstanceNorm1d(3), (2, 3, 4, 4), ["InstanceNorm1d takes 3 dimensions", "(2, 3, 4, 4)"]),
        (nn.InstanceNorm2d(3), (2, 3, 1, 1), ["one value in each channel", "(2, 3, 1, 1)"]),
        (nn.InstanceNorm2d(3, affine=True), (2, 4, 2, 2), ["InstanceNorm2d(3)", "(2, 4, 2, 2)"]),
        (
            nn.InstanceNorm1d(3, track_running_stats=True),
            (2, 4, 2),
            ["InstanceNorm1d(3)", "(2, 4, 2)"],
        ),
        (nn.ReflectionPad2d(1), (4, 4), ["ReflectionPad2d", "(N, C, H, W)", "(4, 4)"]),
        (nn.ReflectionPad1d(4), (1, 2, 4), ["reflect cannot pad axis 2 by (4, 4)", "(1, 2, 4)"]),
        (nn.CircularPad1d(1), (1, 2, 4, 4), ["CircularPad1d", "(N, C, L) or (C, L)"]),
        (nn.Dropout1d(), (1, 2, 4, 4), ["dropout1d", "(1, 2, 4, 4)"]),
        (nn.Dropout2d(), (2, 4, 4), ["dropout2d takes x of shape (N, C, H, W)", "(2, 4, 4)"]),
        (nn.LayerNorm((2, 3)), (4, 3, 2), ["normalized_shape (2, 3)", "(4, 3, 2)"]),
        (nn.MaxPool2d(3), (1, 1, 2, 2), ["kernel_size (3, 3)", "(1, 1, 2, 2)"]),
        (nn.MaxPool2d(2), (4, 4), ["(N, C, H, W)", "(4, 4)"]),
        (nn.Flatten(), (4,), ["dim 1", "1 dimensions"]),
        (nn.Softmax(dim=2), (4, 4), ["dim 2", "2 dimensions"]),
    ],
)
def test_x_of_a_wrong_shape_is_shown_with_what_the_layer_takes(layer, x, words):
    before = {k: v.copy() for k, v in layer.state_dict().items()}
    with pytest.raises((ValueError, IndexError)) as error:
        layer(np.zeros(x, np.float32))
    assert all(word in str(error.value) for word in words), error.value
    for key, value in layer.state_dict().items():  # running statistics neither
        np.testing.assert_array_equal(value, before[key])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(2, 3), (4, 2)),
        (nn.Conv2d(2, 3, 1), (1, 2, 3, 3)),
        (nn.BatchNorm1d(2), (4, 2)),
        (nn.BatchNorm2d(2, affine=False), (1, 2, 3, 3)),
        (nn.LayerNorm(2), (4, 2)),
        (nn.GroupNorm(1, 2), (4, 2)),
        (nn.InstanceNorm1d(2, affine=True), (4, 2, 3)),
        (nn.InstanceNorm2d(2, track_running_stats=True), (1, 2, 3, 3)),
    ],
)
def test_x_of_another_dtype_is_told_how_to_convert(layer, shape):
    name = type(layer).__name__
    with pytest.raises(TypeError) as error:
        layer(np.zeros(shape))
    assert str(error.value) == (
        f"{name} holds float32 arrays, x is float64 {shape}: "
        "convert x with x.astype(np.float32), or the module with .to(np.float64)"
    )
    layer(np.zeros(shape).astype(np.float32))  # the advice works
    copy.deepcopy(layer).to(np.float64)(np.zeros(shape))
    with pytest.raises(TypeError, match=r"x is int64 .*: convert x with x.astype\(np.float32\)$"):
        layer(np.zeros(shape, int))
    with pytest.raises(TypeError, match=f"{name} takes an array or a Tensor, got list"):
        layer(np.zeros(shape).tolist())


@pytest.mark.parametrize(
    ("loss", "x", "target", "error", "words"),
    [
        (nn.MSELoss(), np.zeros((4, 1)), np.zeros(4), ValueError, ["(4, 1)", "(4,)"]),
        (nn.L1Loss(reduction="avg"), np.zeros(4), np.zeros(4), ValueError, ["'avg'"]),
        (nn.HuberLoss(delta=0), np.zeros(4), np.zeros(4), ValueError, ["delta", "0"]),
        (
            nn.CrossEntropyLoss(),
            np.zeros((2, 3)),
            np.array([0, 3]),
            IndexError,
            ["label 3", "3 classes"],
        ),
        (nn.NLLLoss([1, 2]), np.zeros((2, 3)), np.array([0, 1]), ValueError, ["3 classes", "(2,)"]),
        (nn.BCEWithLogitsLoss(), np.zeros((4, 1)), np.zeros(4), ValueError, ["(4, 1)", "(4,)"]),
    ],
)
def test_a_loss_says_what_does_not_fit(loss, x, target, error, words):
    with pytest.raises(error) as caught:
        loss(x, target)
    assert all(word in str(caught.value) for word in words), caught.value

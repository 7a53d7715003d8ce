"""What is neither an array nor a Tensor is named, with another library's way to an array of ours."""

import re

import numpy as np
import pytest

from scratchnet import functional as F
from scratchnet import nn

X, W = np.ones((1, 2, 5, 5), np.float32), np.ones((2, 2, 3, 3), np.float32)
LISTS = X.tolist()
LINES = X[0].tolist()

CALLS = {
    "conv2d": lambda x: F.conv2d(x, W),
    "conv_transpose2d": lambda x: F.conv_transpose2d(x, W),
    "linear": lambda x: F.linear(x, np.ones((3, 5), np.float32)),
    "matmul": lambda x: F.matmul(x, X),
    "unfold": lambda x: F.unfold(x, 2),
    "max_pool2d": lambda x: F.max_pool2d(x, 2),
    "adaptive_max_pool2d": lambda x: F.adaptive_max_pool2d(x, 2),
    "interpolate": lambda x: F.interpolate(x, 2),
    "layer_norm": lambda x: F.layer_norm(x, 5),
    "group_norm": lambda x: F.group_norm(x, 2),
    "instance_norm": lambda x: F.instance_norm(x),
    "batch_norm": lambda x: F.batch_norm(x, None, None, training=True),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_list_and_another_librarys_tensor_are_named(torch, name):
    with pytest.raises(TypeError, match=rf"^{name} takes an array or a Tensor.*, got list$"):
        CALLS[name](LISTS)
    named = rf"^{name} takes an array or a Tensor.*, got torch.Tensor; its numpy\(\) is an array$"
    with pytest.raises(TypeError, match=named):
        CALLS[name](torch.from_numpy(X))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.conv2d(X, W, [1.0, 2.0]), "conv2d takes an array or a Tensor as bias, got list"),
        (lambda: F.conv2d(X, W.tolist()), "conv2d takes an array or a Tensor as weight, got list"),
        (lambda: F.batch_norm(X, [0, 0], [1, 1]), "a Tensor as running_mean, got list"),
        (lambda: F.max_pool1d(LINES, 2), "max_pool1d takes an array or a Tensor, got list"),
        (lambda: F.linear(X, 3.0), "linear takes an array or a Tensor as weight, got float"),
    ],
)
def test_the_argument_that_is_no_array_is_named(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(2, 2, 3), nn.Linear(5, 2), nn.MaxPool2d(2), nn.BatchNorm2d(2)]
)
def test_a_layer_names_another_librarys_tensor_and_the_way_to_an_array(torch, layer):
    with pytest.raises(TypeError, match=r"got torch.Tensor; its numpy\(\) is an array$"):
        layer(torch.from_numpy(X))
    layer(torch.from_numpy(X).numpy())  # the advice works

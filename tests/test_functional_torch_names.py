"""functional with torch's names and places of arguments: inplace, input, momentum."""

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor, manual_seed, ops
from scratchnet import functional as F

X, IMAGES = normal((4, 3), 1), normal((2, 2, 4, 4), 3)

# Functions that are not simply lifted: x, and what else they take.
FIRST = {
    "batch_norm": (X, {"running_mean": None, "running_var": None, "training": True}),
    "dropout": (X, {"rng": 0}),
    "dropout1d": (X, {"rng": 0}),
    "dropout2d": (IMAGES, {"rng": 0}),
    "flatten": (IMAGES, {"start_dim": 1}),
    "instance_norm": (IMAGES, {}),
}

INPLACE = {
    "elu": {"alpha": 0.5},
    "hardsigmoid": {},
    "hardswish": {},
    "hardtanh": {"min_val": -0.5, "max_val": 0.5},
    "leaky_relu": {"negative_slope": 0.2},
    "relu": {},
    "relu6": {},
    "silu": {},
}


@pytest.mark.parametrize("name", INPLACE)
def test_inplace_by_name_and_by_position_lets_the_tensor_be_the_result_as_in_torch(torch, name):
    settings, values = INPLACE[name], X.astype(np.float32)
    expected = torch.nn.functional.__dict__[name](torch.from_numpy(values.copy()), **settings)
    function = getattr(F, name)
    calls = {
        "by name": lambda x: function(x, **settings, inplace=True),
        "by position": lambda x: function(x, *settings.values(), True),
        "all by name": lambda x: function(input=x, **settings, inplace=True),
    }
    for call in calls.values():
        x = Tensor(values, requires_grad=True)
        h = x * 1.0
        assert call(h) is h
        np.testing.assert_allclose(h.data, expected.numpy(), rtol=1e-6)  # exp in float32
        h.sum().backward()
        np.testing.assert_array_equal(
            x.grad, ops.__dict__[name](values, **settings)[1](1 + 0 * values)[0]
        )
    kept = Tensor(values)
    assert function(kept, **settings, inplace=False) is not kept
    with pytest.raises(TypeError, match="positional"):
        function(kept, *settings.values(), True, inplace=True)


@pytest.mark.parametrize("name", FIRST)
def test_the_first_argument_may_be_called_input_as_in_torch(name):
    x, options = FIRST[name]
    expected = getattr(F, name)(x, **options)
    np.testing.assert_array_equal(getattr(F, name)(input=x, **options), expected)
    np.testing.assert_array_equal(getattr(F, name)(x=x, **options), expected)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
def test_kept_statistics_need_a_number_as_momentum(name):
    options = {"momentum": None, "training" if name == "batch_norm" else "use_input_stats": True}
    with pytest.raises(TypeError, match="number as momentum, got None"):
        getattr(F, name)(IMAGES, np.zeros(2), np.ones(2), **options)
    getattr(F, name)(IMAGES, None, None, **options)  # where none are kept, it means nothing


@pytest.mark.parametrize("name", ["dropout", "dropout1d", "dropout2d"])
def test_the_fourth_argument_of_dropout_is_torchs_inplace_and_no_seed(name):
    manual_seed(0)
    function, x = (
        getattr(F, name),
        Tensor(np.ones((8, 8, 4) if name == "dropout1d" else (8, 8, 4, 4))),
    )
    before = x.data
    first, second = (function(x, 0.5, True, False).data for _ in range(2))
    assert (first != second).any()  # another mask at each call
    np.testing.assert_array_equal(x.data, before)
    assert function(x, 0.5, True, True) is x
    assert set(np.unique(x.data)) == {0.0, 2.0}
    with pytest.raises(TypeError, match="positional"):
        function(x, 0.5, True, False, 1)
    with pytest.raises(TypeError, match="a seed or a generator, got True"):
        function(x, 0.5, rng=True)

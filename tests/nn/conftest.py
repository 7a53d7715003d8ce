"""Comparing a module with its namesake in torch, in values, gradients and state."""

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor, nn

# What is compared is float64. A wrong formula is wrong by about its value; rounding (2e-16) grows
# through sums of some hundred terms and a division by a standard deviation to 1e-12 or so.
TOLERANCE = 1e-10
# The 1/6 in torch's gradient of hardsigmoid has the digits of float32 in float64 too.
COARSER = {"Hardsigmoid": 1e-7}


def assert_equal_to_torch(found, expected, tolerance=TOLERANCE):
    expected = expected.detach().numpy()
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found, expected, tolerance, tolerance)


def flat(output):
    """Return the outputs of a layer as one list: indices, final states and weights may be among them."""
    if isinstance(output, tuple):
        return [part for one in output for part in flat(one)]
    return [output]


@pytest.fixture(scope="session")
def assert_agrees(torch):
    """A function: compare nn.<name>(**options) with torch.nn.<name>(**options) on float64 arrays."""

    def tensor(a):
        t = torch.from_numpy(a.copy())
        return t.requires_grad_() if t.is_floating_point() else t

    def randomise(module):
        generator = torch.Generator().manual_seed(7)
        with torch.no_grad():
            for t in module.state_dict().values():
                if t.is_floating_point():  # positive: a running variance is
                    t.uniform_(0.1, 1.0, generator=generator)

    def check(name, options, arrays, training=True):
        to_torch = {
            k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in options.items()
        }
        ours = getattr(nn, name)(**options).double().train(training)
        theirs = getattr(torch.nn, name)(**to_torch).double().train(training)
        # torch's MultiheadAttention calls the Linear inside by a name of its own
        assert repr(ours) == repr(theirs).replace("NonDynamicallyQuantizableLinear", "Linear")
        assert list(ours.state_dict()) == list(theirs.state_dict())
        theirs.load_state_dict(
            {k: torch.from_numpy(v.copy()) for k, v in ours.state_dict().items()}
        )
        randomise(theirs)
        assert ours.load_state_dict(theirs.state_dict()) == ([], [])

        inputs = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
        leaves = [tensor(a) for a in arrays]
        found, expected = ours(*inputs), theirs(*leaves)
        founds, expecteds = flat(found), flat(expected)
        for part, expected_part in zip(founds, expecteds, strict=True):
            assert_equal_to_torch(part.data, expected_part)
        found, expected = founds[0], expecteds[0]
        dy = normal(expected.shape, 1)
        expected.backward(torch.from_numpy(dy))
        found.backward(dy)
        pairs = list(zip(inputs, leaves, strict=True))
        pairs += list(zip(ours.parameters(), theirs.parameters(), strict=True))
        for ours_leaf, theirs_leaf in pairs:
            if theirs_leaf.requires_grad:
                tolerance = COARSER.get(name, TOLERANCE)
                assert_equal_to_torch(ours_leaf.grad, theirs_leaf.grad, tolerance)
        for key, value in theirs.state_dict().items():  # running statistics were updated alike
            assert_equal_to_torch(ours.state_dict()[key], value)

    return check

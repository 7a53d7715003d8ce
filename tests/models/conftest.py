"""Comparing a network with the same network in torch: state, logits, gradients."""

import importlib

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor
from scratchnet.nn import init


@pytest.fixture(scope="session")
def torch_resnet(torch):
    return importlib.import_module("models.torch_resnet")


@pytest.fixture
def undrawn(monkeypatch):
    """Build networks of zeros: drawing takes most of the time, and the weights are to be loaded."""
    monkeypatch.setattr(init, "uniform_", lambda tensor, *args, **options: init.zeros_(tensor))
    monkeypatch.setattr(init, "normal_", lambda tensor, *args, **options: init.zeros_(tensor))


@pytest.fixture(scope="session")
def assert_trains_alike(torch):
    """A function: assert that a network and torch's agree in training mode, in float64.

    Logits, the gradients of the image and of every parameter, and the running statistics afterwards
    differ by at most 1e-8 of their norm: rounding (1e-16) grows through some fifty layers, each of
    which divides by a standard deviation, to 1e-12 or so; a wrong term is of the size of the gradient.
    """

    def close(found, expected, what):
        expected = expected.detach().numpy()
        assert found.shape == expected.shape, what
        error = np.linalg.norm(found - expected)
        assert error <= 1e-8 * np.linalg.norm(expected), what

    def check(ours, theirs, shape):
        ours, theirs = ours.double().train(), theirs.double().train()
        ours.load_state_dict(theirs.state_dict())
        x = normal(shape)
        leaf, image = torch.from_numpy(x).requires_grad_(), Tensor(x, requires_grad=True)
        expected, found = theirs(leaf), ours(image)
        close(found.data, expected, "logits")
        dy = normal(expected.shape, 1)
        expected.backward(torch.from_numpy(dy))
        found.backward(dy)
        close(image.grad, leaf.grad, "image")
        parameters = dict(ours.named_parameters())
        assert list(parameters) == [name for name, _ in theirs.named_parameters()]
        for name, p in theirs.named_parameters():
            close(parameters[name].grad, p.grad, name)
        state = ours.state_dict()
        for key, value in theirs.state_dict().items():
            close(state[key], value, key)

    return check

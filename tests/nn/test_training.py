"""A small network of every kind of layer, trained by hand: the losses are torch's."""

import numpy as np
import pytest
from compare import normal

from scratchnet import Tensor, nn, no_grad


def build(nn):
    """Return the same network from scratchnet.nn or torch.nn."""

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Sequential(
                nn.Conv2d(1, 4, 3, padding=1, bias=False),
                nn.BatchNorm2d(4),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(4, 6, 3, groups=2, padding="same"),
                nn.GELU(),
                nn.AvgPool2d(2),
            )
            self.hidden = nn.Linear(6 * 4, 8)
            self.norm = nn.LayerNorm(8)
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            x = self.features(x).flatten(1)
            return self.head(self.norm(self.hidden(x)).tanh())

    return Network()


LOSSES = {
    "CrossEntropyLoss": {"label_smoothing": 0.1, "ignore_index": 2},
    "NLLLoss": {},
    "MSELoss": {},
    "L1Loss": {},
    "HuberLoss": {"delta": 0.5},
    "BCEWithLogitsLoss": {},
}


@pytest.mark.parametrize("name", LOSSES)
def test_ten_steps_of_gradient_descent_give_the_losses_of_torch(torch, name):
    ours, theirs = build(nn).double(), build(torch.nn).double()
    with torch.no_grad():
        for seed, p in enumerate(theirs.parameters()):
            p.copy_(torch.from_numpy(0.5 * normal(p.shape, seed)))
    ours.load_state_dict(theirs.state_dict())
    options = LOSSES[name]
    weight = [0.5, 1.0, 2.0]
    if name in ("CrossEntropyLoss", "NLLLoss", "BCEWithLogitsLoss"):
        our_loss = getattr(nn, name)(weight, **options)
        their_loss = getattr(torch.nn, name)(torch.tensor(weight, dtype=torch.float64), **options)
    else:
        our_loss, their_loss = getattr(nn, name)(**options), getattr(torch.nn, name)(**options)
    rate = 0.1
    found, expected = [], []
    for step in range(10):
        x = normal((5, 1, 8, 8), step)
        if name in ("CrossEntropyLoss", "NLLLoss"):
            target = np.random.default_rng(step).integers(0, 3, 5)
        else:
            target = np.random.default_rng(step).random((5, 3))
        loss = our_loss(ours(x), target)
        loss.backward()
        with no_grad():
            for p in ours.parameters():
                p -= rate * p.grad
        ours.zero_grad()
        found.append(loss.item())

        loss = their_loss(theirs(torch.from_numpy(x)), torch.from_numpy(target))
        loss.backward()
        with torch.no_grad():
            for p in theirs.parameters():
                p -= rate * p.grad
        theirs.zero_grad()
        expected.append(loss.item())
    # float64 rounding (2e-16) is amplified by ten steps to 1e-12 or so; a wrong term would be seen
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert len(set(expected)) == 10

    x = normal((5, 1, 8, 8), 99)
    reference = theirs.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(x), reference, rtol=1e-9)


def test_a_network_learns_what_it_is_shown():
    net = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1)).double()
    x, labels = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    loss_of = nn.CrossEntropyLoss()
    for _ in range(300):
        net.zero_grad()
        loss_of(net(x), labels).backward()
        with no_grad():
            for p in net.parameters():
                p -= 1.0 * p.grad
    np.testing.assert_array_equal(net.eval()(x).argmax(axis=1), labels)
    assert loss_of(net(x), labels).item() < 0.05
    assert isinstance(loss_of(net(x), labels), Tensor)

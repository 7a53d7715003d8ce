"""The inference form of residual networks: the same logits from fewer layers."""

import numpy as np
import pytest
from compare import normal

from scratchnet import nn
from scratchnet.models import (
    BasicBlock,
    Bottleneck,
    FusedBlock,
    PlainBlock,
    ResNet,
    cifar_resnet,
    create_feature_extractor,
)


def trained(model, seed=0):
    """Give batch norms the scales, shifts and statistics that training could have left."""
    rng = np.random.default_rng(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            n = module.num_features
            module.weight.data[:], module.running_var[:] = rng.uniform(0.5, 1.5, (2, n))
            module.bias.data[:], module.running_mean[:] = rng.normal(0, 0.3, (2, n))
    return model.eval()


NETWORKS = {
    "basic": lambda: ResNet(BasicBlock, (2, 1, 1, 1), num_classes=7),
    "bottleneck": lambda: ResNet(Bottleneck, (2, 1, 1, 1), num_classes=7, width_per_group=16),
    "groups": lambda: ResNet(Bottleneck, (1, 2, 1, 1), 7, groups=8, width_per_group=4),
    "zero channels": lambda: cifar_resnet(14, 7, width=8),
    "projection": lambda: cifar_resnet(14, 7, width=8, shortcut="B"),
    "plain": lambda: cifar_resnet(14, 7, width=8, residual=False),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_form_for_inference_has_no_batch_norm_and_the_same_logits(name):
    model = trained(NETWORKS[name]())
    x = normal((2, 3, 40, 36), 1, np.float32)
    logits = model(x)
    form = nn.optimize_for_inference(model)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in form.modules())
    n_blocks = sum(type(m) in (BasicBlock, Bottleneck) for m in model.modules())
    assert sum(isinstance(m, FusedBlock) for m in form.modules()) == n_blocks
    # The weights are rounded once more (6e-8), and sums are taken in another order.
    assert np.abs(form(x) - logits).max() <= 1e-4 * np.abs(logits).max()
    np.testing.assert_array_equal(model(x), logits)  # the network itself is unchanged


def test_maps_of_the_form_have_the_names_of_the_blocks():
    model = trained(cifar_resnet(8, width=4))
    x, names = normal((1, 3, 8, 8), 0, np.float32), ["layer1", "layer2.0", "fc"]
    expected = create_feature_extractor(model, names)(x)
    found = create_feature_extractor(nn.optimize_for_inference(model), names)(x)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-4)  # float32


class Doubled(BasicBlock):
    def forward(self, x):
        return super().forward(x) * 2


class DoubledPlain(PlainBlock):
    def forward(self, x):
        return super().forward(x) * 2


class DoubledNetwork(ResNet):
    def forward(self, x):
        return self.relu(self.conv1(x)).mean((2, 3))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Doubled(3, 3),
        lambda: DoubledPlain(3, 3),
        lambda: DoubledNetwork(BasicBlock, (1, 1, 1, 1), 2),
        lambda: BasicBlock(3, 3, norm_layer=lambda n: nn.BatchNorm2d(n, track_running_stats=False)),
        lambda: Bottleneck(8, 2, norm_layer=lambda n: nn.GroupNorm(1, n)),
        lambda: ResNet(BasicBlock, (1, 1, 1, 1), 2, norm_layer=lambda n: nn.GroupNorm(2, n)),
    ],
    ids=["block", "plain block", "network", "no statistics", "group norm", "group norm network"],
)
def test_what_computes_something_else_is_left_as_it_is(make):
    model = make().eval()
    x = normal((2, 8 if isinstance(model, Bottleneck) else 3, 32, 32), 0, np.float32)
    expected = model(x)
    form = nn.optimize_for_inference(model)
    np.testing.assert_allclose(form(x), expected, rtol=1e-4, atol=1e-4)  # float32, order of sums

"""ResNets of depth 6n + 2, plain networks, LeNet."""

import numpy as np
import pytest
from compare import assert_adjoint, normal

from scratchnet import Tensor, models
from scratchnet.models import CifarResNet, LeNet, PlainBlock, ZeroPadShortcut, cifar_resnet


def count(model):
    return sum(p.data.size for p in model.parameters())


# 0.27, 0.46, 0.66, 0.85 and 1.7 million in table 6 of He et al. 2016
@pytest.mark.parametrize(
    ("depth", "n"), [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)]
)
def test_it_has_as_many_parameters_as_in_the_paper(undrawn, depth, n):
    assert count(cifar_resnet(depth)) == n
    assert count(cifar_resnet(depth, residual=False)) == n  # option A has no weights
    assert count(cifar_resnet(depth, shortcut="B")) == n + 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64


@pytest.mark.parametrize("depth", [8, 20])
@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_gradients_in_training_are_those_of_the_same_network_in_torch(
    torch_resnet, undrawn, assert_trains_alike, depth, shortcut
):
    theirs = torch_resnet.randomise(torch_resnet.CifarResNet(depth, shortcut=shortcut))
    assert_trains_alike(cifar_resnet(depth, shortcut=shortcut), theirs, (2, 3, 16, 16))


def test_gradients_of_the_plain_network_are_those_of_the_same_network_in_torch(
    torch_resnet, undrawn, assert_trains_alike
):
    options = {"num_classes": 4, "in_channels": 1, "width": 4, "residual": False}
    theirs = torch_resnet.randomise(torch_resnet.CifarResNet(20, **options))
    assert_trains_alike(CifarResNet(20, **options), theirs, (3, 1, 13, 15))  # odd sizes


@pytest.mark.parametrize("shape", [(2, 3, 6, 6), (1, 2, 5, 7), (0, 2, 4, 4)])
def test_the_padding_shortcut_is_linear_with_the_stated_transpose(shape):
    shortcut = ZeroPadShortcut(2 * shape[1], 2)

    def op(x):
        leaf = Tensor(x, requires_grad=True)
        y = shortcut(leaf)

        def pullback(dy):
            y.backward(dy, retain_graph=True)
            return (leaf.grad,)

        return y.data, pullback

    x = normal(shape)
    y = shortcut(x).data if isinstance(shortcut(x), Tensor) else shortcut(x)
    np.testing.assert_array_equal(y[:, : shape[1]], x[:, :, ::2, ::2])
    assert not y[:, shape[1] :].any()
    assert y.shape[1] == 2 * shape[1]
    assert_adjoint(op, np.round(8 * x))


def test_the_plain_network_has_no_shortcut():
    model = cifar_resnet(20, residual=False)
    blocks = [m for m in model.modules() if isinstance(m, PlainBlock)]
    assert len(blocks) == 9
    assert all(block.downsample is None for block in blocks)
    for block in blocks:  # with the last scale at 0, nothing is left of what came in
        block.bn2.weight.data[:] = 0
    x = normal((2, 3, 8, 8), 0, np.float32)
    found = models.create_feature_extractor(model.eval(), ["layer1", "layer3"])(x)
    assert all(not m.any() for m in found.values())


@pytest.mark.parametrize("depth", [2, 7, 9, 18, 21])
def test_another_depth_is_refused(depth):
    with pytest.raises(ValueError, match=f"6n . 2.* got {depth}"):
        cifar_resnet(depth)


def test_another_shortcut_is_refused():
    with pytest.raises(ValueError, match="'A' or 'B', got 'C'"):
        cifar_resnet(8, shortcut="C")


def test_lenet_has_the_layout_of_1998():
    model = LeNet().eval()
    names = {"features.1": "S2", "features.5": "S4", "classifier.1": "C5", "classifier.3": "F6"}
    maps = models.create_feature_extractor(model, names)(np.zeros((2, 1, 28, 28), np.float32))
    assert {k: m.shape[1:] for k, m in maps.items()} == {
        "S2": (6, 14, 14),
        "S4": (16, 5, 5),
        "C5": (120,),
        "F6": (84,),
    }
    # 61,706 of convolutions and units, and a scale and a shift for 22 channels
    assert count(model) == 61_706 + 2 * 22
    assert LeNet(7, 3).eval()(np.zeros((0, 3, 28, 28), np.float32)).shape == (0, 7)


def test_lenet_refuses_images_of_another_size():
    with pytest.raises(ValueError, match=r"28, 28.*32, 32"):
        LeNet()(np.zeros((1, 1, 32, 32), np.float32))

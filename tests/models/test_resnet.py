"""ResNets by themselves: sizes, start, options, and the gradient that a block states."""

import numpy as np
import pytest
from compare import assert_close, normal

from scratchnet import Tensor, manual_seed, models, nn
from scratchnet.models import BasicBlock, Bottleneck, ResNet

COUNTS = {
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnext50_32x4d": 25_028_904,
    "wide_resnet50_2": 68_883_240,
}


@pytest.mark.parametrize("name", COUNTS)
def test_it_has_as_many_parameters_as_torchvisions(undrawn, name):
    model = getattr(models, name)()
    assert sum(p.data.size for p in model.parameters()) == COUNTS[name]


def small(**options):
    return ResNet(BasicBlock, (1, 1, 1, 1), num_classes=3, **options)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("changes_shape", [False, True])
def test_the_gradient_of_a_block_is_that_of_its_branch_plus_that_of_its_shortcut(
    block, changes_shape
):
    channels, planes = 8, 8 // block.expansion
    downsample, stride = None, 1
    if changes_shape:
        stride, downsample = 2, nn.Conv2d(channels, 8, 1, 2, bias=False)
    block = block(channels, planes, stride, downsample).double()
    data = normal((2, channels, 6, 6))

    def branch(x):
        x = block.relu(block.bn1(block.conv1(x)))
        if isinstance(block, BasicBlock):
            return block.bn2(block.conv2(x))
        return block.bn3(block.conv3(block.relu(block.bn2(block.conv2(x)))))

    x = Tensor(data, requires_grad=True)
    y = block(x)
    dy = normal(y.shape, 1)
    y.backward(dy)

    through_branch, through_shortcut = (Tensor(data, requires_grad=True) for _ in range(2))
    out = branch(through_branch)
    shortcut = through_shortcut if downsample is None else downsample(through_shortcut)
    z = out.data + shortcut.data
    assert_close(y.data, np.maximum(z, 0))
    dz = dy * (z > 0)
    out.backward(dz)
    if downsample is None:
        through_shortcut.grad = dz  # it arrives whole
    else:
        shortcut.backward(dz)
    assert_close(x.grad, through_branch.grad + through_shortcut.grad)


def test_convolutions_start_normal_with_variance_two_over_fan_out():
    manual_seed(0)
    layer = small().layer4[0].conv2.weight.data  # (512, 512, 3, 3)
    n = layer.size
    # The mean of n draws strays by σ/√n, their variance by σ²√(2/n): five of these.
    variance = 2 / (512 * 9)
    assert abs(layer.mean()) < 5 * np.sqrt(variance / n)
    assert abs(layer.var() / variance - 1) < 5 * np.sqrt(2 / n)
    assert np.abs(layer).max() > 4.5 * np.sqrt(variance)  # a uniform distribution ends at √3 σ


def test_the_seed_decides_the_weights():
    first, second = [
        (manual_seed(seed), small())[1].state_dict()["conv1.weight"] for seed in (5, 5)
    ]
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, small().state_dict()["conv1.weight"])


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_zero_init_residual_makes_each_block_the_identity_before_relu(block):
    model = ResNet(block, (2, 1, 1, 1), num_classes=3, zero_init_residual=True, width_per_group=64)
    x = np.abs(normal((2, 64 * block.expansion, 5, 5), 0, np.float32))
    np.testing.assert_array_equal(model.layer1[1](x).data, x)
    plain = ResNet(block, (2, 1, 1, 1), num_classes=3)
    assert not np.array_equal(plain.layer1[1](x).data, x)


def test_dilation_keeps_the_size_of_the_map():
    model = ResNet(
        Bottleneck,
        (1, 1, 2, 2),
        num_classes=3,
        width_per_group=4,
        replace_stride_with_dilation=(False, True, True),
    ).eval()
    extractor = models.create_feature_extractor(model, ["layer2", "layer3", "layer4"])
    shapes = [m.shape[2:] for m in extractor(np.zeros((1, 3, 64, 64), np.float32)).values()]
    assert shapes == [(8, 8)] * 3
    spread = [m.conv2.dilation for m in (*model.layer3, *model.layer4)]
    assert spread == [(1, 1), (2, 2), (2, 2), (4, 4)]


def test_norm_layer_makes_every_normalisation():
    made = []

    def norm_layer(channels):
        made.append(nn.BatchNorm2d(channels, eps=1e-3))
        return made[-1]

    model = small(norm_layer=norm_layer)
    assert [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)] == sorted(
        made, key=list(model.modules()).index
    )
    assert len(made) == 12  # stem, 4 · 2 in blocks, 3 projections


def test_an_empty_batch_gives_no_logits():
    assert small().eval()(np.zeros((0, 3, 32, 32), np.float32)).shape == (0, 3)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: BasicBlock(8, 8, groups=2), ValueError, "groups=2"),
        (lambda: BasicBlock(8, 8, base_width=32), ValueError, "base_width=32"),
        (lambda: BasicBlock(8, 8, dilation=2), NotImplementedError, "dilation=2"),
        (lambda: ResNet(BasicBlock, (1, 1, 1)), ValueError, "4 entries"),
        (lambda: models.resnet18(pretrained=True), TypeError, 'say weights="DEFAULT"'),
        (lambda: models.resnet18(weights=True), TypeError, r'\("DEFAULT"\) or None, got True'),
        (lambda: small(replace_stride_with_dilation=(True,)), ValueError, "has 3"),
    ],
)
def test_what_a_network_cannot_be_is_refused(make, error, said):
    with pytest.raises(error, match=said):
        make()

"""Residual networks for images of about 224 × 224, under torchvision's names and keys.

Each block adds what its layers compute to what came in, and so must learn only the difference from
the identity. The gradient takes the same two ways back, and within a layer one of them has no weights:
it is masked by the ReLU after every block, and projected only where the shape changes, in the first
block of a layer.

    stem    7×7 convolution, stride 2 → batch norm → ReLU → 3×3 max pool, stride 2     H/4
    layer1  blocks of  64 channels                                                     H/4
    layer2  blocks of 128 channels, the first with stride 2                            H/8
    layer3  blocks of 256 channels, the first with stride 2                            H/16
    layer4  blocks of 512 channels, the first with stride 2                            H/32
    head    global average pooling (the mean over all positions) → fully connected layer

    blocks in each layer    18: 2 2 2 2    34: 3 4 6 3                 (BasicBlock)
                            50: 3 4 6 3   101: 3 4 23 3   152: 3 8 36 3   (Bottleneck, channels · 4)

Letters: N batch, H W image, K classes, C channels.

Sources: He, Zhang, Ren & Sun 2016, "Deep residual learning for image recognition", table 1 (the stride
of a Bottleneck stands at its 3×3 convolution as in torchvision, not at the first 1×1 as in the paper);
Xie et al. 2017 (ResNeXt: groups); Zagoruyko & Komodakis 2016 (width).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scratchnet import nn
from scratchnet.models.residual_block import (
    BasicBlock,
    Bottleneck,
    NormLayer,
    conv1x1,
    fuse_pairs,
    init_convolutions,
)
from scratchnet.models.weights import (
    ResNet18_Weights,
    ResNet34_Weights,
    ResNet50_Weights,
    ResNet101_Weights,
    ResNet152_Weights,
    ResNeXt50_32X4D_Weights,
    WeightsEnum,
    Wide_ResNet50_2_Weights,
)

__all__ = [
    "ResNet",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "wide_resnet50_2",
]


class ResNet(nn.Module):
    """A residual network: stem, four layers of blocks, global average pooling, fully connected layer.

    x: (N, 3, H, W) → logits (N, num_classes).

    block, layers: the class of the blocks, and how many of them each of the four layers has.
    zero_init_residual: the last batch norm of each block starts at scale 0, so that each block starts
    as the identity (Goyal et al. 2017, section 5.1).
    groups, width_per_group: of the 3×3 convolutions of a Bottleneck.
    replace_stride_with_dilation: for layer2, 3 and 4, whether the map keeps its size and the kernels
    are spread out instead, by factors that multiply.
    norm_layer: makes the normalisation for a number of channels; BatchNorm2d if None.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: NormLayer | None = None,
    ) -> None:
        dilate = (
            (False,) * 3 if replace_stride_with_dilation is None else replace_stride_with_dilation
        )
        if len(layers) != 4 or len(dilate) != 3:
            raise ValueError(
                "layers has 4 entries and replace_stride_with_dilation is None or has 3, got "
                f"{layers} and {replace_stride_with_dilation}"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes, self.dilation = 64, 1  # of the next block; _make_layer moves them on
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, 7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        init_convolutions(self)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, BasicBlock | Bottleneck):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    nn.init.zeros_(last.get_parameter("weight"))

    def _make_layer(
        self,
        block: type[BasicBlock | Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        """Return so many blocks in a row; only the first may change the number of channels and H, W."""
        dilation_before = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        out_planes = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != out_planes:
            downsample = nn.Sequential(
                conv1x1(self.inplanes, out_planes, stride), self._norm_layer(out_planes)
            )
        shared = self.groups, self.base_width
        first = block(
            self.inplanes, planes, stride, downsample, *shared, dilation_before, self._norm_layer
        )
        self.inplanes = out_planes
        others = [
            block(self.inplanes, planes, 1, None, *shared, self.dilation, self._norm_layer)
            for _ in range(1, blocks)
        ]
        return nn.Sequential(first, *others)

    def forward(self, x: Any) -> Any:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # (N, 64, H/4, W/4)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))  # (N, C, H/32, W/32)
        return self.fc(self.avgpool(x).flatten(1))  # (N, C) -> (N, K)

    def fuse_layers(self) -> nn.Module:
        """Return what takes this one's place for inference (`nn.optimize_for_inference`)."""
        return fuse_pairs(self, 1)


def _resnet(
    block: type[BasicBlock | Bottleneck],
    layers: Sequence[int],
    weights: WeightsEnum | None,
    progress: bool,
    **options: Any,
) -> ResNet:
    """Return the network, with the weights loaded if there are any; they fix the number of classes."""
    if "pretrained" in options:  # torchvision's argument before 0.13
        raise TypeError(
            'instead of pretrained=True say weights="DEFAULT", instead of False weights=None'
        )
    if weights is not None:
        num_classes = len(weights.meta["categories"])
        if options.setdefault("num_classes", num_classes) != num_classes:
            raise ValueError(
                f"{weights!r} has num_classes={num_classes}, got {options['num_classes']}; load it "
                "as it is, then set model.fc to an nn.Linear for your own classes"
            )
    model = ResNet(block, layers, **options)
    if weights is not None:
        model.load_state_dict(weights.get_state_dict(progress=progress))
    return model


def resnet18(
    *, weights: ResNet18_Weights | str | None = None, progress: bool = True, **options: Any
) -> ResNet:
    """ResNet-18: 11,689,512 parameters. weights: a member of ResNet18_Weights or its name ("DEFAULT").

    progress: a bar while weights are downloaded. options: those of `ResNet`. The network comes in
    training mode: call `.eval()` before it classifies.
    """
    weights = ResNet18_Weights.verify(weights)
    return _resnet(BasicBlock, (2, 2, 2, 2), weights, progress, **options)


def resnet34(
    *, weights: ResNet34_Weights | str | None = None, progress: bool = True, **options: Any
) -> ResNet:
    """ResNet-34: 21,797,672 parameters. Arguments as `resnet18`."""
    weights = ResNet34_Weights.verify(weights)
    return _resnet(BasicBlock, (3, 4, 6, 3), weights, progress, **options)


def resnet50(
    *, weights: ResNet50_Weights | str | None = None, progress: bool = True, **options: Any
) -> ResNet:
    """ResNet-50: 25,557,032 parameters. Arguments as `resnet18`."""
    weights = ResNet50_Weights.verify(weights)
    return _resnet(Bottleneck, (3, 4, 6, 3), weights, progress, **options)


def resnet101(
    *, weights: ResNet101_Weights | str | None = None, progress: bool = True, **options: Any
) -> ResNet:
    """ResNet-101: 44,549,160 parameters. Arguments as `resnet18`."""
    weights = ResNet101_Weights.verify(weights)
    return _resnet(Bottleneck, (3, 4, 23, 3), weights, progress, **options)


def resnet152(
    *, weights: ResNet152_Weights | str | None = None, progress: bool = True, **options: Any
) -> ResNet:
    """ResNet-152: 60,192,808 parameters. Arguments as `resnet18`."""
    weights = ResNet152_Weights.verify(weights)
    return _resnet(Bottleneck, (3, 8, 36, 3), weights, progress, **options)


def resnext50_32x4d(
    *, weights: ResNeXt50_32X4D_Weights | str | None = None, progress: bool = True, **options: Any
) -> ResNet:
    """ResNeXt-50: 25,028,904 parameters; 3×3 convolutions in 32 groups. Arguments as `resnet18`."""
    weights = ResNeXt50_32X4D_Weights.verify(weights)
    options = {"groups": 32, "width_per_group": 4} | options
    return _resnet(Bottleneck, (3, 4, 6, 3), weights, progress, **options)


def wide_resnet50_2(
    *, weights: Wide_ResNet50_2_Weights | str | None = None, progress: bool = True, **options: Any
) -> ResNet:
    """Wide ResNet-50-2: 68,883,240 parameters; 3×3 convolutions twice as wide. Arguments as `resnet18`."""
    weights = Wide_ResNet50_2_Weights.verify(weights)
    return _resnet(
        Bottleneck, (3, 4, 6, 3), weights, progress, **{"width_per_group": 128} | options
    )

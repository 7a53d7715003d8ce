"""Residual networks for small images (CIFAR, 32 × 32; digits, 28 × 28), and their plain twins.

    stem    3×3 convolution → batch norm → ReLU                                       H
    layer1  n blocks of  width channels                                               H
    layer2  n blocks of 2·width channels, the first with stride 2                     H/2
    layer3  n blocks of 4·width channels, the first with stride 2                     H/4
    head    global average pooling (the mean over all positions) → fully connected layer

Two convolutions in each of 3n blocks, one in the stem and the fully connected layer: depth = 6n + 2.

Letters: N batch, H W image, K classes, C channels.

Source: He, Zhang, Ren & Sun 2016, "Deep residual learning for image recognition", section 4.2.
"""

from __future__ import annotations

from typing import Any

from scratchnet import functional, nn
from scratchnet.models.residual_block import (
    BasicBlock,
    conv1x1,
    conv3x3,
    fuse_pairs,
    init_convolutions,
)

__all__ = ["CifarResNet", "PlainBlock", "ZeroPadShortcut", "cifar_resnet"]


class ZeroPadShortcut(nn.Module):
    """Option A where the shape changes: every stride-th position, and channels of zeros behind x's own.

        y[:, c, i, j] = x[:, c, s·i, s·j] for c < C,   0 for the new channels
        dx[:, c, s·i, s·j] = dy[:, c, i, j],           0 elsewhere

    It has no parameters. x: (N, C, H, W) → y: (N, out_channels, ⌈H/s⌉, ⌈W/s⌉).
    """

    def __init__(self, out_channels: int, stride: int) -> None:
        self.out_channels, self.stride = out_channels, stride

    def forward(self, x: Any) -> Any:
        s = self.stride
        return functional.pad(x[:, :, ::s, ::s], (0, 0, 0, 0, 0, self.out_channels - x.shape[1]))

    def extra_repr(self) -> str:
        return f"{self.out_channels}, stride={self.stride}"


class PlainBlock(BasicBlock):
    """The two convolutions of a BasicBlock without the shortcut: what residual learning is compared with.

        y  = relu(F(x))
        dx = J_Fᵀ (dy · 1[y > 0])

    The one way back leads through the weights of every block.
    """

    def forward(self, x: Any) -> Any:
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)))

    def fuse_layers(self) -> nn.Module:
        """Return what takes this one's place for inference (`nn.optimize_for_inference`)."""
        return fuse_pairs(self, 2)


class CifarResNet(nn.Module):
    """A residual network of depth 6n + 2. x: (N, in_channels, H, W) → logits (N, num_classes).

    depth: 8, 14, 20, 32, 44, 56, 110, …
    width: channels of the first layer; the others have two and four times as many.
    shortcut: where the shape changes, "A" pads with zero channels (`ZeroPadShortcut`), as in the
    paper's experiments with CIFAR, and "B" projects by a 1×1 convolution and batch norm.
    residual: False gives the plain network of the same depth, without any shortcut.
    """

    def __init__(
        self,
        depth: int = 20,
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 16,
        shortcut: str = "A",
        residual: bool = True,
    ) -> None:
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(f"depth is 6n + 2 with n ≥ 1 (8, 14, 20, …), got {depth}")
        if shortcut not in ("A", "B"):
            raise ValueError(f"shortcut is 'A' or 'B', got {shortcut!r}")
        n = (depth - 2) // 6
        self.conv1 = conv3x3(in_channels, width)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()

        def layer(inplanes: int, planes: int, stride: int) -> nn.Sequential:
            if not residual:
                others = [PlainBlock(planes, planes) for _ in range(1, n)]
                return nn.Sequential(PlainBlock(inplanes, planes, stride), *others)
            first = BasicBlock(inplanes, planes, stride)
            if stride != 1 and shortcut == "A":
                first.downsample = ZeroPadShortcut(planes, stride)
            elif stride != 1:
                first.downsample = nn.Sequential(
                    conv1x1(inplanes, planes, stride), nn.BatchNorm2d(planes)
                )
            return nn.Sequential(first, *[BasicBlock(planes, planes) for _ in range(1, n)])

        self.layer1 = layer(width, width, 1)
        self.layer2 = layer(width, 2 * width, 2)
        self.layer3 = layer(2 * width, 4 * width, 2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(4 * width, num_classes)
        init_convolutions(self)

    def forward(self, x: Any) -> Any:
        x = self.relu(self.bn1(self.conv1(x)))  # (N, width, H, W)
        x = self.layer3(self.layer2(self.layer1(x)))  # (N, 4·width, H/4, W/4)
        return self.fc(self.avgpool(x).flatten(1))  # (N, 4·width) -> (N, K)

    def fuse_layers(self) -> nn.Module:
        """Return what takes this one's place for inference (`nn.optimize_for_inference`)."""
        return fuse_pairs(self, 1)


def cifar_resnet(depth: int = 20, num_classes: int = 10, **options: Any) -> CifarResNet:
    """Return a `CifarResNet` of this depth; 20 has 269,722 parameters. options: its other arguments."""
    return CifarResNet(depth, num_classes, **options)

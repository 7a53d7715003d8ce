"""The blocks that residual networks are made of, and the form they take for inference.

Letters: N batch, C channels, H W image; J_F and J_S the Jacobians of F and S (the products with their
transposes are their backward passes), dy the gradient of the loss with respect to y, dz that before the
last ReLU.

Sources: He, Zhang, Ren & Sun 2016, "Deep residual learning for image recognition", figure 5; He et al.
2015, "Delving deep into rectifiers" (the initial weights).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from scratchnet import nn

__all__ = [
    "BasicBlock",
    "Bottleneck",
    "FusedBlock",
    "conv1x1",
    "conv3x3",
    "fuse_pairs",
    "init_convolutions",
]

NormLayer: TypeAlias = Callable[[int], nn.Module]  # makes the layer for so many channels


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A 3×3 convolution that keeps H and W at stride 1; batch norm follows, so it has no bias."""
    return nn.Conv2d(
        in_planes, out_planes, 3, stride, dilation, dilation=dilation, groups=groups, bias=False
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1×1 convolution: a linear map of the channels at each position, without bias."""
    return nn.Conv2d(in_planes, out_planes, 1, stride, bias=False)


def init_convolutions(model: nn.Module) -> None:
    """Draw the weights of all convolutions normally with variance 2 / (out_channels · kh · kw).

    With it the gradient keeps its size through a convolution and a ReLU on the way back (He et al.
    2015, eq. 14). Batch norm starts at scale 1 and shift 0 by itself.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut: the block of ResNet-18 and 34.

        F(x) = bn2(conv2(relu(bn1(conv1(x)))))
        y  = relu(F(x) + S(x)),   S(x) = x, or downsample(x) where the shape changes
        dz = dy · 1[y > 0]
        dx = J_Fᵀ dz + J_Sᵀ dz,   which is J_Fᵀ dz + dz where S is the identity

    The second term has no weights in it: dz arrives whole, however small J_F is.

    x: (N, inplanes, H, W) → y: (N, planes, H/stride, W/stride).
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: NormLayer | None = None,
    ) -> None:
        if groups != 1 or base_width != 64:
            raise ValueError(
                f"BasicBlock has groups=1 and base_width=64 only, got {groups=}, {base_width=}"
            )
        if dilation > 1:
            raise NotImplementedError(f"BasicBlock has no dilation, got {dilation=}")
        norm_layer = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU()
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Any) -> Any:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + shortcut)

    def fuse_layers(self) -> nn.Module:
        """Return what takes this one's place for inference (`nn.optimize_for_inference`)."""
        return _fused_block(self, 2)


class Bottleneck(nn.Module):
    """A 3×3 convolution of few channels between two 1×1 ones: the block of ResNet-50, 101 and 152.

        F(x) = bn3(conv3(relu(bn2(conv2(relu(bn1(conv1(x))))))))
        y  = relu(F(x) + S(x)),   S(x) = x, or downsample(x) where the shape changes
        dz = dy · 1[y > 0]
        dx = J_Fᵀ dz + J_Sᵀ dz,   which is J_Fᵀ dz + dz where S is the identity

    Between the 1×1 convolutions there are planes · base_width/64 · groups channels, at the end 4 · planes.

    x: (N, inplanes, H, W) → y: (N, 4·planes, H/stride, W/stride).
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: NormLayer | None = None,
    ) -> None:
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU()
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Any) -> Any:
        shortcut = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + shortcut)

    def fuse_layers(self) -> nn.Module:
        """Return what takes this one's place for inference (`nn.optimize_for_inference`)."""
        return _fused_block(self, 3)


class FusedBlock(nn.Module):
    """A block for inference (`nn.optimize_for_inference`): each convolution with what comes after it.

        y = relu(W_m ∗ … relu(W_1 ∗ x + b_1) … + b_m + S(x)),   m = 2 or 3 convolutions

    Batch norm is folded into W and b; the last convolution adds the shortcut and applies ReLU itself.
    It computes no gradients.
    """

    def __init__(self, convolutions: list[nn.Module], downsample: nn.Module | None) -> None:
        for i, convolution in enumerate(convolutions, 1):
            self.add_module(f"conv{i}", convolution)
        self.downsample = downsample
        self.depth, self.training = len(convolutions), False

    def forward(self, x: Any) -> Any:
        out, shortcut = x, x if self.downsample is None else self.downsample(x)
        for i in range(1, self.depth):
            out = self.get_submodule(f"conv{i}")(out)
        return self.get_submodule(f"conv{self.depth}")(out, shortcut)


def fuse_pairs(block: Any, depth: int) -> Any:
    """Fuse conv1 … conv{depth} with bn1 … and ReLU, in place, if they are layers that fuse; return block."""
    names = [(f"conv{i}", f"bn{i}") for i in range(1, depth + 1)]
    if all(nn.can_fuse(getattr(block, a), getattr(block, b), block.relu) for a, b in names):
        for conv, norm in names:  # each gives up its plain weights before the next is laid out
            setattr(block, conv, nn.fuse(getattr(block, conv), getattr(block, norm), block.relu))
            setattr(block, norm, nn.Identity())
        block.relu = nn.Identity()
    return block


def _fused_block(block: Any, depth: int) -> nn.Module:
    fuse_pairs(block, depth)
    convolutions = [block.get_submodule(f"conv{i}") for i in range(1, depth + 1)]
    if not isinstance(convolutions[0], nn.FusedConv2d):
        return block
    return FusedBlock(convolutions, block.downsample)

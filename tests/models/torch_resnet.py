"""The reference: the same networks in torch, with torchvision's names, and random states for them."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn


class Block(nn.Module):
    """Convolutions (kernel, channels, stride, groups, dilation), each with batch norm, and a shortcut."""

    def __init__(self, channels, convolutions, downsample, residual=True):
        super().__init__()
        for i, (kernel, out, stride, groups, dilation) in enumerate(convolutions, 1):
            padding = dilation * (kernel // 2)
            convolution = nn.Conv2d(
                channels, out, kernel, stride, padding, dilation, groups, bias=False
            )
            self.add_module(f"conv{i}", convolution)
            self.add_module(f"bn{i}", nn.BatchNorm2d(out))
            channels = out
        self.n, self.downsample, self.residual = len(convolutions), downsample, residual

    def forward(self, x):
        shortcut = self.downsample(x) if self.downsample is not None else x
        for i in range(1, self.n + 1):
            out = self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(x))
            if i == self.n and self.residual:
                out += shortcut
            x = torch.relu_(out)  # in place, as in torchvision, whose speed is compared as well
        return x


def projection(channels, out, stride):
    return nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))


class ResNet(nn.Module):
    def __init__(
        self, basic, layers, num_classes=1000, groups=1, width_per_group=64, dilate=(False,) * 3
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels, dilation = 64, 1
        for i, n in enumerate(layers):
            planes, before, step = 64 * 2**i, dilation, 1 if i == 0 else 2
            if i > 0 and dilate[i - 1]:
                dilation, step = dilation * step, 1
            out = planes if basic else 4 * planes
            blocks = []
            for j in range(n):
                stride, spread = (step, before) if j == 0 else (1, dilation)
                width = planes * width_per_group // 64 * groups
                convolutions = (
                    [(3, planes, stride, 1, 1), (3, planes, 1, 1, 1)]
                    if basic
                    else [
                        (1, width, 1, 1, 1),
                        (3, width, stride, groups, spread),
                        (1, out, 1, 1, 1),
                    ]
                )
                changes = stride != 1 or channels != out
                down = projection(channels, out, stride) if changes else None
                blocks.append(Block(channels, convolutions, down))
                channels = out
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = torch.relu_(self.bn1(self.conv1(x)))
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def resnet18():
    return ResNet(True, (2, 2, 2, 2))


def resnet50():
    return ResNet(False, (3, 4, 6, 3))


class ZeroChannels(nn.Module):
    def forward(self, x):
        return torch.cat([x[:, :, ::2, ::2], torch.zeros_like(x[:, :, ::2, ::2])], 1)


class CifarResNet(nn.Module):
    def __init__(self, depth, num_classes=10, in_channels=3, width=16, shortcut="A", residual=True):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        for i in range(3):
            planes, blocks = width * 2**i, []
            for j in range((depth - 2) // 6):
                stride = 2 if i > 0 and j == 0 else 1
                down = None
                if stride == 2 and residual:
                    down = ZeroChannels() if shortcut == "A" else projection(channels, planes, 2)
                convolutions = [(3, planes, stride, 1, 1), (3, planes, 1, 1, 1)]
                blocks.append(Block(channels, convolutions, down, residual))
                channels = planes
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


def randomise(model, seed=0):
    """Fill weights and running statistics with random numbers that keep signals at a normal size."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, t in model.state_dict().items():
            if key.endswith("num_batches_tracked"):
                t.fill_(7)
            elif key.endswith("running_var") or (t.ndim == 1 and key.endswith("weight")):
                t.uniform_(0.5, 1.5, generator=generator)
            elif t.ndim == 1:
                t.normal_(0, 0.1, generator=generator)
            else:
                t.normal_(0, (2 / t[0].numel()) ** 0.5, generator=generator)
    return model

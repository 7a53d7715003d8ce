"""LeNet-5, the first convolutional network in wide use: it read the amounts on cheques.

Letters: N batch, K classes.

Source: LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document
recognition", section II.B and figure 2.
"""

from __future__ import annotations

from typing import Any

from scratchnet import nn

__all__ = ["LeNet"]


class LeNet(nn.Module):
    """LeNet-5 for images of 28 × 28 pixels: 61,750 parameters for 10 classes in grey.

        C1  6 kernels of 5×5, padding 2   28×28     S2  2×2 pool    14×14
        C3  16 kernels of 5×5             10×10     S4  2×2 pool     5×5
        fully connected: C5  120 units   F6  84 units   output K units

    The layout and the sizes are those of 1998 (the padding makes 32×32 of 28×28, as there). What has
    become usual since: ReLU for the scaled tanh, the maximum for the trained mean of each window,
    every kernel of C3 sees all maps, batch norm, and logits for cross-entropy in the place of
    distances to drawn figures. Pooling comes before batch norm and ReLU, which then have a quarter of
    the entries to go through.

    x: (N, in_channels, 28, 28) → logits (N, num_classes).
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1) -> None:
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, 5, padding=2),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 16, 5),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(16),
            nn.ReLU(),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, num_classes),
        )

    def forward(self, x: Any) -> Any:
        if x.shape[2:] != (28, 28):
            raise ValueError(f"LeNet takes images (N, C, 28, 28), got {x.shape}")
        return self.classifier(self.features(x))  # (N, 16, 5, 5) -> (N, K)

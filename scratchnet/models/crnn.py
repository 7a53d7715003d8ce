"""A convolutional-recurrent network that reads lines of text, trained without telling it where a letter is.

Convolutions see strokes, the maps are cut into columns from left to right, an LSTM reads the columns in
both directions, so that each knows what stands around it, and every column votes for a class or for
"no new label here" (blank). `nn.CTCLoss` trains it from the labels of a line alone, and
`scratchnet.ctc_decoding` reads the labels out of what it gives.

Letters: N batch, C channels, H W image, T columns (the time of the LSTM), D features of a column, K
classes with the blank.

Source: Shi, Bai & Yao 2015, "An end-to-end trainable neural network for image-based sequence
recognition and its application to scene text recognition", section 2 and table 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import functional, nn
from scratchnet.nn._checks import require_dtype, size
from scratchnet.ops._array import whole_numbers

__all__ = ["CRNN"]

_HALVINGS = 2  # of the width; the height is halved by every stage


class CRNN(nn.Module):
    """Convolutions, a bidirectional LSTM along the width, and log-probabilities for each column.

        stages    3×3 kernels, pool, batch norm, ReLU: one for each of `channels`. The first two pool
                  2×2, the others 2×1: H shrinks to H / 2^stages, W only to T = W / 4, since a column
                  reads at most one label, and equal neighbours need a blank between them
        columns   (N, C, H′, T) → (T, N, D) with D = C·H′: what stands above one another is one column
        LSTM      num_layers of hidden_size in each direction → (T, N, 2·hidden_size)
        linear    → (T, N, K), then log_softmax

    The paper's own has 64 to 512 channels in seven convolutions and H = 32; this one is smaller, pools
    before batch norm and ReLU, which then have fewer entries to go through, and normalises every stage.

    x: (N, in_channels, height, W) → log_probs (T, N, num_classes), class 0 being the blank of CTCLoss
    widths: (N,), how many columns of pixels of each line count, None for all of W. What stands behind
    is set to 0 before every convolution, as if the line ended there, and is not read: in eval mode each
    line is read as if it were alone. (In training, batch norm counts the zeros too.)
    """

    def __init__(
        self,
        num_classes: int,
        height: int = 32,
        in_channels: int = 1,
        channels: Sequence[int] = (32, 64, 128),
        hidden_size: int = 128,
        num_layers: int = 2,
    ) -> None:
        height, channels = size("height", height), tuple(channels)
        rows = height >> len(channels)
        if len(channels) < _HALVINGS or rows < 1:
            raise ValueError(
                f"channels names at least {_HALVINGS} stages, each of which halves the height "
                f"{height}, got {channels}"
            )
        self.height, self.in_channels = height, size("in_channels", in_channels)
        self.features = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
                nn.MaxPool2d((2, 2 if stage < _HALVINGS else 1)),
                nn.BatchNorm2d(c_out),
                nn.ReLU(),
            )
            for stage, (c_in, c_out) in enumerate(
                zip((in_channels, *channels), channels, strict=False)
            )
        )
        columns = channels[-1] * rows
        self.recurrent = nn.LSTM(columns, hidden_size, num_layers, bidirectional=True)
        self.classifier = nn.Linear(2 * hidden_size, num_classes)

    def forward(self, x: Any, widths: npt.ArrayLike | None = None) -> Any:
        steps = self._checked_lengths(x, widths)
        for stage, layers in enumerate(self.features):
            if widths is not None:
                inside = np.arange(x.shape[3]) < self._shrunk(widths, stage)[:, None]  # (N, W)
                x = functional.where(inside[:, None, None, :], x, 0.0)
            x = layers(x)
        n, c, h, t = x.shape
        columns = x.permute(3, 0, 1, 2).reshape(t, n, c * h)
        states, _ = self.recurrent(columns, lengths=steps)
        return functional.log_softmax(self.classifier(states), dim=-1)

    def output_lengths(self, widths: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return how many columns T remain of so many columns of pixels: input_lengths of CTCLoss."""
        found = whole_numbers("widths", widths).astype(np.int64)
        if (found < 0).any():
            raise ValueError(f"widths are at least 0, got {found.min()}")
        return self._shrunk(found, len(self.features))

    def _shrunk(self, widths: npt.ArrayLike, stages: int) -> npt.NDArray[np.int64]:
        """Return the widths after the first stages: a pool leaves out an odd column at the end."""
        return np.asarray(widths) // 2 ** min(stages, _HALVINGS)

    def _checked_lengths(self, x: Any, widths: Any) -> Any:
        """Return the columns that each line keeps, or None for all; raise if x or widths do not fit."""
        require_dtype(self, x, next(self.recurrent.parameters()).dtype)
        form = (self.in_channels, self.height)
        if x.ndim != 4 or x.shape[1:3] != form or x.shape[3] < 2**_HALVINGS:
            raise ValueError(
                f"CRNN takes x (N, {form[0]}, {form[1]}, W ≥ {2**_HALVINGS}), got {x.shape}"
            )
        if widths is None:
            return None
        found, n, w = whole_numbers("widths", widths), x.shape[0], x.shape[3]
        if found.shape != (n,):
            raise ValueError(f"widths takes one integer for each of {n} lines, got {found.shape}")
        wrong = (found < 2**_HALVINGS) | (found > w)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ValueError(f"widths: from {2**_HALVINGS} to {w}, got {found[at]} for line {at}")
        return self.output_lengths(found)

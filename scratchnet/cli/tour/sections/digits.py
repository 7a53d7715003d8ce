"""Section 3: a small convolutional network learns to read handwritten digits."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import numpy as np

from scratchnet.cli.tour import page
from scratchnet.cli.tour.drawing import draw, picture, tint
from scratchnet.cli.tour.experiments.digits import (
    BATCH_SIZE,
    EPOCHS,
    Array,
    Found,
    compute,
    confusion_counts,
    small_cnn,
)
from scratchnet.cli.tour.figures import digits as figures
from scratchnet.cli.tour.section import Section

__all__ = ["SECTION"]

_SIDE = 72  # of a little picture, in CSS pixels: eight of them fit beside each other


def write(found: Found) -> Iterator[str]:
    yield from _write_training(found)
    yield from _write_filters(found)
    yield from _write_predictions(found)
    yield from _write_confusion(found)


def _write_training(found: Found) -> Iterator[str]:
    last = found.history[-1]
    rising = int(np.argmax([row["lr"] for row in found.history]))
    yield page.paragraph(
        "Now the filters are not made by hand: they are learned. The data are 1797 handwritten digits of "
        f"8 × 8 pixels. A quarter of each class, {len(found.y)} pictures, is held out: the network never "
        "learns from them, so they show what it does with handwriting that it has not seen."
    )
    yield page.code(inspect.getsource(small_cnn))
    yield page.paragraph(
        f"These are {found.parameters:,} numbers to be learned. Each step takes {BATCH_SIZE} pictures, "
        "computes the loss (the cross-entropy between the network's probabilities and the right answers), "
        "goes back through all pullbacks for its gradient, and moves every number a little downhill. "
        f"After {EPOCHS} passes over the {found.n_train:,} training pictures "
        f"{last['val_accuracy']:.1%} of the held-out digits are read correctly. Ten perceptrons, one for "
        f"each digit and directly on the pixels, reach {found.perceptron:.1%}."
    )
    yield page.figure(
        [
            page.image(
                draw(figures.paint_losses, found.history, width=4.4, height=3.1),
                "Training and held-out loss over the epochs: both fall.",
                "Loss",
            ),
            page.image(
                draw(figures.paint_errors, found, width=4.4, height=3.1),
                "Percentage of held-out digits read wrongly, over the epochs.",
                "Held-out digits read wrongly",
            ),
        ],
        "Loss: that of training is measured while dropout hides half of the last layer's inputs, so it "
        "can lie above the held-out loss. If the held-out loss rose while the other fell, the network "
        f"would be learning by heart. In the end {len(found.wrong)} of {len(found.y)} digits are read "
        f"wrongly. The learning rate rises for {rising} epochs and then falls towards zero, which is why "
        "the curves are wild at first and calm in the end.",
    )


def _write_filters(found: Found) -> Iterator[str]:
    scale = float(np.abs(found.filters).max())
    yield page.heading("What the first layer has learned to look for")
    yield page.figure(
        [
            page.image(
                picture(weights, "RdBu_r", low=-scale, high=scale),
                f"Filter {i + 1}, 3 by 3 weights.",
                width=_SIDE,
                pixels=True,
            )
            for i, weights in enumerate(found.filters)
        ],
        f"The {len(found.filters)} filters of the first layer: red weights want ink, blue ones want paper. "
        "Many have become detectors of edges and strokes in some direction, such as people make by hand.",
        "small",
    )
    first, second = found.maps
    digit = page.image(picture(found.shown[0], "gray_r"), "An eight.", width=_SIDE, pixels=True)
    yield page.figure(
        [digit, page.sign("↓"), page.line_break(), *_feature_maps(first)],
        f"One held-out eight after the first convolution: {_size(first)}, bright where a filter found its "
        "pattern. Each picks out other strokes.",
        "small",
    )
    yield page.figure(
        _feature_maps(second),
        f"The same eight after the second convolution and pooling: {_size(second)}. Where something lies "
        "is coarser now, what it is more particular.",
        "small",
    )


def _feature_maps(maps: Array) -> list[str]:
    return [
        page.image(
            picture(m, "magma", 0, maps.max()), f"Feature map {i}.", width=_SIDE, pixels=True
        )
        for i, m in enumerate(maps, 1)
    ]


def _size(maps: Array) -> str:
    c, h, w = maps.shape
    return f"{c} feature maps of {h} × {w}"


def _write_predictions(found: Found) -> Iterator[str]:
    is_right, confidence = found.predicted == found.y, found.probabilities.max(axis=1)
    one_of_each = [i for k in range(10) for i in np.flatnonzero(is_right & (found.y == k))[:1]]
    unsure = [i for i in confidence.argsort() if is_right[i]][:8]
    yield page.heading("Right and wrong")
    yield page.figure(
        [_digit(found, i, 57) for i in one_of_each],
        "One of each: what it is read as, and the probability that the network gives to it.",
        "small",
    )
    yield page.figure(
        [_digit(found, i) for i in unsure],
        "Right, but the least sure of all: the probability is low where a person would hesitate too.",
        "small",
    )
    if len(found.wrong) == 0:
        yield page.paragraph("None of the held-out digits is read wrongly.")
        return
    shown = found.wrong[:16]
    yield page.figure(
        [_digit(found, i) for i in shown],
        f"Wrong: {len(found.wrong)} of {len(found.y)}"
        f"{f', of which {len(shown)} are shown' if len(shown) < len(found.wrong) else ''}. The mean "
        f"probability of its answer is {confidence[~is_right].mean():.0%} where the network is wrong, and "
        f"{confidence[is_right].mean():.0%} where it is right: it has some idea of what it does not know.",
        "small",
    )


def _digit(found: Found, i: int, side: int = _SIDE) -> str:
    answer, truth = found.predicted[i], found.y[i]
    label = f"{answer}: {found.probabilities[i, answer]:.0%}"
    if answer != truth:
        label += f"\nis {truth}: {found.probabilities[i, truth]:.0%}"
    alt = f"A handwritten {truth}, read as {answer}."
    return page.image(picture(found.X[i, 0], "gray_r", 0, 1), alt, label, width=side, pixels=True)


def _write_confusion(found: Found) -> Iterator[str]:
    counts = confusion_counts(found.y, found.predicted)
    share = counts / counts.sum(axis=1, keepdims=True)
    digits = [str(k) for k in range(10)]
    tints = [
        # right answers blue; a single wrong one must be seen as well, so it starts at a third
        [
            tint(-s) if i == j else tint(min(1.0, 0.33 + 3 * s) if s else 0)
            for j, s in enumerate(row)
        ]
        for i, row in enumerate(share)
    ]
    mistaken = counts - np.diag(counts.diagonal())
    i, j = np.unravel_index(mistaken.argmax(), mistaken.shape)
    n = int(mistaken[i, j])
    worst = f" Most often a {i} was read as a {j}: {n} times." if n > 1 else ""
    yield page.heading("Which digits are taken for which")
    yield page.figure(
        [
            page.grid(
                [[str(n) if n else "" for n in row] for row in counts],
                tints,
                row_heads=digits,
                column_heads=digits,
                label="Confusion matrix: the digit (row) and what it was read as (column)",
            )
        ],
        f"Each held-out digit is counted once. On the diagonal, in blue, stands what is right.{worst}",
    )


def learned(found: Found) -> list[str]:
    return [
        f"A network of {found.parameters:,} numbers reads {found.accuracy:.1%} of {len(found.y)} held-out "
        f"digits correctly ({len(found.wrong)} wrong)",
        f"Ten perceptrons on the pixels: {found.perceptron:.1%}",
        f"Loss after {EPOCHS} epochs: {found.history[-1]['loss']:.4f} in training, "
        f"{found.history[-1]['val_loss']:.4f} held out",
    ]


SECTION = Section(
    name="digits",
    title="A convolutional network that reads digits",
    about="its learning curve, its filters, what it reads wrongly",
    files=(
        "scratchnet/training/loop.py",
        "scratchnet/ops/classification_loss.py",
        "scratchnet/optim/adam.py",
        "scratchnet/nn/convolution.py",
        "scratchnet/cli/tour/experiments/digits.py",
    ),
    code="""
from scratchnet import datasets, nn, optim, training
digits = datasets.load_digits()
data = digits.images[:, None].astype("float32"), digits.target
model = nn.Sequential(
    nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 6 * 6, 10)
)
training.fit(model, data, epochs=5, optimizer=optim.Adam(model.parameters()))
""",
    compute=compute,
    write=write,
    learned=learned,
)

"""Section 2: how a filter looks at a photograph, how pooling gathers, how layers see further."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from scratchnet import functional as F
from scratchnet.cli.tour import page
from scratchnet.cli.tour.drawing import draw, gray, picture, tint
from scratchnet.cli.tour.experiments.convolution import (
    EYE,
    FILTERS,
    POOL,
    Array,
    Found,
    compute,
    extent,
    window,
)
from scratchnet.cli.tour.figures import convolution as figures
from scratchnet.cli.tour.section import Section

__all__ = ["SECTION"]

# What each filter does, and which responses are drawn black and white.
EFFECT = {
    "blur": ("the mean of 25 pixels", 0, 1),
    "sharpen": ("the pixel five times, less its four neighbours", 0, 1),
    "upright edges": ("right less left", -1.2, 1.2),
    "level edges": ("below less above", -1.2, 1.2),
}


def write(found: Found) -> Iterator[str]:
    yield from _write_filters(found)
    yield from _write_window(found)
    yield from _write_pooling(found)
    yield from _write_fields(found)


def _write_filters(found: Found) -> Iterator[str]:
    yield page.paragraph(
        "A convolution is the same small unit at every place of an image. Its weights, the *filter*, "
        "are laid over a window of pixels, multiplied, and added up; then the window moves on by one "
        "pixel. The sums form a new image, the *response map*: bright where the window looked like the "
        "filter, dark where it looked like its negative."
    )
    yield page.equation("y[i, j] = Σ_u Σ_v  w[u, v] · x[i + u, j + v]")
    yield page.note(
        "Mathematicians call this a cross-correlation: a convolution would turn the filter round first. "
        "Where weights are learned it makes no difference, and the field says convolution."
    )
    yield page.heading("Filters made by hand")
    height, width = found.image.shape
    yield page.figure(
        [
            page.image(
                draw(
                    figures.paint_photograph, found.photograph, EYE, width=4.51, height=3, bare=True
                ),
                "A tabby cat's face, with a frame around one eye.",
                f"The photograph, {height} × {width} pixels",
            ),
            page.image(
                picture(found.image[EYE], low=0, high=1),
                "The cat's eye in shades of gray.",
                "What is shown below: the brightness in the frame",
                width=433,
            ),
        ],
        "The filters run over the brightness of the whole photograph. (By Stéfan van der Walt, CC0.)",
    )
    shown = {name: _filter(found, name) for name in FILTERS}
    yield page.figure(
        [shown["blur"], shown["sharpen"]],
        "Weights that sum to 1 keep the brightness: blurring averages differences away, sharpening "
        "enlarges them.",
    )
    yield page.figure(
        [shown["upright edges"], shown["level edges"]],
        "Weights that sum to 0 answer to change alone. Middle gray is zero; white and black are strong "
        "answers of either sign. The outline of the eye stands out, its upright parts in one map and its "
        "level parts in the other.",
    )


def _filter(found: Found, name: str) -> str:
    kernel, (effect, low, high) = FILTERS[name], EFFECT[name]
    response = picture(found.responses[name][EYE], low=low, high=high)
    panels = [_weights(kernel), page.image(response, f"The eye after: {name}.", width=310)]
    return page.group(panels, f"{name}: {effect}")


def _weights(kernel: Array, label: str = "") -> str:
    places = 0 if (kernel == kernel.round()).all() else 2
    scale = np.abs(kernel).max()
    return _numbers(kernel, [[tint(w / scale) for w in row] for row in kernel], label, places)


def _numbers(values: Array, tints: list[list[str]], label: str, places: int = 2) -> str:
    return page.grid([[page.number(v, places) for v in row] for row in values], tints, label)


def _write_window(found: Found) -> Iterator[str]:
    i, j = found.spot
    pixels, kernel = window(found.image, found.spot), FILTERS["upright edges"]
    products, total = pixels * kernel, found.by_hand
    response = float(found.responses["upright edges"][i, j])
    yield page.heading("One window, followed by hand")
    yield page.paragraph(
        "Take the place in the frame where the filter for upright edges answers most strongly: row "
        f"{i}, column {j}. Brightness runs from 0 (black) to 1 (white)."
    )
    yield page.figure(
        [
            _numbers(pixels, [[gray(v) for v in row] for row in pixels], "3 × 3 pixels"),
            page.sign("×"),
            _weights(kernel, "the filter"),
            page.sign("="),
            _numbers(products, [[tint(v / 2) for v in row] for row in products], "products"),
            page.sign(f"Σ = {page.number(total)}"),
        ],
        f"The sum of the nine products is {page.number(total, 4)}; `conv2d` has "
        f"{page.number(response, 4)} at this place. The sum is {'negative' if total < 0 else 'positive'}: "
        f"it is brighter on the {'left' if total < 0 else 'right'}. That is all a convolution does, once "
        "for each pixel and each filter.",
        "middle",
    )


def _write_pooling(found: Found) -> Iterator[str]:
    h, w = found.pooled["max"].shape
    i, j = found.corner
    values = found.edges[i : i + 4, j : j + 4]
    largest = F.max_pool2d(values[None, None], 2)[0, 0]
    mean = F.avg_pool2d(values[None, None], 2)[0, 0]
    yield page.heading("Pooling gathers")
    yield page.paragraph(
        "Where exactly an edge lies matters less than that it is there. Pooling keeps one number for "
        "each window: the largest (was the pattern here?) or the mean (how much of it?). It has no "
        "weights."
    )

    def shades(a: Array) -> list[list[str]]:
        return [[gray(v / values.max()) for v in row] for row in a]

    yield page.figure(
        [
            _numbers(values, shades(values), "4 × 4 values"),
            page.sign("→"),
            _numbers(largest, shades(largest), "max"),
            _numbers(mean, shades(mean), "mean"),
        ],
        "Each of the four windows of 2 × 2 becomes one number. (A piece of the map below, where the edge "
        "is strongest.)",
        "middle",
    )
    high = float(np.quantile(found.edges, 0.995))
    shown = {f"Strength of the edges, {found.edges.shape[0]} × {found.edges.shape[1]}": found.edges}
    shown |= {
        f"{kind.capitalize()} of {POOL} × {POOL}, {h} × {w}": m for kind, m in found.pooled.items()
    }
    yield page.figure(
        [
            page.image(picture(m, low=0, high=high), label, label, width=330, pixels=True)
            for label, m in shown.items()
        ],
        f"The strength of the edges, √(upright² + level²), and what {POOL} × {POOL} pooling leaves of it: "
        f"{found.edges.size:,} values become {h * w:,}. The maximum keeps thin lines bright, the mean "
        "fades them. And the image may move a little: a step of one pixel to the side changes the map "
        f"by {found.moved['edges']:.0%}, its pooled maximum by {found.moved['max']:.0%}, its pooled mean "
        f"by {found.moved['mean']:.0%}.",
    )


def _write_fields(found: Found) -> Iterator[str]:
    yield page.heading("Layer upon layer sees further")
    yield page.paragraph(
        "A unit of the first layer sees 3 × 3 pixels. A unit of the second sees 3 × 3 units of the first, "
        "and through them more pixels: its *receptive field*. With k the size of a layer and s its stride,"
    )
    yield page.equation("r ← r + (k − 1) j,    j ← j s        from r = j = 1")
    yield page.paragraph(
        "where j is how many pixels apart neighbouring units look. But one need not trust a formula: the "
        "gradient of one output with respect to the image is not zero exactly where the output "
        "looks. `output[0, 0, i, j].backward()` draws the receptive field."
    )
    yield page.figure(
        [
            page.image(
                picture(gradient, "magma", low=0),
                f"A square of {extent(gradient)} by {extent(gradient)} pixels, brightest in the middle.",
                f"{_layers(n)}: {extent(gradient)} × {extent(gradient)}",
                width=168,
                pixels=True,
            )
            for n, gradient in enumerate(found.gradients, 1)
        ],
        f"The gradient of one unit with respect to 13 × 13 pixels, after one to {len(found.gradients)} "
        "convolutions of 3 × 3 (all weights alike). The square grows by two pixels with each layer, and the "
        "middle counts more and more: many paths lead there, few to the corners.",
    )
    yield page.paragraph(
        "With stride 1 the field grows slowly. After each pooling with stride 2 a step counts double, so "
        "that ten layers see an eye and twelve half the face:"
    )
    sides = ", ".join(str(side) for layer, _, side in found.fields if layer.kind == "conv")
    rows = []
    for n, (layer, formula, measured) in enumerate(found.fields, 1):
        name = "convolution" if layer.kind == "conv" else "pooling"
        rows.append([str(n), name, str(layer.size), str(layer.stride), str(formula), str(measured)])
    yield page.table(["layer", "kind", "k", "s", "r by formula", "r by gradient"], rows)
    yield page.figure(
        [
            page.image(
                draw(figures.paint_fields, found, width=6.765, height=4.5, bare=True),
                "Squares of growing size around the cat's eye.",
            )
        ],
        f"What one unit sees of the photograph after each convolution of the table: {sides} pixels. "
        "(Pooling by the mean was measured. Through a maximum the gradient flows to one pixel of each "
        "window only, though the unit has looked at all of them.)",
    )


def _layers(n: int) -> str:
    return f"{n} layer" if n == 1 else f"{n} layers"


def learned(found: Found) -> list[str]:
    i, j = found.spot
    agree = sum(formula == measured for _, formula, measured in found.fields)
    return [
        f"A filter is a sum of products: at row {i}, column {j} they sum to {found.by_hand:.4f} by hand, "
        f"conv2d gives {found.responses['upright edges'][i, j]:.4f}",
        f"A step of one pixel changes an edge map by {found.moved['edges']:.0%}, after "
        f"{POOL} x {POOL} max pooling by {found.moved['max']:.0%}",
        f"Receptive fields by formula and by gradient agree for {agree} of {len(found.fields)} layers, "
        f"from {found.fields[0][2]} to {found.fields[-1][2]} pixels",
    ]


SECTION = Section(
    name="convolution",
    title="Convolution, a filter that looks at a photograph",
    about="what filters answer, how pooling gathers, how layers see further",
    files=(
        "scratchnet/ops/convolution.py",
        "scratchnet/ops/pooling.py",
        "scratchnet/autograd.py",
        "scratchnet/cli/tour/experiments/convolution.py",
    ),
    code="""
import numpy as np
from scratchnet import datasets, functional as F
image = datasets.load_sample_image().mean(axis=2)[None, None]  # (1, 1, H, W)
upright = np.array([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]])
edges = F.max_pool2d(F.conv2d(image, upright, padding="same"), 4)
""",
    compute=compute,
    write=write,
    learned=learned,
)

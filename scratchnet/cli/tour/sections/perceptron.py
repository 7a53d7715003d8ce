"""Section 1: the perceptron as the unit. It learns iris, fails on XOR; two layers solve XOR."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from scratchnet.cli.tour import page
from scratchnet.cli.tour.drawing import draw
from scratchnet.cli.tour.experiments.perceptron import (
    N_STARTS,
    Array,
    Found,
    compute,
    learn,
    share_right,
    two_layers,
    unfinished,
)
from scratchnet.cli.tour.figures import perceptron as figures
from scratchnet.cli.tour.section import Section

__all__ = ["SECTION"]


def write(found: Found) -> Iterator[str]:
    yield from _write_unit(found)
    yield from _write_iris(found)
    yield from _write_species(found)
    yield from _write_xor(found)
    yield from _write_layers(found)


def _write_unit(found: Found) -> Iterator[str]:
    yield page.paragraph(
        "A perceptron weighs its inputs, adds them up, and says yes if the sum is above zero. "
        "The inputs where the sum is exactly zero lie on a line (a plane in three dimensions); "
        "yes is one side of it, no the other. So the unit can do one thing: a single straight cut."
    )
    yield page.equation("y = step(w·x + b) = 1 if w₁x₁ + w₂x₂ + b > 0, else 0")
    yield page.paragraph(
        "It learns from its mistakes and from nothing else. A sample on the wrong side is added to "
        "the weights (or subtracted, if the answer should have been no), which turns the line "
        "towards it. This is the whole rule, with y as +1 or −1:"
    )
    yield page.code(inspect.getsource(learn))
    weights = "the same weights" if found.agrees else "other weights"
    yield page.paragraph(
        "These lines were run just now on 150 irises, to tell *setosa* from the two other species "
        "by the length and width of the petals, and so was `scratchnet.Perceptron`: it ends at "
        f"{weights}, after {_count(found.petals.mistakes, 'mistake')}."
    )
    # there are two at least: after the first, all flowers have the same sign, being all positive
    (_, w_before, b_before), (i, w, b) = found.steps[-2:]
    x = found.petals.X[i]
    is_setosa = found.petals.is_setosa[i]
    yield page.figure(
        [
            page.image(
                draw(figures.paint_unit, width=3.9, height=2.7),
                "Two inputs and a constant 1, each with a weight, flow into a sum; a step follows.",
                "The unit",
            ),
            page.image(
                draw(
                    figures.paint_step,
                    found.petals,
                    i,
                    (w_before, b_before),
                    (w, b),
                    width=4.6,
                    height=3.1,
                ),
                "Irises by petal length and width, with the line before and after a mistake.",
                "One step of the rule: the last mistake",
            ),
        ],
        f"The ringed flower, x = {_vector(x)}, {'is' if is_setosa else 'is not'} a setosa, but its score "
        f"w·x + b was {page.number(w_before @ x + b_before, 1)}. So it was "
        f"{'added to' if is_setosa else 'subtracted from'} the weights: w = {_vector(w_before)} became "
        f"{_vector(w)}, b = {page.number(b_before, 0)} became {page.number(b, 0)}, and the line moved from "
        "the dashed to the solid one. After this step no flower is on the wrong side.",
    )


def _write_iris(found: Found) -> Iterator[str]:
    petals, sepals = found.petals, found.sepals
    yield page.heading("If a line separates the classes, it is found")
    yield page.paragraph(
        "That is a theorem (Novikoff 1962). Append a constant 1 to every sample, x̃ = (x, 1). If some "
        "(w, b) of length 1 has y (w·x + b) ≥ γ > 0 for all of them, then, started from zero, the rule "
        "makes at most (R/γ)² mistakes, R being the length of the longest x̃. Petals leave a wide gap "
        "between setosa and the rest, and few mistakes are made; sepals leave hardly any, and it takes "
        "long."
    )
    panels = [
        page.image(
            draw(figures.paint_separated, unit, part),
            f"Setosa and the other irises by {part}s, with the line that separates them.",
            f"By {part}s: {_count(unit.mistakes, 'mistake')} in {_count(unit.epochs, 'epoch')}",
        )
        for unit, part in ((petals, "petal"), (sepals, "sepal"))
    ]
    curve = page.image(
        draw(figures.paint_mistakes, sepals.model.mistakes_[0]),
        "Mistakes in each epoch by sepals: they rise and fall, and end at zero.",
        "Mistakes per epoch, by sepals",
    )
    yield page.figure(
        [*panels, curve],
        "Both end with an epoch (a pass over the 150 flowers) without a mistake. On the way it can get "
        "worse: a step corrects one sample and may misclassify another.",
    )


def _write_species(found: Found) -> Iterator[str]:
    yield page.heading("Three species: one unit for each")
    yield page.paragraph(
        "With several classes each gets a unit of its own that tells it from all the others, and the "
        "largest score wins. Versicolor lies between the two others: no line cuts it off, so its unit "
        "goes on making mistakes for ever, and where it stands when it stops is chance."
    )
    names = " and ".join(figures.SPECIES[k] for k in unfinished(found.three))
    yield page.figure(
        [
            page.image(
                draw(figures.paint_regions, found.three_regions, found.petals.X, found.species),
                "The plane of petal length and width, divided by three units.",
                f"Three units: {found.three_accuracy:.1%} of the flowers right",
            ),
            page.image(
                draw(figures.paint_three_mistakes, found.three.mistakes_, width=4.2),
                "Mistakes in each epoch for the three units: one falls to zero, two do not.",
                "Mistakes per epoch",
            ),
        ],
        f"The unit for setosa is done after {_count(len(found.three.mistakes_[0]), 'epoch')}; those for "
        f"{names} still made mistakes when the {found.three.max_iter} epochs were over. The library says "
        f"so: “{found.three_warning.split(' (')[0]}”.",
    )


def _write_xor(found: Found) -> Iterator[str]:
    mistakes = found.xor_mistakes
    lines = [(w, b) for _, w, b in found.xor_steps]
    best = max(lines[:40], key=lambda line: share_right(*line))
    most = max(share_right(*line) for line in lines)
    yield page.heading("XOR: four points are enough to defeat it")
    yield page.paragraph(
        "Exclusive or is 1 (orange) if exactly one of two inputs is 1. Its ones lie at opposite corners "
        "of a square, and so do its zeros (blue). Whatever line is drawn, a corner is on the wrong side."
    )
    yield page.figure(
        [
            page.image(
                draw(figures.paint_lines, lines[:40], best),
                "The four points of XOR and the lines that the unit has drawn between them.",
                f"40 lines, the best one bold: {share_right(*best):.0%} right",
            ),
            page.image(
                draw(figures.paint_mistakes, mistakes[:40], width=4.2),
                "Mistakes in each epoch on XOR: they never reach zero.",
                "Mistakes per epoch, the first 40",
            ),
        ],
        f"The same rule, started from a random line: {_count(len(lines), 'mistake')} in {len(mistakes)} "
        f"epochs, a new line after each of them, and never more than {most:.0%} of the "
        "points right. The first 40 lines are shown; some of them coincide.",
    )


def _write_layers(found: Found) -> Iterator[str]:
    yield page.heading("Two layers: units that look at units")
    yield page.paragraph(
        "Let two units each draw a line, and let the next layer look at what they say instead of at "
        "the inputs. To learn this, the hard step is replaced by a smooth one, tanh, which has a slope "
        "everywhere, so that `backward` can tell each weight which way to go."
    )
    yield page.code(inspect.getsource(two_layers))
    yield page.figure(
        [
            page.image(
                draw(figures.paint_hidden_lines, found.xor_layers),
                "XOR solved: two lines, and the regions that are one class and the other.",
                f"XOR by two layers: {found.xor_layers.accuracy:.0%} right",
            ),
            page.image(
                draw(figures.paint_hidden_space, found),
                "The four points where the hidden units put them: now one line separates them.",
                "What the second layer sees",
            ),
            page.image(
                draw(figures.paint_losses, found),
                "Loss over the steps of training, for each start.",
                f"{N_STARTS} random starts",
            ),
        ],
        "First: the dashed lines are what the two hidden units have drawn; together they set two corners "
        "apart. Second: the outputs of the hidden units as coordinates. The points have been moved so "
        f"that one line is enough: that is what a hidden layer is for. Third: {found.solved.sum()} of "
        f"{N_STARTS} random starts solve XOR; any other is stuck where the slope is as good as zero. More "
        "hidden units make that rare.",
    )
    accuracy = f"{found.iris_layers.accuracy:.1%}"
    yield page.figure(
        [
            page.image(
                draw(
                    figures.paint_regions,
                    found.iris_layers.regions,
                    found.petals.X,
                    found.species,
                    width=4.4,
                    height=3.4,
                ),
                "The plane of petal length and width, divided by a network with a hidden layer.",
                f"Iris by two layers: {accuracy} right",
            )
        ],
        "The three species again, with eight hidden units and three outputs: the middle species now "
        f"gets its piece of the plane. ({accuracy} here against {found.three_accuracy:.1%} above, both "
        "on the flowers that were learned from; the section on digits holds some back.)",
    )


def learned(found: Found) -> list[str]:
    xor = found.xor_mistakes
    return [
        f"A unit separates setosa by petals after {_count(found.petals.mistakes, 'mistake')}, by "
        f"sepals (a narrow gap) after {_count(found.sepals.mistakes, 'mistake')}",
        f"Three units on three species: {found.three_accuracy:.1%} right; no line cuts off versicolor",
        f"One unit on XOR: {_count(int(xor.sum()), 'mistake')} in {len(xor)} epochs, and no end",
        f"Two layers on XOR: {found.xor_layers.accuracy:.0%} right ({found.solved.sum()} of "
        f"{N_STARTS} random starts solve it); on three species {found.iris_layers.accuracy:.1%}",
    ]


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _vector(x: Array) -> str:
    return f"({', '.join(page.number(entry, 1) for entry in x)})"


SECTION = Section(
    name="perceptron",
    title="The perceptron, a unit that draws a line",
    about="it learns iris, fails on XOR, and two layers of it do not",
    files=(
        "scratchnet/linear_model/rosenblatt.py",
        "scratchnet/linear_model/perceptron.py",
        "scratchnet/ops/linear.py",
        "scratchnet/nn/layers.py",
        "scratchnet/cli/tour/experiments/perceptron.py",
    ),
    code="""
from scratchnet import Perceptron, datasets
X, y = datasets.load_iris(return_X_y=True)
model = Perceptron().fit(X, y == 0)
print(model.mistakes_, model.score(X, y == 0))
""",
    compute=compute,
    write=write,
    learned=learned,
)

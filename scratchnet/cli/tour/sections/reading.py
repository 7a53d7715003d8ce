"""Section 5: reading letter by letter; how far back a gradient reaches; attention; inventing names."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp

import numpy as np

from scratchnet.cli.tour import page
from scratchnet.cli.tour.drawing import draw, tint
from scratchnet.cli.tour.experiments.inventing import EPOCHS as WRITING_EPOCHS
from scratchnet.cli.tour.experiments.inventing import Written
from scratchnet.cli.tour.experiments.reach import EPOCHS as RECALL_EPOCHS
from scratchnet.cli.tour.experiments.reach import LENGTH, OPEN, TEXTS, VOWELS, Recall
from scratchnet.cli.tour.experiments.reading import HIDDEN, Found, Read, Told, compute
from scratchnet.cli.tour.figures import reading as figures
from scratchnet.cli.tour.section import Section

__all__ = ["SECTION"]

_KINDS = ("female", "male")
_SHARE = 1e-3  # of the last letter's gradient, below which the table says that it has vanished
_NAMES = 12  # of those written at each temperature, shown


def write(found: Found) -> Iterator[str]:
    yield from _write_telling(found)
    yield from _write_memory(found)
    yield from _write_reach(found.recalls)
    yield from _write_attention(found)
    yield from _write_inventing(found)


def _write_telling(found: Found) -> Iterator[str]:
    always, last, *_ = found.told
    n, n_held = found.n_train + len(found.held), len(found.held)
    yield page.paragraph(
        "A picture has its pixels all at once; a text comes letter by letter, and is as long as it is. A "
        "*recurrent network* (RNN) reads one letter after the other with the same weights, and keeps a "
        "memory h, some numbers that every letter changes. In an LSTM (Hochreiter & Schmidhuber, 1997) "
        "there is a second memory c beside it, and gates, numbers from 0 to 1, decide at each letter what "
        "of it is kept (f), what is added (i) and what is shown (o):"
    )
    yield page.equation(
        "RNN     h_t = tanh(W x_t + U h_{t−1} + b)\n"
        "LSTM    c_t = f c_{t−1} + i tanh(W x_t + U h_{t−1} + b)    h_t = o tanh(c_t)\n"
        "        f, i, o = σ(W x_t + U h_{t−1} + b), each with W, U and b of its own"
    )
    yield page.paragraph(
        f"They read {n:,} first names of the United States census of 1990: is a name more frequent among "
        "women or among men? (That says among whom it was more frequent then and there, and nothing about a "
        f"person.) A quarter of each kind, {n_held:,} names, is held out. Most names are female, so who "
        f"always says “female” is right in {always.accuracy:.1%}. Who looks at nothing but the last letter, "
        "and says what most of the training names with that letter are, is right in "
        f"{last.accuracy:.1%}. This is what reading has to be compared with."
    )
    yield page.table(
        ("", "right", "balanced", "AUC", "from", "to"), [_told(told) for told in found.told]
    )
    yield page.paragraph(
        "*Balanced* is the mean of two shares: of the female names that are told right, and of the male "
        "ones; who always says the same has 50%. *AUC* is how often, of a male and a female name, the male "
        "one gets the higher probability of being male (the section on the ROC curve says more; “from” and "
        f"“to” are its 95% interval). {_difference(found)}"
    )


def _told(told: Told) -> list[str]:
    ends = ("", "")
    if told.interval is not None:
        ends = f"{told.interval.low:.3f}", f"{told.interval.high:.3f}"
    return [told.name, f"{told.accuracy:.1%}", f"{told.balanced:.1%}", f"{told.auc:.3f}", *ends]


def _difference(found: Found) -> str:
    test = found.difference
    between = (
        f"The LSTM's area minus the RNN's is {page.number(test.difference, 3)}, between "
        f"{page.number(test.low, 3)} and {page.number(test.high, 3)}"
    )
    if test.low <= 0 <= test.high:
        return (
            f"{between} (`delong_test`): it may be 0. Names are short, and an RNN remembers as far."
        )
    better = "LSTM" if test.difference > 0 else "RNN"
    return (
        f"{between} (`delong_test`): of these two networks the {better} is better. (Begun from another "
        f"`--seed`, both differ; the interval counts other names, not other beginnings.)"
    )


def _write_memory(found: Found) -> Iterator[str]:
    yield page.heading("The memory while a name is read")
    for name, reads in (("The RNN", found.read_by_rnn), ("The LSTM", found.read_by_lstm)):
        yield page.figure(
            [_read(read) for read in reads],
            f"{name}. Below: a column for each letter, the {HIDDEN} numbers of h after it. Red speaks for "
            "male, blue for female, white is 0; those with the largest weight are at the top. The sum of "
            "a column, so weighted, is by how much the logit of male leads, but for a constant. Above stands "
            "the probability that comes of it: what the network would say if the name ended there.",
        )
    kinds = " and ".join(f"{len(found.read_by_rnn) // 2} {kind} ones" for kind in _KINDS)
    yield page.paragraph(
        f"These are held-out names, {kinds}, which both networks tell right: those on which the RNN changes "
        "its mind most. What is known about a name changes with every letter, and the memory with it; what "
        "counts in the end is what is in it after the last."
    )


def _read(read: Read) -> str:
    kind = _KINDS[read.y]
    alt = (
        f"{read.text}: the memory after each of {len(read.p)} letters; the probability of male goes "
        f"from {read.p[0]:.0%} to {read.p[-1]:.0%}."
    )
    return page.image(
        draw(figures.paint_read, read, width=2.3, height=2.7), alt, f"{read.text}, {kind}"
    )


def _write_reach(recalls: list[Recall]) -> Iterator[str]:
    yield page.heading("How far back the gradient reaches")
    yield page.paragraph(
        f"Something must be remembered for long: a text of {LENGTH} letters, a piece of names written "
        f"one behind the other, begins with one of the vowels {', '.join(VOWELS)}. At the end, which was "
        "it? To learn that, the gradient must come from the last letter back to the first. At each step it "
        "goes through the derivative of that step:"
    )
    yield page.equation(
        "RNN     dh_{t−1} = Uᵀ ((1 − h_t²) dh_t)\nLSTM    dc_{t−1} = f dc_t + (what comes through h_{t−1})"
    )
    yield page.paragraph(
        "The factors multiply. In the RNN U is drawn from small numbers, and shortens; if it begins "
        "*orthogonal* it turns without shortening, and only tanh does. In the LSTM the forget gate f is "
        f"the factor: it begins near σ(0) = {_sigmoid(0):.2f}, and {_sigmoid(0):.2f} to the power of "
        f"{LENGTH - 1} is {_small(_sigmoid(0) ** (LENGTH - 1))}. With a bias of {OPEN:.0f} it begins at "
        f"σ({OPEN:.0f}) = {_sigmoid(OPEN):.2f}, nearly open. And with *attention* the answer is made of a "
        "weighted sum of all memories, so that each hears of the loss directly."
    )
    yield page.figure(
        [
            page.image(
                draw(figures.paint_reach, recalls, width=4.4, height=3.3),
                "Norm of the gradient by letters back, on a logarithmic scale, of five networks.",
                "Before training: what arrives",
            ),
            page.image(
                draw(figures.paint_recall, recalls, width=4.4, height=3.3),
                "Share of right answers over the epochs, of five networks.",
                "Training: what is learned",
            ),
        ],
        "Left: norm of the gradient of the loss with respect to the memory (h; of the LSTM c), by "
        "`nn.gradient_norms`. Right: the same five networks learn from "
        f"{TEXTS:,} texts, in the same order, for {RECALL_EPOCHS} epochs; measured on other texts.",
    )
    head = ("network", "gradient left", "vanished after", "right")
    yield page.table(head, [_recall(recall) for recall in recalls])
    yield page.note(
        f"“Gradient left”: at the first letter. “Vanished”: below {_SHARE:g} of that at the last. An "
        "LSTM by itself reaches little further than an RNN: what helps is a gate that begins open."
    )


def _sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x))


def _small(value: float) -> str:
    """Return the value with its power of ten, if it is below a hundredth."""
    return f"{value:.0e}".replace("-", "−") if value < 0.01 else f"{value:.2f}"


def _recall(recall: Recall) -> list[str]:
    reach = recall.reach(_SHARE)
    return [
        recall.way.name,
        _small(recall.gradients[-1]),
        "not" if reach is None else f"{reach} letters",
        f"{recall.accuracies[-1]:.1%}",
    ]


def _write_attention(found: Found) -> Iterator[str]:
    inside = np.arange(found.weights.shape[1]) - found.held.lengths[:, None]  # −1: the last letter
    last, three = (found.weights[(inside < 0) & (inside >= -n)].sum() for n in (1, 3))
    share = [weight / len(found.held) for weight in (last, three)]
    *_, lstm, attentive = found.told
    yield page.heading("Attention: which letters it looked at")
    yield page.paragraph(
        "Which of its memories counts, a network can learn as well (Bahdanau, Cho & Bengio, 2014). Each "
        "gets a score e, softmax makes weights of the scores, and the answer is told from the weighted sum:"
    )
    yield page.equation("e_t = v · tanh(W h_t + b)    a = softmax(e)    M = Σ_t a_t h_t")
    yield page.paragraph(
        "Here an LSTM reads the names in both directions, so that each memory knows what stands before its "
        f"letter and what stands behind. It tells {attentive.accuracy:.1%} of the held-out names right (the "
        f"LSTM without attention {lstm.accuracy:.1%}), and its weights can be looked at:"
    )
    yield page.figure(
        [_attended(found, i) for i in found.attended],
        f"{len(found.attended)} held-out names, drawn at random: the stronger the blue, the larger the "
        f"weight. On average {share[0]:.0%} of the weight is on the last letter, and {share[1]:.0%} on the "
        "last three. `plotting.TokenWeightsDisplay` draws such a picture of any text.",
        "small",
    )
    yield page.note(
        "A weight says which memory was taken, not which letter was decisive: each memory knows the whole "
        "name, the letters before its own from the left and those behind from the right."
    )


def _attended(found: Found, i: int) -> str:
    text, truth, p = found.held.text[i], int(found.held.y[i]), float(found.told[-1].p[i])
    answer = int(p > 0.5)
    label = f"{_KINDS[answer]}: {p if answer else 1 - p:.0%}"
    if answer != truth:
        label += f", is {_KINDS[truth]}"
    # on strong blue the letter is white
    tints = [tint(-a) + (";color:#fff" if a > 0.5 else "") for a in found.weights[i, : len(text)]]
    return page.grid([list(text)], [tints], label)


def _write_inventing(found: Found) -> Iterator[str]:
    writing, surest = found.writing, found.writing.surest
    yield page.heading("Names that a network makes up")
    yield page.paragraph(
        "A network that is asked after each letter which one comes next has learned to write. "
        f"A new LSTM did so for {WRITING_EPOCHS} epochs, on the {found.n_train:,} training names, and on "
        "the names that were held out it is as uncertain as between "
        f"{writing.perplexity:.1f} letters that are equally likely (its *perplexity*; without reading they "
        f"are {writing.uniform}, the end of the name among them). To write a name, draw a letter by the "
        "probabilities that it gives, let it read that, and go on, until the end is drawn."
    )
    yield page.equation("p_k = exp(z_k / τ) / Σ_j exp(z_j / τ)")
    yield page.paragraph(
        "The *temperature* τ divides the logits. With 1 the probabilities are the network's own; below 1 "
        "the likely becomes likelier, above 1 all becomes more equal. At 0 the most likely letter "
        f"is always taken, and it always writes `{surest}`."
    )
    yield page.figure(
        [_invented(written) for written in writing.written],
        f"The first {_NAMES} names at each temperature. Red: a name that it has learned from. Blue: a name "
        "that exists, but was held out, so that it was invented anew. Without colour: in neither list.",
        "small",
    )
    head = ("temperature", "written", "different", "learned from", "held out", "in neither list")
    yield page.table(head, [_counts(written) for written in writing.written])
    own = next(written for written in writing.written if written.temperature == 1)
    exist = sum(int(written.held_out.sum()) for written in writing.written)
    yield page.paragraph(
        f"Does it copy? With its own probabilities {own.known.mean():.0%} of what it writes is in the list "
        "that it has learned from; the rest was put together anew from what names have in common. And "
        f"{exist} times, at all temperatures together, that was a name which exists, and which it has never "
        "seen."
    )


def _invented(written: Written) -> str:
    names, columns = written.names[:_NAMES], 2
    tints = [
        tint(0.6 if known else -0.6 if held_out else 0)
        for known, held_out in zip(written.known, written.held_out, strict=True)
    ]
    rows = range(0, len(names), columns)
    return page.grid(
        [names[i : i + columns] for i in rows],
        [tints[i : i + columns] for i in rows],
        f"temperature {written.temperature:g}",
    )


def _counts(written: Written) -> list[str]:
    counts = (
        len(written.names),
        written.different,
        int(written.known.sum()),
        int(written.held_out.sum()),
        int((~written.known & ~written.held_out).sum()),
    )
    return [f"{written.temperature:g}", *map(str, counts)]


def _ascii(recall: Recall) -> str:
    return _small(recall.gradients[-1]).replace("−", "-")


def learned(found: Found) -> list[str]:
    always, last, rnn, lstm, _ = found.told
    plain, _, closed, opened, attentive = found.recalls
    own = next(w for w in found.writing.written if w.temperature == 1)
    return [
        f"Female or male, of {len(found.held)} held-out names: always 'female' {always.accuracy:.1%} right, "
        f"by the last letter {last.accuracy:.1%}, RNN {rnn.accuracy:.1%}, LSTM {lstm.accuracy:.1%}",
        f"{LENGTH - 1} letters back {_ascii(plain)} of the gradient is left in an RNN, "
        f"{_ascii(closed)} in an LSTM, {_ascii(opened)} if its forget gate begins open",
        f"The first of {LENGTH} letters, recalled after {RECALL_EPOCHS} epochs: RNN "
        f"{plain.accuracies[-1]:.0%}, LSTM {closed.accuracies[-1]:.0%}, with the gate open "
        f"{opened.accuracies[-1]:.0%}, RNN with attention {attentive.accuracies[-1]:.0%}",
        f"Of {len(own.names)} names that an LSTM wrote, {int(own.known.sum())} are in its training list; "
        f"with temperature 0 it always writes {found.writing.surest}",
    ]


SECTION = Section(
    name="reading",
    title="Reading: recurrent networks and attention",
    about="names read letter by letter, how far back a gradient reaches, attention, invented names",
    files=(
        "scratchnet/ops/recurrent.py",
        "scratchnet/ops/lstm.py",
        "scratchnet/nn/gradient_flow.py",
        "scratchnet/models/sequence_classifier.py",
        "scratchnet/models/generation.py",
        "scratchnet/cli/tour/experiments/reading.py",
        "scratchnet/cli/tour/experiments/reach.py",
    ),
    code="""
from scratchnet import data, datasets, models, optim, training
names, y = datasets.load_names(return_X_y=True)
letters = data.CharVocabulary.from_texts(names, specials=["<pad>"])
x = data.pad_sequence([letters.encode(n) for n in names], batch_first=True)
model = models.SequenceClassifier(len(letters), 2, pooling="attention")
training.fit(
    model, (x, (x > 0).sum(axis=1), y), epochs=2, optimizer=optim.Adam(model.parameters())
)
""",
    compute=compute,
    write=write,
    learned=learned,
)

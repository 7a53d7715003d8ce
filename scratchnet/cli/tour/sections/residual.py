"""Section 4: shortcuts make a deep network learn; logits; what wrong preprocessing costs; a photograph."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from textwrap import dedent

import numpy as np

from scratchnet.cli.tour import page
from scratchnet.cli.tour.drawing import draw, picture
from scratchnet.cli.tour.experiments.photograph import Photograph
from scratchnet.cli.tour.experiments.residual import DEPTH, EPOCHS, SHALLOW, Fed, Found, compute
from scratchnet.cli.tour.figures import residual as figures
from scratchnet.cli.tour.section import Section
from scratchnet.models import BasicBlock
from scratchnet.models.download import cache_dir

__all__ = ["CLASSIFY", "SECTION"]

# What a user would write, for weights in the cache; else it downloads them.
CLASSIFY = """
from scratchnet import datasets, functional as F, models, nn
weights = models.ResNet18_Weights.DEFAULT
model = nn.optimize_for_inference(models.resnet18(weights=weights).eval())
image = weights.transforms()(datasets.sample_image_path())  # (3, 224, 224)
p = F.softmax(model(image[None]), dim=1)[0]  # (1000,)
for k in p.argsort()[:-6:-1]:
    print(f"{p[k]:.1%} {weights.meta['categories'][k]}")
"""


def write(found: Found) -> Iterator[str]:
    yield from _write_training(found)
    yield from _write_start(found)
    yield from _write_logits(found)
    yield from _write_preprocessing(found)
    yield from _write_photograph(found)


def _write_training(found: Found) -> Iterator[str]:
    residual, plain, shallow = found.residual, found.plain, found.shallow
    yield page.paragraph(
        "More layers can compute more, and those that are not needed could hand on what they get. Yet plain "
        "networks become *worse* when they become deep, on the training pictures too. Residual networks "
        "(He, Zhang, Ren & Sun, 2015) mend it by an addition: after every two layers, F, their input is "
        "added to what they make of it. A block whose weights are zero hands on its input; it has to learn "
        "only what to *change* in it."
    )
    yield page.equation(
        "plain       y = relu(F(x))        dx = Jᵀ dz\n"
        "residual    y = relu(x + F(x))    dx = dz + Jᵀ dz"
    )
    yield page.paragraph(
        "On the right is the way back: dz is the gradient that arrives (dy, where ReLU let something "
        "through), and J the derivative of F, made of its weights. In a plain network all that "
        "a layer hears has gone through the weights of all layers behind it. In a residual one dz comes "
        "whole as well, by the shortcut. In the source that is the last line:"
    )
    yield page.code(dedent(inspect.getsource(BasicBlock.forward)))
    yield page.paragraph(
        f"Two networks of {DEPTH} layers learn the digits, one with shortcuts and one without. A shortcut "
        "has no weights (where the maps become smaller, `downsample` takes every second pixel), so both "
        f"have the same {found.parameters:,} numbers. They begin with the same values, and get the same "
        f"pictures in the same order for {EPOCHS} epochs. A third network is plain "
        f"like the second, but has only {SHALLOW} layers."
    )
    yield page.figure(
        [
            page.image(
                draw(figures.paint_loss, found, width=4.4, height=3.1),
                "Training loss over the epochs, of three networks.",
                "Loss on the training pictures",
            ),
            page.image(
                draw(figures.paint_accuracy, found, width=4.4, height=3.1),
                "Percentage of held-out digits read correctly, over the epochs, of three networks.",
                "Held-out digits read correctly",
            ),
        ],
        "The deep plain network stays behind on the pictures that it learns from: it does not learn too "
        "much by heart, it learns too little. (In the first epochs batch norm's running statistics, which "
        "are used on held-out pictures, still lag behind; so the curves on the right start later.)",
    )
    rows = [
        [
            name,
            str(run.depth),
            f"{run.history[0]['loss']:.2f}",
            f"{run.loss:.2f}",
            f"{run.accuracy:.1%}",
        ]
        for name, run in (("residual", residual), ("plain", plain), ("plain", shallow))
    ]
    head = ["network", "layers", "loss, first epoch", "last epoch", f"right, of {len(found.y)}"]
    yield page.table(head, rows)
    yield page.paragraph(
        f"For pictures of 64 pixels {SHALLOW} layers are enough. The residual networks for photographs "
        "have 18 to 152."
    )


def _write_start(found: Found) -> Iterator[str]:
    with_, without = found.start_residual, found.start_plain
    n = len(without.told) - 1
    growth = [start.gradients[0] / start.gradients[-1] for start in (with_, without)]
    yield page.heading("Why: what comes through, there and back")
    yield page.paragraph(
        "Before the first step all weights are random, and what a layer can learn depends on what reaches "
        "it. *There:* are the digits still told apart? Take the mean of the maps over all training "
        "pictures of each digit, and read a held-out picture as the digit whose mean is nearest. *Back:* "
        "how long is the gradient of the loss with respect to the maps?"
    )
    yield page.figure(
        [
            page.image(
                draw(figures.paint_told, found, width=4.4, height=3.1),
                "Share of digits told by the nearest mean: it falls with each block, and without "
                "shortcuts to that of guessing.",
                "There: what is left of the digits",
            ),
            page.image(
                draw(figures.paint_gradients, found, width=4.4, height=3.1),
                "Size of the gradient at each block, on a logarithmic scale: towards the first block it "
                "grows, without shortcuts far more.",
                "Back: the size of the gradient",
            ),
        ],
        f"Untrained, the {n} blocks of {DEPTH} layers. There: {without.told[0]:.0%} of the digits are told "
        f"by what goes into the first block. Behind the last it is {without.told[-1]:.0%} without "
        f"shortcuts and {with_.told[-1]:.0%} with them: random layers stir, and only the shortcuts keep "
        "something of the picture for the last layers to learn from. Back (from right to left): the "
        f"gradient becomes {growth[1]:.0f} times as long without shortcuts, {growth[0]:.0f} times with "
        "them, and one learning rate has to serve all layers. (Batch norm keeps the maps at one size, but "
        "not the gradient.)",
    )


def _write_logits(found: Found) -> Iterator[str]:
    i = found.doubtful
    first, second = np.argsort(-found.logits[i])[:2]
    lead = float(found.logits[i, first] - found.logits[i, second])
    yield page.heading("Logits, and what softmax makes of them")
    yield page.paragraph(
        "The last layer gives one number for each digit, a *logit*: how much speaks for it. Logits may be "
        "negative and have no unit. Softmax turns them into probabilities, which are positive and sum to 1:"
    )
    yield page.equation("p_a = exp(z_a) / Σ_k exp(z_k)\np_a / p_b = exp(z_a − z_b)")
    yield page.paragraph(
        "Only differences count: a digit that leads by 1 is 2.7 times as probable, by 2 it is 7.4 times, by "
        "5 it is 148 times. The same number added to all logits changes nothing."
    )
    for number, what in ((found.sure, "The surest"), (i, "The most doubtful")):
        yield page.figure(
            _bars(found, number), f"{what} of {len(found.y)} held-out digits: a {found.y[number]}."
        )
    yield page.paragraph(
        f"In the second the {first} leads the {second} by {lead:.2f}: it is {np.exp(lead):.2f} times as "
        "probable. A network that must answer says the first; one that may ask a person should do so here."
    )


def _bars(found: Found, i: int) -> list[str]:
    answer = int(found.logits[i].argmax())
    alt = f"Bars for the ten digits, the highest for {answer}."
    return [
        page.image(
            picture(found.X[i, 0], "gray_r", 0, 1),
            f"A handwritten {found.y[i]}.",
            "the picture",
            width=140,
            pixels=True,
        ),
        page.image(
            draw(figures.paint_bars, found.logits[i], False, width=3.9, height=2.2), alt, "logits"
        ),
        page.image(
            draw(figures.paint_bars, found.probabilities[i], True, width=3.9, height=2.2),
            alt,
            "probabilities",
        ),
    ]


def _write_preprocessing(found: Found) -> Iterator[str]:
    usual, bytes_, *_ = found.fed
    worst = min(found.fed, key=lambda fed: fed.accuracy)
    yield page.heading("A network must be fed as it was trained")
    yield page.paragraph(
        "The residual network learned from pixels between 0 (paper) and 1 (ink). Its weights, and the means "
        "and variances that batch norm keeps, fit such pictures and no others. The same network, the same "
        "held-out digits, prepared otherwise:"
    )
    rows = [[fed.name, f"{fed.accuracy:.1%}", f"{fed.confidence:.0%}"] for fed in found.fed]
    yield page.table(["pixels", "right", "mean probability"], rows)
    yield page.figure(
        [_fed(fed) for fed in found.fed],
        "The same seven, fed in these five ways (the scale of grays is that of training), what it is "
        "read as, and the probability of that answer.",
        "small",
    )
    yield page.paragraph(
        f"Nothing raises an error, and the probabilities hardly warn: with pixels *{bytes_.name}*, "
        f"{bytes_.accuracy:.1%} of the answers are right, and their mean probability is "
        f"{bytes_.confidence:.0%}. Worst is *{worst.name}*: {worst.accuracy:.1%} instead of "
        f"{usual.accuracy:.1%}. Guessing gets 10%."
    )
    yield page.paragraph(
        "That is why weights come with their preprocessing: with `weights.transforms()` an image is "
        "resized, cut, scaled and standardised as it was in training."
    )


def _fed(fed: Fed) -> str:
    label = f"{fed.answer}: {fed.probability:.0%}"
    image = picture(fed.picture, "gray_r", 0, 1)
    return page.image(image, f"A seven, {fed.name}, read as {fed.answer}.", label, 96, pixels=True)


def _write_photograph(found: Found) -> Iterator[str]:
    yield page.heading("A photograph, by a network that others have trained")
    photograph = found.photograph
    if photograph is None:
        yield page.paragraph(
            f"There are no weights of ResNet-18 in PyTorch's cache folder, {cache_dir()}, and the tour "
            "downloads nothing; `scratchnet classify PHOTO --download` fetches them (45 MB), and the next "
            "tour shows here what the network sees in the photograph of the cat: the five most probable of "
            "1000 classes, and where in the picture it looked."
        )
        return
    if isinstance(photograph, str):
        yield page.paragraph(f"The weights of ResNet-18 cannot be used: {photograph.rstrip('.')}.")
        return
    yield page.paragraph(
        "In PyTorch's cache folder there are weights of ResNet-18: 18 layers with shortcuts, trained on "
        "1.3 million photographs of 1000 classes. All is put together here: the preprocessing of these "
        f"weights ({photograph.preprocessing}), the network in its form for inference, softmax, and the "
        "names of the classes."
    )
    yield page.code(CLASSIFY)
    yield page.table(["class", "probability"], _top(photograph))
    yield page.figure(
        [
            page.image(
                picture(photograph.crop), "A tabby cat's face.", "What the network saw", 300
            ),
            page.image(
                picture(figures.overlay(photograph)),
                f"The same in gray, coloured where the network found what speaks for {photograph.names[0]}.",
                f"Where it looked: {photograph.names[0]}",
                300,
            ),
        ],
        "Grad-CAM: the sum of the last block's maps, each weighted by how much the class's logit rises with "
        "it. They have 7 × 7 places, so the colours are coarse. Yellow is the strongest place; where nothing "
        "speaks for the class, the picture stays gray. "
        "(The photograph is by Stéfan van der Walt, CC0.)",
    )


def _top(photograph: Photograph) -> list[list[str]]:
    pairs = zip(photograph.names, photograph.probabilities, strict=True)
    return [[name, f"{p:.1%}"] for name, p in pairs]


def learned(found: Found) -> list[str]:
    residual, plain, shallow = found.residual, found.plain, found.shallow
    starts = found.start_residual, found.start_plain
    told = [f"{start.told[-1]:.0%}" for start in starts]
    growth = [f"{start.gradients[0] / start.gradients[-1]:.0f}" for start in starts]
    usual, worst = found.fed[0], min(found.fed, key=lambda fed: fed.accuracy)
    photograph = "ResNet-18 did not look at the photograph: PyTorch's cache has no weights for it"
    if isinstance(found.photograph, Photograph):
        name, p = found.photograph.names[0], found.photograph.probabilities[0]
        photograph = f"ResNet-18 sees in the photograph: {name}, {p:.1%}"
    elif found.photograph is not None:
        photograph = "ResNet-18 did not look at the photograph: its weights cannot be used"
    return [
        f"{DEPTH} layers, {EPOCHS} epochs: {residual.accuracy:.1%} of the held-out digits right with "
        f"shortcuts, {plain.accuracy:.1%} without; {SHALLOW} plain layers {shallow.accuracy:.1%}",
        f"Before training, the nearest mean tells {told[0]} of the digits behind all blocks, {told[1]} "
        f"without shortcuts; on its way back the gradient grows {growth[0]}-fold, {growth[1]}-fold without",
        f"The same network, fed wrongly ({worst.name}): {worst.accuracy:.1%} right instead of "
        f"{usual.accuracy:.1%}",
        photograph,
    ]


SECTION = Section(
    name="residual",
    title="Residual networks, and how to feed them",
    about="shortcuts make a deep network learn; logits; what wrong preprocessing costs; a photograph",
    files=(
        "scratchnet/models/residual_block.py",
        "scratchnet/models/cifar_resnet.py",
        "scratchnet/ops/softmax.py",
        "scratchnet/models/grad_cam.py",
        "scratchnet/cli/tour/experiments/residual.py",
    ),
    code="""
from scratchnet import datasets, models, optim, training
digits = datasets.load_digits()
data = (digits.images[:, None] / 16).astype("float32"), digits.target
model = models.cifar_resnet(14, num_classes=10, in_channels=1, width=4)
sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
training.fit(model, data, epochs=2, optimizer=sgd)
""",
    compute=compute,
    write=write,
    learned=learned,
)

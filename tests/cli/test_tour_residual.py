"""The section on residual networks: what it claims holds, and the photograph never costs a download."""

import contextlib
import dataclasses
import hashlib
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure

from scratchnet import Tensor, datasets, manual_seed, models, nn, serialization
from scratchnet import functional as F
from scratchnet.cli.tour.command import _one_blas_thread
from scratchnet.cli.tour.experiments import photograph, residual
from scratchnet.cli.tour.figures import residual as figures
from scratchnet.cli.tour.sections.residual import (
    CLASSIFY,
    SECTION,
    _write_logits,
    _write_photograph,
)
from scratchnet.models import ResNet18_Weights, WeightsEnum, download


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """PyTorch's cache folder, which is empty, and a network that cannot be reached."""

    def refuse(*_):
        raise AssertionError("the tour downloads nothing")

    folder = tmp_path_factory.mktemp("torch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(folder))
        patch.setattr(download, "_download", refuse)
        yield folder / "hub" / "checkpoints"


@pytest.fixture(scope="module")
def found(cache):
    manual_seed(0)
    with _one_blas_thread():
        return residual.compute(0, lambda line: None)


@pytest.fixture(scope="module")
def digits():
    X, y = datasets.load_digits(return_X_y=True)
    return (X / 16).astype(np.float32).reshape(-1, 1, 8, 8), y, np.arange(len(y)) % 4 == 0


@pytest.fixture
def weights_file(cache):
    """Where the weights are looked for; removed afterwards."""
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / ResNet18_Weights.DEFAULT.value.file_name
    yield path
    path.unlink(missing_ok=True)


# --- with and without shortcuts


def test_the_deep_plain_network_learns_worse_than_the_residual_and_than_a_shallow_one(found):
    assert found.residual.accuracy > 0.85
    assert found.shallow.accuracy > 0.85
    # Of ten seeds the best plain network had 57 %, the worst residual one 90 %.
    assert found.plain.accuracy < found.residual.accuracy - 0.25
    # On the training pictures too: it is not that it learns by heart.
    assert found.plain.loss > 3 * max(found.residual.loss, found.shallow.loss)


def test_the_plain_network_stays_behind_for_another_seed_as_well(monkeypatch, digits):
    monkeypatch.setattr(residual, "EPOCHS", 3)  # to be quick
    images, y, held = digits
    data, held_out = (images[~held], y[~held]), (images[held][:9], y[held][:9])
    with _one_blas_thread():
        runs = [residual.train(residual.DEPTH, kind, 1, data, held_out) for kind in (True, False)]
    assert runs[0].loss < 0.6 * runs[1].loss  # of ten seeds the largest ratio is 0.44


def test_both_networks_begin_with_the_same_weights_and_get_the_same_batches(monkeypatch, digits):
    with_, without = (residual.network(residual.DEPTH, kind, 5) for kind in (True, False))
    state, other = with_.state_dict(), without.state_dict()
    assert list(state) == list(other)
    assert all(np.array_equal(state[key], other[key]) for key in state)
    batches = []

    def fit(model, data, **options):
        batches.append(residual.resolve_rng().permutation(9))  # what shuffles
        return []

    monkeypatch.setattr(residual, "fit", fit)
    for kind in (True, False):
        residual.train(residual.DEPTH, kind, 5, digits[:2], digits[:2])
    assert np.array_equal(*batches)


def test_the_same_seed_gives_the_same_training(monkeypatch, digits):
    monkeypatch.setattr(residual, "EPOCHS", 1)
    images, y, _ = digits
    data = images[:300], y[:300]
    first, second, other = (
        residual.train(residual.SHALLOW, True, seed, data, data).history[0]["loss"]
        for seed in (3, 3, 4)
    )
    assert first == second
    assert first != other


@pytest.mark.parametrize("seed", range(4))
def test_untrained_plain_layers_lose_the_digits_and_blow_up_the_gradient(digits, seed):
    with_, without = (
        residual.at_start(residual.network(residual.DEPTH, kind, seed), *digits)
        for kind in (True, False)
    )
    assert len(with_.told) == 1 + 15  # the stem, and the blocks of 32 layers
    assert with_.told[0] == without.told[0] > 0.7  # the same stem
    assert without.told[-1] < 0.2 < with_.told[-1] - 0.1
    growth, plain = (start.gradients[0] / start.gradients[-1] for start in (with_, without))
    assert plain > 2.5 * growth


def test_the_gradient_of_a_block_is_the_equation_on_the_page():
    rng = np.random.default_rng(0)
    block = models.BasicBlock(3, 3).double()
    x, dy = rng.normal(size=(2, 2, 3, 5, 5))
    leaf = Tensor(x, requires_grad=True)
    y = block(leaf)
    y.backward(dy)
    inner = nn.Sequential(block.conv1, block.bn1, block.relu, block.conv2, block.bn2)  # F
    dz = dy * (y.data > 0)
    alone = Tensor(x, requires_grad=True)
    inner(alone).backward(dz)
    np.testing.assert_allclose(leaf.grad, dz + alone.grad, rtol=1e-10, atol=1e-12)  # sums reordered


def test_the_nearest_mean_is_the_nearest_of_the_training_means():
    rng = np.random.default_rng(1)
    y, held = rng.integers(3, size=60), np.arange(60) % 3 == 0
    values = rng.normal(size=(60, 4)) + y[:, None] + 5.0
    means = [values[~held & (y == k)].mean(axis=0) for k in range(3)]
    nearest = [min(range(3), key=lambda k: ((v - means[k]) ** 2).sum()) for v in values[held]]
    assert residual.nearest_mean(values, y, held) == np.mean(nearest == y[held])


# --- logits and preprocessing


def test_the_bars_are_the_logits_and_their_softmax(found):
    for i in (found.sure, found.doubtful):
        z, p = found.logits[i].astype(float), found.probabilities[i]
        np.testing.assert_allclose(p, np.exp(z) / np.exp(z).sum(), rtol=1e-12)
        for values, are_probabilities in ((z, False), (p, True)):
            ax = Figure().add_subplot()
            figures.paint_bars(ax, values, are_probabilities)
            np.testing.assert_array_equal([bar.get_height() for bar in ax.patches], values)
            blue = [bar.get_facecolor() for bar in ax.patches]
            assert [k for k in range(10) if blue.count(blue[k]) == 1] == [z.argmax()]


def test_the_surest_and_the_most_doubtful_digit_are_shown(found):
    first = found.probabilities.max(axis=1)
    assert first[found.sure] == first.max() > 0.99
    second, first = np.sort(found.probabilities, axis=1)[:, -2:].T
    assert found.doubtful == (first / second).argmin()
    ratio = first[found.doubtful] / second[found.doubtful]
    html = "".join(_write_logits(found))
    assert f"by {np.log(ratio):.2f}: it is {ratio:.2f} times as probable" in html


def test_a_network_that_is_fed_otherwise_than_in_training_errs_and_does_not_say_so(found):
    usual, *others = found.fed
    assert usual.accuracy == pytest.approx(found.residual.accuracy)
    assert len(others) == 4
    assert all(fed.accuracy < usual.accuracy - 0.1 for fed in others)
    assert all(fed.confidence > fed.accuracy + 0.1 for fed in others)
    assert found.X.min() == 0  # the pictures themselves are as they were
    assert found.X.max() == 1


# --- the page


def well_formed(html):
    """Return the elements of a piece of a page; a tag that is not closed raises."""
    closed = re.sub(r"<(img[^>]*|br)>", r"<\1/>", html)  # these have no end in HTML
    return ET.fromstring(f"<div>{closed}</div>")


def test_the_section_is_well_formed_and_says_what_was_found(found):
    html = "".join(SECTION.write(found))
    images = well_formed(html).findall(".//img")
    assert len(images) == 4 + 2 * 3 + 5
    for run in (found.residual, found.plain, found.shallow):
        assert f"{run.accuracy:.1%}" in html
    assert all(f"{fed.accuracy:.1%}" in html for fed in found.fed)
    assert "https:" not in html


def test_without_weights_a_sentence_says_where_they_are_looked_for(found, cache):
    assert found.photograph is None
    html = "".join(_write_photograph(found))
    assert str(cache) in html
    assert "--download" in html
    assert "has no weights for it" in SECTION.learned(found)[-1]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(1000)])
def test_a_damaged_file_of_weights_is_said_and_left_alone(found, weights_file, content):
    weights_file.write_bytes(content)
    why = photograph.classify_photograph()
    assert "is damaged" in why
    assert str(weights_file) in why
    assert weights_file.read_bytes() == content
    other = dataclasses.replace(found, photograph=why)
    html = "".join(_write_photograph(other))
    assert len(well_formed(html).findall(".//p")) == 1
    assert SECTION.learned(other)[-1].endswith("its weights cannot be used")


def test_weights_with_the_right_hash_that_do_not_fit_or_cannot_be_read_are_said(
    weights_file, monkeypatch
):
    serialization.save({"fc.weight": np.ones((1000, 512))}, weights_file.with_suffix(".npz"))
    weights_file.with_suffix(".npz").rename(weights_file)
    digest = hashlib.sha256(weights_file.read_bytes()).hexdigest()
    monkeypatch.setattr(WeightsEnum, "sha256", digest)
    assert "does not fit resnet18" in photograph.classify_photograph()

    def fail(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(photograph, "load_network", fail)
    assert "Permission denied" in photograph.classify_photograph()


def test_weights_in_the_cache_classify_the_photograph(found, weights_file, monkeypatch):
    manual_seed(0)
    model = models.resnet18()
    serialization.save(model.state_dict(), weights_file.with_suffix(".safetensors"))
    weights_file.with_suffix(".safetensors").rename(weights_file)
    digest = hashlib.sha256(weights_file.read_bytes()).hexdigest()
    monkeypatch.setattr(WeightsEnum, "sha256", digest)

    seen = photograph.classify_photograph()
    image = ResNet18_Weights.DEFAULT.transforms()(datasets.load_sample_image())
    p = F.softmax(model.eval()(image[None]), dim=1)[0]
    best = [ResNet18_Weights.DEFAULT.meta["categories"][k] for k in p.argsort()[::-1][:5]]
    assert seen.names == best
    # The form for inference rounds otherwise: by less than 1e-4 of the largest logit.
    np.testing.assert_allclose(seen.probabilities, np.sort(p)[::-1][:5], rtol=1e-3)
    assert seen.crop.shape == (224, 224, 3)
    assert seen.map.shape == (224, 224)
    assert seen.map.min() >= 0

    other = dataclasses.replace(found, photograph=seen)
    html = "".join(_write_photograph(other))
    assert len(well_formed(html).findall(".//img")) == 2
    assert all(f"<td>{name}</td>" in html for name in best)
    assert (
        SECTION.learned(other)[-1] == f"ResNet-18 sees in the photograph: {best[0]}, {p.max():.1%}"
    )

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(CLASSIFY, {})
    assert [line.split(" ", 1)[1] for line in printed.getvalue().splitlines()] == best


def test_the_overlay_is_gray_where_nothing_speaks_for_the_class():
    crop = np.random.default_rng(0).uniform(size=(4, 5, 3))
    strength = np.zeros((4, 5))
    strength[1, 2] = 1.0
    drawn = figures.overlay(photograph.Photograph([], np.array([]), "", crop, strength))
    assert drawn.shape == (4, 5, 3)
    gray = strength == 0
    luma = crop @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(drawn[gray], np.repeat(luma[gray][:, None], 3, axis=1))
    assert np.ptp(drawn[1, 2]) > 0.1  # coloured


def test_the_summary_is_plain_ascii(found):
    lines = SECTION.learned(found)
    assert len(lines) == 4
    assert all(line.isascii() for line in lines)

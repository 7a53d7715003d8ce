"""The tour itself: a page that needs nothing else, with figures that were computed."""

import ast
import base64
import contextlib
import importlib
import io
import pkgutil
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import scratchnet
from scratchnet import Perceptron, datasets
from scratchnet.cli import main
from scratchnet.cli.tour import sections
from scratchnet.cli.tour.command import _one_blas_thread
from scratchnet.cli.tour.experiments import convolution, digits, perceptron, validation

ROOT = Path(scratchnet.__file__).parents[1]
VOID = {"meta", "img", "br", "link", "input", "hr"}


QUICK = ("perceptron", "convolution", "validation", "confusion", "roc", "r2")


def take_tour(out, *names, seed=0):
    """Return the page and what was printed, without the timings."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "timed", lambda run: (run(), 0.25))
        assert main(["tour", "--only", *names, "--out", str(out), "--seed", str(seed)]) == 0
    text = re.sub(r"^ +[\d.]+ s  |, \d+ s\)", "", printed.getvalue(), flags=re.MULTILINE)
    return (out / "index.html").read_text(encoding="utf-8"), text.replace(str(out), "OUT")


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    return take_tour(tmp_path_factory.mktemp("tour"), *QUICK)


class Page(HTMLParser):
    """Checks that tags are nested, and collects what refers to something."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.images = [], [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in values:
            self.ids.append(values["id"])
        if "href" in values:
            self.links.append(values["href"])
        if tag == "img":
            self.images.append(values)
        else:
            assert "src" not in values

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_well_formed_html(tour):
    page = Page(tour[0])
    assert tour[0].startswith("<!DOCTYPE html>")
    assert len(set(page.ids)) == len(page.ids)
    assert {"h1", "nav", "main", "figure", "figcaption"} <= set(page.tags)


def test_the_page_refers_to_nothing_outside_itself(tour):
    page = Page(tour[0])
    assert not {"script", "link", "iframe", "object", "base"} & set(page.tags)
    assert {f"#{i}" for i in page.ids} >= set(page.links)  # the contents lead to the sections
    assert len(page.links) == len(QUICK)
    without_data = re.sub(r"data:image/[^\"]*", "", tour[0])
    assert not re.search(r"https?:|url\(|@import|//", without_data.replace("default-src", ""))
    assert len(tour[0]) < 5_000_000


def test_every_picture_stands_in_the_page_and_has_words_for_who_cannot_see_it(tour):
    images = Page(tour[0]).images
    assert len(images) > 20
    for image in images:
        assert len(image["alt"]) > 10
        kind, content = image["src"].split(";base64,")
        data = base64.b64decode(content, validate=True)
        if kind == "data:image/png":
            assert data.startswith(b"\x89PNG")
            continue
        assert kind == "data:image/svg+xml"
        for element in ET.fromstring(data).iter():
            for name, value in element.attrib.items():
                if name.endswith("href"):
                    assert value.startswith(("#", "data:"))


def test_the_summary_in_the_terminal_stands_on_the_page_too(tour):
    page, printed = tour
    lines = [line.strip("- ") for line in printed.splitlines() if line.startswith("    - ")]
    assert len(lines) == 19
    assert all(f"<li>{line}</li>" in page for line in lines)
    assert printed.isascii()  # any terminal can show it


def test_the_same_seed_gives_the_same_page_and_the_same_summary(tour, tmp_path):
    page, printed = take_tour(tmp_path, *QUICK)
    assert page == tour[0]
    assert printed == tour[1]
    _, other = take_tour(tmp_path, "perceptron", seed=1)
    alone = [line for line in printed.splitlines() if "XOR" in line]
    assert [line for line in other.splitlines() if "XOR" in line] != alone


@pytest.mark.parametrize("name", ["perceptron", "roc"])
def test_a_section_gives_the_same_alone_as_after_others(tour, tmp_path, name):
    alone, _ = take_tour(tmp_path, name)
    sections = [
        re.search(rf'<section id="{name}">\n<h2>\d+(.*?)</section>', page, re.DOTALL)[1]
        for page in (alone, tour[0])
    ]
    assert sections[0] == sections[1]


def test_every_section_is_listed():
    modules = [m.name for m in pkgutil.iter_modules(sections.__path__)]
    found = [importlib.import_module(f"{sections.__name__}.{name}").SECTION for name in modules]
    assert sorted(s.name for s in sections.SECTIONS) == sorted(s.name for s in found)
    assert len({s.name for s in sections.SECTIONS}) == len(sections.SECTIONS)


@pytest.mark.parametrize("section", sections.SECTIONS, ids=lambda s: s.name)
def test_the_files_that_a_section_names_exist(section):
    assert section.files
    assert all((ROOT / file).is_file() for file in section.files)


@pytest.mark.parametrize("section", sections.SECTIONS, ids=lambda s: s.name)
def test_the_program_that_a_section_shows_runs(section):
    scratchnet.manual_seed(0)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exec(section.code, {})
    body = ast.parse(section.code).body
    assert sum(not isinstance(s, ast.Import | ast.ImportFrom) for s in body) <= 5


def test_the_tour_uses_neither_pyplot_nor_the_backend_that_was_set(tmp_path):
    program = (
        "import sys, matplotlib; from scratchnet.cli import main\n"
        "matplotlib.use('svg')\n"
        f"assert main(['tour', '--only', 'convolution', '--out', {str(tmp_path)!r}]) == 0\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert matplotlib.get_backend() == 'svg'"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, capture_output=True)


# --- what the sections compute


def silent(line):
    pass


def test_the_rule_on_the_page_and_the_library_take_the_same_steps():
    scratchnet.manual_seed(5)
    found = perceptron.compute(5, silent)
    assert found.agrees
    assert len(found.steps) == found.petals.mistakes
    assert found.xor_mistakes.sum() == len(found.xor_steps)


def test_one_unit_has_at_most_three_corners_of_xor_right_and_two_layers_all():
    scratchnet.manual_seed(0)
    found = perceptron.compute(0, silent)
    assert max(perceptron.share_right(w, b) for _, w, b in found.xor_steps) == 0.75
    assert found.xor_mistakes.min() > 0
    assert found.xor_layers.accuracy == 1
    assert found.losses[found.solved, -1].max() < found.losses[~found.solved, -1].min(initial=1)


def test_learning_stops_after_an_epoch_without_a_mistake():
    X, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([1, -1])
    steps = perceptron.learn(X, y, np.zeros(2), 0.0, 1000)
    assert [i for i, _, _ in steps] == [0, 1]
    _, w, b = steps[-1]
    assert np.array_equal(w, [-1, 1])
    assert b == 0


def test_irises_by_sepals_take_more_mistakes_than_by_petals():
    X, y = datasets.load_iris(return_X_y=True)
    petals, sepals = (
        Perceptron(tol=None, max_iter=5000).fit(X[:, c], y == 0) for c in ([2, 3], [0, 1])
    )
    assert petals.mistakes_[0].sum() < sepals.mistakes_[0].sum()


@pytest.mark.parametrize(
    "layers",
    [
        [convolution.Layer("conv", 3)] * 3,
        [
            convolution.Layer("conv", 5, 2),
            convolution.Layer("conv", 3),
            convolution.Layer("pool", 2, 2),
        ],
        [
            convolution.Layer("pool", 3, 2),
            convolution.Layer("conv", 3, 3),
            convolution.Layer("conv", 2),
        ],
        convolution.PYRAMID[:6],
    ],
)
def test_the_receptive_field_by_gradient_is_that_of_the_formula(layers):
    fields = convolution.by_formula(layers)
    side = 2 * fields[-1]
    measured = [
        convolution.extent(convolution.by_gradient(layers[: n + 1], side))
        for n in range(len(layers))
    ]
    assert measured == fields


def test_a_response_is_the_sum_of_products_of_filter_and_window():
    found = convolution.compute(0, silent)
    i, j = found.spot
    # nine products of float32, summed in another order
    assert found.responses["upright edges"][i, j] == pytest.approx(found.by_hand, rel=1e-5)
    flat = np.full((7, 7), 0.5, dtype=np.float32)
    for name, kernel in convolution.FILTERS.items():
        middle = convolution.respond(flat, kernel)[2:-2, 2:-2]
        expected = 0.5 if name in ("blur", "sharpen") else 0.0
        np.testing.assert_allclose(middle, expected, atol=1e-6)  # rounding of up to 25 products


def test_pooling_makes_an_edge_map_less_sensitive_to_a_step_of_one_pixel():
    moved = convolution.compute(0, silent).moved
    assert moved["max"] < moved["edges"] / 2
    assert moved["mean"] < moved["edges"] / 2


def test_a_stratified_split_holds_out_the_same_share_of_every_class():
    y = datasets.load_digits().target
    held = digits.stratified_split(y, 0.25, np.random.default_rng(3))
    np.testing.assert_array_equal(np.bincount(y[held]), np.round(np.bincount(y) / 4))
    again = digits.stratified_split(y, 0.25, np.random.default_rng(3))
    other = digits.stratified_split(y, 0.25, np.random.default_rng(4))
    assert np.array_equal(held, again)
    assert not np.array_equal(held, other)


def test_confusion_counts_put_the_truth_in_rows():
    counts = digits.confusion_counts(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2]), 3)
    np.testing.assert_array_equal(counts, [[1, 0, 1], [0, 1, 0], [0, 0, 1]])


def test_the_network_reads_at_least_98_percent_of_the_held_out_digits(tmp_path):
    scratchnet.manual_seed(0)
    with _one_blas_thread():
        found = digits.compute(0, silent)
    assert found.n_train + len(found.y) == 1797
    assert len(found.y) == 450
    assert found.accuracy >= 0.98
    assert found.accuracy > found.perceptron
    assert found.history[-1]["val_accuracy"] == pytest.approx(found.accuracy)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-5)  # float32 sums of ten
    html = "\n".join(digits_section().write(found))
    assert html.count("Feature map") == 16 + 32
    assert f"{found.accuracy:.1%}" in html


def digits_section():
    return next(s for s in sections.SECTIONS if s.name == "digits")


@pytest.mark.parametrize("wrong", [0, 20])
def test_the_section_on_digits_can_show_none_or_many_wrong(wrong):
    n = 100
    y = np.arange(n) % 10
    probabilities = np.full((n, 10), 0.01)
    answers = np.where(np.arange(n) < wrong, (y + 1) % 10, y)
    probabilities[np.arange(n), answers] = 0.91
    row = {"lr": 0.1, "loss": 1.0, "val_loss": 1.0, "val_accuracy": 0.5}
    found = digits.Found(
        n_train=1,
        X=np.zeros((n, 1, 8, 8)),
        y=y,
        probabilities=probabilities,
        history=[{"epoch": 1, **row}, {"epoch": 2, **row}],
        filters=np.ones((16, 3, 3)),
        shown=np.ones((1, 8, 8)),
        maps=[np.ones((16, 8, 8)), np.ones((32, 4, 4))],
        parameters=1,
        perceptron=0.5,
    )
    html = "\n".join(digits_section().write(found))
    Page(html)
    assert ("None of the held-out digits" in html) == (wrong == 0)
    assert ("of which 16 are shown" in html) == (wrong == 20)
    assert html.count(", read as") == (10 + 8 + min(wrong, 16))

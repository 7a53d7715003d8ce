"""The pictures of attention weights: their cells, their texts, their legibility."""

import itertools
import re

import numpy as np
import pytest

from scratchnet.plotting import AttentionDisplay, TokenWeightsDisplay

plt = pytest.importorskip("matplotlib.pyplot")

NAMES = ["Clyde", "Bartholomew", "Al"]
SOURCE = ["The", "growth", "has", "slowed", "down", "in", "recent", "years", "."]
TARGET = ["La", "croissance", "s'", "est", "ralentie", "ces", "dernières", "années", "."]


def weights(rows, columns, seed=0):
    """Return rows that sum to 1 and differ much within, as those of attention do."""
    return np.random.default_rng(seed).dirichlet(np.full(columns, 0.3), rows)


def texts_of(ticks):
    return [text.get_text() for text in ticks]


def test_each_token_stands_in_the_cell_of_its_weight_and_padding_is_not_drawn():
    table = weights(3, 13)
    for given in (table, [row[: len(name)] for row, name in zip(table, NAMES, strict=True)]):
        display = TokenWeightsDisplay(given, NAMES, labels=["m", "m", 1]).plot()
        cells = display.im_.get_array()
        assert cells.shape == (3, len("Bartholomew"))
        for i, name in enumerate(NAMES):
            assert texts_of(display.text_[i]) == list(name)
            assert [t.get_position() for t in display.text_[i]] == [
                (j, i) for j in range(len(name))
            ]
            np.testing.assert_array_equal(cells[i].compressed(), table[i, : len(name)])
        largest = max(row[: len(name)].max() for row, name in zip(table, NAMES, strict=True))
        assert display.im_.get_clim() == (0, largest)  # one scale for all rows
        assert texts_of(display.ax_.get_yticklabels()) == ["m", "m", "1"]


def test_a_row_is_a_token_of_the_target_from_top_to_bottom_a_column_one_of_the_source():
    table = weights(len(TARGET), len(SOURCE))
    display = AttentionDisplay(table, SOURCE, TARGET).plot(xticks_rotation=60)
    np.testing.assert_array_equal(display.im_.get_array(), table)
    assert display.im_.get_clim() == (0, table.max())
    assert texts_of(display.ax_.get_xticklabels()) == SOURCE
    assert texts_of(display.ax_.get_yticklabels()) == TARGET
    bottom, top = display.ax_.get_ylim()
    assert bottom > top
    assert [t.get_rotation() for t in display.ax_.get_xticklabels()] == [60] * len(SOURCE)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("Source", "Target")


def test_texts_are_light_on_dark_cells_and_dark_on_light_ones():
    display = TokenWeightsDisplay([[0.0, 0.4, 0.6, 1.0]], ["abcd"]).plot(cmap="Blues")
    colour = plt.get_cmap("Blues")
    light, dark = colour(0.0), colour(1.0)
    assert [text.get_color() for text in display.text_[0]] == [dark, dark, light, light]


def test_the_pictures_obey_their_options():
    options = {"cmap": "cividis", "colorbar": False, "im_kw": {"vmax": 1.0, "alpha": 0.5}}
    letters = TokenWeightsDisplay([[0.2, 0.8]], ["ab"])
    drawn = letters.plot(**options, text_kw={"c": "red", "size": 7})
    assert {text.get_color() for text in drawn.text_[0]} == {"red"}
    assert {text.get_fontsize() for text in drawn.text_[0]} == {7}
    for display in (drawn, AttentionDisplay([[0.2, 0.8]], "ab", "c").plot(**options)):
        assert display.im_.get_cmap().name == "cividis"
        assert display.im_.get_clim() == (0, 1)
        assert display.im_.get_alpha() == 0.5
        assert len(display.figure_.axes) == 1
    assert len(letters.plot().figure_.axes) == 2  # with the colour bar


def test_tokens_are_drawn_as_they_are_whatever_they_hold():
    tokens = ["$a$", " ", "\n", "\t", "_", "$x_1$"]
    shown = ["$a$", "␣", "\\n", "\\t", "_", "$x_1$"]
    row = [[0.5, 0.1, 0.1, 0.1, 0.1, 0.1]]
    letters = TokenWeightsDisplay(row, [tokens], labels=["$y$"]).plot()
    between = AttentionDisplay(row, tokens, ["$z$"]).plot()
    ticks = [*between.ax_.get_xticklabels(), *between.ax_.get_yticklabels()]
    assert texts_of(letters.text_[0]) == texts_of(between.ax_.get_xticklabels()) == shown
    assert not any(t.get_parse_math() for t in [*letters.text_[0], *ticks])
    for display in (letters, between):
        display.figure_.canvas.draw()  # a letter that the font lacks is a warning


def test_weights_of_nothing_but_zeros_are_drawn():
    assert AttentionDisplay([[0.0, 0.0]], "ab", "c").plot().im_.get_clim() == (0, 1)


@pytest.mark.parametrize(
    "display",
    [
        lambda: TokenWeightsDisplay(weights(3, 11), NAMES, labels=["male"] * 3).plot(),
        lambda: TokenWeightsDisplay(weights(2, 10), [SOURCE, TARGET]).plot(),
        lambda: TokenWeightsDisplay(weights(40, 2), ["WM"] * 40).plot(),
        lambda: AttentionDisplay(weights(4, 7), "MCDXLIV", "1444").plot(),
        lambda: AttentionDisplay(weights(9, 9), SOURCE, TARGET).plot(),
        lambda: AttentionDisplay(weights(9, 9), SOURCE, TARGET).plot(xticks_rotation=90),
        lambda: AttentionDisplay(weights(30, 40), "W" * 40, "M" * 30).plot(),
    ],
)
def test_no_text_of_a_new_figure_lies_on_another_or_beyond_the_page(display):
    drawn = display()
    drawn.figure_.draw_without_rendering()
    ax = drawn.ax_
    texts = [*ax.get_xticklabels(), *ax.get_yticklabels(), ax.xaxis.label, ax.yaxis.label]
    texts += itertools.chain(*getattr(drawn, "text_", []))
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    page = drawn.figure_.bbox
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 for box in boxes)
    assert all(page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TokenWeightsDisplay([[1.0]], ["ab"]), "sequence 0 has 2 tokens"),
        (lambda: TokenWeightsDisplay([[1.0], [1.0]], ["a", ""]), "sequence 1 has 0 tokens"),
        (lambda: TokenWeightsDisplay([1.0], ["a"]), "got weights ()"),
        (lambda: TokenWeightsDisplay([[1.0]], ["a", "b"]), "there are 1 rows and 2 sequences"),
        (lambda: TokenWeightsDisplay([], []), "at least one: there are 0 rows and 0 sequences"),
        (lambda: TokenWeightsDisplay([[0.5, 0.5]], "ab"), "a list of sequences, got one: 'ab'"),
        (lambda: TokenWeightsDisplay([[1.0]], ["a"], labels="xy"), "2 labels for 1 sequences"),
        (lambda: TokenWeightsDisplay([[np.nan, 1.0]], ["ab"]), "finite and not negative, got [nan"),
        (lambda: TokenWeightsDisplay([[-0.5, 1.0]], ["ab"]), "not negative, got [-0.5  1. ]"),
        (lambda: AttentionDisplay([[0.5, 0.5]], "abc", "d"), "(1, 3): they have the shape (1, 2)"),
        (lambda: AttentionDisplay(np.zeros((0, 2)), "ab", ""), "at least one, (0, 2)"),
        (lambda: AttentionDisplay([[np.inf]], "a", "b"), "finite and not negative, got [[inf]]"),
    ],
)
def test_weights_that_fit_no_tokens_are_refused_and_leave_no_figure(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call().plot()
    assert not plt.get_fignums()

"""The names and the text that ship with the package."""

import collections
import re
from pathlib import Path

import numpy as np
import pytest

from scratchnet.data import CharVocabulary
from scratchnet.datasets import Bunch, load_alice, load_names

# ---------------------------------------------------------------- names


def test_the_names_are_there_with_their_counts():
    names = load_names()
    assert type(names) is Bunch
    assert names.data.shape == names.target.shape == (5160,)
    assert names.frequency.shape == (5160, 2)
    assert (names.data.dtype, names.target.dtype) == (np.dtype("<U11"), np.int64)
    assert np.bincount(names.target).tolist() == [4014, 1146]
    assert names.target_names.tolist() == ["female", "male"]
    assert (names.data[0], names.data[-1]) == ("Aaron", "Zulma")


def test_every_name_is_written_with_one_capital_and_occurs_once_in_order():
    data = load_names().data.tolist()
    assert all(re.fullmatch("[A-Z][a-z]{1,10}", name) for name in data)
    assert data == sorted(set(data))


def test_the_label_is_that_of_the_higher_frequency():
    names = load_names()
    female, male = names.frequency.T
    assert (female != male).all()  # Ariel, Hong and Kris are left out
    assert not {"Ariel", "Hong", "Kris"} & set(names.data)
    np.testing.assert_array_equal(names.target, male > female)
    assert ((female > 0) & (male > 0)).sum() == 328
    assert (names.frequency >= 0).all()


def test_the_frequencies_are_the_figures_of_the_census():
    names = load_names()
    row = {name: tuple(shares) for name, shares in zip(names.data, names.frequency, strict=True)}
    # The heads of both lists, and names that stand in both.
    assert row["Mary"] == (2.629, 0.009)
    assert row["James"] == (0.010, 3.318)
    assert row["Patricia"] == (1.073, 0.004)
    assert row["Linda"] == (1.035, 0)
    assert row["John"] == (0.012, 3.271)
    assert row["Allyn"] == (0.001, 0)
    # The source's cumulative column ends at 90.024 and 90.040; three names of 0.022 together are left
    # out. Every figure is rounded to 0.001, the many small ones at the end all in one direction.
    np.testing.assert_allclose(names.frequency.sum(axis=0), [90.002, 90.018], atol=0.1)


def test_return_X_y_gives_data_and_target_of_the_callers_own():
    names = load_names()
    X, y = load_names(return_X_y=True)
    np.testing.assert_array_equal(X, names.data)
    np.testing.assert_array_equal(y, names.target)
    X[:], y[:] = "", -1
    np.testing.assert_array_equal(load_names().data, names.data)


def test_the_last_letter_tells_the_label_of_most_names():
    X, y = load_names(return_X_y=True)
    last = collections.Counter((name[-1], int(label)) for name, label in zip(X, y, strict=True))
    assert last["a", 0] > 20 * last["a", 1]
    assert last["o", 1] > 2 * last["o", 0]
    best = sum(max(last[letter, 0], last[letter, 1]) for letter in "abcdefghijklmnopqrstuvwxyz")
    assert best / len(X) > 0.8 > 4014 / 5160  # better than always saying female


@pytest.mark.parametrize("name", ["names", "alice"])
def test_the_description_gives_source_licence_and_changes(name):
    text = Path(load_names().filename).with_name(f"{name}.md").read_text(encoding="utf-8")
    for heading in ("## Source", "## Licence", "## What was changed"):
        assert heading in text
    assert "Public domain" in text
    assert (text == load_names().DESCR) == (name == "names")


# ---------------------------------------------------------------- text


def test_the_text_is_the_first_four_chapters_and_nothing_else():
    text = load_alice()
    assert (len(text), len(text.splitlines())) == (47_271, 1003)
    lines = text.splitlines()
    assert lines[0].strip() == "CHAPTER I"
    assert lines[2].strip() == "Down the Rabbit-Hole"
    assert lines[5] == "  Alice was beginning to get very tired of sitting by her sister"
    assert lines[-1] == "of her or of anything else."
    assert text.endswith("else.\n")
    chapters = re.findall(r"^ +CHAPTER ([IVX]+)$", text, re.MULTILINE)
    assert chapters == ["I", "II", "III", "IV"]
    assert max(map(len, lines)) == 67


def test_no_header_of_an_edition_is_left_in_the_text():
    text = load_alice()
    assert not re.search(r"gutenberg|edition|fulcrum|copyright|\d", text, re.IGNORECASE)


def test_the_alphabet_has_67_characters_and_survives_a_vocabulary():
    text = load_alice()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWYZabcdefghijklmnopqrstuvwxyz"  # no X
    assert set(text) == set(letters + "\n !\"'()*,-.:;?_`")
    vocabulary = CharVocabulary.from_texts(text)
    assert len(vocabulary) == 67
    assert vocabulary.tokens[:4] == (" ", "e", "t", "o")
    assert vocabulary.decode(vocabulary.encode(text)) == text

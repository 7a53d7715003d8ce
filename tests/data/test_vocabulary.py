"""Vocabularies: text to ids and back, by the character and by the word."""

import json
import os
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scratchnet.data import CharVocabulary, Vocabulary, WordVocabulary

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
BOTH = pytest.mark.parametrize("kind", [CharVocabulary, WordVocabulary])
anything = st.text(st.characters())  # surrogates too
prose = st.text(st.sampled_from("aAbB'’_-.,1٣½éİΣ \n\té😀中"))

# ---------------------------------------------------------------- characters


@given(anything)
@example("\ud800")  # half of a pair, which UTF-8 cannot write
@example("\U0010ffff\0")
def test_decoding_what_was_encoded_gives_the_text_back(text):
    vocabulary = CharVocabulary.from_texts(text)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int64
    assert ids.shape == (len(text),)
    assert vocabulary.decode(ids) == text


@given(anything, anything, st.booleans())
def test_every_character_is_encoded_by_its_place_or_as_unknown(seen, text, with_specials):
    vocabulary = CharVocabulary.from_texts(seen, specials=SPECIALS if with_specials else ())
    tokens = list(vocabulary)
    known = [c in vocabulary for c in text]
    if with_specials:
        expected = [tokens.index(c) if c in tokens else 1 for c in text]
        assert vocabulary.encode(text).tolist() == expected
    elif all(known):
        assert vocabulary.encode(text).tolist() == [tokens.index(c) for c in text]
    else:
        place = known.index(False)
        with pytest.raises(ValueError, match=f"at position {place} is not in") as error:
            vocabulary.encode(text)
        assert repr(text[place]) in str(error.value)


def test_the_error_of_an_unknown_character_names_it_its_place_and_the_vocabulary():
    vocabulary = CharVocabulary("abc")
    message = r"'ß' at position 2 is not in CharVocabulary\(3 tokens\), which has no <unk>"
    with pytest.raises(ValueError, match=message):
        vocabulary.encode("abßd")
    assert CharVocabulary("abc", SPECIALS).encode("abßd").tolist() == [4, 5, 1, 1]


def test_text_that_looks_like_a_special_token_stays_text():
    vocabulary = CharVocabulary.from_texts("<eos>", specials=SPECIALS)
    assert len(vocabulary.encode("<eos>")) == 5
    assert not set(vocabulary.encode("<eos>")) & set(range(4))
    assert vocabulary.decode(vocabulary.encode("<eos>"), skip_specials=True) == "<eos>"


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (
            "Oh dear!  I can't, said she.",
            ["Oh", "dear", "!", "I", "can't", ",", "said", "she", "."],
        ),
        ("1,000.5 and 3.", ["1,000.5", "and", "3", "."]),
        ("`mock-turtle'", ["`", "mock", "-", "turtle", "'"]),
        ("3rd snake_case", ["3", "rd", "snake", "_", "case"]),
        ("l’été\u00a0中文", ["l’été", "中文"]),
        ("<unk>", ["<", "unk", ">"]),
        (" \n", []),
    ],
)
def test_a_text_falls_into_words_numbers_and_punctuation(text, tokens):
    assert WordVocabulary(()).tokenize(text) == tokens


@given(st.one_of(prose, anything), st.booleans())
def test_tokens_leave_out_white_space_and_nothing_else(text, lower):
    tokens = WordVocabulary((), lower=lower).tokenize(text)
    assert "".join(tokens) == "".join((text.lower() if lower else text).split())


@given(st.one_of(prose, anything), st.booleans())
def test_decoded_words_are_the_same_tokens_again(text, lower):
    vocabulary = WordVocabulary.from_texts(text, lower=lower)
    decoded = vocabulary.decode(vocabulary.encode(text))
    assert vocabulary.tokenize(decoded) == vocabulary.tokenize(text)


def test_lower_case_makes_one_token_of_two():
    assert WordVocabulary.from_texts("The the THE").tokens == ("THE", "The", "the")
    vocabulary = WordVocabulary.from_texts("The the THE", lower=True)
    assert vocabulary.tokens == ("the",)
    assert vocabulary.encode("tHe").tolist() == [0]


def test_an_unknown_word_is_unk_or_an_error_with_its_place_among_the_words():
    texts = ["the cat", "the dog"]
    vocabulary = WordVocabulary.from_texts(texts, specials=SPECIALS)
    assert vocabulary.encode("the bird").tolist() == [4, 1]
    assert vocabulary.decode([2, 4, 1, 3]) == "<bos> the <unk> <eos>"
    assert vocabulary.decode([2, 4, 1, 3], skip_specials=True) == "the"
    with pytest.raises(ValueError, match="'bird' at position 1 is not in"):
        WordVocabulary.from_texts(texts).encode("the bird")


# ---------------------------------------------------------------- which tokens there are


@BOTH
def test_the_most_frequent_come_first_and_ties_by_code_point(kind):
    vocabulary = kind.from_texts(["c b b", "a c d"])
    letters = [token for token in vocabulary if token != " "]
    assert letters == ["b", "c", "a", "d"]
    assert kind.from_texts(["a c d", "c b b"]).tokens == vocabulary.tokens  # in whatever order


@given(st.lists(st.text("abcd")), st.integers(1, 4), st.none() | st.integers(2, 5))
def test_min_freq_and_max_size_keep_the_most_frequent(texts, min_freq, max_size):
    vocabulary = CharVocabulary.from_texts(
        texts, min_freq=min_freq, max_size=max_size, specials=["<pad>", "<unk>"]
    )
    counts = {c: "".join(texts).count(c) for c in "abcd"}
    order = sorted((c for c in counts if counts[c]), key=lambda c: (-counts[c], c))
    expected = [c for c in order if counts[c] >= min_freq]
    kept = expected if max_size is None else expected[: max_size - 2]
    assert vocabulary.tokens == ("<pad>", "<unk>", *kept)


def test_one_string_is_one_text_and_not_a_list_of_characters():
    assert WordVocabulary.from_texts("two words").tokens == ("two", "words")


@BOTH
def test_look_ups_go_both_ways(kind):
    vocabulary = kind(["a", "b"], SPECIALS)
    assert len(vocabulary) == 6
    assert vocabulary.specials == SPECIALS
    for i, token in enumerate(vocabulary.tokens):
        assert vocabulary[token] == i
        assert token in vocabulary
    assert vocabulary.lookup_indices(["<eos>", "b", "?"]).tolist() == [3, 5, 1]
    assert vocabulary.lookup_tokens(np.array([5, 0], np.int32)) == ["b", "<pad>"]
    assert "?" not in vocabulary
    with pytest.raises(KeyError, match=r"'\?' is not in"):  # an <unk> stands in for text alone
        vocabulary["?"]


@BOTH
def test_an_empty_text_has_no_ids(kind):
    vocabulary = kind(())
    assert len(vocabulary) == 0
    assert vocabulary.encode("").shape == (0,)
    assert vocabulary.encode("").dtype == np.int64
    assert vocabulary.decode([]) == ""


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([0, 3], "id 3 at position 1 is outside 0 to 2"),
        ([0, 1, -1], "id -1 at position 2 is outside 0 to 2"),
        ([0.0], r"integers \(T,\), got shape \(1,\) and dtype float64"),
        ([[0]], r"got shape \(1, 1\)"),
        (0, r"got shape \(\)"),
    ],
)
def test_ids_that_are_none_are_an_error_with_the_value(ids, message):
    with pytest.raises(ValueError, match=message):
        CharVocabulary("abc").decode(ids)


@pytest.mark.parametrize(
    ("kind", "tokens", "specials", "message"),
    [
        (CharVocabulary, "aba", (), "every token once, got 'a' twice"),
        (CharVocabulary, "a", ("<pad>", "<pad>"), "got '<pad>' twice"),
        (CharVocabulary, ["a", "bc"], (), r"'bc' is not one token of a text, but \['b', 'c'\]"),
        (CharVocabulary, "a", (".",), "special token must be none that a text gives, got '.'"),
        (CharVocabulary, "a", "<pad>", "special token must be none that a text gives, got '<'"),
        (CharVocabulary, ["a", ""], (), "that is not empty, got ''"),
        (CharVocabulary, ["a", 1], (), "must be a string that is not empty, got 1"),
        (WordVocabulary, ["two words"], (), r"not one token of a text, but \['two', 'words'\]"),
        (WordVocabulary, ["a"], ("pad",), "special token must be none that a text gives"),
    ],
)
def test_tokens_that_could_not_be_told_apart_are_refused(kind, tokens, specials, message):
    with pytest.raises(ValueError, match=message):
        kind(tokens, specials)


def test_a_word_with_capitals_is_no_token_of_lower_case_texts():
    with pytest.raises(ValueError, match="'The' is not one token"):
        WordVocabulary(["The"], lower=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_freq": 0}, "min_freq must be a positive integer, got 0"),
        ({"min_freq": float("nan")}, "min_freq must be a positive integer, got nan"),
        ({"max_size": 1.5}, "max_size must be a whole number or None, got 1.5"),
        ({"max_size": -1}, "max_size must be a whole number or None, got -1"),
        ({"max_size": 3, "specials": SPECIALS}, "max_size 3 is below the 4 special tokens"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CharVocabulary.from_texts("abc", **options)


@BOTH
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda v: v.from_texts(b"abc"), "a text is a string, got b'abc'"),
        (lambda v: v.from_texts(["a", None]), "a text is a string, got None"),
        (lambda v: v.from_texts(5), "a text is a string, got 5"),
        (lambda v: v.encode(b"ab"), "a text is a string, got b'ab'"),
        (lambda v: v.encode(["a"]), r"a text is a string, got \['a'\]"),
        (lambda v: v.lookup_indices([["a"]]), r"a token is a string, got \['a'\]"),
    ],
)
def test_what_is_no_text_is_named(kind, call, message):
    with pytest.raises(TypeError, match=message):
        call(kind(["a"]))


@BOTH
def test_tokens_may_come_from_a_generator_and_the_unknown_one_is_named(kind):
    vocabulary = kind(["a", "b"])
    assert vocabulary.lookup_indices(c for c in "ba").tolist() == [1, 0]
    with pytest.raises(ValueError, match="'c' at position 1 is not in"):
        vocabulary.lookup_indices(c for c in "ac")
    assert ["a"] not in vocabulary


def test_vocabularies_are_equal_by_what_they_hold():
    same = CharVocabulary("ab", ["<pad>"])
    assert same == CharVocabulary("ab", ["<pad>"])
    assert hash(same) == hash(CharVocabulary("ab", ["<pad>"]))
    others = [
        CharVocabulary("ba", ["<pad>"]),
        CharVocabulary("ab"),
        WordVocabulary("ab", ["<pad>"]),
        WordVocabulary("ab", ["<pad>"], lower=True),
        ("<pad>", "a", "b"),
    ]
    assert all(same != other for other in others)
    assert others[2] != others[3]


@given(st.one_of(prose, anything), st.booleans())
@example("İ", True)  # two characters in lower case
def test_a_token_is_what_tokenize_gives_alone(text, lower):
    for vocabulary in (CharVocabulary(()), WordVocabulary((), lower=lower)):
        pieces = [text, *vocabulary.tokenize(text)]
        for piece in pieces:
            assert vocabulary._is_one_token(piece) == (vocabulary.tokenize(piece) == [piece])


def test_an_option_that_characters_do_not_have_is_refused():
    with pytest.raises(TypeError, match="lower"):
        CharVocabulary.from_texts("abc", lower=True)


# ---------------------------------------------------------------- files


@pytest.mark.parametrize(
    "vocabulary",
    [
        CharVocabulary('ab\n"\\\ud800😀', SPECIALS),
        CharVocabulary(""),
        WordVocabulary(["the", "don't", "été"], SPECIALS, lower=True),
        WordVocabulary(["The"]),
    ],
    ids=repr,
)
def test_a_vocabulary_survives_its_file_and_pickling(vocabulary, tmp_path):
    path = tmp_path / "vocabulary.json"
    vocabulary.save(path)
    assert os.listdir(tmp_path) == ["vocabulary.json"]
    twins = [type(vocabulary).load(path), pickle.loads(pickle.dumps(vocabulary))]
    for twin in twins:
        assert twin.tokens == vocabulary.tokens
        assert twin.specials == vocabulary.specials
        assert twin == vocabulary
        assert getattr(twin, "lower", None) == getattr(vocabulary, "lower", None)
        if "<unk>" in vocabulary:
            np.testing.assert_array_equal(twin.encode("The été"), vocabulary.encode("The été"))


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "vocabulary.json"
    CharVocabulary("abc").save(path)
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("in use")))
    with pytest.raises(OSError, match="in use"):
        CharVocabulary("xyz").save(path)
    assert CharVocabulary.load(path).tokens == ("a", "b", "c")
    assert os.listdir(tmp_path) == ["vocabulary.json"]


SOUND = {"type": "WordVocabulary", "lower": False, "specials": ["<pad>"], "tokens": ["a", "b"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expecting value"),
        (b'{"type": "Wor', "Unterminated string"),
        (b"\xff\xfe", "can't decode byte"),
        (b"[" * 100_000, "recursion"),
        ([], 'an object with the type "WordVocabulary"'),
        (SOUND | {"type": "CharVocabulary"}, 'the type "WordVocabulary"'),
        (SOUND | {"__class__": "os"}, "its entries are"),
        ({"type": "WordVocabulary"}, "its entries are"),
        (SOUND | {"tokens": "ab"}, "tokens must be a list, got str"),
        (SOUND | {"specials": None}, "specials must be a list, got NoneType"),
        (SOUND | {"tokens": ["a", ["b"]]}, "a token must be a string"),
        (SOUND | {"tokens": ["a", "a"]}, "'a' twice"),
        (SOUND | {"tokens": ["a b"]}, "not one token"),
        (b'{"type": "WordVocabulary", "tokens": ["a"], "tokens": ["b"]}', "an entry twice"),
        (SOUND | {"lower": "no"}, "lower must be True or False, got 'no'"),
    ],
)
def test_a_damaged_file_is_an_error_that_names_the_file(content, message, tmp_path):
    path = tmp_path / "vocabulary.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(ValueError, match=message) as error:
        WordVocabulary.load(path)
    assert str(error.value).startswith(f"{path} holds no sound WordVocabulary: ")


@pytest.mark.parametrize("kind", [CharVocabulary, WordVocabulary])
@pytest.mark.parametrize(
    "entries",
    [
        {"tokens": ["a" * 1_000_000 + "!"]},
        {"tokens": ["a " * 300_000]},
        {"specials": ["<" * 1_000_000], "tokens": [["b"] * 100_000]},
        {f"entry {i}": 0 for i in range(30_000)},
    ],
)
def test_the_message_about_a_large_file_is_short(kind, entries, tmp_path):
    path = tmp_path / "vocabulary.json"
    options = {"lower": False} if kind is WordVocabulary else {}
    content = {"type": kind.__name__, "specials": [], "tokens": [], **options} | entries
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="holds no sound") as error:
        kind.load(path)
    assert len(str(error.value)) < 500 + len(str(path))


def test_a_token_of_many_characters_is_refused_without_a_list_of_them():
    token = "a" * 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="not one token"):
            CharVocabulary([token])
        assert tracemalloc.get_traced_memory()[1] < 1 << 20  # the list would have 8 MB
    finally:
        tracemalloc.stop()


def test_a_sound_file_is_read_and_one_that_is_too_large_or_no_file_is_not(tmp_path):
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps(SOUND))
    size = path.stat().st_size
    assert WordVocabulary.load(path, max_bytes=size).tokens == ("<pad>", "a", "b")
    with pytest.raises(ValueError, match=f"{size} bytes, more than {size - 1}"):
        WordVocabulary.load(path, max_bytes=size - 1)
    with pytest.raises(FileNotFoundError):
        WordVocabulary.load(tmp_path / "none.json")
    with pytest.raises(ValueError, match='the type "Vocabulary"'):  # which no vocabulary is
        Vocabulary.load(path)

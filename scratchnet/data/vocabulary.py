"""Vocabularies: text to whole numbers and back, by the character or by the word.

    tokens     the special tokens, then those of the texts, the most frequent first
    encode     text → its tokens → their ids, the places in `tokens`
    decode     ids → tokens → text

A vocabulary never changes once it is made. `<pad>`, `<bos>` and `<eos>` are ordinary names to it: it
gives them an id, and whoever makes the batches puts them in. Only `<unk>` means something here: what
the vocabulary does not know is encoded as `<unk>` where there is one, and is an error where not.
"""

from __future__ import annotations

import json
import os
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from reprlib import repr as short  # cuts what is long: a message is to be read
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scratchnet.data._checks import positive_integer
from scratchnet.files import open_regular, replacing

__all__ = ["CharVocabulary", "Vocabulary", "WordVocabulary"]

_UNKNOWN = "<unk>"


class Vocabulary(ABC):
    """What both vocabularies share: tokens with their ids, and the file they are kept in.

    tokens: the tokens that texts are made of, in the order of their ids.
    specials: tokens that no text falls into, "<pad>", "<unk>" and so on. They come first: the first
        has the id 0.

    `vocabulary["a"]` is the id of a token (KeyError if it has none, also where there is an <unk>),
    `vocabulary.tokens[5]` the token with an id, `"a" in vocabulary` whether there is one.

    Vocabularies are equal if they are of one class, with the same tokens, specials and options.

    A token that occurs twice, one that is not one token by `tokenize`, and a special token that is
    one raise a ValueError.
    """

    _joint: str  # what stands between two tokens of a text
    _options: tuple[str, ...] = ()  # the arguments beyond tokens and specials

    def __init__(self, tokens: Iterable[str], specials: Iterable[str] = ()) -> None:
        specials, tokens = tuple(specials), tuple(tokens)
        for token in (*specials, *tokens):
            if not isinstance(token, str) or not token:
                raise ValueError(f"a token must be a string that is not empty, got {short(token)}")
        for special in specials:
            if self._is_one_token(special):
                raise ValueError(
                    f"a special token must be none that a text gives, got {short(special)}"
                )
        for token in tokens:
            if not self._is_one_token(token):
                parts = short(self.tokenize(token[:100]))
                raise ValueError(f"{short(token)} is not one token of a text, but {parts}")
        self.specials = specials
        self.tokens = specials + tokens
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self._ids) < len(self.tokens):
            (twice, _), *_ = Counter(self.tokens).most_common(1)
            raise ValueError(f"a vocabulary has every token once, got {short(twice)} twice")

    @classmethod
    def from_texts(
        cls,
        texts: str | Iterable[str],
        *,
        min_freq: int = 1,
        max_size: int | None = None,
        specials: Iterable[str] = (),
        **options: Any,
    ) -> Self:
        """Return the vocabulary of the tokens in `texts`, the most frequent first.

        Tokens that occur equally often stand in the order of their characters' code points, so the
        same texts give the same ids in whatever order they come.

        min_freq: leave out tokens that occur fewer times.
        max_size: keep this many tokens at most, the special ones counted.
        options: what the class takes beyond tokens and specials (`lower` of `WordVocabulary`).
        """
        specials = tuple(specials)
        min_freq = positive_integer("min_freq", min_freq)
        if max_size is not None and (not isinstance(max_size, int | np.integer) or max_size < 0):
            raise ValueError(f"max_size must be a whole number or None, got {max_size!r}")
        if max_size is not None and max_size < len(specials):
            raise ValueError(f"max_size {max_size} is below the {len(specials)} special tokens")
        empty = cls((), specials, **options)
        counts: Counter[str] = Counter()
        several = isinstance(texts, Iterable) and not isinstance(texts, str | bytes)
        each: Iterable[Any] = texts if several else [texts]
        for text in each:
            counts.update(empty.tokenize(text))
        kept = sorted(token for token, n in counts.items() if n >= min_freq)
        kept.sort(key=counts.__getitem__, reverse=True)  # stable: ties stay in order
        if max_size is not None:
            kept = kept[: max_size - len(specials)]
        return cls(kept, specials, **options)

    @abstractmethod
    def tokenize(self, text: str) -> list[str]:
        """Return the tokens of a text, in order."""

    @abstractmethod
    def _is_one_token(self, text: str) -> bool:
        """Whether tokenize(text) == [text], found without a list of all tokens."""

    def encode(self, text: str) -> NDArray[np.int64]:
        """Return the ids (T,) of the tokens of a text.

        A token without an id becomes <unk>; without an <unk> it raises a ValueError that names the
        token and its place. Special tokens are not looked for: a text that holds the characters
        "<eos>" holds five characters, whoever wrote it.
        """
        return self.lookup_indices(self.tokenize(text))

    def decode(self, ids: ArrayLike, *, skip_specials: bool = False) -> str:
        """Return the text of ids (T,): characters put together, words with a space between them.

        skip_specials: leave out the special tokens, else they are written out ("<eos>").
        """
        tokens = self.lookup_tokens(ids)
        if skip_specials:
            left_out = set(self.specials)
            tokens = [token for token in tokens if token not in left_out]
        return self._joint.join(tokens)

    def lookup_indices(self, tokens: Iterable[str]) -> NDArray[np.int64]:
        """Return the ids (T,) of tokens, special ones too; what is unknown as in `encode`."""
        tokens, unknown = list(tokens), self._ids.get(_UNKNOWN, -1)
        for token in tokens:
            if not isinstance(token, str):
                raise TypeError(f"a token is a string, got {short(token)}")
        ids = np.fromiter((self._ids.get(token, unknown) for token in tokens), np.int64)
        self._require_known(ids, tokens)
        return ids

    def lookup_tokens(self, ids: ArrayLike) -> list[str]:
        """Return the tokens with these ids (T,). An id below 0 or above the last: ValueError."""
        chosen = np.asarray(ids)
        if chosen.ndim != 1 or (chosen.size and chosen.dtype.kind not in "iu"):
            raise ValueError(
                "ids must be one sequence of integers (T,), "
                f"got shape {chosen.shape} and dtype {chosen.dtype}"
            )
        outside = np.flatnonzero((chosen < 0) | (chosen >= len(self)))
        if outside.size:
            place = outside[0]
            raise ValueError(
                f"id {chosen[place]} at position {place} is outside 0 to {len(self) - 1}"
            )
        return [self.tokens[i] for i in chosen.tolist()]

    def _require_known(self, ids: NDArray[np.int64], tokens: list[str] | str) -> None:
        """Raise a ValueError where an id is -1: a token that is unknown, with no <unk> for it."""
        if ids.size and ids.min() < 0:
            place = int(ids.argmin())
            raise ValueError(
                f"{short(tokens[place])} at position {place} is not in {self!r}, "
                f"which has no {_UNKNOWN} for what it does not know"
            )

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return isinstance(token, str) and token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash(self.tokens)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens)

    def __getitem__(self, token: str) -> int:
        if token not in self._ids:
            raise KeyError(f"{token!r} is not in {self!r}")
        return self._ids[token]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} tokens)"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vocabulary as JSON; the file is written beside its place and renamed."""
        with replacing(path) as file:
            text = json.dumps(self._content(), indent=0)
            file.write(text.encode("ascii"))  # the rest as \u escapes

    def _content(self) -> dict[str, Any]:
        return {
            "type": type(self).__name__,
            **{name: getattr(self, name) for name in self._options},
            "specials": self.specials,
            "tokens": self.tokens[len(self.specials) :],
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, max_bytes: int = 2**25) -> Self:
        """Return the vocabulary in a file that `save` wrote.

        A file that is not exactly that (of another type, damaged, with other entries, with an entry
        or a token twice) or has more than `max_bytes` raises a ValueError that names the file. The
        characters of all Unicode make 17 MB.
        """
        try:
            with open_regular(path) as file:
                if (size := os.fstat(file.fileno()).st_size) > max_bytes:
                    raise ValueError(f"it has {size} bytes, more than {max_bytes}")
                text = file.read(max_bytes).decode("ascii")
            content = json.loads(text, object_pairs_hook=_entries_once)
            return cls._from_content(content)
        except (ValueError, RecursionError) as error:  # nested lists without end
            name = cls.__name__
            raise ValueError(f"{os.fspath(path)} holds no sound {name}: {error}") from error

    @classmethod
    def _from_content(cls, content: Any) -> Self:
        expected = {"type", "specials", "tokens", *cls._options}
        if not isinstance(content, dict) or content.get("type") != cls.__name__:
            raise ValueError(f'it must be an object with the type "{cls.__name__}"')
        if content.keys() != expected:
            raise ValueError(f"its entries are {short(list(content))}, not {sorted(expected)}")
        for name in ("specials", "tokens"):
            if not isinstance(content[name], list):
                raise ValueError(f"{name} must be a list, got {type(content[name]).__name__}")
        del content["type"]
        return cls(**content)


def _entries_once(entries: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of a file; raise if an entry is there twice, where json takes the last."""
    content = dict(entries)
    if len(content) < len(entries):
        raise ValueError(f"it has an entry twice: {short([key for key, _ in entries])}")
    return content


def _require_text(text: object) -> None:
    if not isinstance(text, str):
        raise TypeError(f"a text is a string, got {short(text)}")


class CharVocabulary(Vocabulary):
    """A vocabulary of characters (Unicode code points): decode(encode(text)) is the text.

    >>> vocabulary = CharVocabulary.from_texts(["anna", "hannah"], specials=["<pad>"])
    >>> vocabulary.tokens
    ('<pad>', 'a', 'n', 'h')
    >>> vocabulary.encode("hanna")
    array([3, 1, 2, 2, 1])
    >>> vocabulary.decode([3, 1, 2, 2, 1])
    'hanna'
    >>> vocabulary.encode("hanno")
    Traceback (most recent call last):
    ValueError: 'o' at position 4 is not in CharVocabulary(4 tokens), which has no <unk> for what it
    does not know
    """

    _joint = ""

    def __init__(self, tokens: Iterable[str], specials: Iterable[str] = ()) -> None:
        super().__init__(tokens, specials)
        # id_of[c] is the id of the character with code point c. The last entry stands for every
        # code point above those of the vocabulary, which has none of them.
        letters = {ord(token): i for token, i in self._ids.items() if len(token) == 1}
        self._id_of = np.full(max(letters, default=-1) + 2, self._ids.get(_UNKNOWN, -1), np.int64)
        self._id_of[list(letters)] = list(letters.values())

    def tokenize(self, text: str) -> list[str]:
        """Return the characters of a text, in order."""
        _require_text(text)
        return list(text)

    def _is_one_token(self, text: str) -> bool:
        return len(text) == 1

    def encode(self, text: str) -> NDArray[np.int64]:
        _require_text(text)
        # UTF-32 is the array of code points: one look-up for the whole text, no loop.
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        ids = self._id_of[np.minimum(points, len(self._id_of) - 1)]
        self._require_known(ids, text)
        return ids

    encode.__doc__ = Vocabulary.encode.__doc__


class WordVocabulary(Vocabulary):
    """A vocabulary of words, numbers and punctuation.

    What is one token, whichever comes first:

        [^\\W\\d_]+(?:['’][^\\W\\d_]+)*   letters, with apostrophes between them: Alice, don't (and ², ½)
        \\d+(?:[.,]\\d+)*                digits, with points and commas between them: 3.14, 1,000
        \\S                              any other character but a space: , ( - _

    so "mock-turtle" is three tokens, and "3rd" is two. White space parts tokens and is no token;
    decode puts one space between any two, so tokenize(decode(encode(text))) is tokenize(text), unless
    there is an <unk> in it, which text does not fall into.
    Accents that are characters of their own are no letters: `unicodedata.normalize("NFC", text)`
    joins those that can be joined.

    lower: take every text in lower case.

    >>> vocabulary = WordVocabulary.from_texts("Oh dear! Oh dear! I shall be late!", lower=True)
    >>> vocabulary.tokens
    ('!', 'dear', 'oh', 'be', 'i', 'late', 'shall')
    >>> vocabulary.decode(vocabulary.encode("DEAR dear!"))
    'dear dear !'
    """

    _joint = " "
    _options = ("lower",)
    _token = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:[.,]\d+)*|\S")

    def __init__(
        self, tokens: Iterable[str], specials: Iterable[str] = (), *, lower: bool = False
    ) -> None:
        if not isinstance(lower, bool):
            raise ValueError(f"lower must be True or False, got {lower!r}")
        self.lower = lower
        super().__init__(tokens, specials)

    def tokenize(self, text: str) -> list[str]:
        """Return the words, numbers and punctuation marks of a text, in order."""
        _require_text(text)
        return self._token.findall(text.lower() if self.lower else text)

    def _is_one_token(self, text: str) -> bool:
        first = self._token.match(text)
        return first is not None and first[0] == (text.lower() if self.lower else text) == text

"""What a section of the tour consists of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

__all__ = ["Say", "Section"]

Say = Callable[[str], None]  # prints a line of progress


@dataclass(frozen=True)
class Section:
    """One section: it computes, it writes its part of the page, and it says what came out.

    name: for `--only` · title, about: of the page; `about` is one line · files: the source files to
    open, the first one first · code: a program of a few lines that a user would write; it runs
    """

    name: str
    title: str
    about: str
    files: tuple[str, ...]
    code: str
    compute: Callable[[int, Say], Any]  # from the seed to all that was found
    write: Callable[[Any], Iterable[str]]  # from that to pieces of HTML, made by `page`
    learned: Callable[[Any], list[str]]  # from that to lines for the summary, plain ASCII

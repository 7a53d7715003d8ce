"""What may be printed: a name from outside could hold characters that a terminal obeys."""

from __future__ import annotations

__all__ = ["escaped"]


def escaped(text: str) -> str:
    r"""Return a text as one line that can be shown, at its whole length (see `printable`).

    >>> print(escaped("a\x1b]0;b\x07.pt"))
    a\x1b]0;b\x07.pt
    """
    if text.isprintable():
        return text
    from scratchnet.serialization.errors import printable

    longest = 10 * len(text)  # \U and 8 digits in place of each character
    return printable(text, longest)

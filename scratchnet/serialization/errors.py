"""The error of a file from outside that is not what it claims to be, and how its texts are shown."""

from __future__ import annotations

__all__ = ["FormatError", "printable"]


class FormatError(ValueError):
    """A file is damaged, hostile, or holds what cannot be read; the message begins with its path."""


def printable(text: str, longest: int = 80) -> str:
    r"""Return a text from a file so that it can be shown: one line, escaped, not too long.

    Control characters could move the cursor of a terminal, and characters of other directions could
    reorder what stands beside them. What has been escaped is not escaped again.

    >>> print(printable("conv1.weight"), printable("a\n\x1b[2J\u202e"))
    conv1.weight a\n\x1b[2J\u202e
    >>> printable("w" * 100_000, longest=7)
    'wwwwww…'
    """
    escaped = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[: longest + 1])
    return escaped if len(escaped) <= longest else f"{escaped[: longest - 1]}…"

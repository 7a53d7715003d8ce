"""Types of arguments that commands share; argparse turns their errors into exit code 2."""

from __future__ import annotations

import argparse

__all__ = ["seed"]


def seed(text: str) -> int:
    """Return a seed; 32 bits, because estimators draw from a RandomState as scikit-learn's do."""
    if not text.isascii() or not text.isdigit() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(
            f"a seed is a whole number from 0 to 2^32 - 1, got {text!r}"
        )
    return int(text)

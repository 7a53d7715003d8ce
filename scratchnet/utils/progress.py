"""A progress bar, on tqdm."""

from __future__ import annotations

from typing import Any

__all__ = ["progress_bar"]


def progress_bar(total: int, unit: str) -> Any:
    """Return a bar on stderr that stands at 0 of `total`; `update(n)` moves it, `close()` ends it.

    Raises ImportError without tqdm.
    """
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        message = "tqdm is needed for a progress bar: pip install 'scratchnet[progress]'"
        raise ImportError(message) from error
    return tqdm(total=total, unit=unit)

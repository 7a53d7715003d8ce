"""Where all pictures are drawn: matplotlib, the Axes, and what the user's styles do to ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["despine", "drawing_on", "line_style", "pyplot"]


def pyplot() -> Any:
    """Return matplotlib.pyplot. Raises ImportError without matplotlib."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        message = "matplotlib is needed for plots: pip install 'scratchnet[plot]'"
        raise ImportError(message) from error
    return plt


@contextmanager
def drawing_on(ax: Axes | None, **subplots: Any) -> Iterator[Axes]:
    """Give the Axes to draw on: `ax`, or that of a new figure, which an error closes again.

    subplots: arguments of `pyplot.subplots` for a new figure.
    """
    plt = pyplot()
    figure = None
    if ax is None:
        figure, ax = plt.subplots(**{"layout": "constrained", **subplots})
    try:
        yield ax
    except BaseException:
        if figure is not None:
            plt.close(figure)
        raise


def line_style(default: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the default style of a line, overridden by what was given.

    Short names (`c`, `lw`) count as their long ones; both at once raise TypeError.
    """
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return {**default, **normalize_kwargs(dict(given or {}), Line2D)}


def despine(ax: Axes) -> None:
    """Remove the top and the right side of the frame; the others go from 0 to 1."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("bottom", "left"):
        ax.spines[side].set_bounds(0, 1)

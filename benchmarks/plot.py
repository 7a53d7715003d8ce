"""A picture of a run: the ratios of each group on a log axis, and how cost grows in each sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.growth import Sweep
from benchmarks.harness import OURS
from benchmarks.report import Report
from benchmarks.table import duration

ACROSS = 4  # sweeps side by side
OUR_COLOUR = "black"


def plot(file: Path, report: Report) -> None:
    """Write the picture, in the format that the file's name ends with."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sweeps: dict[tuple[str, str, str], list[Sweep]] = {}
    for sweep in report.sweeps():
        sweeps.setdefault((sweep.group, sweep.grows, sweep.part), []).append(sweep)
    n_below = -(-len(sweeps) // ACROSS)
    groups = [name for name in report.titles if any(row.ratio for row in report.of_group(name))]
    heights = [1.2 + 0.42 * len(groups), *[2.6] * n_below]
    figure = Figure(figsize=(12, sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1 + n_below, ACROSS, height_ratios=heights)

    peers = list(dict.fromkeys(p.partition(".")[0] for p in (r.peer for r in report.rows) if p))
    colours = {peer: f"C{i}" for i, peer in enumerate(peers)} | {OURS: OUR_COLOUR}
    if groups:
        plot_ratios(figure.add_subplot(grid[0, :]), report, groups, peers, colours)
    for i, (title, sides) in enumerate(sweeps.items()):
        plot_sweep(figure.add_subplot(grid[1 + i // ACROSS, i % ACROSS]), title, sides, colours)
    figure.savefig(file, dpi=120)


def plot_ratios(
    axes: Any, report: Report, groups: list[str], peers: list[str], colours: dict[str, str]
) -> None:
    """Draw a point with its quartiles for each row, and a diamond for each geometric mean."""
    for height, name in enumerate(groups):
        rows = [row for row in report.of_group(name) if row.ratio]
        offsets = np.linspace(-0.3, 0.3, len(rows)) if len(rows) > 1 else np.zeros(1)
        for offset, row in zip(offsets, rows, strict=True):
            colour = colours[str(row.peer).partition(".")[0]]
            ends, y = [row.lower_quartile, row.upper_quartile], height + offset
            axes.plot(ends, [y, y], color=colour, linewidth=0.8, alpha=0.6)
            axes.plot(row.ratio, y, ".", color=colour, markersize=4)
        for mean in report.means():
            if mean.group == name:
                colour = colours[mean.peer.partition(".")[0]]
                axes.plot(mean.ratio, height, "D", color=colour, markeredgecolor="black")
    for peer in peers:
        axes.plot([], [], "D", color=colours[peer], markeredgecolor="black", label=peer)
    axes.axvline(1, color="black", linewidth=1)
    ratios = [row.ratio for row in report.rows if row.ratio]
    logarithmic(axes, "x", ratios, number)
    axes.set_yticks(range(len(groups)), groups)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.grid(axis="x", which="both", linewidth=0.3)
    axes.set_xlabel(f"time of {OURS} / time of the peer: left of the line, {OURS} is faster")
    facts = report.facts
    axes.set_title(f"{facts['date']}, {facts['machine']}, {facts['threads']} threads", fontsize=9)
    legend = {"title": "rows, quartiles\nand means (◆)", "fontsize": 8, "title_fontsize": 8}
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), **legend)


def plot_sweep(
    axes: Any, title: tuple[str, str, str], sides: list[Sweep], colours: dict[str, str]
) -> None:
    """Draw the seconds of each side over what grows, both logarithmic: the slope is the exponent."""
    group, grows, part = title
    for sweep in sides:
        colour = colours[sweep.side.partition(".")[0]]
        name = f"{sweep.side.partition('.')[0]}, exponent {sweep.exponent:.2f}"
        axes.plot(sweep.values, sweep.seconds, ".-", color=colour, label=name)
    logarithmic(axes, "x", sides[0].values, number)
    logarithmic(axes, "y", [s for sweep in sides for s in sweep.seconds], duration)
    axes.grid(which="both", linewidth=0.3)
    axes.set_title(f"{group}, {part}" if part else group, fontsize=9)
    axes.set_xlabel(grows, fontsize=8)
    axes.tick_params(labelsize=7, which="both")
    axes.legend(fontsize=7)


def number(figure: float) -> str:
    """Return a number in few letters.

    >>> number(0.2), number(5.0), number(1e6)
    ('0.2', '5', '1e6')
    """
    return f"{figure:g}" if figure < 1e4 else f"{figure:.0e}".replace("e+0", "e")


def logarithmic(
    axes: Any, name: str, figures: Sequence[float], text: Callable[[float], str]
) -> None:
    """Make an axis logarithmic, with ticks at 1, 2 and 5 or, over long ranges, at powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set(**{f"{name}scale": "log"})
    axis = getattr(axes, f"{name}axis")
    short = max(figures) < 300 * min(figures)
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if short else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda figure, _: text(figure)))
    axis.set_minor_formatter(NullFormatter())

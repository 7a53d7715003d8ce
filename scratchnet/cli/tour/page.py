"""From text, numbers and pictures to HTML: one page that needs nothing from outside.

Text is plain; it is escaped here, and only here. In it `backticks` become code and *stars* emphasis.
Functions return pieces of HTML, which `figure` and `assemble` put together.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template

import numpy as np

import scratchnet
from scratchnet.cli.tour.section import Section

__all__ = [
    "assemble",
    "code",
    "equation",
    "figure",
    "grid",
    "group",
    "heading",
    "image",
    "line_break",
    "note",
    "number",
    "paragraph",
    "sign",
    "table",
]

# Nothing may be loaded: the browser enforces what the page promises.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="$policy">
<meta name="color-scheme" content="light dark">
<title>scratchnet: the tour</title>
<style>
$style</style>
</head>
<body>
<header>
<h1>From a perceptron to a trained network, and how to judge it</h1>
<p class="lead">What you see here was computed on this computer by <code>scratchnet tour</code>, with
NumPy and with source files that are made to be read. Each section names the file to open.</p>
<p class="small">scratchnet $version · NumPy $numpy · seed $seed</p>
</header>
<nav>
<h2>Contents</h2>
<ol>
$contents
</ol>
</nav>
<main>
<section id="summary">
<h2>What was learned and measured</h2>
$summary
</section>
$sections
</main>
</body>
</html>
""")


def inline(text: str) -> str:
    """Return escaped text, with `code` and *emphasis* marked up."""
    escaped = html.escape(text)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*([^*\s][^*]*)\*", r"<em>\1</em>", escaped)


def heading(text: str) -> str:
    return f"<h3>{inline(text)}</h3>"


def paragraph(text: str) -> str:
    return f"<p>{inline(text)}</p>"


def note(text: str) -> str:
    """Return a remark beside the course of the text."""
    return f'<p class="note">{inline(text)}</p>'


def equation(text: str) -> str:
    """Return an equation, as it is written in plain text, line by line."""
    return f'<pre class="equation">{html.escape(text)}</pre>'


def code(text: str) -> str:
    lines = text.strip("\n")  # the first may begin with blanks that matter
    return f"<pre><code>{html.escape(lines)}</code></pre>"


def image(
    uri: str, alt: str, label: str = "", width: int | None = None, pixels: bool = False
) -> str:
    """Return a picture as a panel of a figure.

    alt: what a reader who does not see it should know · label: stands above it · width: in CSS
    pixels, by default its own; never more than there is room · pixels: show each pixel as a square
    """
    size = "" if width is None else f' style="width:{width}px"'
    kind = ' class="pixels"' if pixels else ""
    picture = f'<img src="{html.escape(uri)}" alt="{html.escape(alt)}"{kind}{size}>'
    return _panel(picture, label)


def grid(
    rows: Sequence[Sequence[str]],
    tints: Sequence[Sequence[str]] | None = None,
    label: str = "",
    row_heads: Sequence[str] = (),
    column_heads: Sequence[str] = (),
    corner: str = "",
) -> str:
    """Return numbers in squares as a panel of a figure; tints: the CSS of each square."""
    lines = []
    if column_heads:
        heads = ([corner] if row_heads else []) + list(column_heads)
        lines.append("".join(f"<th>{inline(head)}</th>" for head in heads))
    for i, row in enumerate(rows):
        line = f"<th>{inline(row_heads[i])}</th>" if row_heads else ""
        for j, entry in enumerate(row):
            style = f' style="{html.escape(tints[i][j])}"' if tints else ""
            line += f"<td{style}>{inline(entry)}</td>"
        lines.append(line)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return _panel(f'<table class="grid"><tbody>{body}</tbody></table>', label)


def sign(text: str) -> str:
    """Return an operator that stands between two panels of a figure."""
    return f'<div class="sign">{html.escape(text)}</div>'


def line_break() -> str:
    """Return what lets the next panel of a figure begin a new line."""
    return '<div class="break"></div>'


def group(panels: Iterable[str], label: str) -> str:
    """Return panels that belong together as one panel."""
    return _panel(f'<div class="group">{"".join(panels)}</div>', label)


def number(value: float, places: int = 2) -> str:
    """Return the value with a true minus sign, and zero without any."""
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def figure(panels: Iterable[str], caption: str, kind: str = "") -> str:
    """Return panels side by side (one below the other where it is narrow) and what they show.

    kind: "small" for many little panels
    """
    inner = "\n".join(panels)
    name = f"panels {kind}".strip()
    return (
        f'<figure>\n<div class="{name}">\n{inner}\n</div>\n'
        f"<figcaption>{inline(caption)}</figcaption>\n</figure>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what looks like a number stands to the right."""
    top = "".join(f"<th>{inline(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>\n" for row in rows)
    return (
        '<div class="wide"><table class="plain">\n'
        f"<thead><tr>{top}</tr></thead>\n<tbody>{body}</tbody>\n</table></div>"
    )


def assemble(
    parts: Iterable[tuple[Section, Sequence[str]]], learned: Mapping[str, Sequence[str]], seed: int
) -> str:
    """Return the whole page: contents, summary, and each section with the files to open."""
    parts = list(parts)
    contents = "\n".join(
        f'<li><a href="#{html.escape(s.name)}">{inline(s.title)}</a>: {inline(s.about)}</li>'
        for s, _ in parts
    )
    summary = "\n".join(
        f"<h3>{inline(title)}</h3>\n<ul>{''.join(f'<li>{inline(line)}</li>' for line in lines)}</ul>"
        for title, lines in learned.items()
    )
    return _PAGE.substitute(
        policy=html.escape(_POLICY),
        style=Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
        version=html.escape(scratchnet.__version__),
        numpy=html.escape(np.__version__),
        seed=seed,
        contents=contents,
        summary=summary,
        sections="\n".join(_section(i, s, blocks) for i, (s, blocks) in enumerate(parts, 1)),
    )


def _section(number: int, section: Section, blocks: Sequence[str]) -> str:
    files = "".join(f"<li><code>{html.escape(file)}</code></li>" for file in section.files)
    return "\n".join(
        [
            f'<section id="{html.escape(section.name)}">',
            f"<h2>{number}. {inline(section.title)}</h2>",
            *blocks,
            '<div class="do">',
            f"<h3>Open</h3><ul>{files}</ul>",
            f"<h3>Write</h3>{code(section.code)}",
            "</div>",
            "</section>",
        ]
    )


def _panel(inner: str, label: str) -> str:
    text = inline(label).replace("\n", "<br>")
    above = f'<div class="label">{text}</div>' if label else ""
    return f'<div class="panel">{above}{inner}</div>'


def _cell(text: str) -> str:
    kind = ' class="number"' if re.fullmatch(r"[−+-]?[\d.,]+(e[−+]\d+)?( ?[%×\d]*)", text) else ""
    return f"<td{kind}>{inline(text)}</td>"

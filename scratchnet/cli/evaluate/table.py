"""From a CSV file to columns of numbers or labels, read once, in blocks.

`N` is the number of rows. A block of rows is turned into arrays before the next one is read, so that
the text of a long file is never in memory as a whole.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn, TextIO

import numpy as np
from numpy.typing import NDArray

from scratchnet.cli.error import CommandError

__all__ = ["Column", "quoted", "read_number", "read_table"]

BLOCK = 2**16  # rows
MAX_LINE = 2**20  # characters: a file that is no text would be one endless line
MAX_CLASSES = 1000  # a confusion matrix of 8 MB

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(e[+-]?[0-9]+)?", re.IGNORECASE)
_MISSING = {"", "nan", "<na>"}  # as tables with gaps are written; "None" may be a class


@dataclass(frozen=True)
class Column:
    """A column: `values` are the numbers, (N,), or, if there are `texts`, codes into those."""

    name: str
    values: NDArray[Any]
    texts: tuple[str, ...] | None = None


def read_table(
    file: BinaryIO, name: str, choose: Callable[[Sequence[str]], Mapping[str, str]]
) -> dict[str, Column]:
    """Return the chosen columns, by name.

    file: read to its end. name: that of the file, for errors.
    choose: from the names in the header to the kind of each column that is wanted: "number";
        "label", which takes any text; or "either", where the first cell decides, and a number among
        text is an error as much as text among numbers.

    The delimiter is a comma, semicolon or tab, whichever the header has most of. UTF-8, with or without
    a byte order mark; in columns that are not wanted, any bytes. Empty lines, and blanks alone, are
    skipped.

    Raises CommandError, with file, line and column, for whatever cannot be read.
    """
    raw: Any = file
    buffered = io.BufferedReader(raw)
    if buffered.peek(2)[:2] in _UTF16:
        raise CommandError(f"{name}: line 1: the file is UTF-16, save it as UTF-8")
    # Bytes that are no UTF-8 become lone surrogates, which are found where they matter, by cell.
    text = io.TextIOWrapper(buffered, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        return _read(text, name, choose)
    finally:
        text.detach()
        buffered.detach()  # the caller's file stays open


def _read(
    text: TextIO, name: str, choose: Callable[[Sequence[str]], Mapping[str, str]]
) -> dict[str, Column]:
    lines = _lines(text, name)
    first = next((line for line in lines if line.strip()), "")
    if not first:
        raise CommandError(f"{name}: the file is empty")
    delimiter = max(",;\t", key=first.count)  # the first one of equally many
    reader = csv.reader(_chain(first, lines), delimiter=delimiter, strict=True)
    rows = _rows(reader, name)
    line, header = next(rows, (0, []))
    if not header:  # the only line is an empty cell in quotes
        raise CommandError(f"{name}: the file is empty")
    names = [cell.strip() for cell in header]
    _check_header(names, f"{name}: line {line}")
    readers = [
        (names.index(column), _READERS[kind](column, name))
        for column, kind in choose(names).items()
    ]
    n_rows = 0
    block: list[list[str]] = []
    numbers: list[int] = []  # of their lines

    def convert() -> None:
        cells = list(zip(*block, strict=True))
        for position, column in readers:
            column.add(cells[position], numbers)
        block.clear()
        numbers.clear()

    for line, row in rows:
        if len(row) != len(names):
            if block:  # an error in a line above comes first
                convert()
            raise CommandError(
                f"{name}: line {line} has {_count(len(row), 'cell')}, the header has {len(names)}"
            )
        block.append(row)
        numbers.append(line)
        n_rows += 1
        if len(block) == BLOCK:
            convert()
    if block:
        convert()
    if not n_rows:
        raise CommandError(f"{name}: there are no rows below the header")
    return {names[position]: column.finish() for position, column in readers}


def _lines(text: TextIO, name: str) -> Iterator[str]:
    number = 0
    while line := text.readline(MAX_LINE):
        number += 1
        if len(line) == MAX_LINE and line[-1] not in "\r\n":
            raise CommandError(f"{name}: line {number} is longer than {MAX_LINE} characters")
        yield line


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _rows(reader: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, with the number of its last line."""
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield reader.line_num, row
    except csv.Error as error:
        raise CommandError(f"{name}: line {reader.line_num}: {error}") from error


def _check_header(names: Sequence[str], where: str) -> None:
    for column in names:
        if not _is_unicode(column):
            raise CommandError(f"{where}: the name {quoted(column)} is not UTF-8")
        if column and names.count(column) > 1:
            raise CommandError(f"{where}: two columns are called {quoted(column)}")
    if all(math.isfinite(read_number(column)) for column in names):
        raise CommandError(
            f"{where}: the first line must name the columns, it has {', '.join(names[:3])}"
        )


def read_number(cell: str) -> float:
    """Return the number, or NaN if the cell is none.

    Stricter than `float`, which also takes 1_000 and the digits of every script.
    """
    text = cell.strip()  # of no-break spaces as well
    if text.isascii() and "_" not in text:
        try:
            return float(text)
        except ValueError:
            pass
    return math.nan


def quoted(text: str) -> str:
    """Return the text in quotes, on one line and not too long, whatever is in it."""
    short = text if len(text) <= 40 else text[:37] + "..."
    return ascii(short) if not short.isprintable() else repr(short)


class _Numbers:
    """A column that must hold finite numbers."""

    def __init__(self, column: str, file: str) -> None:
        self.column, self.file = column, file
        self.blocks: list[NDArray[np.float64]] = []
        self.hint = ""  # for the error of a cell that is text

    def add(self, cells: Sequence[str], lines: Sequence[int]) -> None:
        joined = ",".join(cells)
        if not joined.isascii():
            cells = [cell.strip() for cell in cells]  # a no-break space may follow a number
            joined = ",".join(cells)
        if joined.isascii() and "_" not in joined:
            try:
                values = np.array(list(map(float, cells)))
            except ValueError:
                self.refuse(cells, lines)
            if np.isfinite(values).all():
                self.blocks.append(values)
                return
        self.refuse(cells, lines)

    def refuse(self, cells: Sequence[str], lines: Sequence[int]) -> NoReturn:
        at = next(i for i, cell in enumerate(cells) if not math.isfinite(read_number(cell)))
        cell = cells[at].strip()
        where = f"{self.file}: line {lines[at]}, column {quoted(self.column)}"
        if cell.lower() in _MISSING:
            raise CommandError(f"{where}: the value is missing ({quoted(cell)})")
        if math.isinf(read_number(cell)):
            raise CommandError(f"{where}: {quoted(cell)} is not finite")
        raise CommandError(
            f"{where}: {quoted(cell)} is not a number{_decimal_comma(cell) or self.hint}"
        )

    def finish(self) -> Column:
        return Column(self.column, np.concatenate(self.blocks))


class _Labels:
    """A column of labels, of which there are not too many."""

    def __init__(self, column: str, file: str) -> None:
        self.column, self.file = column, file
        self.blocks: list[NDArray[np.int64]] = []
        self.codes: dict[str, int] = {}  # of the cells as they are
        self.texts: dict[str, int] = {}  # of the cells without the blanks around them
        self.first_line = 0
        self.only_text = False

    def add(self, cells: Sequence[str], lines: Sequence[int]) -> None:
        self.first_line = self.first_line or lines[0]
        for cell in dict.fromkeys(cells):
            if cell not in self.codes:
                text = cell.strip()
                if problem := self._problem(text):
                    line = lines[cells.index(cell)]
                    where = f"{self.file}: line {line}, column {quoted(self.column)}"
                    raise CommandError(f"{where}: {problem}")
                self.codes[cell] = self.texts.setdefault(text, len(self.texts))
        self.blocks.append(np.array([self.codes[cell] for cell in cells], dtype=np.int64))

    def _problem(self, text: str) -> str:
        if text.lower() in _MISSING:
            return f"the value is missing ({quoted(text)})"
        if not _is_unicode(text):
            return f"{quoted(text)} is not UTF-8"
        if math.isinf(read_number(text)):
            return f"{quoted(text)} is not finite"
        if self.only_text and not math.isnan(read_number(text)):
            first = quoted(next(iter(self.texts), ""))
            return (
                f"{quoted(text)} is a number, line {self.first_line} has the text {first} "
                "(--task classification takes both)"
            )
        if text not in self.texts and len(self.texts) == MAX_CLASSES:
            return f"{quoted(text)} is one class more than the {MAX_CLASSES} that there may be"
        return ""

    def finish(self) -> Column:
        return Column(self.column, np.concatenate(self.blocks), tuple(self.texts))


class _Either:
    """A column of numbers or of text, as its first cell is."""

    def __init__(self, column: str, file: str) -> None:
        self.column, self.file = column, file
        self.reader: _Numbers | _Labels | None = None

    def add(self, cells: Sequence[str], lines: Sequence[int]) -> None:
        if self.reader is None:
            first = cells[0].strip()
            if first.lower() in _MISSING or not math.isnan(read_number(first)):
                self.reader = _Numbers(self.column, self.file)
                self.reader.hint = (
                    f", line {lines[0]} has {quoted(first)} (--task classification takes both)"
                )
            elif hint := _decimal_comma(first):
                raise CommandError(
                    f"{self.file}: line {lines[0]}, column {quoted(self.column)}: {quoted(first)} is "
                    f"not a number{hint} (--task classification takes it as text)"
                )
            else:
                self.reader = _Labels(self.column, self.file)
                self.reader.only_text = True
        self.reader.add(cells, lines)

    def finish(self) -> Column:
        assert self.reader is not None  # there is a row
        return self.reader.finish()


_READERS: dict[str, Callable[[str, str], _Numbers | _Labels | _Either]] = {
    "number": _Numbers,
    "label": _Labels,
    "either": _Either,
}


def _decimal_comma(cell: str) -> str:
    """Return what to add to an error about a cell like 1,5, or nothing."""
    if not _DECIMAL_COMMA.fullmatch(cell):
        return ""
    return f": decimal commas are not read, write {quoted(cell.replace(',', '.'))}"


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"

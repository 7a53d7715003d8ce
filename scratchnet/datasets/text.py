"""Text that ships with the package: names with a label, and a part of a book.

Source, licence and what was changed stand in `files/<name>.md`. Every function reads its file when
it is called.
"""

from __future__ import annotations

import bz2
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from scratchnet.datasets._columns import read_columns
from scratchnet.datasets.bunch import Bunch

__all__ = ["load_alice", "load_names"]

_FILES = Path(__file__).with_name("files")


def load_names(*, return_X_y: bool = False) -> Any:
    """Return 5160 first names of the United States census of 1990: 0 female, 1 male.

        target[n] = 1 if frequency[n, 1] > frequency[n, 0] else 0

    With return_X_y=True it returns `(data, target)`, else a `Bunch` of

        data           (N,) strings: A to Z, the first letter a capital, 2 to 11 letters
        target         (N,) int64: 4014 female, 1146 male
        frequency      (N, 2) float64: in per cent, the share of the women, and of the men, who have
                       the name; 0 in the list that lacks it
        target_names   female, male
        DESCR          source, licence, what was changed
        filename       the file that was read

    328 names are in both lists; they have the label of those who have it more often. Without them:
    `bunch.data[bunch.frequency.min(axis=1) == 0]`. The names stand in alphabetical order, so a split
    must shuffle them (`scratchnet.data.random_split`, `train_test_split`).

    >>> names = load_names()
    >>> [str(names.data[i]) for i in names.frequency.argmax(axis=0)]
    ['Mary', 'James']
    """
    path = _FILES / "names.columns.bz2"
    with bz2.open(path, "rt", encoding="ascii") as file:
        columns = read_columns(islice(file, 2))  # female, male
        names, name = [], ""
        for line in file:  # 2igail after Abel is Abigail: so many letters stay, the others are new
            name = name[: int(line[0])] + line[1:].rstrip("\n")
            names.append(name)
    data = np.array(names)
    frequency = np.stack(list(columns.values()), axis=1)
    target = (frequency[:, 1] > frequency[:, 0]).astype(np.int64)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        frequency=frequency,
        target_names=np.array(["female", "male"]),
        DESCR=path.with_name("names.md").read_text(encoding="utf-8"),
        filename=str(path),
    )


def load_alice() -> str:
    """Return the first four of the twelve chapters of "Alice's Adventures in Wonderland".

    Lewis Carroll, 1865, in English: 47,271 characters, 67 different ones, in lines of at most 67.
    Quotations stand between ` and '. Source and licence: `files/alice.md`.

    >>> load_alice()[86:149]
    'Alice was beginning to get very tired of sitting by her sister\\n'
    """
    with bz2.open(_FILES / "alice.txt.bz2", "rt", encoding="utf-8") as file:
        return file.read()

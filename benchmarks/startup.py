"""Start-up: imports beside those of NumPy, PyTorch and scikit-learn, what is loaded, and how large it is.

Each import happens in a new interpreter, after that has started; NumPy's time is part of ours. Both
find their compiled files, as in any second start: the first turn writes them to the user's cache
folder, whatever PYTHONDONTWRITEBYTECODE says.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import Case, Row, Timed

MUST_NOT_LOAD = ("scipy", "PIL", "matplotlib")

PROGRAM = """
import time
start = time.perf_counter()
import {module}
seconds = time.perf_counter() - start
import json, sys
print(json.dumps([seconds, [name for name in {watched} if name in sys.modules]]))
"""


def compiled_folder() -> str:
    """Return the user's own cache folder: where others may write, they could put code in."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return str(Path(cache, "scratchnet", "bytecode"))


def import_in_new_process(module: str) -> tuple[float, list[str]]:
    """Return the seconds that the import took, and which of MUST_NOT_LOAD it has loaded."""
    program = PROGRAM.format(module=module, watched=MUST_NOT_LOAD)
    environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled_folder()}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    printed = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ).stdout
    seconds, loaded = json.loads(printed)
    return seconds, loaded


def importing(module: str) -> Callable[[], Timed]:
    return lambda: Timed({"": import_in_new_process(module)[0]})


def installed_size(module: str) -> tuple[int, int]:
    """Return the number of files of a package and their bytes, compiled files left out."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    files = [
        file
        for folder in spec.submodule_search_locations
        for file in Path(folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    ]
    return len(files), sum(file.stat().st_size for file in files)


def remarks(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what scratchnet adds to NumPy, and how large the packages are."""
    figures: dict[str, Any] = {}
    for row in rows:
        if row.peer == "numpy" and row.seconds is not None and row.peer_seconds is not None:
            figures["milliseconds added"] = round(1e3 * (row.seconds - row.peer_seconds), 1)
    loaded = import_in_new_process("scratchnet")[1]
    figures[f"loaded of {', '.join(MUST_NOT_LOAD)}"] = ", ".join(loaded) or "none"
    figures["installed files"], figures["installed bytes"] = installed_size("scratchnet")
    for peer in dict.fromkeys(row.peer.partition(".")[0] for row in rows if row.peer):
        figures[f"installed bytes of {peer}"] = installed_size(peer)[1]
    return figures


def case(ours: str, theirs: str) -> Case:
    return Case(
        f"import {ours}",
        {"scratchnet": lambda: importing(ours), theirs: lambda: importing(theirs)},
        (),
        tolerance=0.0,  # there is no result to compare
        memory=False,
    )


CASES = [
    case("scratchnet", "numpy"),
    case("scratchnet.nn", "torch"),
    case("scratchnet.metrics", "sklearn.metrics"),
    case("scratchnet.linear_model", "sklearn.linear_model"),
]

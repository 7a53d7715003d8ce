"""`scratchnet evaluate`: read a CSV, find out what it holds, measure, and show it."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from scratchnet.cli.arguments import seed
from scratchnet.cli.error import CommandError

if TYPE_CHECKING:
    from scratchnet.cli.evaluate.measure import Settings

__all__ = ["add_command", "run"]

_PICTURES = (".png", ".svg", ".pdf")


def add_command(commands: Any) -> None:
    """Add the parser of `scratchnet evaluate` to the sub-commands."""
    parser = commands.add_parser(
        "evaluate",
        help="measure the predictions in a CSV file, with intervals",
        description="Measure the predictions in a CSV file by every metric that applies, with "
        "intervals. The columns are found by their names (y_true, label, target ...; y_pred, "
        "prediction ...; y_score, probability ..., or a column for each class: proba_cat, proba_dog) "
        "or named by options. The rows must be independent samples.",
    )
    add = parser.add_argument
    add("file", metavar="FILE.csv", help="UTF-8, the first line names the columns; - for stdin")
    add("--truth", metavar="COLUMN", help="the column of true labels or values")
    add("--prediction", metavar="COLUMN", help="the column of predicted labels or values")
    add(
        "--score",
        nargs="+",
        metavar="COLUMN",
        help="the column of scores of the positive class, or one for each class that ends in its name",
    )
    add("--positive", metavar="CLASS", help="the class that high scores mean")
    add("--task", choices=("classification", "regression"), help="what it is, if not as guessed")
    add(
        "--threshold",
        type=_finite,
        metavar="T",
        help="without a prediction: positive where the score is at least T "
        "(default: 0.5 if the scores are in [0, 1])",
    )
    add(
        "--confidence",
        type=_level,
        default=0.95,
        metavar="LEVEL",
        help="of the intervals, between 0 and 1 (default: %(default)s)",
    )
    add(
        "--resamples",
        type=_resamples,
        metavar="N",
        help="of the bootstrap; 0 for none (default: 2000, fewer from 5,000 rows on, at least 200)",
    )
    add("--seed", type=seed, default=0, metavar="N", help="same seed, same intervals (default: 0)")
    add("--json", action="store_true", help="write JSON, with null for what is undefined")
    add("--plot", type=_picture, metavar="FILE.png", help="draw it as well (.png, .svg or .pdf)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code.

    Raises CommandError for a file that cannot be read or evaluated, and, before it is read, without
    matplotlib and for a picture that cannot be written.
    """
    from scratchnet.cli.evaluate.measure import Settings

    _check_options(arguments)
    settings = Settings(arguments.confidence, arguments.seed, arguments.resamples)
    plot = nullcontext() if arguments.plot is None else _new_picture(arguments.plot)
    with plot as picture:
        text = _evaluated(arguments, settings, picture)
    from scratchnet.cli.evaluate.report import show

    show(text)
    return 0


def _evaluated(arguments: argparse.Namespace, settings: Settings, picture: BinaryIO | None) -> str:
    """Return the report as text or JSON; write the picture, if there is to be one."""
    from scratchnet.cli.evaluate.evaluation import evaluate, read
    from scratchnet.cli.evaluate.report import as_json, as_text

    name = "standard input" if arguments.file == "-" else arguments.file
    with _opened(arguments.file) as file:
        samples = read(
            file,
            name,
            truth=arguments.truth,
            prediction=arguments.prediction,
            scores=arguments.score,
            task=arguments.task,
        )
    report, drawn = evaluate(
        samples, settings, positive=arguments.positive, threshold=arguments.threshold
    )
    if picture is not None:
        from scratchnet.cli.evaluate.picture import write_picture

        write_picture(picture, arguments.plot.suffix[1:].lower(), report, drawn)
    return as_json(report) if arguments.json else as_text(report)


def _check_options(arguments: argparse.Namespace) -> None:
    if arguments.task == "regression":
        for option in ("score", "positive", "threshold"):
            if getattr(arguments, option) is not None:
                raise CommandError(f"--{option} is for classification, not for regression", 2)
    if arguments.threshold is not None and arguments.prediction is not None:
        raise CommandError("--threshold makes predictions of scores: leave --prediction out", 2)
    if arguments.plot is not None:
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            raise CommandError(
                "matplotlib is needed for --plot: pip install 'scratchnet[plot]'"
            ) from error


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        if sys.stdin is None:  # as it is where the process was started with it closed
            raise CommandError("standard input: it is closed")
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(open(file, "rb"))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror or error}") from error
        yield opened


@contextmanager
def _new_picture(path: Path) -> Iterator[BinaryIO]:
    """Give the file for the picture, opened before anything is computed; see `files.replacing`."""
    from scratchnet.files import replacing

    with ExitStack() as stack:
        try:
            file = stack.enter_context(replacing(path))
        except OSError as error:
            raise CommandError(f"cannot write to {path}: {error.strerror or error}") from error
        yield file


def _level(text: str) -> float:
    value = _finite(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"the level lies between 0 and 1, got {text!r}")
    return value


def _finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"not a finite number: {text!r}")
    return value


def _resamples(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 1 or int(text) > 10**6:
        raise argparse.ArgumentTypeError(f"0, or a whole number from 2 to 1000000, got {text!r}")
    return int(text)


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in _PICTURES:
        raise argparse.ArgumentTypeError(f"{text!r} must end in {', '.join(_PICTURES)}")
    return path

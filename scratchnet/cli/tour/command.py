"""`scratchnet tour`: run the sections, show the progress, write the page, sum up."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, BinaryIO

from scratchnet.cli.arguments import seed
from scratchnet.cli.error import CommandError
from scratchnet.cli.terminal import escaped

if TYPE_CHECKING:
    from scratchnet.cli.tour.section import Section

__all__ = ["add_command", "run"]


def add_command(commands: Any) -> None:
    """Add the parser of `scratchnet tour` to the sub-commands."""
    parser = commands.add_parser(
        "tour",
        help="walk through the ideas on real data and write a page with pictures",
        description="Walk through the ideas on real data, and write a page with pictures that "
        "needs nothing else (less than a minute).",
    )
    parser.add_argument(
        "--only", nargs="+", metavar="SECTION", help="these sections only (see --list)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("scratchnet-tour"),
        metavar="DIR",
        help="the folder for index.html (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="same seed, same figures (default: 0)"
    )
    parser.add_argument("--list", action="store_true", help="list the sections and do nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit code.

    Raises CommandError for an unknown section, without matplotlib, and if the page cannot be written;
    all of that before anything is computed.
    """
    from scratchnet.cli.tour.sections import SECTIONS

    if arguments.list:
        for section in SECTIONS:
            print(f"{section.name:<12} {section.title}: {section.about}")
        return 0
    sections = _chosen(SECTIONS, arguments.only)
    _require_matplotlib()
    started = perf_counter()
    path = arguments.out / "index.html"
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_new_page(path))
        except OSError as error:
            message = f"cannot write to {arguments.out}: {error.strerror or error}"
            raise CommandError(message) from error
        stack.enter_context(_one_blas_thread())
        html, learned = _make_page(sections, arguments.seed)
        file.write(html.encode())
    print("\nWhat was learned and measured")
    for name, lines in learned.items():
        print(f"\n  {name}")
        for line in lines:
            print(f"    - {escaped(line)}")
    size, seconds = path.stat().st_size / 1e6, perf_counter() - started
    name = escaped(str(path))
    print(f"\nThe page: {name} ({size:.1f} MB, {seconds:.0f} s). Open it in a browser.")
    print(f"The source files that it names are in {Path(__file__).parents[3]}")
    return 0


def _make_page(sections: Sequence[Section], seed: int) -> tuple[str, dict[str, list[str]]]:
    """Run the sections; return the page, and for each title what was learned."""
    from scratchnet.cli.tour.page import assemble
    from scratchnet.random import manual_seed

    parts, learned = [], {}
    for number, section in enumerate(sections, 1):
        print(f"[{number}/{len(sections)}] {section.title}", flush=True)
        clock = _Clock()
        manual_seed(seed)  # so that a section gives the same alone as after the others
        found = section.compute(seed, clock.say)
        parts.append((section, list(section.write(found))))
        clock.say("drawn and written")
        learned[section.title] = section.learned(found)
    return assemble(parts, learned, seed), learned


class _Clock:
    """Prints what has been done, with the seconds since the line before."""

    def __init__(self) -> None:
        self.before = perf_counter()

    def say(self, line: str) -> None:
        now = perf_counter()
        print(f"  {now - self.before:5.1f} s  {line}", flush=True)
        self.before = now


def _chosen(sections: Sequence[Section], names: Sequence[str] | None) -> Sequence[Section]:
    if names is None:
        return sections
    known = [section.name for section in sections]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CommandError(
            f"there is no section {', '.join(map(repr, unknown))}: choose from {', '.join(known)}",
            2,
        )
    return [section for section in sections if section.name in names]


def _require_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise CommandError(
            "matplotlib is needed for the tour: pip install 'scratchnet[plot]'"
        ) from error


def _one_blas_thread() -> AbstractContextManager[Any]:
    """Let matrix products use one thread while this lasts, if threadpoolctl is there to say so.

    The products here are small. A second thread saves little, where other programs run waiting for
    it costs tenfold, and the rounding depends on the number of threads.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    limit: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limit


@contextmanager
def _new_page(path: Path) -> Iterator[BinaryIO]:
    """Give the file for the page, opened before anything is computed; see `files.replacing`.

    Folders that were made for it are removed if the block raises.
    """
    from scratchnet.files import replacing

    if path.is_dir():
        raise IsADirectoryError(None, f"{path} is a folder")
    made = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            yield file
    except BaseException:
        for folder in made:
            with suppress(OSError):  # not made, or no longer empty
                folder.rmdir()
        raise

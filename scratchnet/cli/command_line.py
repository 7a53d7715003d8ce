"""What is called `scratchnet` in a terminal: it finds the sub-command and turns its errors into one line.

A sub-command is a module with `add_command(commands)`, which adds its parser and sets `run` to a
function that takes the parsed arguments and returns the exit code. It imports what it needs inside
`run`, so that `scratchnet --help` is quick.

Exit codes: 0 done · 1 could not be done · 2 wrong arguments · 130 stopped by Ctrl-C · 141 nobody
reads what is printed any more (`| head`), the code that a shell gives for it
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import scratchnet
from scratchnet.cli import convert, inspect
from scratchnet.cli.classify import command as classify
from scratchnet.cli.error import CommandError
from scratchnet.cli.evaluate import command as evaluate
from scratchnet.cli.terminal import escaped
from scratchnet.cli.tour import command as tour

__all__ = ["CommandError", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, `sys.argv` by default, and return the exit code.

    Wrong arguments and `--help` raise SystemExit, as argparse does.
    """
    parser = _Parser(
        prog="scratchnet",
        description="Deep learning and model evaluation from scratch in NumPy.",
        epilog="`scratchnet COMMAND --help` tells more about a command.",
    )
    parser.add_argument(
        "--version", action="version", version=f"scratchnet {scratchnet.__version__}"
    )
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for command in (tour, evaluate, classify, convert, inspect):
        command.add_command(commands)
    arguments = parser.parse_args(argv)
    name = f"scratchnet {arguments.command}"
    try:
        code: int = arguments.run(arguments)
        print(end="", flush=True)  # so that a closed pipe is noticed here
    except CommandError as error:
        print(f"{name}: {escaped(str(error))}", file=sys.stderr)
        return error.code
    except BrokenPipeError:
        # Python flushes once more when it ends, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        print(f"{name}: {escaped(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\n{name}: stopped", file=sys.stderr)
        return 130
    return code


class _Parser(argparse.ArgumentParser):
    """As its parent, but names of files in an error are escaped."""

    def error(self, message: str) -> NoReturn:
        super().error(escaped(message))

"""The command line: `scratchnet tour` and `scratchnet evaluate`, or `python -m scratchnet ...`."""

from scratchnet.cli.command_line import CommandError, main

__all__ = ["CommandError", "main"]

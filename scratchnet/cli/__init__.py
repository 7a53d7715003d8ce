"""The command line: `scratchnet tour`, or `python -m scratchnet tour`."""

from scratchnet.cli.command_line import CommandError, main

__all__ = ["CommandError", "main"]

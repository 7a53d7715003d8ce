"""The command line: `scratchnet COMMAND ...`, or `python -m scratchnet COMMAND ...`."""

from scratchnet.cli.command_line import CommandError, main

__all__ = ["CommandError", "main"]

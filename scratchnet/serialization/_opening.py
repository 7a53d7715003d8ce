"""Opening files from outside, and turning whatever their readers raise into one error."""

from __future__ import annotations

import errno
import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

from scratchnet import files
from scratchnet.serialization.errors import FormatError, printable

__all__ = ["archive_of", "open_archive", "open_regular", "refusing"]

_MAX_DIRECTORY = 1 << 23  # 8 MiB: about 80,000 members


@contextmanager
def refusing(path: str | os.PathLike[str], kind: str) -> Iterator[None]:
    """Turn an error in the block into a FormatError: `path` is not a sound file of this kind.

    Of what is no error of the file, only those of the machine pass: a disk that fails, no memory.
    """
    try:
        yield
    except FormatError:
        raise
    except OSError as error:
        if error.errno != errno.EINVAL:  # which is to seek to where no file can reach
            raise
        raise FormatError(f"{os.fsdecode(path)} is not a sound {kind}: {error}") from error
    except MemoryError:
        raise
    except Exception as error:
        what = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        message = printable(f"{what}{error}", 300)
        raise FormatError(f"{os.fsdecode(path)} is not a sound {kind}: {message}") from error


def open_regular(path: str | os.PathLike[str]) -> FileIO:
    """Open for reading what is a file: not a pipe, which may never end, nor a device."""
    try:
        return files.open_regular(path)
    except ValueError as error:
        raise FormatError(f"{error}") from error


class _BoundedFile(FileIO):
    """A file that refuses to read more bytes at once than `longest_read`."""

    longest_read: float = _MAX_DIRECTORY

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > self.longest_read:
            raise ValueError(f"its directory would have {size} bytes, more than {_MAX_DIRECTORY}")
        return super().read(-1 if size is None else size) or b""


@contextmanager
def archive_of(file: FileIO) -> Iterator[zipfile.ZipFile]:
    """Give the zip archive that a file is, of which the directory has been read.

    zipfile reads a directory in one piece. Its length is what a file says of itself, and each of its
    entries takes a dozen times its length in memory.
    """
    with (
        _BoundedFile(file.fileno(), "rb", closefd=False) as bounded,
        zipfile.ZipFile(bounded) as archive,
    ):
        bounded.longest_read = math.inf  # members have their own bounds
        yield archive


@contextmanager
def open_archive(path: str | os.PathLike[str]) -> Iterator[tuple[zipfile.ZipFile, int]]:
    """Give a zip archive and the length of its file."""
    with open_regular(path) as file, archive_of(file) as archive:
        yield archive, os.fstat(file.fileno()).st_size

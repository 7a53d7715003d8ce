"""Opening files from outside, and turning whatever their readers raise into one error."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO

from scratchnet.serialization.errors import FormatError, printable

__all__ = ["open_archive", "open_regular", "refusing"]

_MAX_READ = 1 << 23  # 8 MiB: a directory of about 80,000 members


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
        raise FormatError(f"{os.fspath(path)} is not a sound {kind}: {error}") from error
    except MemoryError:
        raise
    except Exception as error:
        what = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        message = printable(f"{what}{error}", 300)
        raise FormatError(f"{os.fspath(path)} is not a sound {kind}: {message}") from error


class _RegularFile(FileIO):
    """A file that refuses to read many bytes at once: zipfile reads a directory in one piece.

    The directory's length is what a file says of itself, and each of its entries takes a dozen
    times its length in memory. Members are read in smaller pieces.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > _MAX_READ:
            raise ValueError(f"its directory would have {size} bytes, more than {_MAX_READ}")
        return super().read(-1 if size is None else size) or b""


def open_regular(path: str | os.PathLike[str]) -> FileIO:
    """Open for reading what is a file: not a pipe, which may never end, nor a device."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a folder is open's own error
        raise FormatError(f"{os.fspath(path)} is not a regular file")
    return _RegularFile(path, "rb")


@contextmanager
def open_archive(path: str | os.PathLike[str]) -> Iterator[tuple[zipfile.ZipFile, int]]:
    """Give a zip archive, of which the directory has been read, and the length of its file."""
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        yield archive, os.fstat(file.fileno()).st_size

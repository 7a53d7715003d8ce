"""Opening only what is a file, and writing so that nothing half-written is seen under a name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

__all__ = ["open_regular", "replacing"]

AnyPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]


def open_regular(path: AnyPath) -> FileIO:
    """Open a file for reading, its bytes not buffered.

    Raises ValueError for what is no file: a pipe, which may never end, or a device. A folder is the
    system's own error.
    """
    file = FileIO(path, "rb", opener=_open_at_once)
    # Of what is open, because a name may come to mean something else.
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise ValueError(f"{os.fsdecode(path)} is not a regular file")
    return file


def _open_at_once(path: str, flags: int) -> int:
    # Without O_NONBLOCK (Windows has none) opening a pipe waits until somebody writes to it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


@contextmanager
def replacing(path: AnyPath) -> Iterator[BinaryIO]:
    """Give a file to write to that takes the place of `path` when the block has ended.

    It is written beside `path` and renamed, which is one step for whoever reads: the old content or
    the new, never a part. If the block raises, what was there before stays as it was, and the part
    that was written is removed. The bytes are on the disk before the rename, so the same holds when
    the machine fails. What is no file (a folder, `/dev/null`) is not replaced: OSError.
    """
    path = Path(os.path.realpath(os.fsdecode(path)))  # of a link, the file that it points to
    if path.exists() and not path.is_file():  # a folder, or a device, which a rename would destroy
        error = IsADirectoryError if path.is_dir() else OSError
        raise error(f"{path} is not a file that can be replaced")
    part = path.with_name(f"{path.name[:50]}.{os.urandom(8).hex()}.part")
    is_new = not path.exists()
    mode = 0o666 if is_new else path.stat().st_mode & 0o777  # a private file stays private
    # O_EXCL: what is there under this name already, a link too, is an error and not written to.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(part, flags, mode)
    except OSError as error:
        error.filename = str(path)  # the name that the caller knows
        raise
    try:
        with open(descriptor, "wb") as file:
            if not is_new:
                os.chmod(part, mode)  # with what the umask took away
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)

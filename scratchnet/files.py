"""Writing files so that nothing half-written is ever seen under the file's name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import BinaryIO

__all__ = ["replacing"]


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a file to write to that takes the place of `path` when the block has ended.

    It is written beside `path` and renamed, which is one step for whoever reads: the old content or
    the new, never a part. If the block raises, what was there before stays as it was, and the part
    that was written is removed. The bytes are on the disk before the rename, so the same holds when
    the machine fails. What is no file (a folder, `/dev/null`) is not replaced: OSError.
    """
    path = Path(os.path.realpath(path))  # of a symbolic link, the file that it points to
    if path.exists() and not path.is_file():  # a folder, or a device, which a rename would destroy
        error = IsADirectoryError if path.is_dir() else OSError
        raise error(f"{path} is not a file that can be replaced")
    part = path.with_name(f"{path.name}.{os.getpid()}.{get_ident()}.part")
    try:
        with open(part, "wb") as file:
            if path.exists():
                os.chmod(part, path.stat().st_mode & 0o777)  # a private file stays private
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)

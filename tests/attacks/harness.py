"""What a reader must do with a hostile file: refuse it, name it, and take little time and memory."""

import time
import tracemalloc
from pathlib import Path

import pytest

import scratchnet.serialization.torch_checkpoint  # noqa: F401 - `load` would import it when measured
from scratchnet.serialization import FormatError

HERE = Path(__file__).parent

# A zip directory's entry of 46 bytes becomes an object of about a kilobyte; JSON's smallest entry of a
# tensor, 50 bytes, becomes half of one. The first term is what any reader needs for itself.
BYTES_FOR_EACH_BYTE = 32
BYTES = 1_000_000
SECONDS = 10.0  # a hundred times what the slowest takes: a hang, not a slow machine


def peak_memory(function):
    """Return the most bytes that a call holds at one time, beyond what was held before."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def assert_refused(read, path, match=None):
    """Assert that `read(path)` raises a FormatError that begins with the path, soon and cheaply."""
    caught = []

    def attempt():
        with pytest.raises(FormatError, match=match) as error:
            read(path)
        caught.append(str(error.value))

    began = time.process_time()
    peak = peak_memory(attempt)
    assert time.process_time() - began < SECONDS
    assert peak < BYTES + BYTES_FOR_EACH_BYTE * path.stat().st_size
    assert caught[0].startswith(str(path))
    assert len(caught[0]) < 1000 + len(str(path))
    assert caught[0].isprintable()


def write_files(files, folder, suffix):
    """Write the files that a make.py describes into its folder, and remove those of earlier times."""
    for path in folder.glob(f"*{suffix}"):
        path.unlink()
    for name, content in files.items():
        (folder / f"{name}{suffix}").write_bytes(content)

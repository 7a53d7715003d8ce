"""The memory that operations work in: results find the room that the last ones left."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from scratchnet.ops import scaled_dot_product_attention

x = np.ones((32, 4, 64, 32), np.float32)  # one megabyte, as y and each of the gradients
for step in range(6):
    if step == 3:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    y, pullback = scaled_dot_product_attention(x, x, x)
    pullback(x)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 3)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's heap")
def test_results_are_not_mapped_anew_page_by_page_in_every_step():
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    # The four results have 1024 pages of 4 kB. Without the large block all of them fault.
    assert float(found.stdout) < 256

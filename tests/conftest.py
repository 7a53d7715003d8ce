"""What all tests share: repeatable Hypothesis cases, the helpers in this folder, torch."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # for `naive` and `compare`

# derandomize: the same cases in every run. A test that needs other numbers sets them itself.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, max_examples=60, database=None
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def torch():
    """PyTorch, on one thread: these arrays are small. Without it the comparison is skipped."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch

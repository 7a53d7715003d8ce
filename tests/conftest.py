"""What all tests share: repeatable Hypothesis cases, the helpers in this folder, torch."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))  # for `naive` and `compare`

# derandomize: the same cases in every run. A busy machine must not fail a test: no deadline, and no
# complaint about slow cases. A test that needs another number of cases sets it itself.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def torch():
    """PyTorch, on one thread: these arrays are small. Without it the comparison is skipped."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch

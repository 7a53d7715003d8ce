"""The README: its programs run as they stand there."""

import contextlib
import functools
import io
import re
from pathlib import Path

import pytest

from scratchnet.cli.tour.command import _one_blas_thread

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@functools.cache
def run(program):
    """Return the names that the program leaves behind, and the lines that it prints."""
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed), _one_blas_thread():
        exec(compile(program, "README.md", "exec"), names)
    return names, printed.getvalue().splitlines()


@pytest.mark.parametrize("program", PROGRAMS, ids=range(len(PROGRAMS)))
def test_a_program_of_the_readme_runs(program):
    run(program)


def test_the_model_that_the_readme_says_to_use_has_learned_from_every_sample():
    names, printed = run(next(program for program in PROGRAMS if "cross_val_score" in program))
    scaler, X = names["model"][0], names["X"]
    assert scaler.mean_ == pytest.approx(X.mean(axis=0))  # of all 569, not of a fold
    mean, leave_one_out = printed
    assert mean.startswith(f"{names['scores'].mean():.3f} of new tumours right")
    assert float(leave_one_out) == pytest.approx(557 / 569)  # as many as scikit-learn has right

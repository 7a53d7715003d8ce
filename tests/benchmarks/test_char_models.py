"""The scripts that train language models on a text."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scratchnet.datasets import load_alice

CHECKOUT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["char_lstm", "char_gpt"])
def test_it_is_short_trains_and_tells_the_losses_and_a_text_of_its_own(name, tmp_path):
    script = CHECKOUT / "benchmarks" / f"{name}.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) < 60
    text = load_alice()[:20_000]
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", str(path), "5"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    figures, sample = run.stdout.split("\n", 1)
    found = re.fullmatch(
        r"step 5, \d+ seconds: training (\d\.\d{3}), validation (\d\.\d{3})", figures
    )
    training, validation = map(float, found.groups())
    # Of 60 characters, to guess would be ln 60 = 4.1; after five steps it is a little better.
    assert 2.5 < validation < 4.2
    assert 2.5 < training < 4.5
    assert len(sample.removesuffix("\n")) == 501  # the prompt, a new line, and 500 characters
    assert set(sample) <= set(text)

"""The script that trains a reader of lines of digits."""

import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_it_is_short_trains_and_tells_the_share_of_lines_read_without_an_error():
    script = CHECKOUT / "benchmarks" / "text_lines.py"
    assert len(script.read_text(encoding="utf-8").splitlines()) < 60
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.text_lines", "0", "2"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    trained, best_path, beam, seconds = run.stdout.splitlines()
    assert re.fullmatch(r"step 2: loss \d+\.\d{3}", trained)
    assert re.fullmatch(r"\d+\.\d seconds", seconds)
    for name, line in (("best path", best_path), ("beam of 10", beam)):
        assert re.fullmatch(rf"{name}: \d+\.\d% of the lines read without an error", line)

"""Run one of scikit-learn's own test files against scratchnet.

    python tests/sklearn_suite/run.py sklearn.metrics.tests.test_ranking [-k NAME ...]

runs one file by hand, with pytest's options behind it. `test_sklearn_suite.py` runs all of them and
compares what fails with the written list in `exceptions.py`.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).parent


def command(module, *options):
    """Return the command line and the environment that run one test module of scikit-learn."""
    import sklearn

    arguments = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "substitute", "-p", "no:cacheprovider"),
        # Not our configuration: their tests have marks and warnings of their own.
        *("-c", os.devnull, "--rootdir", str(Path(sklearn.__file__).parent)),
        *("--pyargs", module, *options),
    ]
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    return arguments, {**os.environ, "PYTHONPATH": path}


def failures(module):
    """Return {name of the test: first line of its error} for what fails, and how many passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        arguments, environment = command(module, f"--junitxml={report}", "--tb=line")
        done = subprocess.run(
            arguments, env=environment, cwd=folder, capture_output=True, text=True, timeout=500
        )
        if not report.exists():
            raise RuntimeError(f"{module} did not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        cases = list(ElementTree.parse(report).iter("testcase"))
    failed = {}
    n_passed = 0
    for case in cases:
        outcome = [child for child in case if child.tag in ("failure", "error", "skipped")]
        if any(child.tag != "skipped" for child in outcome):
            failed[case.get("name")] = (outcome[0].get("message") or "").split("\n")[0][:200]
        elif not outcome:
            n_passed += 1
    return failed, n_passed


if __name__ == "__main__":
    arguments, environment = command(*sys.argv[1:])
    sys.exit(subprocess.run(arguments, env=environment, cwd=tempfile.gettempdir()).returncode)

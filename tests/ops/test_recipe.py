"""The recipe in `scratchnet/ops/__init__.py`, followed word for word.

Its examples are taken out of the docstring and run in order; then its last step is done on a copy of
the package, with the very lines of the recipe, and the tests there are asked whether they notice.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import scratchnet
from scratchnet import check_pullback, ops

PACKAGE = Path(scratchnet.__file__).parent
TESTS = Path(__file__).parents[1]


def steps():
    """Return the text of each numbered step of the recipe."""
    parts = re.split(r"^(\d)\. ", ops.__doc__, flags=re.MULTILINE)
    numbers, texts = parts[1::2], parts[2::2]
    assert [int(n) for n in numbers] == [1, 2, 3, 4, 5]
    return texts


def examples(text):
    return doctest.DocTestParser().get_examples(text)


def follow():
    """Run the examples of all steps in order, check what they print, return the names they made."""
    test = doctest.DocTestParser().get_doctest(ops.__doc__, {}, "recipe", None, None)
    failures = []
    doctest.DocTestRunner(verbose=False).run(test, clear_globs=False, out=failures.append)
    assert not failures, "".join(failures)
    return test.globs


def swish_source():
    """Return the definition of the example operation as step 2 gives it."""
    return next(e.source for e in examples(steps()[1]) if e.source.startswith("def "))


def test_the_steps_define_check_and_lift_an_operation():
    _, write, check, lift, _ = steps()
    assert "def swish" in write
    assert "check_pullback(swish" in check
    assert "lift(swish)" in lift
    assert all(examples(step) for step in (write, check, lift))
    follow()


def test_the_derivative_on_paper_is_the_one_in_the_code():
    assert "∂y/∂x = s + βx·s·(1 − s)" in steps()[0]
    assert "∂L/∂x = dy · (s + βx·s·(1 − s))" in swish_source()
    swish = follow()["swish"]
    x, beta = np.linspace(-3.0, 3.0, 13), 1.5
    y, pullback = swish(x, beta)
    s = 1.0 / (1.0 + np.exp(-beta * x))
    np.testing.assert_allclose(y, x * s, rtol=1e-15)
    np.testing.assert_allclose(
        pullback(np.ones(13))[0], s + beta * x * s * (1.0 - s), rtol=1e-14, atol=1e-16
    )


def test_the_check_of_step_3_would_notice_a_mistake():
    source = swish_source()
    for right, wrong in [("(1.0 - s)", "(1.0 + s)"), ("dy * (s +", "dy * (1.0 +"), ("(dy *", "(")]:
        assert source.count(right) == 1
        names = {"np": np}
        exec(source.replace(right, wrong), names)
        with pytest.raises(AssertionError):
            check_pullback(names["swish"], np.linspace(-3.0, 3.0, 7), beta=1.5)


def add_to_list(text, name):
    """Insert a name into the `__all__` of a file."""
    assert text.count("__all__ = [") == 1
    return text.replace("__all__ = [", f'__all__ = ["{name}", ')


@pytest.fixture
def copy_with_swish(tmp_path):
    """A copy of the package in which step 5 has been done for the example."""
    instruction = " ".join(steps()[4].split())
    for part in (
        "add it to the file of its family",
        "to that file's `__all__`",
        "to the list below",
        "one line to `functional.py`",
    ):
        assert part in instruction
    package = tmp_path / "scratchnet"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))

    family = package / "ops" / "activation.py"
    text = add_to_list(family.read_text(encoding="utf-8"), "swish")
    family.write_text(f"{text}\n\n{textwrap.dedent(swish_source())}", encoding="utf-8")

    listing = package / "ops" / "__init__.py"
    text = add_to_list(listing.read_text(encoding="utf-8"), "swish")
    text = re.sub(r"^(from scratchnet\.ops\.activation import \()", r"\1swish, ", text, flags=re.M)
    listing.write_text(text, encoding="utf-8")

    functional = package / "functional.py"
    text = functional.read_text(encoding="utf-8")
    text = re.sub(
        r"^tanh = lift\(ops\.tanh\)$", r"swish = lift(ops.swish)\n\g<0>", text, flags=re.M
    )
    assert "swish = lift(ops.swish)" in text
    functional.write_text(text, encoding="utf-8")
    return tmp_path


def in_copy(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_step_5_puts_the_operation_into_the_library(copy_with_swish):
    *_, last = examples(steps()[3])
    program = f"""
import scratchnet
from scratchnet import Tensor, functional
x = Tensor([0.0, 1.0], requires_grad=True)
functional.swish(x).sum().backward()
print(scratchnet.__file__)
print(repr({last.source.strip()}))
"""
    found = in_copy(copy_with_swish, "-c", program)
    assert found.returncode == 0, found.stderr
    where, gradient = found.stdout.splitlines()
    assert Path(where).parent == copy_with_swish / "scratchnet"
    assert gradient == last.want.strip()


def test_the_tests_find_the_new_operation_and_ask_for_an_example(copy_with_swish):
    contract, exports = TESTS / "ops" / "test_contract.py", TESTS / "test_exports.py"
    found = in_copy(
        copy_with_swish,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider"),
        f"{contract}::test_every_operation_has_an_example",
        f"{exports}::test_ops_lists_exactly_the_operations_of_its_files",
        f"{exports}::test_functional_has_every_operation",
    )
    assert "no example for ops.swish: add one to EXAMPLES" in found.stdout
    assert re.search(r"^FAILED .*test_every_operation_has_an_example\[swish\]", found.stdout, re.M)
    assert re.search(rf"^1 failed, {2 * len(ops.__all__) + 2} passed", found.stdout, re.M)

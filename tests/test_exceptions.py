"""Our errors and warnings are scikit-learn's too, where scikit-learn is loaded."""

import pickle
import subprocess
import sys
import warnings

import pytest

from scratchnet import exceptions

NAMES = exceptions.__all__

SCRIPT = """
import warnings
{imports}
import scratchnet.exceptions as ours
try:
    raise ours.NotFittedError("unfitted")
except {package}.NotFittedError as error:
    assert isinstance(error, ValueError) and isinstance(error, AttributeError)
    assert str(error) == "unfitted"
with warnings.catch_warnings():
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", {package}.ConvergenceWarning)
    warnings.warn(ours.ConvergenceWarning("ignored"))
"""


@pytest.mark.parametrize("package", ["ours", "theirs"])
@pytest.mark.parametrize(
    "imports",
    [
        "import sklearn.exceptions as theirs\nimport scratchnet.exceptions",
        "import scratchnet.exceptions\nimport sklearn.exceptions as theirs",
    ],
    ids=["scikit-learn first", "scratchnet first"],
)
def test_errors_are_caught_by_either_class_in_either_order_of_import(imports, package):
    pytest.importorskip("sklearn")
    script = SCRIPT.format(imports=imports, package=package)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_instance_is_of_both_classes_and_keeps_its_name(name):
    theirs = getattr(pytest.importorskip("sklearn.exceptions"), name)
    ours = getattr(exceptions, name)
    error = ours("why")
    assert isinstance(error, ours)
    assert isinstance(error, theirs)
    assert repr(error) == f"{name}('why')"


@pytest.mark.parametrize("name", NAMES)
def test_a_pickle_reads_back_as_the_same_error(name):
    error = getattr(exceptions, name)("why")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert again.args == ("why",)


def test_a_pickle_names_only_our_class():
    pytest.importorskip("sklearn.exceptions")
    pickled = pickle.dumps(exceptions.NotFittedError("why"))
    assert b"scratchnet.exceptions" in pickled
    assert b"sklearn" not in pickled


def test_a_repeated_warning_is_shown_once():
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("default")
        for _ in range(3):
            warnings.warn(exceptions.ConvergenceWarning("again"), stacklevel=1)
    assert len(shown) == 1

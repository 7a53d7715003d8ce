"""scikit-learn's own tests of metrics and splitters pass with our functions, but for a written list."""

import pytest
from sklearn_suite.exceptions import EXCEPTIONS
from sklearn_suite.run import failures

pytest.importorskip("sklearn")


def covers(entry, test):
    """Return whether an entry of the list stands for this test."""
    return test == entry or (not entry.endswith("]") and test.split("[")[0] == entry)


@pytest.mark.parametrize("module", EXCEPTIONS)
def test_what_fails_of_scikit_learns_tests_is_on_the_list(module):
    failed, n_passed = failures(module)
    listed = EXCEPTIONS[module]
    unlisted = {
        test: error for test, error in failed.items() if not any(covers(e, test) for e in listed)
    }
    unneeded = [entry for entry in listed if not any(covers(entry, test) for test in failed)]
    assert not unlisted, f"{len(unlisted)} fail that are not on the list: {unlisted}"
    assert not unneeded, f"on the list, but nothing fails: {unneeded}"
    assert n_passed > 0

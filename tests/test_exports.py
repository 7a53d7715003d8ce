"""Exports are complete: what is public is in `__all__`, and what is in `__all__` exists."""

import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import scratchnet
from scratchnet import functional, ops

ROOT = Path(scratchnet.__file__).parent.parent
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.joinpath("scratchnet").rglob("*.py"))
}
# The command line is run and not imported: of its files only the package itself is public.
MODULES = [
    name
    for name in FILES
    if not name.startswith("scratchnet.cli.") and not any(p[0] == "_" for p in name.split("."))
]
PACKAGES = [name for name in MODULES if FILES[name].name == "__init__.py"]
# What users import from: `scratchnet`, its modules and packages, and packages in those.
ADDRESSES = [name for name in MODULES if name.count(".") <= 1 or name in PACKAGES]

# Functions that the files of `ops` share with each other and with `functional`: no operations.
HELPERS = {
    "scratchnet.ops.convolution.convolve",
    "scratchnet.ops.convolution.ways_of",
    "scratchnet.ops.interpolation.require_options",
    "scratchnet.ops.loss.reduce_losses",
    "scratchnet.ops.normalization.check_channels",
    "scratchnet.ops.shape.flat_shape",
}


def defined_in(module):
    """Return the public functions and classes that a module defines."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    }


@pytest.mark.parametrize("name", MODULES)
def test_every_public_module_lists_names_that_exist_each_once(name):
    module = importlib.import_module(name)
    assert hasattr(module, "__all__"), f"{name} has no __all__"
    assert len(set(module.__all__)) == len(module.__all__)
    missing = [n for n in module.__all__ if not hasattr(module, n)]
    assert not missing, f"{name}.__all__ names what is not there: {missing}"
    assert not [n for n in module.__all__ if n.startswith("_")]


@pytest.mark.parametrize("name", ADDRESSES)
def test_nothing_public_is_missing_from_the_list(name):
    module = importlib.import_module(name)
    public = defined_in(module)
    if name in PACKAGES:  # a package lists what it takes over from its files
        public |= {
            n
            for n, value in vars(module).items()
            if not n.startswith("_")
            and not isinstance(value, ModuleType)
            and getattr(value, "__module__", "").startswith("scratchnet.")
        }
    missing = sorted(public - set(module.__all__))
    assert not missing, f"{name}.__all__ lacks {missing}"


@pytest.mark.parametrize("name", MODULES)
def test_star_import_gives_exactly_the_list(name):
    names = {}
    exec(f"from {name} import *", names)
    names.pop("__builtins__")
    assert set(names) == set(importlib.import_module(name).__all__)


@pytest.mark.parametrize("name", ADDRESSES)
def test_what_is_listed_has_a_docstring(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring"
    for n in module.__all__:
        value = getattr(module, n)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__doc__, f"{name}.{n} has no docstring"


# --- operations

FILES_OF_OPS = [name for name in MODULES if name.startswith("scratchnet.ops.")]


def test_ops_lists_exactly_the_operations_of_its_files():
    union = [n for file in FILES_OF_OPS for n in importlib.import_module(file).__all__]
    assert len(set(union)) == len(union), "two files define an operation of one name"
    assert set(ops.__all__) == set(union)
    for file in FILES_OF_OPS:
        module = importlib.import_module(file)
        for n in module.__all__:
            assert getattr(ops, n) is getattr(module, n)


@pytest.mark.parametrize("name", FILES_OF_OPS)
def test_a_public_function_of_a_file_of_ops_is_an_operation(name):
    # Otherwise a new operation could escape the contract.
    module = importlib.import_module(name)
    extra = {f"{name}.{n}" for n in defined_in(module) - set(module.__all__)}
    assert extra <= HELPERS, (
        f"{sorted(extra)}: operations belong into __all__, helpers into HELPERS"
    )


def test_the_helpers_are_there():
    for path in HELPERS:
        module, name = path.rsplit(".", 1)
        assert name in defined_in(importlib.import_module(module))


@pytest.mark.parametrize("name", ops.__all__)
def test_functional_has_every_operation(name):
    assert hasattr(functional, name), f"functional lacks {name}: {name} = lift(ops.{name})"
    function = getattr(functional, name)
    # These take torch's arguments and keep or draw state.
    if name in ("batch_norm", "dropout", "instance_norm"):
        assert function.__module__ == "scratchnet.functional"
        assert {"training", "use_input_stats"} & set(inspect.signature(function).parameters)
    else:
        assert function.__wrapped__ is getattr(ops, name)
        assert inspect.signature(function) == inspect.signature(getattr(ops, name))


def test_functional_lists_the_operations_and_what_is_made_of_them():
    assert set(functional.__all__) == {*ops.__all__, "dropout1d", "dropout2d", "flatten"}


# --- layers, optimisers, estimators


def bases():
    """Yield the classes whose public subclasses a package exports."""
    for path in (
        "scratchnet.nn.Module",
        "scratchnet.optim.Optimizer",
        "scratchnet.base.BaseEstimator",
    ):
        module, name = path.rsplit(".", 1)
        yield getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", [n for n in PACKAGES if n.count(".") == 1])
def test_a_package_exports_every_layer_optimiser_and_estimator_of_its_files(name):
    package = importlib.import_module(name)
    for file in (m for m in MODULES if m.startswith(f"{name}.")):
        module = importlib.import_module(file)
        for n in defined_in(module):
            value = getattr(module, n)
            if inspect.isclass(value) and issubclass(value, tuple(bases())):
                assert n in package.__all__, f"{name} does not export {file}.{n}"

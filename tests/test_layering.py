"""Imports point downwards: read from the source of every module with `ast`.

    ops ← autograd ← functional ← nn ← optim, models, training ← cli

A component is what stands directly under `scratchnet/`: a module or a package. Helper modules with
an underscore have no place of their own in the order; what counts is what can be reached through
them.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import scratchnet

PACKAGE = Path(scratchnet.__file__).parent
OPTIONAL = {"scipy", "PIL", "matplotlib", "sklearn", "torch", "tqdm", "threadpoolctl", "pandas"}

# From the bottom up. What stands on one level may use each other, but not in a circle.
LEVELS = [
    {"ops"},
    {"autograd"},
    {"functional"},
    {"nn"},
    {"optim", "models", "training"},
    {"cli"},
]

FILES = sorted(PACKAGE.rglob("*.py"))
assert FILES


def component_of(path):
    """Return the component that a file belongs to: "ops" for ops/shape.py; "" for __init__.py."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


COMPONENTS = {component_of(path) for path in FILES} - {""}


def imports_of(path):
    """Yield (module, whether it is imported when the file is, and not first in a function)."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node not in inside
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import, which this test does not follow"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node not in inside


def own_imports(path):
    """Return the components that a file imports; "" for a name of `scratchnet/__init__.py`."""
    found = set()
    for module, _ in imports_of(path):
        parts = module.split(".")
        if parts[0] == "scratchnet":
            name = parts[1] if len(parts) > 1 else ""
            found.add(name if name in COMPONENTS else "")
    return found - {component_of(path)}


def foreign_imports(path):
    """Yield (package, whether at the top) for what is neither ours nor Python's."""
    for module, at_top in imports_of(path):
        root = module.split(".")[0]
        if root != "scratchnet" and root not in sys.stdlib_module_names:
            yield root, at_top


DIRECT = {c: set() for c in COMPONENTS}
for file in FILES:
    if component_of(file):
        DIRECT[component_of(file)] |= own_imports(file)


def reachable(component):
    """Return all components that can be reached from one by following imports."""
    found, waiting = set(), [component]
    while waiting:
        for other in DIRECT.get(waiting.pop(), set()) - found:
            found.add(other)
            waiting.append(other)
    return found


def test_the_order_names_components_that_exist():
    assert {"ops", "autograd", "functional", "random"} <= COMPONENTS


@pytest.mark.parametrize("level", range(len(LEVELS)))
def test_nothing_is_reachable_from_below(level):
    above = set().union(*LEVELS[level + 1 :])
    for component in LEVELS[level] & COMPONENTS:
        found = reachable(component) & above
        assert not found, f"{component} reaches up to {sorted(found)}"


def test_no_component_can_be_reached_from_itself():
    for component in sorted(COMPONENTS):
        assert component not in reachable(component), f"{component} is part of a circle of imports"


def test_only_the_command_line_imports_names_from_the_top_of_the_package():
    # `scratchnet/__init__.py` imports nearly everything, so nothing below may lean on it.
    for component in sorted(COMPONENTS - {"cli", "__main__"}):
        assert "" not in DIRECT[component], f"{component} imports a name from scratchnet itself"


def test_operations_import_numpy_threads_and_their_own_helpers_only():
    assert reachable("ops") == {"threads"}  # which itself needs nothing
    for path in (PACKAGE / "ops").rglob("*.py"):
        assert {root for root, _ in foreign_imports(path)} <= {"numpy"}, path


def test_the_generator_of_random_numbers_depends_on_nothing_and_may_be_used_by_all_above_ops():
    assert reachable("random") == set()
    assert {root for root, _ in foreign_imports(PACKAGE / "random.py")} == {"numpy"}


def test_kernels_need_the_helpers_of_operations_and_threads_alone():
    assert reachable("threads") == set()
    assert reachable("kernels") == {"ops", "threads"}


def test_files_and_images_from_outside_are_read_without_a_network():
    networks = set().union(*LEVELS[1:])
    for component in ("serialization", "transforms", "data"):
        found = reachable(component) & networks
        assert not found, f"{component} reaches {sorted(found)}"


def test_no_estimator_can_reach_a_network():
    networks = set().union(*LEVELS[2:])
    for component in sorted(COMPONENTS - {"cli", "__main__"}):
        found = reachable(component)
        if component == "base" or "base" in found:
            assert not found & networks, f"{component} reaches {sorted(found & networks)}"


@pytest.mark.parametrize("component", ["metrics", "model_selection"])
def test_evaluation_needs_numpy_alone(component):
    paths = [path for path in FILES if component_of(path) == component]
    for path in paths:
        assert {root for root, _ in foreign_imports(path)} <= {"numpy"}, path
    assert not reachable(component) & set().union(*LEVELS)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_at_the_top_of_a_file_only_numpy_is_imported(path):
    # Whatever is optional is imported by the function that needs it.
    assert {root for root, at_top in foreign_imports(path) if at_top} <= {"numpy"}


def loaded_by(program):
    """Return the top-level names of the modules that a program loads in a process of its own."""
    program += "\nimport sys\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(found.stdout.split())


def test_import_scratchnet_loads_no_optional_package():
    loaded = loaded_by("import scratchnet")
    assert {"scratchnet", "numpy"} <= loaded
    assert not loaded & OPTIONAL


def test_no_module_of_the_package_loads_an_optional_package():
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in FILES
        if path.name != "__main__.py"
    ]
    program = f"import importlib\nfor name in {names!r}:\n    importlib.import_module(name)"
    assert not loaded_by(program) & OPTIONAL


def test_components_that_are_not_loaded_at_first_are_loaded_when_they_are_named():
    public = sorted(c for c in COMPONENTS if not c.startswith("_"))
    program = (
        "import sys, scratchnet\n"
        "assert 'scratchnet.metrics' not in sys.modules, 'evaluation is not needed by networks'\n"
        f"found = [getattr(scratchnet, name).__name__ for name in {public}]\n"
        f"assert found == ['scratchnet.' + name for name in {public}], found\n"
        "assert scratchnet.Perceptron is scratchnet.linear_model.Perceptron\n"
        "assert not hasattr(scratchnet, 'no_such_name')"
    )
    loaded_by(program)

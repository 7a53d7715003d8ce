"""What the layers inside a network return, by their names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from threading import RLock, get_ident
from typing import Any

from scratchnet.nn import Module

__all__ = ["FeatureExtractor", "create_feature_extractor", "intercepted", "module_of"]

# Two threads that gave the same module another class, and took it back in another order, would leave
# one behind: so only one intercepts at a time.
_lock = RLock()


class _Enough(BaseException):
    """Everything asked for was recorded: the rest of the network need not run."""


@contextmanager
def intercepted(after: Mapping[Module, Callable[[Any], Any]]) -> Iterator[None]:
    """Within this context, replace what a call of a module returns by what its function makes of it.

    A module gets, for the time, a class derived from its own with another `__call__`; nothing is added
    to its attributes, over which another thread may be walking. Only calls in this thread are touched;
    others that intercept wait. At the end every module is as it was, after an error too.
    """
    thread = get_ident()

    def derived(kind: type[Module], function: Callable[[Any], Any]) -> type[Module]:
        def call(self: Module, *inputs: Any, **options: Any) -> Any:
            out = kind.__call__(self, *inputs, **options)
            return function(out) if get_ident() == thread else out

        return type(kind.__name__, (kind,), {"__call__": call})

    with _lock:
        before = {module: type(module) for module in after}
        try:
            for module, function in after.items():
                module.__class__ = derived(before[module], function)
            yield
        finally:
            for module, kind in before.items():
                module.__class__ = kind


def module_of(model: Module, name: str) -> Module:
    """Return the module of this dotted name; ValueError with the names nearest to it if there is none."""
    modules = {path: module for path, module in model._walk() if path}
    if name not in modules:
        near = get_close_matches(name, modules, n=4) or list(modules)[:4]
        raise ValueError(
            f"{type(model).__name__} has no module {name!r}; near it: {', '.join(near) or 'none'}"
        )
    return modules[name]


class FeatureExtractor(Module):
    """A network that returns what its layers return, by name (`create_feature_extractor` makes it).

    It holds the model itself, not a copy: `train`, `eval`, `double` and training go to both.
    """

    def __init__(self, model: Module, return_nodes: Mapping[str, str]) -> None:
        self.model = model
        self.training = model.training
        self.return_nodes = dict(return_nodes)
        if len(set(self.return_nodes.values())) < len(self.return_nodes):
            raise ValueError(f"two layers under one key: {self.return_nodes}")
        for name in self.return_nodes:
            self._find(name)

    def _find(self, name: str) -> tuple[Module, int]:
        """Return the module of a name, and which of its calls is meant: "relu_1" is relu's second."""
        repeated = re.fullmatch(r"(.+)_([1-9]\d*)", name)
        if repeated and name not in dict(self.model._walk()):
            return module_of(self.model, repeated[1]), int(repeated[2])
        return module_of(self.model, name), 0

    def forward(self, *inputs: Any, **options: Any) -> dict[str, Any]:
        wanted = {name: self._find(name) for name in self.return_nodes}
        n_calls: dict[Module, int] = dict.fromkeys((module for module, _ in wanted.values()), 0)
        found: dict[str, Any] = {}
        enough = _Enough()

        def record(module: Module) -> Callable[[Any], Any]:
            def after(out: Any) -> Any:
                for name, call in wanted.items():
                    if call == (module, n_calls[module]):
                        found[name] = out
                n_calls[module] += 1
                if len(found) == len(wanted):
                    raise enough
                return out

            return after

        try:
            with intercepted({module: record(module) for module in n_calls}):
                self.model(*inputs, **options)
        except _Enough as raised:
            if raised is not enough:  # that of an extractor around this one
                raise
        if missing := [name for name in wanted if name not in found]:
            counts = ", ".join(f"{name} ({n_calls[wanted[name][0]]} calls)" for name in missing)
            raise ValueError(f"{type(self.model).__name__} ran without reaching {counts}")
        return {key: found[name] for name, key in self.return_nodes.items()}


def create_feature_extractor(
    model: Module, return_nodes: Sequence[str] | Mapping[str, str]
) -> FeatureExtractor:
    """Return a module that gives a dictionary of what the named layers of a model return.

    return_nodes: dotted names as in `named_modules`, "layer1.0.conv2"; or {name: key in the result}.
    Of a layer that is called more than once in a forward pass "relu" is the first call, "relu_1" the
    second and so on. An unknown name raises ValueError with the nearest names.

    The result follows `Module`: arrays in eval mode for arrays, otherwise Tensors, through which
    gradients flow. The model stops once all layers have been reached: what lies behind them costs
    nothing, and its running statistics are left alone. The model is not changed, but while the
    extractor runs, its layers report to it: extractors in several threads take turns, and plain calls
    of the model in another thread are not recorded.

    Other than in torchvision the keys of its `state_dict` begin with "model.", single operations
    inside a layer (an addition) have no name, and the layers in use are the same in both modes.

    >>> import numpy as np
    >>> from scratchnet import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(2, 1)).eval()
    >>> create_feature_extractor(net, {"1": "rectified"})(np.array([[-1.0, 2.0]], np.float32))
    {'rectified': array([[0., 2.]], dtype=float32)}
    """
    if isinstance(return_nodes, str):
        raise TypeError(f"return_nodes is a list or a dictionary of names, got {return_nodes!r}")
    names = return_nodes if isinstance(return_nodes, Mapping) else {n: n for n in return_nodes}
    if not names:
        raise ValueError("return_nodes names no layer")
    return FeatureExtractor(model, names)

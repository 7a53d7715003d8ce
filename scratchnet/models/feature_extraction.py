"""What the layers inside a network return, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from scratchnet.nn import Module
from scratchnet.nn._fused import Absorbed, Frozen
from scratchnet.nn._listening import listening

__all__ = ["FeatureExtractor", "create_feature_extractor", "module_of"]


class _Enough(BaseException):
    """Everything asked for was recorded: the rest of the network need not run.

    Not an Exception: a `forward` that catches those must not catch this.
    """


def module_of(model: Module, name: str) -> Module:
    """Return the module of this dotted name; ValueError with the names nearest to it if there is none.

    So also where `optimize_for_inference` has fused it with what follows it.
    """
    modules = {path: module for path, module in model._walk() if path}
    if name not in modules:
        near = get_close_matches(name, modules, n=4) or list(modules)[:4]
        raise ValueError(
            f"{type(model).__name__} has no module {name!r}; near it: {', '.join(near) or 'none'}"
        )
    found = modules[name]
    if isinstance(found, Absorbed) or (isinstance(found, Frozen) and found.absorbs):
        raise ValueError(
            f"{name!r} was fused for inference and no longer returns what it did: name a module "
            "around it, or take the plain model"
        )
    return found


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

    def fuse_layers(self) -> Module:
        """Refuse: what its layers return would no longer be what their names say."""
        raise TypeError("optimize the model for inference first, then create the feature extractor")

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

        mine = object()  # an extractor may stand inside the model of another one

        def record(module: Module, out: Any) -> Any:
            if module in n_calls:
                for name, call in wanted.items():
                    if call == (module, n_calls[module]):
                        found[name] = out
                n_calls[module] += 1
                if len(found) == len(wanted):
                    raise _Enough(mine)
            return out

        try:
            with listening(record):
                self.model(*inputs, **options)
        except _Enough as raised:
            if raised.args != (mine,):
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
    nothing, and its running statistics are left alone. The model is not changed, and calls of it in
    other threads are not recorded.

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

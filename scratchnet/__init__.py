"""Deep learning and model evaluation from scratch in vectorised NumPy.

Where to read on: `ops` holds the mathematics, each operation beside its gradient; `autograd` the tape;
`nn` the layers; `optim` the optimisers; `training` the loop that puts them together.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from scratchnet import functional, nn, ops, optim
from scratchnet.autograd import (
    Tensor,
    check_pullback,
    enable_grad,
    is_grad_enabled,
    lift,
    no_grad,
)
from scratchnet.ops._fast_convolution import get_fast_convolution, set_fast_convolution
from scratchnet.random import manual_seed
from scratchnet.threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from scratchnet.linear_model import Perceptron

__version__ = "0.1.0"

__all__ = [
    "Perceptron",
    "Tensor",
    "check_pullback",
    "enable_grad",
    "functional",
    "get_fast_convolution",
    "get_num_threads",
    "is_grad_enabled",
    "lift",
    "manual_seed",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "set_fast_convolution",
    "set_num_threads",
]


def __getattr__(name: str) -> Any:
    """Import what is not above when it is first named: all of it takes longer than what is above."""
    if name == "Perceptron":
        return import_module("scratchnet.linear_model").Perceptron
    if not name.startswith("_") and find_spec(f"scratchnet.{name}") is not None:
        return import_module(f"scratchnet.{name}")
    raise AttributeError(f"module 'scratchnet' has no attribute {name!r}")

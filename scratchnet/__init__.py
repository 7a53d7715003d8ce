"""Deep learning and model evaluation from scratch in vectorised NumPy.

Where to read on: `ops` holds the mathematics, each operation beside its gradient; `autograd` the tape;
`nn` the layers; `optim` the optimisers; `training` the loop that puts them together.
"""

from scratchnet import functional, nn, ops, optim
from scratchnet.autograd import (
    Tensor,
    check_pullback,
    enable_grad,
    is_grad_enabled,
    lift,
    no_grad,
)
from scratchnet.linear_model import Perceptron
from scratchnet.random import manual_seed
from scratchnet.threads import get_num_threads, set_num_threads

__version__ = "0.1.0"

__all__ = [
    "Perceptron",
    "Tensor",
    "check_pullback",
    "enable_grad",
    "functional",
    "get_num_threads",
    "is_grad_enabled",
    "lift",
    "manual_seed",
    "nn",
    "no_grad",
    "ops",
    "optim",
    "set_num_threads",
]

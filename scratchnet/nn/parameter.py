"""Parameter: a Tensor that a module learns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet.autograd import Tensor, is_grad_enabled, mark_changed

__all__ = ["Parameter"]


def _in_place(ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    """Return p -= x, or another such operator, which writes into p's array."""

    def change(self: Parameter, other: Any) -> Parameter:
        if self.requires_grad and is_grad_enabled():
            raise RuntimeError(
                "a Parameter is changed in place under no_grad only, since the change has no gradient"
            )
        mark_changed(self)
        ufunc(self.data, other.data if isinstance(other, Tensor) else other, out=self.data)
        return self

    return change


class Parameter(Tensor):
    """A Tensor that a module learns: it requires a gradient, and `Module.parameters` finds it.

    Unlike other Tensors it can be changed in place, under `no_grad` and as in torch. A step of
    gradient descent is

        with no_grad():
            for p in module.parameters():
                p -= rate * p.grad
    """

    __slots__ = ()

    def __init__(self, data: npt.ArrayLike, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)

    __iadd__ = _in_place(np.add)
    __isub__ = _in_place(np.subtract)
    __imul__ = _in_place(np.multiply)
    __itruediv__ = _in_place(np.divide)

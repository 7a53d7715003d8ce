"""The tape: a `Tensor` remembers the pullback that made it, and `backward` runs them in reverse.

Forwards, each lifted operation calls its `ops` function on plain arrays and wraps the output in a
Tensor with a `Node`: the pullback, and the nodes of the inputs (its parents). A leaf, which no
recorded operation made, has no node: the leaf itself stands among the parents. A node does not hold
its output's array, so between both passes only the leaves and what the pullbacks capture stay in
memory. Backwards, `_tape.py` applies the chain rule from the last node to the first.

Optimisers and `load_state_dict` note when they change a leaf, and `backward` refuses a graph that used
the old values. Writing into a leaf's `.data` yourself is not noticed unless you call
`mark_changed(leaf)`; writing into a plain array that an operation was given is never noticed. Both give
wrong gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import ops
from scratchnet._array_like import ArrayLike
from scratchnet._check_pullback import check_pullback
from scratchnet._recording import enable_grad, is_grad_enabled, mode, no_grad, switched
from scratchnet._tape import (
    Node,
    Parent,
    Version,
    is_needed,
    mark_changed,
    next_tick,
    walk_back,
)
from scratchnet.ops._array import Array, Pullback, is_differentiable

__all__ = [
    "Node",
    "Tensor",
    "Version",
    "check_pullback",
    "enable_grad",
    "is_grad_enabled",
    "lift",
    "mark_changed",
    "no_grad",
]

_new = object.__new__
_ARRAY = np.ndarray  # looked up once: the tape asks for every operation
_PLAIN = frozenset([float, int, bool, str, type(None)])  # types of arguments that have no gradient


def lift(
    op: Callable[..., tuple[Any, Pullback]], constant: Sequence[str] = ()
) -> Callable[..., Any]:
    """Turn an operation into a function for users: arrays in, array out; Tensors in, Tensor out.

    The output is recorded if a Tensor among the inputs requires a gradient and `no_grad` is not in
    force. constant: names of array arguments for which the operation gives no gradient.
    """
    code = op.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    takes_needs = "needs" in names
    if unknown := [name for name in constant if name not in names]:
        raise ValueError(f"constant={unknown}: {op.__name__} takes {', '.join(names)}")
    constants = frozenset(names.index(name) for name in constant)

    @wraps(op)
    def call(*args: Any, **kwargs: Any) -> Any:
        arrays: list[Any] = []
        parents: list[Parent] = []  # one for each gradient that the pullback returns
        found = recorded = False
        for value in args:
            if isinstance(value, Tensor):  # _unwrap, written out: this runs for every operation
                found = True
                if not (constants and len(arrays) in constants):
                    if value.requires_grad:
                        recorded = True
                        parents.append(value._node or value)
                    elif value.data.dtype.kind == "f":
                        parents.append(value._version)
                arrays.append(value.data)
            elif type(value) in _PLAIN:
                arrays.append(value)
            else:
                is_tensor, array = _unwrap(value, len(arrays) in constants, parents)
                found = found or is_tensor
                arrays.append(array)
        if kwargs:
            if "input" in kwargs and "input" not in names:  # torch's name of the first argument
                kwargs[names[0]] = kwargs.pop("input")
            for position, name in enumerate(names):  # in the order in which gradients come
                if name in kwargs:
                    is_constant = position in constants
                    is_tensor, kwargs[name] = _unwrap(kwargs[name], is_constant, parents)
                    found = found or is_tensor
        if not found:
            return op(*arrays, **kwargs)[0]
        recorded = (recorded or any(map(is_needed, parents))) and is_grad_enabled()
        if takes_needs:  # a frozen weight costs no product: the operation skips what is not needed
            kwargs["needs"] = tuple([recorded and is_needed(parent) for parent in parents])
        out, pullback = op(*arrays, **kwargs)
        if type(out) is tuple:
            return _wrap_outputs(out, pullback, parents, recorded)
        if type(out) is not _ARRAY:
            out = np.asarray(out)
        is_float = out.dtype.kind == "f"  # integers do not vary with anything
        return _record(out, pullback, parents) if recorded and is_float else _wrap(out)

    return call


def _unwrap(value: Any, is_constant: bool, parents: list[Parent]) -> tuple[bool, Any]:
    """Return whether the value is or holds a Tensor, and what the operation is given in its place.

    That is the array of a Tensor, the arrays of a sequence, a Python number for NumPy's. For each
    differentiable one a parent is appended.
    """
    if isinstance(value, Tensor):
        if not is_constant and value.data.dtype.kind == "f":
            parents.append((value._node or value) if value.requires_grad else value._version)
        return True, value.data
    if isinstance(value, list | tuple):
        parts = [_unwrap(v, is_constant, parents) for v in value]
        if not any(is_tensor for is_tensor, _ in parts):
            return False, value
        arrays = [array for _, array in parts]
        named = hasattr(value, "_fields")  # a named tuple
        return True, type(value)(*arrays) if named else type(value)(arrays)
    if isinstance(value, np.generic):
        return False, value.item()  # constant, and not widening: `x * np.float64(2)`
    if not is_constant and is_differentiable(value):
        parents.append(None)
    return False, value


def _wrap(data: Any) -> Tensor:
    """Return a Tensor around the array, without the checks of the constructor."""
    tensor: Tensor = _new(Tensor)
    tensor.data = data if type(data) is _ARRAY else np.asarray(data)
    tensor.grad, tensor.requires_grad, tensor._node, tensor._version = None, False, None, Version()
    return tensor


def _record(data: Any, pullback: Pullback, parents: Sequence[Parent]) -> Tensor:
    """Return a Tensor around the floating array, with the node of the operation that made it."""
    if type(data) is not _ARRAY:
        data = np.asarray(data)
    node: Node = _new(Node)  # Node(pullback, parents), written out: it takes half the time
    node.pullback, node.parents = pullback, parents
    node.retained, node.tick = None, next_tick()
    tensor: Tensor = _new(Tensor)
    tensor.data, tensor.grad = data, None
    tensor.requires_grad, tensor._node = True, node
    return tensor


def _wrap_outputs(
    outputs: tuple[Array, ...], pullback: Pullback, parents: Sequence[Parent], recorded: bool
) -> tuple[Tensor, ...]:
    """Return a Tensor for each of several outputs of one operation.

    Each has a node of its own that hands its gradient to the operation's node, which gathers them
    in a dictionary: {which output: its gradient}. The pullback is given None for the others.
    """
    if not recorded:
        return tuple(map(_wrap, outputs))
    n = len(outputs)

    def of_all(gathered: dict[int, Array]) -> tuple[Any, ...]:
        return pullback(tuple(gathered.get(i) for i in range(n)))

    of_all.__qualname__ = pullback.__qualname__  # names the operation in errors
    node = Node(of_all, parents)
    return tuple(
        _record(out, _as_entry(i), (node,)) if np.asarray(out).dtype.kind == "f" else _wrap(out)
        for i, out in enumerate(outputs)
    )


def _as_entry(i: int) -> Pullback:
    return lambda dy: ({i: dy},)


def _binary(op: Callable[..., tuple[Any, Pullback]]) -> Callable[..., Any]:
    """Return the operator that is this operation on two operands, lifted.

    With a short way for two Tensors that both require a gradient: `lift` would look for nothing else.
    """
    lifted = lift(op)

    @wraps(op)
    def operator(self: Tensor, other: Any) -> Any:
        if isinstance(other, Tensor) and self.requires_grad and other.requires_grad:
            data, pullback = op(self.data, other.data)
            if not switched or mode.recording:  # is_grad_enabled, written out
                return _record(data, pullback, (self._node or self, other._node or other))
            return _wrap(data)
        return lifted(self, other)

    return operator


def _reflected(op: Callable[..., tuple[Any, Pullback]]) -> Callable[..., Any]:
    """Return the operator for a Tensor on the right of a number or an array."""
    lifted = lift(op)
    return lambda self, other: lifted(other, self)


def _comparison(compare: Callable[..., Any]) -> Callable[..., Any]:
    """Return a comparison that gives a bool Tensor, which has no gradient."""
    return lambda self, other: _wrap(
        compare(self.data, other.data if isinstance(other, Tensor) else other)
    )


def _with_sizes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that takes its sizes one by one or as one sequence: x.reshape(2, 3)."""
    return lambda self, *sizes: function(self, sizes[0] if np.ndim(sizes[0]) else sizes)


class Tensor(ArrayLike):
    """An array that remembers how it was made.

    data: the array, shared and not copied. Numbers and lists become float32 (whole numbers int64, as
    in torch); an array keeps its dtype. grad: the gradient that `backward` left, an array or None.
    Operators and methods follow torch. A Tensor is not changed in place by operators.
    """

    __slots__ = ("__weakref__", "_node", "_version", "data", "grad", "requires_grad")
    __array_ufunc__ = None  # array + Tensor is handed to Tensor.__radd__

    data: Array
    grad: Array | None
    requires_grad: bool
    _node: Node | None  # of the operation that made it; a leaf has none
    _version: Version  # of a leaf

    def __init__(self, data: npt.ArrayLike, requires_grad: bool = False) -> None:
        array = np.asarray(data.data if isinstance(data, Tensor) else data)
        if array.dtype == np.float64 and not isinstance(data, np.ndarray | np.generic | Tensor):
            array = array.astype(np.float32)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"a Tensor holds real numbers, got dtype {array.dtype}, shape {array.shape}"
            )
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(
                f"only floating Tensors can require a gradient, got dtype {array.dtype}"
            )
        self.data, self.grad, self.requires_grad = array, None, requires_grad
        self._node, self._version = None, Version()

    # --- the backward pass

    def backward(self, gradient: npt.ArrayLike | None = None, retain_graph: bool = False) -> None:
        """Add the gradient of this Tensor to `.grad` of every leaf below it that requires one.

        ∂L/∂x = Σ over the uses of x: (∂use/∂x)ᵀ ∂L/∂use

        gradient: ∂L/∂self, of this Tensor's shape; may be left out for a single number (it is 1).
        Raises RuntimeError if nothing was recorded, if the graph was freed by an earlier call, or if
        a leaf has been changed in place since it was used. Gradients are written at the very end: an
        error leaves every `.grad` as it was (but the part of the graph already walked is freed).
        """
        if not self.requires_grad:
            raise RuntimeError(
                "this Tensor does not require a gradient: nothing was recorded for it"
            )
        walk_back(self._node or self, self._seed(gradient), retain_graph)

    def _seed(self, gradient: npt.ArrayLike | None) -> Array:
        if gradient is None:
            if self.data.size != 1:
                raise RuntimeError(f"backward needs a gradient for a Tensor of shape {self.shape}")
            return np.ones_like(self.data)
        dy = np.asarray(gradient.data if isinstance(gradient, Tensor) else gradient)
        if dy.shape != self.data.shape:
            raise ValueError(f"gradient {dy.shape} must have the Tensor's shape {self.data.shape}")
        return dy.astype(self.data.dtype, copy=False)

    def _add_grad(self, gradient: Array) -> None:
        self.grad = gradient if self.grad is None else np.asarray(self.grad + gradient)

    def retain_grad(self) -> None:
        """Let `backward` keep the gradient of this inner Tensor in `.grad` as well."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: this Tensor does not require a gradient")
        if self._node is not None:
            self._node.retained = self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this Tensor: the user did, or one under `no_grad`."""
        return self._node is None

    def detach(self) -> Tensor:
        """Return a Tensor around the same array that is cut off from what it was made from."""
        tensor = _wrap(self.data)
        if self._node is None:
            tensor._version = self._version
        return tensor

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set whether `backward` is to leave a gradient here, and return this Tensor."""
        if not self.is_leaf or (requires_grad and self.data.dtype.kind != "f"):
            raise RuntimeError(f"requires_grad is for floating leaves, this is {self!r}")
        self.requires_grad = requires_grad
        return self

    def __reduce__(self) -> tuple[Any, ...]:  # copy, deepcopy and pickle
        if not self.is_leaf:
            raise RuntimeError("a recorded Tensor cannot be copied or pickled: detach() it first")
        return type(self), (self.data, self.requires_grad), (None, {"grad": self.grad})

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor is not changed in place: use where(), or change .data before it is used"
        )

    __hash__ = object.__hash__  # by identity, although == compares entries

    # --- operators and methods: the lifted operations under torch's names

    __add__ = _binary(ops.add)
    __sub__ = _binary(ops.subtract)
    __mul__ = _binary(ops.multiply)
    __truediv__ = _binary(ops.divide)
    __matmul__ = lift(ops.matmul)
    __pow__ = lift(ops.pow)
    __neg__ = lift(ops.negative)
    __abs__ = lift(ops.absolute)
    __getitem__ = lift(ops.getitem)
    __radd__ = _reflected(ops.add)
    __rsub__ = _reflected(ops.subtract)
    __rmul__ = _reflected(ops.multiply)
    __rtruediv__ = _reflected(ops.divide)
    __rmatmul__ = _reflected(ops.matmul)
    __rpow__ = _reflected(ops.pow)
    __eq__ = _comparison(np.equal)
    __ne__ = _comparison(np.not_equal)
    __lt__ = _comparison(np.less)
    __le__ = _comparison(np.less_equal)
    __gt__ = _comparison(np.greater)
    __ge__ = _comparison(np.greater_equal)

    abs = __abs__
    pow = __pow__
    matmul = __matmul__
    exp = lift(ops.exp)
    log = lift(ops.log)
    sqrt = lift(ops.sqrt)
    tanh = lift(ops.tanh)
    sigmoid = lift(ops.sigmoid)
    relu = lift(ops.relu)
    clip = clamp = lift(ops.clip)
    softmax = lift(ops.softmax)
    log_softmax = lift(ops.log_softmax)
    sum = lift(ops.sum)
    mean = lift(ops.mean)
    var = lift(ops.var)
    max = lift(ops.max)
    min = lift(ops.min)
    amax = lift(ops.amax)
    amin = lift(ops.amin)
    logsumexp = lift(ops.logsumexp)
    transpose = lift(ops.transpose)
    split = lift(ops.split)
    expand = _with_sizes(lift(ops.broadcast_to))
    reshape = view = _with_sizes(lift(ops.reshape))
    permute = _with_sizes(lift(ops.permute))
    to = lift(ops.astype)

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Return the index of the first maximum, along an axis or of the flattened array."""
        return _wrap(np.argmax(self.data, axis=dim, keepdims=keepdim and dim is not None))

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Tensor:
        """Return the index of the first minimum, along an axis or of the flattened array."""
        return _wrap(np.argmin(self.data, axis=dim, keepdims=keepdim and dim is not None))

    def float(self) -> Tensor:
        return self.to(np.float32)

    def double(self) -> Tensor:
        return self.to(np.float64)

    def long(self) -> Tensor:
        return self.to(np.int64)

    def clone(self) -> Tensor:
        return self.to(self.dtype)

"""The tape: a `Tensor` remembers the pullback that made it, and `backward` runs them in reverse.

Forwards, each lifted operation calls its `ops` function on plain arrays and wraps the output in a
Tensor that holds the pullback and the input Tensors (its parents). Backwards is the chain rule: from
the last Tensor to the first, each pullback turns the gradient of its output into gradients of its
inputs, and where a Tensor was used several times the gradients from its uses are added.

One clock orders everything. Each recorded Tensor takes the next tick, so parents have smaller ticks
than what was made from them, and walking by falling ticks meets every Tensor after all its uses. A
leaf takes a tick when an optimiser or `load_state_dict` changes it in place; a leaf that is younger
than what was made from it has been changed since, the pullbacks may hold values that are gone, and
`backward` says so. Writing into `.data` yourself is not noticed: call `mark_changed(tensor)`, or a
graph that used the old values gives wrong gradients.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from functools import wraps
from itertools import count
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from scratchnet import ops
from scratchnet._array_like import ArrayLike
from scratchnet.ops._array import Array, Pullback, is_differentiable, resolve_dim
from scratchnet.ops.shape import flat_shape

__all__ = ["Tensor", "check_pullback", "is_grad_enabled", "lift", "mark_changed", "no_grad"]

_next_tick = count(1).__next__
_new = object.__new__
_ARRAY = np.ndarray


class _Mode(threading.local):
    recording = True


_mode = _Mode()


class no_grad(ContextDecorator):
    """Within this context, in this thread, nothing is recorded. Also a decorator of functions.

    >>> x = Tensor([1.0], requires_grad=True)
    >>> with no_grad():
    ...     y = x * 2
    >>> y.requires_grad
    False
    """

    def __init__(self) -> None:
        self._before: list[bool] = []

    def _recreate_cm(self) -> no_grad:
        return no_grad()  # a decorated function may run in several threads at once

    def __enter__(self) -> None:
        self._before.append(_mode.recording)
        _mode.recording = False

    def __exit__(self, *exc: object) -> None:
        _mode.recording = self._before.pop()


def is_grad_enabled() -> bool:
    """Return whether operations are recorded at present in this thread."""
    return _mode.recording


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
        parents: list[Tensor | None] = []  # one for each gradient that the pullback returns
        found = recorded = False
        for value in args:
            if isinstance(value, Tensor):  # _unwrap, written out: this runs for every operation
                found = True
                if not (constants and len(arrays) in constants):
                    if value.requires_grad:
                        recorded = True
                        parents.append(value)
                    elif value.data.dtype.kind == "f":
                        parents.append(value)
                arrays.append(value.data)
            else:
                array = _unwrap(value, None if len(arrays) in constants else parents)
                found = found or array is not value
                arrays.append(array)
        if kwargs:
            for position, name in enumerate(names):  # in the order in which gradients come
                if name in kwargs:
                    value = kwargs[name]
                    kwargs[name] = _unwrap(value, None if position in constants else parents)
                    found = found or kwargs[name] is not value
        if not found:
            return op(*arrays, **kwargs)[0]
        recorded = recorded or any(p is not None and p.requires_grad for p in parents)
        recorded = recorded and _mode.recording
        if takes_needs:  # a frozen weight costs no product: the operation skips what is not needed
            kwargs["needs"] = tuple(
                [recorded and p is not None and p.requires_grad for p in parents]
            )
        out, pullback = op(*arrays, **kwargs)
        if type(out) is tuple:
            return _wrap_outputs(out, pullback, parents) if recorded else tuple(map(_wrap, out))
        if recorded and out.dtype.kind == "f":
            return _record(out, pullback, parents)
        return _wrap(out)

    return call


def _unwrap(value: Any, parents: list[Tensor | None] | None) -> Any:
    """Return the array of a Tensor, the arrays of a sequence of Tensors, or the value itself.

    Each differentiable one is appended to the parents, as None if it is a plain array.
    """
    if isinstance(value, Tensor):
        if parents is not None and value.data.dtype.kind == "f":
            parents.append(value)
        return value.data
    if isinstance(value, list | tuple):
        arrays = [_unwrap(v, parents) for v in value]
        return (
            value
            if all(a is v for a, v in zip(arrays, value, strict=True))
            else type(value)(arrays)
        )
    if parents is not None and is_differentiable(value):
        parents.append(None)
    return value


def _wrap(data: Any) -> Tensor:
    """Return a Tensor around the array, without the checks of the constructor."""
    tensor: Tensor = _new(Tensor)
    tensor.data = data if type(data) is _ARRAY else np.asarray(data)
    tensor.grad = None
    tensor.requires_grad = tensor._retains_grad = False
    tensor._parents, tensor._pullback, tensor._tick = (), None, 0
    return tensor


def _record(out: Any, pullback: Pullback, parents: list[Tensor | None]) -> Tensor:
    """Return a Tensor around the output of an operation, with what `backward` needs."""
    tensor: Tensor = _new(Tensor)
    tensor.data = out if type(out) is _ARRAY else np.asarray(out)
    tensor.grad, tensor.requires_grad, tensor._retains_grad = None, True, False
    tensor._parents, tensor._pullback, tensor._tick = parents, pullback, _next_tick()
    return tensor


def _wrap_outputs(
    outputs: tuple[Array, ...], pullback: Pullback, parents: list[Tensor | None]
) -> tuple[Tensor, ...]:
    """Return a recorded Tensor for each floating output.

    The pullback belongs to a hidden Tensor that stands for all of them; output i hands its gradient
    on as entry i of a tuple, and `_sum` merges the tuples from several outputs.
    """
    whole = _wrap(0.0)
    whole.requires_grad = True
    whole._parents, whole._pullback, whole._tick = parents, pullback, _next_tick()
    tensors = tuple(map(_wrap, outputs))
    for i, tensor in enumerate(tensors):
        if tensor.data.dtype.kind == "f":
            tensor.requires_grad = True
            tensor._parents, tensor._tick = [whole], _next_tick()
            tensor._pullback = _as_entry(i, len(outputs))
    return tensors


def _as_entry(i: int, n: int) -> Pullback:
    return lambda dy: ((*[None] * i, dy, *[None] * (n - 1 - i)),)


def _sum(a: Any, b: Any) -> Any:
    """Return the sum of two gradients; None is zero, tuples are summed by entry.

    Two arrays are summed in a new one. A tuple may keep arrays that it was given.
    """
    if a is None or b is None:
        return b if a is None else a
    if type(a) is tuple:
        return tuple(map(_sum, a, b))
    return np.asarray(a + b)


def _reflected(operator: Callable[..., Any]) -> Callable[..., Any]:
    """Return the operator for a Tensor on the right of a number or an array."""
    return lambda self, other: operator(other, self)


def _comparison(compare: Callable[..., Any]) -> Callable[..., Any]:
    """Return a comparison that gives a bool Tensor, which has no gradient."""
    return lambda self, other: _wrap(
        compare(self.data, other.data if isinstance(other, Tensor) else other)
    )


def _with_sizes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method that takes its sizes one by one or as one sequence: x.reshape(2, 3)."""
    return lambda self, *sizes: function(self, sizes[0] if np.ndim(sizes[0]) else sizes)


def _freed(dy: Any) -> tuple[Any, ...]:
    raise RuntimeError(
        "backward has already run through this graph and freed it: "
        "pass retain_graph=True to the first call if a second one is wanted"
    )


class Tensor(ArrayLike):
    """An array that remembers how it was made.

    data: the array, shared and not copied. Numbers and lists become float32 (whole numbers int64, as
    in torch); an array keeps its dtype. grad: the gradient that `backward` left, an array or None.
    Operators and methods follow torch. A Tensor is not changed in place by operators.
    """

    __slots__ = (
        "__weakref__",
        "_parents",
        "_pullback",
        "_retains_grad",
        "_tick",
        "data",
        "grad",
        "requires_grad",
    )
    __array_ufunc__ = None  # array + Tensor is handed to Tensor.__radd__

    data: Array
    grad: Array | None
    requires_grad: bool
    _parents: Sequence[Tensor | None]
    _pullback: Pullback | None

    def __init__(self, data: npt.ArrayLike, requires_grad: bool = False) -> None:
        array = np.asarray(data.data if isinstance(data, Tensor) else data)
        if array.dtype == np.float64 and not isinstance(data, np.ndarray | np.generic | Tensor):
            array = array.astype(np.float32)
        if array.dtype.kind not in "biuf":
            raise TypeError(
                f"a Tensor holds real numbers, got dtype {array.dtype}, shape {array.shape}"
            )
        if requires_grad and array.dtype.kind != "f":
            raise TypeError(
                f"only floating Tensors can require a gradient, got dtype {array.dtype}"
            )
        self.data, self.grad, self.requires_grad = array, None, requires_grad
        self._parents, self._pullback, self._tick, self._retains_grad = (), None, 0, False

    # --- the backward pass

    def backward(self, gradient: npt.ArrayLike | None = None, retain_graph: bool = False) -> None:
        """Add the gradient of this Tensor to `.grad` of every leaf that it was made from.

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
        gradients: dict[Tensor, Any] = {self: self._seed(gradient)}  # of Tensors not yet visited
        # A pullback may return dy itself or a view (`add` returns dz twice). So `+=` is allowed only
        # into arrays that were added up here, and a leaf's `.grad` is otherwise a copy.
        ours: set[Tensor] = set()
        kept: list[tuple[Tensor, Array]] = []
        nodes = self._recorded()
        while nodes:  # popped, so that arrays are freed as we go
            node = nodes.pop()
            dy = gradients.pop(node, None)
            ours.discard(node)
            pullback, parents = node._pullback, node._parents
            if pullback is None or dy is None:  # dy is None: a pullback saw no need for it
                continue
            if node._retains_grad:
                kept.append((node, dy))
            for parent in parents:
                if parent is not None and parent._tick > node._tick:
                    raise RuntimeError(
                        f"a Tensor of shape {parent.shape} has been changed in place since it was used: "
                        "call backward before the optimiser's step"
                    )
            found = pullback(dy)
            if len(found) != len(parents):
                raise RuntimeError(
                    f"{pullback.__qualname__} returned {len(found)} gradients for {len(parents)} arrays"
                )
            for parent, dx in zip(parents, found, strict=True):
                if dx is None or parent is None or not parent.requires_grad:
                    continue
                if parent not in gradients:
                    gradients[parent] = dx
                elif parent in ours and type(dx) is not tuple:
                    gradients[parent] += dx
                else:
                    gradients[parent] = _sum(gradients[parent], dx)
                    ours.add(parent)
            if not retain_graph:
                node._pullback, node._parents = _freed, ()  # and with it the arrays it captured
        for tensor, dx in (*gradients.items(), *kept):  # what is left are the leaves
            if tensor.grad is not None:
                tensor.grad = tensor.grad + dx
            else:
                tensor.grad = dx if tensor in ours and tensor.is_leaf else np.array(dx)

    def _seed(self, gradient: npt.ArrayLike | None) -> Array:
        if gradient is None:
            if self.data.size != 1:
                raise RuntimeError(f"backward needs a gradient for a Tensor of shape {self.shape}")
            return np.ones_like(self.data)
        dy = np.asarray(gradient.data if isinstance(gradient, Tensor) else gradient)
        if dy.shape != self.data.shape:
            raise ValueError(f"gradient {dy.shape} must have the Tensor's shape {self.data.shape}")
        return dy.astype(self.data.dtype, copy=False)

    def _recorded(self) -> list[Tensor]:
        """Return all recorded Tensors that this one was made from, itself included, oldest first."""
        # A list that grows while it is read, not a recursion: graphs are deeper than Python's stack.
        nodes = [self] if self._pullback is not None else []
        seen = set(nodes)
        for node in nodes:
            for parent in node._parents:
                if parent is not None and parent._pullback is not None and parent not in seen:
                    seen.add(parent)
                    nodes.append(parent)
        nodes.sort(key=attrgetter("_tick"))
        return nodes

    def retain_grad(self) -> None:
        """Let `backward` keep the gradient of this inner Tensor in `.grad` as well."""
        if not self.requires_grad:
            raise RuntimeError("retain_grad: this Tensor does not require a gradient")
        self._retains_grad = self._pullback is not None

    @property
    def is_leaf(self) -> bool:
        """Whether this Tensor was made by the user and not by a recorded operation."""
        return self._pullback is None

    def detach(self) -> Tensor:
        """Return a Tensor around the same array that is cut off from what it was made from."""
        return _wrap(self.data)

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

    __add__ = lift(ops.add)
    __sub__ = lift(ops.subtract)
    __mul__ = lift(ops.multiply)
    __truediv__ = lift(ops.divide)
    __matmul__ = lift(ops.matmul)
    __pow__ = lift(ops.pow)
    __neg__ = lift(ops.negative)
    __abs__ = lift(ops.absolute)
    __getitem__ = lift(ops.getitem)
    __radd__ = _reflected(__add__)
    __rsub__ = _reflected(__sub__)
    __rmul__ = _reflected(__mul__)
    __rtruediv__ = _reflected(__truediv__)
    __rmatmul__ = _reflected(__matmul__)
    __rpow__ = _reflected(__pow__)
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

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        return self.reshape(flat_shape(self.shape, start_dim, end_dim))

    def squeeze(self, dim: int | None = None) -> Tensor:
        """Drop axes of length 1: all of them, or this one if its length is 1."""
        axis = None if dim is None else resolve_dim(dim, self.ndim)
        shape = [n for i, n in enumerate(self.shape) if n != 1 or (axis is not None and i != axis)]
        return self.reshape(shape)

    def unsqueeze(self, dim: int) -> Tensor:
        """Insert an axis of length 1 at `dim`."""
        axis = resolve_dim(dim, self.ndim + 1)
        return self.reshape((*self.shape[:axis], 1, *self.shape[axis:]))

    @property
    def T(self) -> Tensor:
        """The transposed matrix; all axes in reverse order."""
        return self.permute(range(self.ndim)[::-1])


def mark_changed(tensor: Tensor) -> None:
    """Note that a leaf's array was changed in place, so that an older graph that used it is refused.

    Optimisers and `load_state_dict` call this; whoever writes into `.data` between a forward pass and
    its backward pass must, or the gradients are wrong without a word.
    """
    if not tensor.is_leaf:
        raise RuntimeError("the array of a recorded Tensor must not be changed in place")
    tensor._tick = _next_tick()


from scratchnet._check_pullback import check_pullback  # noqa: E402 - it stands on its own

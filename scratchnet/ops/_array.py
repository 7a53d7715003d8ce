"""What several operations share: promotion of dtypes, and undoing what broadcasting did.

Nothing here is an operation; `__init__.py` tells how one is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import index
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Pullback: TypeAlias = Callable[[Any], tuple[Any, ...]]
Operand: TypeAlias = Any  # an array or a Python number
Like: TypeAlias = tuple[tuple[int, ...], "np.dtype[Any]"] | None

HALF = np.dtype(np.float16)
_ARRAY = np.ndarray  # looked up once: these functions run for every recorded operation
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
_NUMBERS = int, float  # a bool is an int
_STRENGTH = {"b": 0, "i": 1, "u": 1, "f": 2}  # the stronger kind decides: bool, integers, floats


def is_differentiable(x: Any) -> bool:
    """Whether the gradient has an entry for `x`: floating arrays do; labels and numbers do not."""
    return isinstance(x, (np.ndarray, np.floating)) and x.dtype.kind == "f"


def as_float(x: Any) -> Array:
    """Return `x` as a floating array: float stays, integers and bools become float32 (torch's rule).

    In the processor's byte order, as all that is made from it then.
    """
    x = np.asarray(x)
    if x.dtype.kind == "f":
        return native(x)
    if x.dtype.kind in "biu":
        return x.astype(np.float32)
    raise TypeError(f"expected real numbers, got dtype {x.dtype} with shape {x.shape}")


def native(x: Array) -> Array:
    """Return x in the processor's byte order, which files may not have."""
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def promote(x: Operand, y: Operand) -> tuple[Operand, Operand]:
    """Bring two operands to the dtype that torch gives their result.

    Arrays win over 0-d arrays and those over Python numbers, as long as they are of the same kind;
    a float beside integers makes the result floating (float32 for a Python float).
    """
    if type(x) is type(y) is _ARRAY and x.dtype is y.dtype:
        return x, y
    if _is_number(x):
        return x, _beside(x, y)
    if _is_number(y):
        return _beside(y, x), y
    x, y = np.asarray(x), np.asarray(y)
    dtype = _result_dtype(x, y)
    return x.astype(dtype, copy=False), y.astype(dtype, copy=False)


def alike(x: Operand, y: Operand) -> bool:
    """Whether both are arrays of one shape and both float32, or both float64: the usual case.

    Then there is nothing to promote, and no broadcasting to undo.
    """
    return (
        type(x) is type(y) is _ARRAY
        and (dtype := x.dtype) is y.dtype
        and (dtype is _FLOAT32 or dtype is _FLOAT64)
        and x.shape == y.shape
    )


def _is_number(x: Operand) -> bool:
    return isinstance(x, _NUMBERS) and not isinstance(x, np.generic)


def _beside(number: float, other: Operand) -> Array:
    """Return the other operand as an array in the dtype that it takes on beside a Python number."""
    if type(other) is _ARRAY and other.dtype.kind == "f":
        return other  # the usual case
    array = np.asarray(other, np.float32 if type(other) is float else None)
    return as_float(array) if isinstance(number, float) else array


def _result_dtype(x: Array, y: Array) -> np.dtype[Any]:
    """Return the dtype of a result: a 0-d array decides only by a stronger kind, floats beat integers."""
    for a in (x, y):
        if a.dtype.kind not in _STRENGTH:
            raise TypeError(f"expected real numbers, got dtype {a.dtype} with shape {a.shape}")
    if x.dtype == y.dtype:
        return x.dtype
    strength_x, strength_y = _STRENGTH[x.dtype.kind], _STRENGTH[y.dtype.kind]
    weak_x = strength_x <= strength_y and x.ndim == 0 < y.ndim
    weak_y = strength_y <= strength_x and y.ndim == 0 < x.ndim
    if weak_x or (x.dtype.kind != "f" and y.dtype.kind == "f"):
        return y.dtype
    if weak_y or (y.dtype.kind != "f" and x.dtype.kind == "f"):
        return x.dtype
    return np.result_type(x.dtype, y.dtype)


def like(x: Operand) -> Like:
    """Return the shape and dtype that a gradient for `x` has, None if it has none.

    A pullback that needs no values captures this, so that the array itself can be freed.
    """
    return (x.shape, x.dtype) if is_differentiable(x) else None


def sum_to(dy: Array, shape: tuple[int, ...]) -> Array:
    """Return dy summed over the axes along which an array of this shape was repeated by broadcasting."""
    if dy.shape == shape:
        return dy
    lead = dy.ndim - len(shape)
    repeated = [lead + i for i, n in enumerate(shape) if n == 1 and dy.shape[lead + i] != 1]
    return dy.sum(axis=(*range(lead), *repeated)).reshape(shape)


def gradients(*operands: tuple[Any, Callable[[], Array]]) -> tuple[Array, ...]:
    """Return one gradient for each differentiable operand, broadcasting undone, dtype restored.

    operands: pairs of an operand (or its `like`) and a function that computes its gradient; the
    function is not called for Python numbers, labels and masks.
    """
    found = []
    for x, gradient in operands:
        form: Like
        if type(x) is _ARRAY:
            form = x.shape, x.dtype  # the usual case, without a call
        elif type(x) is tuple:
            form = x  # from `like`
        else:
            form = like(x)
        if form is not None and form[1].kind == "f":
            shape, dtype = form
            dx = gradient()
            if dx.shape != shape:
                dx = sum_to(dx, shape)
            found.append(dx if dx.dtype is dtype else dx.astype(dtype, copy=False))
    return tuple(found)


def masked(dy: Array, keep: Array, out: Array | None = None) -> Array:
    """Return dy where `keep`, 0 elsewhere, also where dy is infinite or NaN (∞ · 0 would be NaN).

    The bits of a float, read as an integer, are multiplied by 1 or 0: as fast as a product of floats,
    while np.where takes 15 times as long on a mask without pattern.

    out: where to write it, of dy's shape and dtype, in the processor's byte order
    """
    dy = native(np.asarray(dy))
    out = np.empty_like(dy) if out is None else out
    if dy.dtype.itemsize > 8:  # long doubles, for which there is no integer of that size
        out[...] = np.where(keep, dy, 0)
    else:
        bits = f"i{dy.dtype.itemsize}"
        np.multiply(dy.view(bits), keep, out=out.view(bits), dtype=bits)
    return out


def in_float32(
    op: Callable[..., tuple[Any, Pullback]], *arguments: Any, **options: Any
) -> tuple[Any, Pullback]:
    """Return op(*arguments) and its pullback for halves, computed in float32 and rounded to halves.

    For sums: one of halves would end at 65504, and stop growing by 1 at 2048. And for products, which
    NumPy makes of halves without BLAS, many times slower. options are passed on as they are.
    """
    out, pullback = op(*[_cast(a, np.float32) for a in arguments], **options)

    def pullback_of_halves(dy: Any) -> tuple[Any, ...]:
        return tuple([_cast(dx, np.float16) for dx in pullback(_cast(dy, np.float32))])

    pullback_of_halves.__qualname__ = pullback.__qualname__  # names the operation in errors
    return _cast(out, np.float16), pullback_of_halves


def _cast(value: Any, dtype: type[np.floating]) -> Any:
    """Return floating arrays, those of a tuple too, in this dtype; all else as it is."""
    if isinstance(value, tuple):
        return tuple([_cast(part, dtype) for part in value])
    return value.astype(dtype) if is_differentiable(value) else value


def resolve_dim(dim: int, ndim: int) -> int:
    """Return `dim` counted from the front."""
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise IndexError(f"dim {dim} is out of range for an array of {ndim} dimensions")
    return dim % ndim if ndim else 0


def resolve_dims(dim: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return the axes that `dim` names, counted from the front; None and () name all of them."""
    if dim is None:
        return tuple(range(ndim))
    if isinstance(dim, int | np.integer):
        return (resolve_dim(int(dim), ndim),)[:ndim]  # a 0-d array has no axis
    dims = tuple(resolve_dim(d, ndim) for d in dim)
    if len(set(dims)) < len(dims):
        raise ValueError(f"dim {tuple(dim)} names an axis twice for an array of {ndim} dimensions")
    return dims[:ndim] or tuple(range(ndim))


def shapes_of(**arrays: Array | None) -> str:
    """Return the names and shapes of the arrays that are there, for an error message."""
    return ", ".join(f"{key} {a.shape}" for key, a in arrays.items() if a is not None)


def require_probability(name: str, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"{name}: p is a probability, got {p}")


def no_array(name: str, x: Any, key: str = "") -> TypeError:
    """Return the error for what is neither an array nor a Tensor of ours, another library's perhaps."""
    kind = type(x)
    path = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    way = "; its numpy() is an array" if hasattr(x, "numpy") else ""
    return TypeError(f"{name} takes an array or a Tensor{key and f' as {key}'}, got {path}{way}")


def whole_number(name: str, value: Any) -> int:
    """Return an argument as an int; raise unless it is one. A bool is an argument that has slipped."""
    if not isinstance(value, bool):
        try:
            return index(value)
        except TypeError:
            pass
    raise TypeError(f"{name} is a whole number, got {value!r}")


def whole_numbers(name: str, values: Any) -> Array:
    """Return labels or lengths as an array of integers, nothing at all too; raise if they are others."""
    try:
        found = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} are integers in one array, got {values!r}") from None
    except TypeError:  # of another library, and not in memory that NumPy can read
        raise no_array(name, values) from None
    if not found.size:
        return found.astype(np.int64)
    if found.dtype.kind not in "iu":
        raise TypeError(f"{name} are integers, got {found.dtype} {found.shape}")
    return found


def require_same_dtype(name: str, **arrays: Array | None) -> None:
    """Raise unless all are floating arrays of one dtype: a silent cast would halve the speed."""
    given = {key: a for key, a in arrays.items() if a is not None}
    try:
        dtypes = {a.dtype for a in given.values()}
        fits = len(dtypes) < 2 and all(d.kind == "f" for d in dtypes)
    except AttributeError:  # a list has no dtype, that of another library no kind
        fits = False
    if not fits:
        for key, a in given.items():
            if not isinstance(a, np.ndarray | np.generic):
                raise no_array(name, a, key)
        found = ", ".join(f"{key} {a.dtype} {a.shape}" for key, a in given.items())
        raise TypeError(f"{name} takes floating arrays of one dtype, got {found}")

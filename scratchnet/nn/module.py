"""Module: parameters, state and the layers inside, found by looking at a module's attributes.

A layer of one's own sets Parameters, arrays of state (`register_buffer`) and other modules as
attributes and defines `forward`. There is no second register beside the attributes: whatever
`vars(self)` holds is what there is, in that order, which gives `state_dict` its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from scratchnet._array_like import array_of
from scratchnet.autograd import Tensor, is_grad_enabled, mark_changed, no_grad
from scratchnet.nn._listening import heard, listeners
from scratchnet.nn._nested import convert, holds_tensor
from scratchnet.nn.parameter import Parameter

__all__ = ["IncompatibleKeys", "Module"]


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def _forward_undefined(self: Module, *inputs: Any, **options: Any) -> Any:
    raise NotImplementedError(f"{type(self).__name__} defines no forward(self, …)")


class Module:
    """Base of all layers and networks; subclasses define `forward`.

    What a call returns:

    - given a Tensor, a Tensor (recorded unless `no_grad` is in force);
    - given arrays in training mode, a Tensor, ready for a loss and `backward`;
    - given arrays in eval mode or under `no_grad`, an array, and nothing is recorded.

    `forward` sees Tensors in either case, and so may use their methods; arrays inside tuples, lists
    and dictionaries and among the keyword arguments count too. What comes out may be what went in,
    or a view of it (Identity, Flatten, Dropout in eval mode): copy it before writing into it.

    Parameters and modules in a plain list or dictionary are not found, as in torch: `ModuleList`.

    >>> class Line(Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = Parameter([2.0]), Parameter([1.0])
    ...
    ...     def forward(self, x):
    ...         return x * self.slope + self.offset
    >>> line = Line()
    >>> line(np.array([3.0], np.float32))
    Tensor([7.], requires_grad=True)
    >>> line.eval()(np.array([3.0], np.float32))
    array([7.], dtype=float32)
    >>> line.state_dict()
    {'slope': array([2.], dtype=float32), 'offset': array([1.], dtype=float32)}
    """

    training: bool = True
    forward: Callable[..., Any] = _forward_undefined
    _persistent: Mapping[str, bool] = MappingProxyType({})  # for each buffer: is it saved?
    _may_be_missing: tuple[
        str, ...
    ] = ()  # buffers that a state dict may lack, and then stay as they are

    def __init__(self) -> None:
        """Do nothing: a subclass may call it, as torch demands, or leave it out."""

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        given = holds_tensor(inputs) or (options and holds_tensor(options))
        if any(type(x) is not Tensor for x in inputs) or options:
            inputs = convert(np.ndarray, Tensor, inputs)
            options = convert(np.ndarray, Tensor, options)
        if given or (self.training and is_grad_enabled()):
            out = self.forward(*inputs, **options)
        else:
            with no_grad():
                out = self.forward(*inputs, **options)
            out = convert(Tensor, lambda tensor: tensor.data, out)
        return heard(self, out) if listeners else out

    # --- setting what is inside

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, but nothing else in the place of a Parameter, a module or a buffer.

        An array in the place of a Parameter would be used, but neither trained nor saved.
        """
        before = vars(self).get(name)
        for kind in (Parameter, Module):
            if isinstance(before, kind) and value is not None and not isinstance(value, kind):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a {kind.__name__}: assign a {kind.__name__} or "
                    f"None, got {type(value).__name__}"
                    + ("; new values go into its .data" if kind is Parameter else "")
                )
        if name in self._persistent:
            value = _as_buffer(name, value)
        super().__setattr__(name, value)

    def register_buffer(
        self, name: str, array: npt.NDArray[Any] | None, persistent: bool = True
    ) -> None:
        """Set an array of state: it is converted and, if persistent, saved, but never trained."""
        array = _as_buffer(name, array)
        self._require_free(name, np.ndarray)
        self._persistent = {**self._persistent, name: persistent}
        setattr(self, name, array)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Set a Parameter, or None, as the attribute of this name."""
        if not isinstance(parameter, Parameter | None):
            raise TypeError(f"{name} takes a Parameter or None, got {type(parameter).__name__}")
        self._require_free(name, Parameter)
        setattr(self, name, parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set a module, or None, as the attribute of this name."""
        if not isinstance(module, Module | None):
            raise TypeError(f"{name} takes a module or None, got {type(module).__name__}")
        self._require_free(name, Module)
        setattr(self, name, module)

    def _require_free(self, name: str, kind: type) -> None:
        """Raise unless an attribute of this name may hold a value of this kind."""
        if not name or "." in name:
            raise ValueError(f"a name is not empty and has no dot, got {name!r}")
        before = getattr(self, name, None)
        if before is not None and not isinstance(before, kind):
            raise ValueError(f"{type(self).__name__} has another attribute {name!r}: {before!r}")

    # --- finding what is inside

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules that are attributes of this one, each once, with their names."""
        seen: set[Module] = set()
        for name, child in self._slots():
            if child not in seen:
                seen.add(child)
                yield name, child

    def _slots(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules that are attributes of this one, a shared one under each of its names."""
        return ((name, m) for name, m in vars(self).items() if isinstance(m, Module))

    def children(self) -> Iterator[Module]:
        return (m for _, m in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and all inside it, each once, with dotted names."""
        seen: set[Module] = set()
        for path, module in self._walk(prefix):
            if module not in seen:
                seen.add(module)
                yield path, module

    def modules(self) -> Iterator[Module]:
        return (m for _, m in self.named_modules())

    def _walk(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield all modules under every name they have, so a shared one more than once."""
        yield prefix, self
        for name, child in self._slots():
            yield from child._walk(_dotted(prefix, name))

    def _own(self) -> Iterator[tuple[str, Any]]:
        """Yield this module's Parameters, then its buffers, under every name they have."""
        values = vars(self)
        yield from ((name, v) for name, v in values.items() if isinstance(v, Parameter))
        yield from ((n, values[n]) for n in self._persistent if values.get(n) is not None)

    def _named(self, kind: type, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        """Yield the Parameters or the buffers, each once."""
        seen: set[int] = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, value in module._own():
                if isinstance(value, kind) and id(value) not in seen:
                    seen.add(id(value))
                    yield _dotted(path, name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield each Parameter once, with its dotted name; without recurse this module's own only."""
        return self._named(Parameter, prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True
    ) -> Iterator[tuple[str, npt.NDArray[Any]]]:
        """Yield each array of state that is not learned, such as running statistics."""
        return self._named(np.ndarray, prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[npt.NDArray[Any]]:
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """Return the module of this dotted name, "layers.0.conv"; this module for ""."""
        module = self
        for name in target.split(".") if target else []:
            child = vars(module).get(name)
            if not isinstance(child, Module):
                raise AttributeError(f"{type(module).__name__} has no module {name!r} ({target!r})")
            module = child
        return module

    def get_parameter(self, target: str) -> Parameter:
        """Return the Parameter of this dotted name, "layers.0.conv.weight"."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        value = vars(module).get(name)
        if not isinstance(value, Parameter):
            raise AttributeError(f"{type(module).__name__} has no Parameter {name!r} ({target!r})")
        return value

    # --- modes and conversions, for this module and all inside it

    def train(self, mode: bool = True) -> Self:
        """Set training mode (dropout drops, batch norm takes the batch's statistics) or eval mode."""
        if not isinstance(mode, bool):
            raise TypeError(f"train(mode) sets a mode, True or False, got {type(mode).__name__}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call the function with every module inside, then with this one."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, so that the next `backward` starts anew; or set them to 0."""
        for p in self.parameters():
            p.grad = None if set_to_none or p.grad is None else np.zeros_like(p.grad)

    def to(self, dtype: npt.DTypeLike) -> Self:
        """Convert parameters, their gradients and floating buffers to a floating dtype."""
        if dtype is None or np.dtype(dtype).kind != "f":
            raise TypeError(f"a module holds floating numbers, got dtype {dtype!r}")
        for p in self.parameters():
            p.data = p.data.astype(dtype, copy=False)
            p.grad = None if p.grad is None else p.grad.astype(dtype, copy=False)
            mark_changed(p)
        for module in self.modules():
            for name, value in list(module._own()):
                if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                    setattr(module, name, value.astype(dtype, copy=False))
        return self

    def float(self) -> Self:
        return self.to(np.float32)

    def double(self) -> Self:
        return self.to(np.float64)

    # --- the state

    def _state(self) -> dict[str, Any]:
        """Return Parameters and persistent buffers by key: a module's own, then those of its children."""
        return {
            _dotted(path, name): value
            for path, module in self._walk()
            for name, value in module._own()
            if module._persistent.get(name, True)
        }

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """Return all parameters and persistent buffers by dotted name, in torch's order.

        The arrays are the module's own, not copies: training on changes them. Copy what is to be kept.
        """
        return {k: v.data if isinstance(v, Parameter) else v for k, v in self._state().items()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values into the parameters and buffers, by name, cast to their dtype.

        Raises ValueError that lists what is missing, unexpected (both only if strict) and misshapen;
        then nothing has been changed. Values may be arrays, Tensors or torch's tensors.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"load_state_dict takes a mapping of names, got {type(state).__name__}")
        entries, own = self._state(), self.state_dict()
        may_be_missing = {
            _dotted(path, name) for path, m in self._walk() for name in m._may_be_missing
        }
        missing = [key for key in own if key not in state and key not in may_be_missing]
        unexpected = [key for key in state if key not in own]
        arrays = {key: array_of(state[key]) for key in own if key in state}
        wrong = [
            f"{key}: expected {own[key].shape} numbers, got {a.shape} {a.dtype}"
            for key, a in arrays.items()
            if a.shape != own[key].shape or a.dtype.kind not in "biuf"
        ]
        problems = [("missing", missing), ("unexpected", unexpected)] if strict else []
        lines = [f"{what}: {', '.join(map(str, keys))}" for what, keys in problems if keys]
        lines += [f"misshapen: {'; '.join(wrong)}"] if wrong else []
        fixed = [key for key in arrays if not own[key].flags.writeable]
        lines += [f"read-only in this module: {', '.join(fixed)}"] if fixed else []
        if lines:
            raise ValueError("\n  ".join([f"{type(self).__name__}.load_state_dict:", *lines]))
        for key, array in arrays.items():
            np.copyto(own[key], array, casting="unsafe")
            entry = entries[key]
            if isinstance(entry, Parameter):
                mark_changed(entry)
        return IncompatibleKeys(missing, unexpected)

    # --- shown as in torch

    def extra_repr(self) -> str:
        """Return what stands between the brackets: a layer's settings."""
        return ""

    def __repr__(self) -> str:
        inner = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self._slots()]
        if not inner:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = "".join(f"\n  {line}" for line in [*filter(None, [self.extra_repr()]), *inner])
        return f"{type(self).__name__}({lines}\n)"


def _dotted(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _as_buffer(name: str, value: Any) -> npt.NDArray[Any] | None:
    """Return the array, or None; a NumPy number, which arithmetic on a 0-d array gives, as an array."""
    if value is not None and not isinstance(value, np.ndarray | np.generic):
        raise TypeError(f"{name} is a buffer: an array or None, got {type(value).__name__}")
    return None if value is None else np.asarray(value)

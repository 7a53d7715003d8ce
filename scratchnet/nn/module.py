"""Module: parameters, state and the layers inside, found by looking at a module's attributes.

A layer of one's own sets Parameters, arrays of state (`register_buffer`) and other modules as
attributes and defines `forward`. Nothing is intercepted when attributes are set: whatever `vars(self)`
holds is what there is, in that order, which gives `state_dict` its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from scratchnet.autograd import Tensor, is_grad_enabled, mark_changed, no_grad

__all__ = ["IncompatibleKeys", "Module", "Parameter"]


class Parameter(Tensor):
    """A Tensor that a module learns: it requires a gradient, and `Module.parameters` finds it."""

    __slots__ = ()

    def __init__(self, data: npt.ArrayLike, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict(strict=False)` could not match."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base of all layers and networks; subclasses define `forward`.

    What a call returns:

    - given a Tensor, a Tensor (recorded unless `no_grad` is in force);
    - given arrays in training mode, a Tensor, ready for a loss and `backward`;
    - given arrays in eval mode or under `no_grad`, an array, and nothing is recorded.
    """

    training: bool = True
    _buffer_names: tuple[str, ...] = ()

    def forward(self, *inputs: Any) -> Any:
        raise TypeError(f"{type(self).__name__} defines no forward(…)")

    def __call__(self, *inputs: Any) -> Any:
        if any(isinstance(x, Tensor) for x in inputs):
            return self.forward(*inputs)
        tensors = [Tensor(x) if isinstance(x, np.ndarray) else x for x in inputs]
        if self.training and is_grad_enabled():
            return self.forward(*tensors)
        with no_grad():
            return _arrays(self.forward(*tensors))

    # --- what is inside

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules that are attributes of this one, with their names."""
        return ((name, m) for name, m in vars(self).items() if isinstance(m, Module))

    def children(self) -> Iterator[Module]:
        return (m for _, m in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and all inside it, each once, with dotted names."""
        seen: set[Module] = set()
        for name, module in self._walk(prefix):
            if module not in seen:
                seen.add(module)
                yield name, module

    def modules(self) -> Iterator[Module]:
        return (m for _, m in self.named_modules())

    def _walk(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield all modules under every name they have, so a shared one more than once."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child._walk(f"{prefix}.{name}" if prefix else name)

    def _named_entries(self) -> Iterator[tuple[str, Module, str, Any]]:
        """Yield (key, owner, attribute, value) of every Parameter and buffer: parameters first."""
        for prefix, module in self._walk():
            dot = f"{prefix}." if prefix else ""
            for name, value in vars(module).items():
                if isinstance(value, Parameter):
                    yield dot + name, module, name, value
            for name in module._buffer_names:
                if getattr(module, name) is not None:
                    yield dot + name, module, name, getattr(module, name)

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield each Parameter once, with the key it has in `state_dict`."""
        seen: set[Parameter] = set()
        for key, _, _, value in self._named_entries():
            if isinstance(value, Parameter) and value not in seen:
                seen.add(value)
                yield key, value

    def parameters(self) -> Iterator[Parameter]:
        return (p for _, p in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the arrays of state that are not learned, such as running statistics."""
        return ((k, v) for k, _, _, v in self._named_entries() if not isinstance(v, Parameter))

    def buffers(self) -> Iterator[np.ndarray]:
        return (b for _, b in self.named_buffers())

    def register_buffer(self, name: str, array: npt.NDArray[Any] | None) -> None:
        """Set an attribute that `state_dict` holds and no optimiser changes."""
        setattr(self, name, array)
        if name not in self._buffer_names:
            self._buffer_names = (*self._buffer_names, name)

    # --- modes and conversions, for this module and all inside it

    def train(self, mode: bool = True) -> Self:
        """Set training mode (dropout drops, batch norm takes the batch's statistics) or eval mode."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call the function with every module inside and then this one."""
        for module in reversed(list(self.modules())):
            function(module)
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self) -> None:
        """Forget the gradients: the next `backward` starts anew."""
        for p in self.parameters():
            p.grad = None

    def to(self, dtype: npt.DTypeLike) -> Self:
        """Convert parameters and floating buffers to a floating dtype."""
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise TypeError(f"a module holds floating numbers, got dtype {dtype}")
        for p in self.parameters():
            p.data = p.data.astype(dtype, copy=False)
            p.grad = None if p.grad is None else p.grad.astype(dtype, copy=False)
            mark_changed(p)
        for _, owner, name, value in list(self._named_entries()):
            if not isinstance(value, Parameter) and value.dtype.kind == "f":
                setattr(owner, name, value.astype(dtype, copy=False))
        return self

    def float(self) -> Self:
        return self.to(np.float32)

    def double(self) -> Self:
        return self.to(np.float64)

    # --- the state

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return all parameters and buffers by dotted name, in torch's order.

        The arrays are the module's own, not copies: training on changes them. Copy what is to be kept.
        """
        return {
            key: value.data if isinstance(value, Parameter) else value
            for key, _, _, value in self._named_entries()
        }

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy values into the parameters and buffers, by name, cast to their dtype.

        Raises ValueError that lists what is missing, unexpected (both only if strict) and misshapen;
        then nothing has been changed. Values may be arrays, Tensors or torch's tensors.
        """
        entries = {key: (owner, name, value) for key, owner, name, value in self._named_entries()}
        missing = [key for key in entries if key not in state]
        unexpected = [key for key in state if key not in entries]
        arrays = {k: np.asarray(_detached(state[k])) for k in entries if k in state}
        wrong = [
            f"{k}: expected {entries[k][2].shape} numbers, got {a.shape} {a.dtype}"
            for k, a in arrays.items()
            if a.shape != entries[k][2].shape or a.dtype.kind not in "biuf"
        ]
        problems = [f"missing: {', '.join(missing)}"] if missing and strict else []
        problems += [f"unexpected: {', '.join(unexpected)}"] if unexpected and strict else []
        problems += [f"misshapen: {'; '.join(wrong)}"] if wrong else []
        if problems:
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: " + "\n  ".join(["", *problems])
            )
        for key, array in arrays.items():
            owner, name, value = entries[key]
            if isinstance(value, Parameter):
                np.copyto(value.data, array, casting="unsafe")
                mark_changed(value)
            else:
                setattr(owner, name, np.array(array, dtype=value.dtype))
        return IncompatibleKeys(missing, unexpected)

    # --- shown as in torch

    def extra_repr(self) -> str:
        """Return what stands between the brackets: a layer's settings."""
        return ""

    def __repr__(self) -> str:
        inner = [
            f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.named_children()
        ]
        if not inner:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = "".join(f"\n  {line}" for line in [*filter(None, [self.extra_repr()]), *inner])
        return f"{type(self).__name__}({lines}\n)"


def _arrays(output: Any) -> Any:
    """Return the output with arrays in place of Tensors, in tuples, lists and dictionaries too."""
    if isinstance(output, Tensor):
        return output.data
    if isinstance(output, dict):
        return {key: _arrays(value) for key, value in output.items()}
    if isinstance(output, list | tuple):
        parts = [_arrays(part) for part in output]
        return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
    return output


def _detached(value: Any) -> Any:
    """Return a Tensor's array, or another framework's tensor without its graph."""
    return value.detach().numpy() if hasattr(value, "detach") else value

"""What all optimisers share: groups of parameters, the state of each parameter, the step.

An optimiser of one's own calls `super().__init__(params, defaults)` and defines `_update`, which
returns `in_blocks(update, p, *state)`: `update` changes a block of a parameter and of its state in
place. It reads and writes every entry some ten times, and of a block that stays in the processor's
cache only the first of these passes has to wait for memory. The blocks of all parameters are shared
among threads; the update is elementwise, so neither their number nor the length of a block matters.

In equations w is a parameter, dw its gradient ∂L/∂w, λ the weight decay, t the number of the step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from scratchnet._array_like import array_of
from scratchnet.autograd import Tensor, enable_grad, mark_changed
from scratchnet.threads import run_blocks

__all__ = [
    "Array",
    "Blocks",
    "Optimizer",
    "Params",
    "decayed",
    "in_blocks",
    "require_not_negative",
    "zeros_once",
]

Params = Iterable[Tensor] | Iterable[dict[str, Any]]
Array = NDArray[Any]
# update and its arguments, all but the buffers
Blocks = list[tuple[Callable[..., None], list[Any]]]

# Bytes of one array in one block. With four arrays and two buffers that is more than a second-level
# cache, but threads hand the interpreter's lock to each other at every call: on two of them a step of
# Adam on 10⁶ numbers takes 0.7 ms, and 1.2 with an eighth of this.
_BLOCK_BYTES = 1 << 20
# Up to here, in parameters, waking another thread takes longer than it saves.
_ALONE_BYTES = 1 << 20

# What schedules keep in a group beside the optimiser's own options.
_SCHEDULE_OPTIONS = ("initial_lr", "max_lr", "min_lr", "max_momentum", "base_momentum")


class Optimizer:
    """Base of the optimisers: `zero_grad()`, `loss.backward()`, `step()`, over and over.

    params: Tensors, or dicts {"params": Tensors, option: value, …}, one for each group; an option
        that a group leaves out has the value that was given to the optimiser.

    `param_groups` holds the groups and their options, which schedules change; `state` what is
    remembered about each parameter. A parameter without a gradient is skipped: neither it nor its
    state changes. An option of a wrong value raises a ValueError that shows it.
    """

    always_in_state: tuple[str, ...] = ()  # names that a parameter's state has after any step
    defaults: dict[str, Any]
    param_groups: list[dict[str, Any]]
    state: dict[Tensor, dict[str, Any]]

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError("an optimiser takes a list of Tensors, got one Tensor: [tensor]")
        self.defaults, self.param_groups, self.state = defaults, [], defaultdict(dict)
        self._stepped = False  # schedules warn if they are stepped first
        self._check(defaults)
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError(f"{type(self).__name__} got no parameters")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def _check(self, group: Mapping[str, Any]) -> None:
        """Raise ValueError if an option in the group has a value that it cannot have."""

    def _update(self, p: Tensor, state: dict[str, Any], group: Mapping[str, Any]) -> Blocks:
        """Return what changes one parameter and its state: see `in_blocks`. `p.grad` has p's shape."""
        raise NotImplementedError(f"{type(self).__name__} does not define _update")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient; return what the closure returns.

        closure: a function that computes the loss anew and its gradients, called first.
        """
        loss = None
        if closure is not None:
            with enable_grad():  # the step may stand under no_grad
                loss = closure()
        moved = [(p, g) for g in self.param_groups for p in g["params"] if p.grad is not None]
        for p, _ in moved:  # all of them, before the first is changed
            if p.grad.shape != p.shape:
                raise ValueError(
                    f"a parameter {p.shape} has a gradient of another shape {p.grad.shape}"
                )
            if not p.data.flags.writeable:
                raise ValueError(f"a parameter {p.shape} is read-only memory: give it a copy")
        blocks: Blocks = []
        for p, group in moved:
            mark_changed(p)
            blocks += self._update(p, self.state[p], group)
        large = sum([p.data.nbytes for p, _ in moved]) > _ALONE_BYTES
        if large and _apart([p.data for p, _ in moved], [p.grad for p, _ in moved]):
            run_blocks(_run, blocks)
        else:
            for block in blocks:
                _run(block)
        self._stepped = True
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or set them to 0: the next `backward` starts anew.

        A gradient of 0 is not the same as none: momentum and decay go on with it.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.fill(0)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own: {"params": Tensors, option: value, …}."""
        if not isinstance(param_group, dict):
            raise TypeError(f"a group is a dict, got {type(param_group).__name__}")
        unknown = set(param_group) - {"params", *self.defaults, *_SCHEDULE_OPTIONS}
        if unknown or "params" not in param_group:
            raise ValueError(
                f"a group of {type(self).__name__} has params and the options "
                f"{', '.join(self.defaults)}, got {', '.join(param_group)}"
            )
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError("parameters in a set have no order: give a list")
        params = [params] if isinstance(params, Tensor) else list(params)
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(f"an optimiser takes Tensors, got {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError(f"a Tensor of shape {p.shape} was computed: it is no parameter")
        known = [p for group in self.param_groups for p in group["params"]] + params
        if len(set(known)) < len(known):
            raise ValueError("a parameter is given to the optimiser more than once")
        group = {name: _plain(value) for name, value in (self.defaults | param_group).items()}
        self._check(group)
        self.param_groups.append(group | {"params": params})

    def state_dict(self) -> dict[str, Any]:
        """Return {"state": {index: {name: array}}, "param_groups": [{option: value}]}, as torch does.

        Parameters are numbered through all groups; a group's "params" are their numbers. The arrays
        are the optimiser's own, not copies: copy what is to be kept.
        """
        index = {p: i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        groups = [g | {"params": [index[p] for p in g["params"]]} for g in self.param_groups]
        state = {index[p]: dict(entries) for p, entries in self.state.items() if entries}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over the options and a copy of the state, in the order of the parameters.

        Raises ValueError if groups, options or shapes do not fit; then nothing has been changed.
        Arrays may be torch's tensors; options that only choose torch's implementation are left out.
        """
        saved, index = state_dict["param_groups"], dict[int, Tensor]()
        sizes = [len(group["params"]) for group in self.param_groups]
        if sizes != [len(group["params"]) for group in saved]:
            raise ValueError(
                f"the optimiser has groups of {sizes} parameters, "
                f"the state has {[len(group['params']) for group in saved]}"
            )
        groups, options = [], (*self.defaults, *_SCHEDULE_OPTIONS)
        for group, values in zip(self.param_groups, saved, strict=True):
            missing = [name for name in self.defaults if name not in values]
            if missing:
                raise ValueError(
                    f"no state of {type(self).__name__}: it lacks {', '.join(missing)}"
                )
            groups.append({name: _plain(values[name]) for name in options if name in values})
            groups[-1]["params"] = group["params"]
            self._check(groups[-1])
            index |= dict(zip(map(int, values["params"]), group["params"], strict=True))
        state: dict[Tensor, dict[str, Any]] = defaultdict(dict)
        for i, entries in state_dict["state"].items():
            if int(i) not in index:
                raise ValueError(f"the state of parameter {i} belongs to none of {len(index)}")
            missing = [name for name in self.always_in_state if name not in entries]
            if missing:
                raise ValueError(f"the state of parameter {i} lacks {', '.join(missing)}")
            p = index[int(i)]
            state[p] = {n: _restored(n, v, p) for n, v in entries.items() if v is not None}
        self.param_groups, self.state = groups, state

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def in_blocks(update: Callable[..., None], p: Tensor, *state: Array | None) -> Blocks:
    """Return the calls update(w, dw, *state, a, b) for one block of the parameter after the other.

    What the update writes into w or the state is written into the array itself; a and b are buffers
    of the block's shape, with any content. None stays None. A parameter that is short or not
    C-contiguous comes as one block in its own shape.
    """
    arrays = [p.data, p.grad, *state]
    size, length = p.data.size, max(1, _BLOCK_BYTES // p.data.itemsize)
    changed = [x for x in (p.data, *state) if x is not None]
    if size <= length or not all(x.flags.c_contiguous for x in changed):
        return [(update, arrays)]
    flat = [None if x is None else x.reshape(-1) for x in arrays]
    return [
        (update, [None if x is None else x[start : start + length] for x in flat])
        for start in range(0, size, length)
    ]


def _apart(written: list[Array], read: list[Array]) -> bool:
    """Whether no array that is written shares memory with another one, so that their order is free.

    By their first and last bytes: of arrays that lie in each other's gaps too it says no.
    """
    spans = [(*byte_bounds(a), True) for a in written] + [(*byte_bounds(a), False) for a in read]
    end = end_of_written = 0
    for first, stop, is_written in sorted(spans):
        if first < (end if is_written else end_of_written):
            return False
        end = max(end, stop)
        if is_written:
            end_of_written = max(end_of_written, stop)
    return True


def _run(block: tuple[Callable[..., None], list[Any]]) -> None:
    update, arrays = block
    update(*arrays, np.empty_like(arrays[0]), np.empty_like(arrays[0]))


def decayed(w: Array, dw: Array, group: Mapping[str, Any], out: Array) -> Array:
    """Return ±dw + λ w, with − to maximise: dw itself if there is nothing to do, else in `out`."""
    if group["weight_decay"]:
        np.multiply(w, group["weight_decay"], out=out)
        return (np.subtract if group["maximize"] else np.add)(out, dw, out=out)
    return np.negative(dw, out=out) if group["maximize"] else dw


def zeros_once(state: dict[str, Any], name: str, w: Array) -> Array:
    """Return the state's array of that name, which begins as zeros like w."""
    if name not in state:
        state[name] = np.zeros_like(w)
    return state[name]


def require_not_negative(group: Mapping[str, Any], *names: str) -> None:
    """Raise ValueError unless these options are numbers of 0 or more."""
    for name in names:
        if not isinstance(group[name], Real) or not group[name] >= 0:  # NaN is neither
            raise ValueError(f"{name} must be a number of 0 or more, got {group[name]!r}")


def _plain(value: Any) -> Any:
    """Return NumPy's numbers as Python's, which do not change the dtype of an array."""
    if isinstance(value, list | tuple):
        return tuple(_plain(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def _restored(name: str, value: Any, p: Tensor) -> Any:
    """Return a saved entry of p's state: the count of steps, or an array like p."""
    array = array_of(value)
    if name == "step":
        return int(array)
    if array.shape != p.shape or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must be numbers {p.shape}, the state has {array.dtype} {array.shape}"
        )
    return np.array(array, dtype=p.dtype, order="C")

"""The walk back over the tape: nodes, the clock that orders them, and the chain rule.

Each recorded operation leaves a `Node`: its pullback, and where the gradients that it returns have to
go (its parents). From the last node to the first, each pullback turns the gradient of its output into
gradients of its inputs, and where a Tensor was used several times those from its uses are added.

One clock orders everything. It counts down: each node takes the next tick, so what was made later has
the smaller one, and a heap of the nodes that wait for their turn gives the latest first, after all its
uses. A leaf takes a tick when an optimiser or `load_state_dict` changes it in place; a leaf that is
newer than what was made from it has been changed since, the pullbacks may hold values that are gone,
and the walk says so.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol, TypeAlias

import numpy as np

from scratchnet.ops._array import Array, Pullback

__all__ = [
    "Leaf",
    "Node",
    "Parent",
    "Version",
    "is_needed",
    "mark_changed",
    "next_tick",
    "walk_back",
]

next_tick = count(-1, -1).__next__
_changes = [0]  # first, when any leaf was last changed in place: a newer node need not ask its own


class Version:
    """When a leaf was last changed in place, as a tick; 0 for never. `detach()` shares it."""

    __slots__ = ("tick",)

    def __init__(self) -> None:
        self.tick = 0


class Leaf(Protocol):
    """A Tensor, as far as the walk back has to know it."""

    requires_grad: bool
    _version: Version

    @property
    def is_leaf(self) -> bool: ...

    @property
    def shape(self) -> tuple[int, ...]: ...

    def _add_grad(self, gradient: Array) -> None: ...


# Where a gradient goes: to the node of an operation, or to a leaf. An input that needs none is None
# (an array) or the version of its Tensor, whose values the pullback may hold nevertheless.
Parent: TypeAlias = "Node | Leaf | Version | None"


class Node:
    """What a recorded operation leaves on the tape: its pullback, and where the gradients go."""

    __slots__ = ("parents", "pullback", "retained", "tick")

    def __init__(self, pullback: Pullback, parents: Sequence[Parent]) -> None:
        self.pullback = pullback
        self.parents = parents  # one for each gradient that the pullback returns
        self.retained: Leaf | None = None  # the Tensor whose .grad is to be kept as well
        self.tick = next_tick()


def is_needed(parent: Parent) -> bool:
    """Whether a gradient goes to this parent."""
    return parent is not None and type(parent) is not Version


def walk_back(root: Node | Leaf, dy: Array, retain_graph: bool) -> None:
    """Run the pullbacks below the root in reverse, and add to the `.grad` of the leaves.

    Gradients are written at the very end, so that an error leaves every `.grad` as it was. Without
    retain_graph each node is freed as soon as it was visited.
    """
    # The gradients of what is still to be visited; what is left in the end are the leaves.
    gradients: dict[Any, Any] = {root: dy}
    # A pullback may return dy itself or a view (`add` returns dz twice). So `+=` is allowed only
    # into arrays that were added up here, and a leaf's `.grad` is otherwise a copy.
    ours: set[Any] = set()
    retained: list[tuple[Leaf, Array]] = []
    # A node waits from the first gradient that comes to it. The latest of those that wait has had all
    # of its gradients: they come from nodes that are later still.
    waiting = [(root.tick, root)] if type(root) is Node else []
    while waiting:
        tick, node = heappop(waiting)
        dy = gradients.pop(node)
        if node.retained is not None:
            retained.append((node.retained, dy))
        if _changes[0] < tick:
            _require_unchanged(node)
        found, parents = node.pullback(dy), node.parents
        if len(found) != len(parents):
            raise RuntimeError(
                f"{node.pullback.__qualname__} returned {len(found)} gradients for "
                f"{len(parents)} arrays"
            )
        i = -1
        for parent in parents:  # counted by hand: zip would take three times as long
            i += 1
            dx = found[i]
            if dx is None:  # a pullback saw no need for it
                continue
            before = gradients.get(parent)
            if before is None:
                if type(parent) is Node:
                    heappush(waiting, (parent.tick, parent))
                elif not is_needed(parent):
                    continue
                gradients[parent] = dx
            elif parent in ours:
                np.add(before, dx, before)  # before += dx, a tenth faster
            elif type(dx) is dict:
                before.update(dx)
            else:
                gradients[parent] = np.asarray(before + dx)
                ours.add(parent)
        if not retain_graph:  # what the pullback captured is freed as we go
            node.pullback, node.parents = _freed, ()
    for leaf, dx in gradients.items():
        if leaf.requires_grad:  # it may have been frozen since
            leaf._add_grad(dx if leaf in ours else np.array(dx))
    for tensor, dy in retained:
        tensor._add_grad(np.array(dy))


def mark_changed(leaf: Leaf) -> None:
    """Note that a leaf's array was changed in place, so that an older graph that used it is refused.

    Optimisers and `load_state_dict` call this; whoever writes into `.data` between a forward pass and
    its backward pass must, or the gradients are wrong without a word.
    """
    if not leaf.is_leaf:
        raise RuntimeError("the array of a recorded Tensor must not be changed in place")
    leaf._version.tick = tick = next_tick()
    insort(
        _changes, tick
    )  # This and the next line are one step each for other threads, so that the
    del _changes[1:]  # latest of all changes stands first whichever thread comes between.


def _require_unchanged(node: Node) -> None:
    """Raise if an optimiser has written into an input since the node was recorded."""
    for parent in node.parents:
        if parent is None or isinstance(parent, Node):
            continue
        version = parent if isinstance(parent, Version) else parent._version
        if version.tick < node.tick:
            which = "" if isinstance(parent, Version) else f" of shape {parent.shape}"
            name = node.pullback.__qualname__.partition(".")[0]
            raise RuntimeError(
                f"a Tensor{which} has been changed in place since it was used in {name}: call "
                "backward before the optimiser's step, and detach a state that is carried over it"
            )


def _freed(dy: Any) -> tuple[Any, ...]:
    raise RuntimeError(
        "backward has already run through this graph and freed it: "
        "pass retain_graph=True to the first call if a second one is wanted"
    )

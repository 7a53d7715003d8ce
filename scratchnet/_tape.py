"""The walk back over the tape: nodes, the clock that orders them, and the chain rule.

Each recorded operation leaves a `Node`: its pullback, and where the gradients that it returns have to
go (its parents). From the last node to the first, each pullback turns the gradient of its output into
gradients of its inputs, and where a Tensor was used several times those from its uses are added.

One clock orders everything. Each node takes the next tick, so parents have smaller ticks than what
was made from them, and walking by falling ticks meets every node after all its uses. A leaf takes a
tick when an optimiser or `load_state_dict` changes it in place; a leaf that is newer than what was
made from it has been changed since, the pullbacks may hold values that are gone, and the walk says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from operator import attrgetter
from typing import Any, Protocol, TypeAlias

import numpy as np

from scratchnet.ops._array import Array, Pullback

__all__ = ["Leaf", "Node", "Parent", "Version", "is_needed", "next_tick", "walk_back"]

next_tick = count(1).__next__


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
    nodes = _nodes_below(root)
    while nodes:  # popped, so that what the pullbacks captured is freed as we go
        node = nodes.pop()
        dy = gradients.pop(node, None)
        ours.discard(node)
        if dy is None:  # a pullback saw no need for it
            continue
        if node.retained is not None:
            retained.append((node.retained, dy))
        parents = node.parents
        for parent in parents:
            if parent is not None and not isinstance(parent, Node):
                _require_unchanged(parent, node)
        found = node.pullback(dy)
        if len(found) != len(parents):
            raise RuntimeError(
                f"{node.pullback.__qualname__} returned {len(found)} gradients for "
                f"{len(parents)} arrays"
            )
        for parent, dx in zip(parents, found, strict=True):
            if dx is None or parent is None or isinstance(parent, Version):
                continue
            if parent not in gradients:
                gradients[parent] = dx
            elif type(dx) is dict:
                gradients[parent].update(dx)
            elif parent in ours:
                gradients[parent] += dx
            else:
                gradients[parent] = np.asarray(gradients[parent] + dx)
                ours.add(parent)
        if not retain_graph:
            node.pullback, node.parents = _freed, ()
    for leaf, dx in gradients.items():
        if leaf.requires_grad:  # it may have been frozen since
            leaf._add_grad(dx if leaf in ours else np.array(dx))
    for tensor, dy in retained:
        tensor._add_grad(np.array(dy))


def _nodes_below(root: Node | Leaf) -> list[Node]:
    """Return the nodes that the root was made by, itself included, oldest first."""
    # A list that grows while it is read, not a recursion: graphs are deeper than Python's stack.
    nodes = [root] if isinstance(root, Node) else []
    seen = set(nodes)
    for node in nodes:
        for parent in node.parents:
            if type(parent) is Node and parent not in seen:
                seen.add(parent)
                nodes.append(parent)
    nodes.sort(key=attrgetter("tick"))
    return nodes


def _require_unchanged(leaf: Leaf | Version, node: Node) -> None:
    """Raise if an optimiser has written into an input since the node was recorded."""
    version = leaf if isinstance(leaf, Version) else leaf._version
    if version.tick > node.tick:
        which = "" if isinstance(leaf, Version) else f" of shape {leaf.shape}"
        name = node.pullback.__qualname__.partition(".")[0]
        raise RuntimeError(
            f"a Tensor{which} has been changed in place since it was used in {name}: "
            "call backward before the optimiser's step, and detach a state that is carried over it"
        )


def _freed(dy: Any) -> tuple[Any, ...]:
    raise RuntimeError(
        "backward has already run through this graph and freed it: "
        "pass retain_graph=True to the first call if a second one is wanted"
    )

"""The graph that a tensor's gradient would walk, the hooks on it, and who sees a write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tensorcli.explorer.results.step import Answer


@dataclass(frozen=True, slots=True)
class GraphSave:
    """A tensor that a node keeps for the backward pass."""

    slot: str
    tensor: str | None
    """A name of it, where it has one."""
    storage: str | None
    shape: tuple[int, ...]
    nbytes: int
    saved: int
    """The version at saving."""
    now: int

    @property
    def stale(self) -> bool:
        """Whether unpacking it raises."""
        return self.saved != self.now


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node."""

    id: str
    """`n0` for the root, then in the order in which they are met."""
    name: str
    """`MulBackward0`."""
    leaf: bool
    """Whether it is the AccumulateGrad of a leaf."""
    tensors: tuple[str, ...]
    """The names of what it made; of an AccumulateGrad, of the leaf."""
    shape: tuple[int, ...] | None
    code: str
    """The expression that made it, or its statement; empty where unknown."""
    line: int | None
    saves: tuple[GraphSave, ...]
    numbers: tuple[str, ...]
    """Python numbers that it keeps as tensors (`other=3`)."""
    freed: bool
    """Whether a backward pass dropped what it had saved."""
    grad: str
    """Of a leaf: `None`, or its gradient's elements."""
    hooks: int
    next: tuple[str | None, ...]
    """Where the gradients of its inputs go: the ids of nodes; None where no gradient flows."""
    cut: int = 0
    """How many of `next` are left out here by depth or focus."""


@dataclass(frozen=True, slots=True)
class Graph(Answer):
    """`graph T`: the nodes below a tensor."""

    of: str
    """The tensor, as typed."""
    shape: tuple[int, ...]
    line: int | None
    nodes: tuple[GraphNode, ...]
    """The root first; every id in `next` is one of them."""
    more: int
    """Nodes left out by depth, focus or number."""
    notes: tuple[str, ...]
    """A stale storage each: how it came about and who sees it."""
    told: bool = True
    """Whether the engine tells what nodes save; where it does not, that none are listed says nothing."""
    remark: str = ""
    """What else there is to say about the tensor."""
    form: Literal["tree", "dot", "mermaid", "json"] = "tree"
    """What to show."""
    path: str | None = None
    """The file that it is to be written to, in the form that the suffix says."""


@dataclass(frozen=True, slots=True)
class HookRow:
    """One function that sees a gradient."""

    tensor: str
    """The tensor whose gradient it sees, or the node's name."""
    kind: str
    """`register_hook`, `retain_grad`, …"""
    function: str
    node: str
    sees: str
    """Which gradient, in words."""


@dataclass(frozen=True, slots=True)
class Hooks(Answer):
    """`hooks`: every function that the next backward pass would call."""

    of: str | None
    rows: tuple[HookRow, ...]


@dataclass(frozen=True, slots=True)
class WitnessRow:
    """Somebody who would see a write."""

    name: str
    how: str
    """`same object`, `view`, `shares the storage`, …"""
    elements: int
    """How many of its elements lie in written memory."""
    of: int
    counter: Literal["moves", "does not move", "has none", "unknown"]


@dataclass(frozen=True, slots=True)
class Witnesses(Answer):
    """`storages --write T`: who sees a write into all of a tensor."""

    of: str
    storage: str | None
    rows: tuple[WitnessRow, ...]
    saves: tuple[str, ...]
    """What nodes have saved there, and what would become of it."""
    refused: str = ""
    """Why PyTorch would refuse an in-place operation on it; empty where it would not."""

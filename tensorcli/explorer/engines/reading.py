"""The protocol through which facts of an engine's values are read.

No method here has an effect: none makes a view's node anew, warns, gives an id, bumps a counter or is an event. What an
engine cannot know it answers with None or nothing at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol

Kind = Literal["tensor", "ndarray", "node", "storage"]


class Look(NamedTuple):
    """One look at a tensor or an ndarray. Two looks that are equal show that nothing about it changed but its bytes."""

    kind: Kind
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    """In elements; of an ndarray in bytes, as numpy says them."""
    offset: int
    """Of the first element, in elements from the storage's first byte."""
    dtype: str
    itemsize: int
    device: str
    version: int | None
    requires_grad: bool | None
    is_leaf: bool | None
    grad_fn: str | None
    memory: int
    """The identity of the allocation."""
    counter: int
    """The identity of the version counter; 0 for none."""

    @property
    def numel(self) -> int:
        """How many elements."""
        result = 1
        for size in self.sizes:
            result *= size
        return result

    @property
    def summary(self) -> str:
        """`float32 (2, 3)`."""
        return f"{self.dtype} {self.sizes}"

    @property
    def nbytes(self) -> int:
        """What the elements would take without sharing."""
        return self.numel * self.itemsize


class Walk(NamedTuple):
    """How a tensor or an array walks its allocation: everything in bytes."""

    start: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int


class Saved(NamedTuple):
    """A tensor that a node keeps: under which name, itself, its version then and now."""

    slot: str
    tensor: Any
    saved: int
    now: int


class KeptCopy(NamedTuple):
    """A copy of a tensor that a node keeps: what keeps it, the copy."""

    keeper: Any
    tensor: Any


class Hook(NamedTuple):
    """A function that sees a gradient: where it sits, which output's gradient, the function itself."""

    kind: Literal["tensor", "before", "after", "retain_grad", "post_accumulate"]
    output: int | None
    function: Any
    """For `retain_grad` the tensor that keeps the gradient, None when it is gone."""


class Reads(Protocol):
    """Reads facts of the values of one implementation of PyTorch."""

    def kind(self, value: Any) -> Kind | None:
        """What the explorer knows of a value; None for what is not a tensor, array, node or storage."""

    def look(self, value: Any) -> Look:
        """The facts of a tensor or an ndarray."""

    def memory(self, value: Any) -> Any:
        """What owns the bytes of a tensor, an array or a storage. One object an allocation, which it keeps
        alive; can be referred to weakly.
        """

    def counter(self, tensor: Any) -> int:
        """The identity of a tensor's version counter; 0 for none."""

    def extent(self, memory: Any) -> int:
        """How many bytes an allocation has."""

    def walk(self, value: Any) -> Walk:
        """How a tensor or an array reaches its elements."""

    def content(self, memory: Any) -> Any:
        """The bytes of an allocation as a flat uint8 array over them; None where they cannot be seen."""

    def elements(self, value: Any) -> Any:
        """The elements of a tensor or an array as an ndarray that is not to be written; None where there are none."""

    def text(self, value: Any) -> str:
        """The elements on one line, summarised beyond 24."""

    def shown(self, elements: Any, dtype: str) -> str:
        """The text, on one line, that a tensor of these elements has: an ndarray, and PyTorch's dtype."""

    def cells(self, value: Any, first: int, count: int) -> list[str]:
        """The values in `count` slots of its storage from the slot `first` on, read with its dtype."""

    def giving_no_address(self) -> AbstractContextManager[None]:
        """Within it a text gives no object an address, that a later one would have got."""

    def repr(self, value: Any) -> str:
        """The repr of a tensor, to the character."""

    def printed(self, value: Any) -> Sequence[tuple[str, str]]:
        """Why the repr of a tensor looks as it does: what is seen, and the rule that made it so."""

    def base(self, tensor: Any) -> Any:
        """The root tensor that it is a view of, or None."""

    def parent(self, tensor: Any) -> Any:
        """The tensor that the view was taken of, or None."""

    def view_kind(self, tensor: Any) -> str:
        """How a view was made: `normal`, `no_grad`, `multi_output`, `inference`; empty for no view."""

    def grad(self, tensor: Any) -> Any:
        """`.grad` without the warning."""

    def retains_grad(self, tensor: Any) -> bool:
        """Whether `retain_grad()` was called on a non-leaf."""

    def node(self, tensor: Any) -> Any:
        """The node that made it, as it is now; None for a leaf."""

    def old_node(self, tensor: Any) -> Any:
        """Of a view whose base was written since: the node it had, which PyTorch will make anew; else None."""

    def node_name(self, node: Any) -> str:
        """`MulBackward0`, as a repr shows it."""

    def clock(self) -> float:
        """The number that the next node will get: nodes are numbered in the order in which they are made."""

    def sequence(self, node: Any) -> float | None:
        """The number of a node; None for one that is not numbered (AccumulateGrad)."""

    def operator(self, node: Any) -> str:
        """The operator whose gradient a node computes (`mul`), empty where it has none or cannot be known."""

    def outputs(self, node: Any) -> Sequence[tuple[tuple[int, ...], str]]:
        """The shape and dtype of each output of what a node stands for, as far as they are known."""

    def hooks(self, node: Any) -> Sequence[Hook]:
        """The functions that see gradients at a node, in the order in which they would run."""

    def edges(self, node: Any) -> Sequence[Any]:
        """The next nodes, None where no gradient flows."""

    def saved(self, node: Any) -> Sequence[Saved]:
        """The tensors that a node keeps."""

    def reads(self, node: Any, slot: str) -> bool:
        """Whether the node's gradient is computed from what it keeps under this name."""

    def elementwise(self, operator: str) -> bool:
        """Whether an operator computes each element from the elements in the same place."""

    def numbers(self, node: Any) -> Sequence[tuple[str, Any]]:
        """The Python numbers that a node keeps where it could have kept a tensor: freed with the tensors."""

    def released(self, node: Any) -> bool:
        """Whether a backward pass freed what it had saved."""

    def variable(self, node: Any) -> Any:
        """The leaf of an AccumulateGrad, None for another node."""

    def accumulator(self, tensor: Any) -> Any:
        """The AccumulateGrad of a leaf, None where none is there now."""

    def parts(self, value: Any) -> Iterable[tuple[str, Any]]:
        """What an object of the engine holds by name (parameters of a module, of an optimizer): suffix and value."""

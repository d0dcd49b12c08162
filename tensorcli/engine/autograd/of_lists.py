"""The nodes of operators on lists (`torch._foreach_NAME`): one for all results, which all require grad when one input does.

It is made of the nodes that the operator recorded for each tensor, and hands each gradient to the one that it belongs to.
"""

import weakref
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from tensorcli.engine import dtypes, events, messages
from tensorcli.engine.autograd.edges import NO_EDGE, Edge, gradient_edge
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.autograd.saved import SavedTensor
from tensorcli.engine.tensor import Tensor


class OfList(Node):
    """The node of all results. Its edges lead to the tensors of the first argument, then to those of the second, and so on."""

    __module__ = "builtins"

    constants = ()

    def __init__(self, nodes: Sequence[Node | None], lists: Sequence[Any]) -> None:
        self.nodes = nodes
        self.are_lists = [isinstance(one, (list, tuple)) for one in lists]
        """Of each argument, whether it has a tensor for each result, and is not one tensor for all."""
        edges: list[Edge] = []
        for at, is_list in enumerate(self.are_lists):
            own = [NO_EDGE if node is None or at >= len(node.edges) else node.edges[at] for node in nodes]
            edges.extend(own if is_list else [next((edge for edge in own if edge[0] is not None), NO_EDGE)])
        super().__init__(tuple(edges), {})

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        if self.released and any(node is not None and node.freed for node in self.nodes):
            raise RuntimeError(messages.FREED)
        self._share_edges()
        found = [
            None if node is None else _applied(node, grad, needed)
            for node, grad in zip(self.nodes, grads, strict=True)
        ]
        answers: list[Any] = []
        for at, is_list in enumerate(self.are_lists):
            own = [None if one is None or at >= len(one) else one[at] for one in found]
            if is_list:
                answers.extend(own)
            elif any(one is not None for one in own):
                # PyTorch has a place for one gradient, and one for each tensor of the list.
                raise RuntimeError("inconsistent range for TensorList output")
            else:
                answers.append(None)
        return answers

    def _share_edges(self) -> None:
        """Let the nodes lead to where this one leads by now: a transform that ends leaves out what is its own."""
        start = 0
        for at, is_list in enumerate(self.are_lists):
            for i, node in enumerate(self.nodes):
                if node is not None and at < len(node.edges) and node.edges[at][0] is not None:
                    edge = self.edges[start + i if is_list else start]
                    node.edges = (*node.edges[:at], edge, *node.edges[at + 1 :])
            start += len(self.nodes) if is_list else 1

    def release(self) -> None:
        if not self.released:
            observer = events.observer
            if observer is not None:
                observer.freed(self)
            # Of the nodes that it is made of nobody knows.
            events.observer = None
            try:
                for node in self.nodes:
                    if node is not None:
                        node.release()
            finally:
                events.observer = observer
        super().release()

    def saved_tensors_of(self) -> list[tuple[str, SavedTensor]]:
        return [each for node in self.nodes if node is not None for each in node.saved_tensors_of()]

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


def _applied(node: Node, grad: Tensor | None, needed: Any) -> list[Any] | None:
    """The gradients from one of the nodes: what it saved is looked at also where no gradient comes in, as PyTorch does."""
    if grad is not None:
        return node.apply([grad], needed)
    for name in node.saved:
        node.unpack(name)
    return None


class Underivable(Node):
    """The node of the results of an operator on lists that has no derivative."""

    __module__ = "builtins"
    title = "torch::autograd::NotImplemented"

    constants = ()

    def __init__(self, name: str, tensors: Sequence[Tensor]) -> None:
        super().__init__(tuple(gradient_edge(one) for one in tensors if one.requires_grad), {})
        self.operator = name

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        raise RuntimeError(f"derivative for aten::{self.operator} is not implemented")

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


Underivable.__name__ = Underivable.__qualname__ = "NotImplemented"


@cache
def _kind(title: str) -> type[OfList]:
    declared = title[-1].isdigit() and title.removeprefix("Foreach").partition("Backward")[0] in _DECLARED
    # PyTorch has no class of its own for the nodes that it generates.
    return type(title if declared else "CppFunction", (OfList,), {"title": title, "__module__": "builtins"})


_DECLARED: Final = ("Norm", "Pow", "Div", "Mm", "Maximum", "Minimum")


def joined(title: str, results: tuple[Tensor, ...], lists: Sequence[Any]) -> tuple[Tensor, ...]:
    """The results with one node together, where one of them was recorded: of this title, or of that of their own nodes; a title
    that begins with an underscore is the name of an operator that has no derivative.

    Errors: RuntimeError for results that are not floating.
    """
    nodes = [one.node for one in results]
    first = next((node for node in nodes if node is not None), None)
    if first is None or not mode.enabled:
        return results
    refused = next((one.dtype for one in results if one.dtype.category < dtypes.FLOATING), None)
    if refused is not None:
        raise RuntimeError(f"Autograd not support dtype: {refused.scalar_type}")
    made: Node
    if title.startswith("_"):
        tensors = [each for one in lists for each in (one if isinstance(one, (list, tuple)) else [one])]
        made = Underivable(title, tensors)
    else:
        made = _kind(title or f"Foreach{first.name()}")(nodes, lists)
    made.outputs = tuple((one.geometry, one.dtype, one.device) for one in results)
    for i, one in enumerate(results):
        for saved in () if one.node is None else one.node.saved.values():
            if isinstance(saved, SavedTensor) and saved.output_nr is not None:
                saved.maker, saved.output_nr = weakref.ref(made), i
        one.node, one.output_nr = made, i
    return results

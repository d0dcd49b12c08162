"""Edges: where the gradient of a tensor goes. This module knows of nodes only that they are made."""

from collections.abc import Callable
from typing import Any, Final

from tensorcli.engine.tensor import Tensor

Edge = tuple[Any, int]
"""A node and which of its outputs; (None, 0) where no gradient flows."""

NO_EDGE: Final[Edge] = (None, 0)


def gradient_edge(tensor: Tensor) -> Edge:
    """Where the gradient of `tensor` goes: its grad_fn, or the AccumulateGrad of a leaf."""
    node = tensor.grad_fn
    if node is not None:
        return node, tensor.output_nr
    if tensor.leaf_requires_grad:
        reference = tensor.accumulator
        found = None if reference is None else reference()
        return (make_accumulator(tensor) if found is None else found), 0
    return NO_EDGE


make_accumulator: Callable[[Tensor], Any] = None  # type: ignore[assignment]
"""Makes the AccumulateGrad of a leaf (set by `accumulate`)."""

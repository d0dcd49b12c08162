"""Gradients that cannot be differentiated again: the error comes when somebody tries, not before."""

from typing import Any

from tensorcli.engine.autograd.edges import NO_EDGE, gradient_edge
from tensorcli.engine.autograd.modes import mode, no_grad
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.tensor import Tensor


class DelayedError(Node):
    """The node of values whose gradient is an error."""

    __module__ = "builtins"
    title = "torch::autograd::Error"

    def __init__(self, message: str, values: tuple[Tensor | None, ...]) -> None:
        super().__init__(tuple(NO_EDGE if v is None else gradient_edge(v) for v in values), {})
        self.message = message
        self.outputs = tuple(None if v is None else (v.geometry, v.dtype, v.device) for v in values)

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        raise RuntimeError(self.message)

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()


DelayedError.__name__ = "Error"


def delayed_error(message: str, *values: Tensor | None) -> tuple[Any, ...]:
    """The same values; where one of them requires grad, differentiating what comes of them is an error with this message."""
    with no_grad():
        found = tuple(None if v is None else v.detach() for v in values)
    if not mode.enabled or not any(v is not None and v.requires_grad for v in values):
        return found
    node = DelayedError(message, values)
    for i, one in enumerate(found):
        if one is not None:
            one.node, one.output_nr = node, i
    return found

"""`torch.autograd.graph`: hooks on what nodes save, and the edges of the graph as users ask for them."""

from typing import Any, NamedTuple

from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.autograd.nodes import gradient_edge as _gradient_edge
from tensorcli.engine.autograd.saved import Hook as _Hook
from tensorcli.engine.autograd.saved import hooks as _hooks
from tensorcli.engine.tensor import Tensor

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class saved_tensors_hooks:  # noqa: N801
    """Inside the block, each tensor that a node saves goes through `pack_hook`, and through `unpack_hook` when used."""

    __module__ = "torch.autograd.graph"

    def __init__(self, pack_hook: _Hook, unpack_hook: _Hook) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if _hooks.disabled is not None:
            raise RuntimeError(_hooks.disabled)
        _hooks.stack.append((self.pack_hook, self.unpack_hook))

    def __exit__(self, *error: Any) -> None:
        _hooks.stack.pop()


class save_on_cpu(saved_tensors_hooks):  # noqa: N801
    """Keep saved tensors on the CPU until the backward pass needs them."""

    __module__ = "torch.autograd.graph"

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor: Tensor) -> Any:
            copied = tensor.detach().clone() if tensor.is_cpu else tensor.cpu()
            return tensor.device, copied

        def unpack(packed: Any) -> Any:
            device, tensor = packed
            return tensor.to(device)

        super().__init__(pack, unpack)


class disable_saved_tensors_hooks:  # noqa: N801
    """Inside the block, using saved tensor hooks is an error with this message."""

    def __init__(self, error_message: str) -> None:
        self.error_message = error_message

    def __enter__(self) -> None:
        self.previous = _hooks.disabled
        if _hooks.stack:
            raise RuntimeError(self.error_message)
        _hooks.disabled = self.error_message

    def __exit__(self, *error: Any) -> None:
        _hooks.disabled = self.previous


def increment_version(tensor: Any) -> None:
    """Count an in-place write that autograd did not see."""
    for one in (tensor,) if isinstance(tensor, Tensor) else tensor:
        one.bump()


class GradientEdge(NamedTuple):
    """A node, and which of its outputs."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> Any:
    """Where the gradient of `tensor` goes. Errors: RuntimeError when it requires none."""
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    return GradientEdge(*_gradient_edge(tensor))

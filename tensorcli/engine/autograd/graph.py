"""`torch.autograd.graph`: hooks on what nodes save, and the edges of the graph as users ask for them."""

from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from tensorcli.engine.autograd.context import Context
from tensorcli.engine.autograd.edges import gradient_edge as _gradient_edge
from tensorcli.engine.autograd.hooks import Handles
from tensorcli.engine.autograd.modes import enable_grad, passing
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.autograd.saved import Hook as _Hook
from tensorcli.engine.autograd.saved import hooks as _hooks
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
    "set_warn_on_accumulate_grad_stream_mismatch",
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
        if not (callable(self.pack_hook) and callable(self.unpack_hook)):
            raise TypeError(
                "_push_saved_tensors_default_hooks(): incompatible function arguments. The following argument types are "
                "supported:\n    1. (arg0: collections.abc.Callable, arg1: collections.abc.Callable) -> None\n\n"
                f"Invoked with: {self.pack_hook!r}, {self.unpack_hook!r}"
            )
        _hooks.stack.append((self.pack_hook, self.unpack_hook))

    def __exit__(self, *error: Any) -> None:
        if not _hooks.stack:
            raise RuntimeError(
                'is_initialized && !tls.stack.empty() INTERNAL ASSERT FAILED at "/__w/pytorch/pytorch/aten/src/ATen/'
                'SavedTensorHooks.cpp":69, please report a bug to PyTorch. '
            )
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


class allow_mutation_on_saved_tensors(ContextDecorator, saved_tensors_hooks):  # noqa: N801
    """Inside the block, what a node saves is a copy: writing over the original does no harm."""

    entered = False

    def __init__(self) -> None:
        kept: dict[object, Tensor] = {}
        self.kept = kept

        def pack(tensor: Tensor) -> object:
            handle = object()
            kept[handle] = tensor.detach().clone()
            return handle

        def unpack(handle: object) -> Tensor:
            if not allow_mutation_on_saved_tensors.entered or handle not in kept:
                raise AssertionError(
                    "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was "
                    "originally recorded."
                )
            return kept[handle]

        super().__init__(pack, unpack)

    def __enter__(self) -> Any:
        if allow_mutation_on_saved_tensors.entered:
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        super().__enter__()
        allow_mutation_on_saved_tensors.entered = True
        return self

    def __exit__(self, *error: Any) -> None:
        self.kept.clear()
        allow_mutation_on_saved_tensors.entered = False
        super().__exit__(*error)


class disable_saved_tensors_hooks(ContextDecorator):  # noqa: N801
    """Inside the block, or the function, using saved tensor hooks is an error with this message."""

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
    """Count an in-place write that autograd did not see. Errors: RuntimeError for what holds anything but tensors."""
    try:
        tensors = iter((tensor,) if isinstance(tensor, Tensor) else tensor)
    except TypeError:
        raise RuntimeError("increment_version expect a Iterable[Tensor] as input") from None
    for one in tensors:
        if not isinstance(one, Tensor):
            raise RuntimeError("increment_version expects each element of the iterable to be a tensor")
        if not one.inference:
            one.bump()


def set_warn_on_accumulate_grad_stream_mismatch(enabled: bool) -> None:
    """Whether to warn of gradients that come from another stream, which none do here. Errors: RuntimeError for no bool."""
    if not isinstance(enabled, bool):
        raise RuntimeError(f"enabled must be a bool, but got {type_name(type(enabled))}")


class GradientEdge(NamedTuple):
    """A node, and which of its outputs."""

    node: Any
    output_nr: int
    ownership_token: Any = None


def get_gradient_edge(tensor: Tensor) -> Any:
    """Where the gradient of `tensor` goes. Errors: RuntimeError when it requires none, AssertionError where it goes nowhere:
    a view of what requires grad, made in inference mode.
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    node = _node_of(tensor)
    # PyTorch's node of a custom function does not keep its own graph alive, so the edge holds a node that does.
    with enable_grad():
        token = tensor.view_as(tensor).grad_fn if isinstance(node, Context) else None
    return GradientEdge(node, _gradient_edge(tensor)[1], token)


def _node_of(tensor: Any) -> Node:
    """The node that a tensor's gradient goes to. Errors: AssertionError where there is none."""
    node = tensor.node if isinstance(tensor, GradientEdge) else _gradient_edge(tensor)[0]
    if node is None:
        raise AssertionError("Expected gradient function to be set")
    return node  # type: ignore[no-any-return]


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: str = "all"
) -> Any:
    """Call `fn` once a backward pass: with the gradients of all the tensors that it reaches (None for the others) when the
    last is there, or (mode "any") with the first. The handle that is returned removes it.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of {('all', 'any')} but got {mode}")
    if mode == "any":
        met: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()

        def first(grad: Tensor) -> None:
            if passing[-1] not in met:
                met[passing[-1]] = True
                fn(grad)

        return Handles(tuple(t.register_hook(first) for t in tensors if t.requires_grad))
    nodes = [_node_of(t) for t in tensors]
    arrived: WeakKeyDictionary[Any, tuple[int, list[Any]]] = WeakKeyDictionary()

    def arrive(place: int, grad: Tensor) -> None:
        now = passing[-1]
        if now not in arrived:
            arrived[now] = (sum(now.executes(node) for node in nodes), [None] * len(nodes))
        left, grads = arrived[now]
        grads[place] = grad
        arrived[now] = (left - 1, grads)
        if left == 1:
            fn(grads)

    def at(place: int) -> Callable[[Tensor], None]:
        return lambda grad: arrive(place, grad)

    return Handles(tuple(t.register_hook(at(i)) for i, t in enumerate(tensors)))

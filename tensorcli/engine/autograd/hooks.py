"""Hooks on tensors: functions that see, and may replace, a gradient on its way.

A hook sits on the node that made the value it was registered on: after an in-place write the old hooks still see the
gradient of the old value. A leaf's hooks are its own, and each AccumulateGrad of it runs them. `retain_grad` follows the
last version instead, and sees the gradient after all other hooks.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from sys import getrefcount
from typing import Any

from tensorcli.engine import events, messages
from tensorcli.engine.autograd.modes import refuse_in_transform
from tensorcli.engine.autograd.nodes import Node, gradient_edge
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.tensor import Tensor


class NodeHooks:
    """All hooks of one node: on its outputs' gradients (by output number), before it, after it."""

    __slots__ = ("after", "before", "post_accumulate", "retains", "tensor")

    def __init__(self) -> None:
        self.tensor: dict[int, tuple[int, Callable[..., Any]]] = {}
        """By the handle's id: (output number, function)."""
        self.before: dict[int, Callable[..., Any]] = {}
        self.after: dict[int, Callable[..., Any]] = {}
        self.retains: dict[int, Any] = {}
        """By output number: a weak reference to the tensor that keeps its gradient."""
        self.post_accumulate: dict[int, Callable[..., Any]] = {}

    def lend(self, node: Node) -> None:
        """Let a node run the hooks of its leaf, those that come later too."""
        theirs = hooks_of(node)
        theirs.tensor, theirs.post_accumulate = self.tensor, self.post_accumulate


def hooks_of(node: Node) -> NodeHooks:
    """The hooks of a node, made when first asked for."""
    if node.hooks is None:
        node.hooks = NodeHooks()
    found: NodeHooks = node.hooks
    return found


def _hooks_of_leaf(tensor: Tensor) -> NodeHooks:
    """The hooks of a leaf, made when first asked for."""
    if not isinstance(tensor.hooks, NodeHooks):
        tensor.hooks = NodeHooks()
        node = None if tensor.accumulator is None else tensor.accumulator()
        if node is not None:
            tensor.hooks.lend(node)
    found: NodeHooks = tensor.hooks
    return found


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook away. Also a context manager."""

    __module__ = "torch.utils.hooks"

    next_id = 0

    def __init__(self, table: dict[int, Any], marks: Iterable[dict[int, Any]] = ()) -> None:
        self.tables = (table, *marks)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def remove(self) -> None:
        for table in self.tables:
            table.pop(self.id, None)

    def __enter__(self) -> "RemovableHandle":
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


class Handles:
    """Several handles as one."""

    __module__ = "torch.autograd.graph"

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self.handles = handles

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> "Handles":
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()


Handles.__qualname__ = Handles.__name__ = "_MultiHandle"


def register_hook(tensor: Tensor, hook: Callable[[Tensor], Any]) -> RemovableHandle:
    """`tensor.register_hook`: sees the gradient of `tensor` as it is now; a tensor that it returns replaces it."""
    if not tensor.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    node, output_nr = gradient_edge(tensor)
    if node is None:
        # A view that is cut off from its base (made under no_grad): no gradient ever comes, but the hook is accepted.
        return RemovableHandle({})
    hooks = _hooks_of_leaf(tensor) if tensor.grad_fn is None else hooks_of(node)
    handle = RemovableHandle(hooks.tensor)
    hooks.tensor[handle.id] = (output_nr, hook)
    if tensor.hooks is None:
        tensor.hooks = ()
    return handle


def backward_hooks(tensor: Tensor) -> OrderedDict[int, Callable[..., Any]] | None:
    """`tensor._backward_hooks`: the functions registered on it as it is now, by their handles' ids; None without any."""
    if isinstance(tensor.hooks, NodeHooks):
        found: NodeHooks | None = tensor.hooks
    else:
        found = None if tensor.node is None else tensor.node.hooks
    if found is None or (tensor.node is not None and not found.tensor):
        return None
    return OrderedDict(
        (number, hook) for number, (at, hook) in found.tensor.items() if at == tensor.output_nr
    )


def retain_grad(tensor: Tensor) -> None:
    """`tensor.retain_grad()`: keep the gradient of a non-leaf in `.grad`."""
    import weakref

    refuse_in_transform("retain_grad")
    if not tensor.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if tensor.is_leaf or tensor.retains_grad:
        return
    tensor.retains_grad = True
    if tensor.hooks is None:
        tensor.hooks = ()
    node, output_nr = gradient_edge(tensor)
    hooks_of(node).retains[output_nr] = weakref.ref(tensor)


def moved(tensor: Tensor, old: Node | None, new: Node) -> None:
    """An in-place write gave `tensor` a new node: its retain_grad moves there."""
    import weakref

    if tensor.retains_grad and old is not None and old is not new:
        if old.hooks is not None:
            old.hooks.retains.pop(tensor.output_nr, None)
        hooks_of(new).retains[tensor.output_nr] = weakref.ref(tensor)


def run_tensor_hooks(node: Node, grads: list[Any], owned: list[bool]) -> None:
    """Run the hooks on the outputs' gradients, and store what retain_grad keeps.

    `owned[i]` says whether nobody else holds `grads[i]`. A hook may keep what it saw or what it returned; only CPython
    knows, so it is asked here, right after the hook, and nowhere else.
    """
    hooks: NodeHooks = node.hooks
    for output_nr, hook in list(hooks.tensor.values()):
        grad = grads[output_nr]
        if grad is None:
            continue
        if events.observer is not None:
            events.observer.hooked(node, "tensor", hook)
        answer = hook(grad)
        if answer is None or answer is grad:
            del answer
            owned[output_nr] = owned[output_nr] and getrefcount(grad) <= _HELD
            continue
        check_answer(hook, grad, answer)
        grads[output_nr] = grad = answer
        del answer
        owned[output_nr] = getrefcount(grad) <= _HELD
    for output_nr, reference in hooks.retains.items():
        tensor = reference()
        grad = grads[output_nr]
        if tensor is not None and grad is not None:
            if events.observer is not None:
                events.observer.hooked(node, "retain_grad", tensor)
            kept = (
                grad.clone(memory_format=contiguous_format) if tensor._grad is None else tensor._grad + grad
            )
            tensor._grad = kept
    for hook in list(hooks.before.values()):
        if events.observer is not None:
            events.observer.hooked(node, "before", hook)
        given = tuple(grads)
        answer = hook(given)
        owned[:] = [False] * len(owned)
        if answer is not None:
            check_answers(hook, given, answer)
            grads[:] = answer


_HELD = 4
"""References to a gradient that are ours: the list of gradients, the buffer's entry, the local name, the call."""


def check_nothing(answer: Any, variable: Tensor) -> None:
    """A hook that ran after a gradient was accumulated returns nothing new. Errors: TypeError, RuntimeError."""
    if answer is None or answer is variable:
        return
    if not isinstance(answer, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(answer).__name__}'")
    raise RuntimeError("Tensor post accumulate grad hooks should return None.")


def check_answers(hook: Callable[..., Any], given: tuple[Any, ...], answers: Any) -> None:
    """What a node's hook returned instead of several gradients. Errors: RuntimeError, TypeError with PyTorch's texts."""
    if not isinstance(answers, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(answers).__name__}'")
    if len(answers) != len(given):
        raise RuntimeError(
            f"hook '{_name(hook)}' has returned an incorrect number of values (got {len(answers)}, but expected {len(given)})"
        )
    for old, new in zip(given, answers, strict=True):
        if new is None:
            continue
        if old is None:
            raise RuntimeError("can't replace a None gradient with a non-None value")
        check_answer(hook, old, new)


def _name(hook: Callable[..., Any]) -> str:
    return getattr(hook, "__name__", type(hook).__name__)


def check_answer(hook: Callable[..., Any], grad: Tensor, answer: Any) -> None:
    """What a hook returned must look like the gradient. Errors: TypeError, RuntimeError with PyTorch's texts."""
    name = _name(hook)
    if not isinstance(answer, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(answer).__name__}'")
    if answer.dtype is not grad.dtype:
        raise RuntimeError(
            f"hook '{name}' has changed the type of value (was {messages.tensor_type(grad)} got {messages.tensor_type(answer)})"
        )
    if answer.geometry.sizes != grad.geometry.sizes:
        raise RuntimeError(f"hook '{name}' has changed the size of value")


def register_post_accumulate_grad_hook(tensor: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """`tensor.register_post_accumulate_grad_hook`: called with the leaf after its `.grad` changed."""
    if not tensor.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if tensor.grad_fn is not None:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if not tensor.leaf_requires_grad:
        # A view that was taken in no_grad: nothing will ever be accumulated into it.
        return RemovableHandle({})
    hooks = _hooks_of_leaf(tensor)
    handle = RemovableHandle(hooks.post_accumulate)
    hooks.post_accumulate[handle.id] = hook
    return handle

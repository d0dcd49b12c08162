"""Hooks on tensors: functions that see, and may replace, a gradient on its way.

A tensor's hooks are one table (`Tensor.hooks`, PyTorch's `_backward_hooks`), which the node that made its value runs:
after an in-place write the tensor starts with no table, and the old one still sees the gradient of the old value. A leaf's
tables are run by each AccumulateGrad of it. `retain_grad` follows the last version instead, and sees the gradient after all
other hooks.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from sys import getrefcount
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from tensorcli.engine import events, messages
from tensorcli.engine.autograd.edges import gradient_edge
from tensorcli.engine.autograd.modes import refuse_in_transform
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.native import type_name
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.autograd.nodes import Node

Table = dict[int, Callable[..., Any]]


class NodeHooks:
    """All hooks of one node: on its outputs' gradients (by output number), before it, after it."""

    __slots__ = ("after", "before", "post_accumulate", "retains", "tensor")

    def __init__(self) -> None:
        self.tensor: list[tuple[int, Table]] = []
        """Of each output that has hooks: its number, and the functions by their handles' ids."""
        self.before: dict[int, Callable[..., Any]] = {}
        self.after: dict[int, Callable[..., Any]] = {}
        self.retains: dict[int, Any] = {}
        """By output number: a weak reference to the tensor that keeps its gradient."""
        self.post_accumulate: dict[int, Callable[..., Any]] = {}


def hooks_of(node: "Node") -> NodeHooks:
    """The hooks of a node, made when first asked for."""
    if node.hooks is None:
        node.hooks = NodeHooks()
    found: NodeHooks = node.hooks
    return found


def lend(leaf: Tensor, node: "Node") -> None:
    """Let an AccumulateGrad run the hooks of its leaf, those that come later too."""
    if leaf.hooks is not None:
        hooks_of(node).tensor.append((0, leaf.hooks))
    if leaf._post_accumulate_grad_hooks is not None:
        hooks_of(node).post_accumulate = leaf._post_accumulate_grad_hooks


def _accumulator(leaf: Tensor) -> "Node | None":
    """The AccumulateGrad of a leaf, where a graph holds one."""
    found: Node | None = None if leaf.accumulator is None else leaf.accumulator()
    return found


unserializable: Final[WeakSet[Any]] = WeakSet()
"""Hooks that pickles leave behind without a word (`torch.utils.hooks.unserializable_hook`)."""


class RemovableHandle(Pickled):
    """What registering a hook returns: `remove()` takes the hook away. Also a context manager."""

    __module__ = "torch.utils.hooks"

    next_id = 0

    def __init__(self, table: dict[int, Any], marks: Iterable[dict[int, Any]] = ()) -> None:
        self.tables = (table, *marks)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1

    def hooks_dict_ref(self) -> dict[int, Any]:
        """The table that the hook is in."""
        return self.tables[0]

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


def register_hook(self: Tensor, hook: Callable[[Tensor], Any]) -> RemovableHandle:
    """`tensor.register_hook`: sees the gradient of the tensor as it is now; a tensor that it returns replaces it."""
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if self.hooks is None:
        # A view that is cut off from its base (made under no_grad) has neither: no gradient ever comes, but hooks are accepted.
        # One whose base was written since gets another node, which drops its hooks, before it has any. PyTorch crashes there.
        node = self.grad_fn or _accumulator(self)
        self.hooks = OrderedDict()
        if node is not None:
            hooks_of(node).tensor.append((self.output_nr, self.hooks))
    handle = RemovableHandle(self.hooks)
    self.hooks[handle.id] = hook
    return handle


def retain_grad(tensor: Tensor) -> None:
    """`tensor.retain_grad()`: keep the gradient of a non-leaf in `.grad`."""
    import weakref

    if not tensor.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    refuse_in_transform("retain_grad")
    if tensor.node is None or tensor.retains_grad:
        return
    tensor.retains_grad = True
    node, output_nr = gradient_edge(tensor)
    hooks_of(node).retains[output_nr] = weakref.ref(tensor)


def moved(tensor: Tensor, old: "Node | None", old_nr: int) -> None:
    """`tensor` got a new node: its retain_grad moves there, and hooks from here on see the gradient of the new value."""
    tensor.hooks = None
    if not tensor.retains_grad:
        return
    if old is None:
        raise RuntimeError(
            'old_fn INTERNAL ASSERT FAILED at "/__w/pytorch/pytorch/torch/csrc/autograd/variable.cpp":205, please report a bug '
            "to PyTorch. "
        )
    if old is not tensor.node and old.hooks is not None:
        kept = old.hooks.retains.pop(old_nr, None)
        if kept is not None:
            hooks_of(tensor.node).retains[tensor.output_nr] = kept


class Share:
    """A gradient that went to several places: how many of them still hold it."""

    __slots__ = ("holders",)

    def __init__(self, holders: int) -> None:
        self.holders = holders


Owned = bool | Share
"""Whether nobody else holds a gradient, or who else does."""


def is_sole(owned: Owned) -> bool:
    """Whether a gradient is held in one place only, and may be written into."""
    return owned is True or (owned is not False and owned.holders == 1)


def release(owned: Owned) -> None:
    """One of the places that hold a gradient lets go of it."""
    if owned.__class__ is Share:
        owned.holders -= 1


def after_hook(owned: Owned, references: int) -> Owned:
    """Who holds a gradient after a hook saw it, by how many references to it there are: the hook may have kept it."""
    if owned is False:
        return False
    if owned is True:
        return references <= HELD
    if references > HELD + owned.holders - 1:
        owned.holders += 1
    return owned


def after_function(answers: list[Any], grads: list[Any], owned: list[Owned]) -> list[Tensor]:
    """The answers of a function of the user's own that somebody else holds: it may have kept what it made, and what it saw
    (`owned` follows). Only CPython knows, so it is asked right after the call, as after a hook.
    """
    for i in range(len(grads)):
        grad = grads[i]
        owned[i] = after_hook(owned[i], getrefcount(grad) - sum(grad is one for one in answers))
    return [
        one
        for one in answers
        if one is not None
        and not any(one is grad for grad in grads)
        and getrefcount(one) - sum(one is other for other in answers) >= HELD
    ]


def run_tensor_hooks(node: "Node", grads: list[Any], owned: list[Owned]) -> None:
    """Run the hooks on the outputs' gradients (None where none arrived), and store what retain_grad keeps.

    `owned[i]` says whether nobody else holds `grads[i]`. A hook may keep what it saw or what it returned; only CPython
    knows, so it is asked here, right after the hook, and nowhere else.
    """
    hooks: NodeHooks = node.hooks
    for output_nr, table in list(hooks.tensor):
        for hook in list(table.values()):
            grad = grads[output_nr]
            if events.observer is not None:
                events.observer.hooked(node, "tensor", hook)
            answer = hook(grad)
            if answer is not None and answer is not grad:
                check_answer(hook, grad, answer)
                release(owned[output_nr])
                grads[output_nr] = grad = answer
                owned[output_nr] = True
            del answer
            owned[output_nr] = after_hook(owned[output_nr], getrefcount(grad))
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


def run_prehooks(node: "Node", grads: list[Any], owned: list[Owned]) -> None:
    """Run the hooks before the node, which see all its gradients at once. `owned` as for the hooks on tensors."""
    for hook in list(node.hooks.before.values()):
        if events.observer is not None:
            events.observer.hooked(node, "before", hook)
        given = tuple(grads)
        answer = hook(given)
        if answer is not None and answer is not given:
            check_answers(hook, given, answer)
            for i, new in enumerate(answer):
                if new is not grads[i]:
                    release(owned[i])
                    grads[i], owned[i] = new, True
            new = None
        del answer, given
        for i in range(len(grads)):
            grad = grads[i]
            owned[i] = after_hook(owned[i], getrefcount(grad))


HELD = 3
"""References to a gradient that are ours: the list it stands in, the local name, the call."""


def check_nothing(answer: Any, variable: Tensor) -> None:
    """A hook that ran after a gradient was accumulated returns nothing new. Errors: TypeError, RuntimeError."""
    if answer is None or answer is variable:
        return
    if not isinstance(answer, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type_name(type(answer))}'")
    raise RuntimeError("Tensor post accumulate grad hooks should return None.")


def check_answers(hook: Callable[..., Any], given: tuple[Any, ...], answers: Any) -> None:
    """What a node's hook returned instead of several gradients. Errors: RuntimeError, TypeError with PyTorch's texts."""
    if not isinstance(answers, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type_name(type(answers))}'")
    if len(answers) != len(given):
        raise RuntimeError(
            f"hook '{_name(hook)}' has returned an incorrect number of values (got {len(answers)}, but expected {len(given)})"
        )
    for old, new in zip(given, answers, strict=True):
        if new is not None:
            check_answer(hook, old, new)


def _name(hook: Callable[..., Any]) -> str:
    return getattr(hook, "__name__", "<unknown>")


def check_answer(hook: Callable[..., Any], grad: Tensor | None, answer: Any) -> None:
    """What a hook returned must look like the gradient. Errors: TypeError, RuntimeError with PyTorch's texts."""
    name = _name(hook)
    if grad is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if not isinstance(answer, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type_name(type(answer))}'")
    if answer.dtype is not grad.dtype or answer.device.type != grad.device.type:
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
    if tensor._post_accumulate_grad_hooks is None:
        tensor._post_accumulate_grad_hooks = OrderedDict()
        node = _accumulator(tensor)
        if node is not None:
            hooks_of(node).post_accumulate = tensor._post_accumulate_grad_hooks
    handle = RemovableHandle(tensor._post_accumulate_grad_hooks)
    tensor._post_accumulate_grad_hooks[handle.id] = hook
    return handle

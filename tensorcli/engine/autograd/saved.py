"""What a node keeps of one value for the backward pass: a tensor and its version, a number, or what a hook made of it."""

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import addresses, messages
from tensorcli.engine.autograd.anomaly import anomaly
from tensorcli.engine.autograd.edges import gradient_edge
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor, alias, wrapped_number

if TYPE_CHECKING:
    from tensorcli.engine.autograd.nodes import Node

Hook = Callable[[Any], Any]


class PackHooks:
    """The hooks in force, innermost last; and the message of an enclosing `disable_saved_tensors_hooks`."""

    __slots__ = ("disabled", "stack")

    def __init__(self) -> None:
        self.stack: list[tuple[Hook, Hook]] = []
        self.disabled: str | None = None


hooks = PackHooks()


class SavedTensor:
    """A tensor that a node keeps, and the version it had.

    The node's own output is kept as a bare alias (a reference to the output itself would be a cycle through its
    grad_fn); unpacking it makes a new tensor of the same history.
    """

    __slots__ = ("attached", "maker", "output_nr", "tensor", "version")

    def __init__(self, tensor: Tensor, output_nr: int | None = None) -> None:
        if tensor.inference:
            raise RuntimeError(messages.INFERENCE_SAVED)
        self.maker: weakref.ref[Any] | None = None
        """Of a result that was written into a view: the view's node, which is gone with the view or when it is made anew."""
        self.attached = tensor.node is not None
        """Whether it was the output of a node, which `detach_()` may have taken from it since."""
        self.tensor = tensor if output_nr is None else alias(tensor)
        self.output_nr = output_nr
        counter = tensor._counter
        self.version = tensor.counter.count if counter is None else counter.count

    def unpack(self, node: "Node") -> Tensor:
        """The tensor as it was saved. Errors: RuntimeError when it was written since, or detached, with PyTorch's texts."""
        tensor = self.tensor
        if self.output_nr is None and self.attached and tensor.node is None and tensor.view_of is None:
            raise RuntimeError(messages.SAVED_DETACHED)
        return self.shown(node)

    def shown(self, node: "Node") -> Tensor:
        """The tensor as the node shows it, detached or not. Errors: RuntimeError when it was written since."""
        tensor = self.tensor
        found = tensor.counter.count
        if found != self.version:
            raise RuntimeError(self._modified(node, found))
        return tensor if self.output_nr is None else _output(tensor, self._producer(node), self.output_nr)

    def _producer(self, node: "Node") -> Any:
        """Of which node the tensor is an output."""
        if self.output_nr is None:
            return self.tensor.grad_fn
        return (None if self.maker is None else self.maker()) or node

    def _modified(self, node: "Node", found: int) -> str:
        tensor = self.tensor
        producer = self._producer(node)
        # Of a saved input PyTorch keeps no number, and says 0 whichever output it was.
        number = self.output_nr or 0
        words = "" if producer is None else f", which is output {number} of {producer.plain_name()},"
        hint = messages.ANOMALY_FOUND if anomaly.enabled else messages.ANOMALY_HINT
        return messages.modified(
            messages.tensor_type(tensor), tensor.geometry.sizes, words, found, self.version, hint
        )


class SavedNumber:
    """A Python number given where the schema says Tensor: PyTorch saves the tensor that it stands for."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def unpack(self, node: "Node") -> Tensor:
        """The number as a zero-dimensional tensor."""
        return wrapped_number(self.value)


class SavedPacked:
    """What a pack hook made of a saved tensor, and the hook that makes a tensor of it again."""

    __slots__ = ("accumulator", "kept", "output_nr", "source", "source_nr", "unpack_hook", "version")

    def __init__(self, tensor: Tensor, output_nr: int | None, unpack_hook: Hook) -> None:
        if tensor.inference:
            raise RuntimeError(messages.INFERENCE_SAVED)
        self.unpack_hook = unpack_hook
        self.kept: tuple[Any, ...] = ()
        """What the pack hook made; nothing where it failed, and the unpack hook is called without it, as in PyTorch."""
        self.version = tensor.counter.count
        self.output_nr = output_nr
        # What the unpacked tensor gets back: its place in the graph, or the leaf's accumulator.
        leaf = tensor.leaf_requires_grad
        self.source = None if leaf or output_nr is not None or not tensor.requires_grad else tensor.grad_fn
        self.source_nr = tensor.output_nr
        self.accumulator = gradient_edge(tensor)[0] if leaf else None

    def pack(self, pack_hook: Hook, tensor: Tensor) -> None:
        """Let the pack hook make something of the tensor. Errors: RuntimeError when it writes into it."""
        with no_grad():
            self.kept = (pack_hook(tensor),)
        if tensor.counter.count != self.version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot "
                "be modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if "
                "you need to perform in-place operations on the input to a pack hook."
            )

    def unpack(self, node: "Node") -> Tensor:
        """The tensor that the unpack hook gives. Errors: TypeError when it gives none."""
        found = self.unpack_hook(*self.kept)
        if not isinstance(found, Tensor):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type_name(type(found))}"
            )
        if self.output_nr is not None:
            return _output(found, node, self.output_nr)
        if self.source is not None:
            return _output(found, self.source, self.source_nr)
        if self.accumulator is not None:
            found = alias(found)
            found.leaf_requires_grad = True
            found.accumulator = weakref.ref(self.accumulator)
        return found


class RawSaved:
    """A saved tensor as PyTorch shows it: an object for `register_hooks`, not the tensor."""

    __module__ = "torch._C._autograd"
    __slots__ = ("__weakref__", "name", "node", "place")

    def __init__(self, node: "Node", name: str, place: int | None = None) -> None:
        self.node = node
        self.name = name
        self.place = place
        """Which one of several that are saved under the name."""

    def _found(self) -> Any:
        found = self.node.saved.get(self.name)
        return found if self.place is None or found is None else found[self.place]

    @property
    def data(self) -> Any:
        """What is kept: the tensor (detached where it is the node's own output), or what the pack hook made of it."""
        found = self._found()
        return (
            found.kept[0] if isinstance(found, SavedPacked) and found.kept else getattr(found, "tensor", None)
        )

    @property
    def unpack_hook(self) -> Hook | None:
        """The hook that makes a tensor of the data again, where there is one."""
        found = self._found()
        return found.unpack_hook if isinstance(found, SavedPacked) else None

    def unpack(self) -> Tensor | None:
        """The tensor as the node gets it, which PyTorch does not find for the node's own output.

        Errors: RuntimeError there, and when the tensor was freed, or written since.
        """
        found = self._found()
        if found is None and (self.name in self.node.freed or self.node.released):
            raise RuntimeError(messages.FREED)
        if isinstance(found, SavedTensor) and found.output_nr is not None:
            raise RuntimeError(messages.SAVED_DETACHED)
        return None if found is None else found.unpack(self.node)

    def register_hooks(self, *given: Hook) -> None:
        """Pack the tensor now, and unpack what that gave when it is used: `(pack_hook, unpack_hook)`.

        Errors: TypeError for anything but two functions; RuntimeError when the tensor was freed, or has hooks already.
        """
        if len(given) != 2 or not all(callable(hook) for hook in given):
            raise TypeError(
                "register_hooks(): incompatible function arguments. The following argument types are supported:\n"
                "    1. (self: torch._C._autograd.SavedTensor, arg0: collections.abc.Callable, arg1: collections.abc.Callable)"
                f" -> None\n\nInvoked with: {', '.join(map(repr, (self, *given)))}"
            )
        pack_hook, unpack_hook = given
        saved = self._found()
        if saved is None and self.name not in self.node.freed and not self.node.released:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        if saved is None:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph are "
                "freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through "
                "the graph a second time or if you need to access saved variables after calling backward."
            )
        if not isinstance(saved, SavedTensor):
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of hooks is "
                "allowed at a time."
            )
        packed = SavedPacked(saved.tensor, saved.output_nr, unpack_hook)
        if self.place is not None:
            several = list(self.node.saved[self.name])
            several[self.place] = packed
            self.node.saved[self.name] = tuple(several)
        else:
            self.node.saved[self.name] = packed
        # The graph keeps what leads to the tensor: the hook is shown its values.
        packed.pack(pack_hook, saved.tensor.detach())

    def __repr__(self) -> str:
        return f"<torch._C._autograd.SavedTensor object at {addresses.of_object(self)}>"


RawSaved.__name__ = RawSaved.__qualname__ = "SavedTensor"
SAVED: Final = (SavedTensor, SavedNumber, SavedPacked)
UNPACKED: Final = (*SAVED, tuple)


def _output(tensor: Tensor, node: "Node", number: int) -> Tensor:
    """An output of `node`, made again."""
    output = alias(tensor)
    output.node = node
    output.output_nr = number
    output._tangents = tensor._tangents
    return output

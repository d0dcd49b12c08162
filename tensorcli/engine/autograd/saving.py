"""Hooks on what nodes save: `torch.autograd.graph.saved_tensors_hooks` and what is built on it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tensorcli.engine.tensor import Tensor, alias

Hook = Callable[[Any], Any]


class _State:
    """The hooks in force, innermost last; and the message of an enclosing `disable_saved_tensors_hooks`."""

    __slots__ = ("disabled", "stack")

    def __init__(self) -> None:
        self.stack: list[tuple[Hook, Hook]] = []
        self.disabled: str | None = None


state = _State()


class SavedPacked:
    """What a pack hook made of a saved tensor, and the hook that makes a tensor of it again."""

    __slots__ = ("output_nr", "packed", "unpack_hook", "version")

    def __init__(self, tensor: Tensor, output_nr: int | None = None) -> None:
        pack, self.unpack_hook = state.stack[-1]
        self.version = tensor.counter.count
        self.output_nr = output_nr
        self.packed = pack(tensor)
        if isinstance(self.packed, Tensor) and self.packed is tensor and tensor.counter.count != self.version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook cannot "
                "be modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if "
                "you need to perform in-place operations on the input to a pack hook."
            )

    def unpack(self, node: Any) -> Tensor:
        """The tensor that the unpack hook gives. Errors: TypeError when it gives none."""
        found = self.unpack_hook(self.packed)
        if not isinstance(found, Tensor):
            raise TypeError(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(found).__name__}"
            )
        if self.output_nr is None:
            return found
        output = alias(found)
        output.node = node
        output.output_nr = self.output_nr
        return output


class saved_tensors_hooks:  # noqa: N801
    """Inside the block, each tensor that a node saves goes through `pack_hook`, and through `unpack_hook` when used."""

    def __init__(self, pack_hook: Hook, unpack_hook: Hook) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if state.disabled is not None:
            raise RuntimeError(state.disabled)
        state.stack.append((self.pack_hook, self.unpack_hook))

    def __exit__(self, *error: Any) -> None:
        state.stack.pop()


class save_on_cpu(saved_tensors_hooks):  # noqa: N801
    """Keep saved tensors on the CPU until the backward pass needs them."""

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
        self.previous = state.disabled
        if state.stack:
            raise RuntimeError(self.error_message)
        state.disabled = self.error_message

    def __exit__(self, *error: Any) -> None:
        state.disabled = self.previous


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
    from tensorcli.engine.autograd.graph import gradient_edge

    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients"
        )
    return GradientEdge(*gradient_edge(tensor))


PUBLIC = (
    *(
        "saved_tensors_hooks",
        "save_on_cpu",
        "disable_saved_tensors_hooks",
        "increment_version",
        "get_gradient_edge",
    ),
)

"""How a tensor prints: its repr, and what that says of its node, its tangent and the transforms it belongs to."""

from textwrap import indent
from typing import TYPE_CHECKING, Any

from tensorcli.engine import dtypes, overrides, printing
from tensorcli.engine.autograd.modes import forward, mode
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.batch.layer import Batch


def text(tensor: Tensor) -> str:
    """The repr of a tensor."""
    if tensor.levels or tensor.batch is not None:
        return _wrapped(tensor, tensor.levels)
    return text_of(tensor, node_text(tensor))


def node_text(tensor: Tensor) -> str | None:
    """What stands inside `grad_fn=<…>`, or None. Reading it regenerates a view's node, as PyTorch's repr does."""
    try:
        node: Node | None = tensor.grad_fn
    except RuntimeError:
        return "Invalid"
    return None if node is None else node.shown_name


def printable(tensor: Tensor) -> Any:
    """The values as numpy's array."""
    if not tensor.is_cuda:
        return tensor.values
    from tensorcli.engine.backends import host

    return host(tensor.values)


def text_of(self: Tensor, grad_fn: str | None) -> str:
    """What a repr says of a tensor whose `grad_fn` has this name."""
    tangent = None
    if forward and not mode.inference:
        pushed = forward[-1].tangent_of(self)
        tangent = None if pushed is None else str(pushed if pushed.ndim else pushed.item())
    kind = type(self)
    plain = kind is Tensor or kind.__module__ == "torch.nn.parameter"
    found = printing.tensor_text(
        None if self.is_meta else printable(self),
        dtype=self.dtype.name,
        sizes=self.geometry.sizes,
        device=str(self.device),
        requires_grad=self.requires_grad,
        grad_fn=grad_fn,
        default_dtype=dtypes.default.floating.name,
        is_meta=self.is_meta,
        tangent=tangent,
        prefix="tensor" if plain else kind.__name__,
    )
    return found if plain or kind.__torch_function__ is not overrides.disabled else f"Parameter({found})"


def _wrapped(tensor: Tensor, levels: tuple[Any, ...]) -> str:
    """What a tensor prints that belongs to transforms: wrapped once for each, and inside as plain autograd sees it."""
    if not levels and tensor.batch is not None:
        return _of_batch(tensor.batch)
    if not levels:
        return _plain(tensor)
    original = levels[-1].original(tensor)
    value = _wrapped(tensor, levels[:-1]) if original is None else repr(original)
    return f"GradTrackingTensor(lvl={levels[-1].number}, value=\n{indent(value, '    ')}\n)"


def _of_batch(batch: "Batch") -> str:
    if batch.dim is None:
        return repr(batch.value)
    inner = indent(repr(batch.value), "    ")
    return f"BatchedTensor(lvl={batch.layer.number}, bdim={batch.dim}, value=\n{inner}\n)"


def _plain(tensor: Tensor) -> str:
    from tensorcli.engine.autograd.reach import reach

    node = tensor.grad_fn
    outermost = tensor.levels[0]
    seen = outermost.tracks and reach([node], lambda leaf: not leaf.levels).get(node, False)
    return printing.tensor_text(
        None if tensor.is_meta else printable(tensor),
        dtype=tensor.dtype.name,
        sizes=tensor.geometry.sizes,
        device=str(tensor.device),
        requires_grad=seen,
        grad_fn=type(node).__name__ if seen else None,
        default_dtype=dtypes.default.floating.name,
        is_meta=tensor.is_meta,
    )

"""Views of batches.

The kernel of a view says what becomes of the geometry of one example. The same view of the whole batch is taken by the operator
itself, with its dimensions counted behind the mapped one, where that gives the same, and by `as_strided` elsewhere.
"""

from typing import Any, Final

from tensorcli.engine import messages
from tensorcli.engine.batch.layer import Batch, Layer, hidden
from tensorcli.engine.batch.values import front, plain, where
from tensorcli.engine.effects import Viewed
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.op import Op
from tensorcli.engine.tensor import Tensor

DIMENSIONS: Final = frozenset("dim dim0 dim1 dim2 dims dimension start_dim end_dim axis0 axis1".split())
"""The parameters that number dimensions."""
SIZES: Final = frozenset("view _unsafe_view expand".split())


def viewed(layer: Layer, op: Op, args: tuple[Any, ...]) -> tuple[Any, int | None]:
    """The view of a batch."""
    batch: Batch = args[0]
    assert batch.dim is not None
    if op.base in ("alias", "detach", "_conj", "_neg_view"):
        return op.run((batch.value, *args[1:])), batch.dim
    tensor = front(batch)
    shape = hidden(tensor.geometry, 0)
    if op.base in SIZES and op.name != "view.dtype":
        if op.base == "expand":
            tensor = _padded(tensor, batch.rank, args[1])
        if op.base == "_unsafe_view":
            # An example's elements may follow each other where a batch's do not.
            tensor = tensor.contiguous()
        return op.run((tensor, *translated(op, args[1:], batch.rank, layer.size))), 0
    if op.base == "as_strided":
        _check_strided(shape, tensor.geometry.strides[0], *plain(args[1:]))
        return _strided(
            tensor,
            layer.size,
            [op.kernel(Viewed(shape, tensor.dtype, 0, tensor.memory.nbytes), *args[1:]).geometry],
        )[0], 0
    if op.retypes:
        op.kernel(Viewed(shape, tensor.dtype, tensor.lazy, tensor.memory.nbytes), *args[1:])
        return op.run((tensor, *translated(op, args[1:], batch.rank, layer.size))), 0
    try:
        answer = op.kernel(shape, *args[1:])
    except (RuntimeError, IndexError):
        if not batch.rank and op.name == "squeeze.dim":
            raise RuntimeError(
                f"Dimension is out of range (expected to be in range of [-1, 0], but got [{args[1]}]"
            ) from None
        if batch.rank and op.name != "t":
            # What does not fit an example is refused with the sizes of all of them.
            op.run((tensor, *translated(op, args[1:], batch.rank, layer.size)))
        raise
    if op.base == "_reshape_alias":
        return op.run((tensor, (layer.size, *answer.sizes), (tensor.geometry.strides[0], *answer.strides))), 0
    wanted = answer if type(answer) is list else [answer]
    found = _attempt(op, tensor, args[1:], batch.rank, layer.size)
    results = found if isinstance(found, (tuple, list)) else (found,)
    if found is not None and [_below(one) for one in results] == wanted:
        return found, 0
    made = _strided(tensor, layer.size, wanted)
    return (made if type(answer) is list else made[0]), 0


def _check_strided(shape: Geometry, step: int, sizes: Any, strides: Any, offset: int | None = None) -> None:
    """Refuse strides that lead out of an example, whose geometry is given. Errors: RuntimeError."""
    if len(sizes) != len(strides):
        raise RuntimeError(
            "Tensor.as_strided(size, stride, ...): size and stride must have the same length! Got size "
            f"{messages.numbers(sizes)} and stride {messages.numbers(strides)}"
        )
    if any(stride < 0 for stride in strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {messages.numbers((step, *strides))}"
        )
    first = shape.offset if offset is None else offset
    wanted, there = (
        _reach(*one) for one in ((sizes, strides, first), (shape.sizes, shape.strides, shape.offset))
    )
    if wanted is None or (there is not None and there[0] <= wanted[0] and wanted[1] <= there[1]):
        return
    reason = (
        "`tensor` has no storage but the passed-in (size, stride, storage_offset) imply a result with some storage. "
        if there is None
        else f"`result` can access some memory in range [{wanted[0]}, {wanted[1]}], but `tensor` can only access some memory in "
        f"range [{there[0]}, {there[1]}]. "
    )
    raise RuntimeError(
        f"result = tensor.as_strided({messages.numbers(sizes)}, {messages.numbers(strides)}, {offset or 0}) can access memory "
        f"outside of `tensor`. {reason}This is not supported inside of vmap, please try to rewrite the `as_strided` call as a "
        "sequence of PyTorch view operations"
    )


def _reach(sizes: Any, strides: Any, offset: int) -> tuple[int, int] | None:
    """The first element that a geometry reaches, and the one behind the last; None where it has none."""
    if 0 in sizes:
        return None
    return offset, offset + 1 + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True))


def _strided(tensor: Tensor, size: int, wanted: list[Geometry]) -> tuple[Tensor, ...]:
    step = tensor.geometry.strides[0]
    return tuple(tensor.as_strided((size, *one.sizes), (step, *one.strides), one.offset) for one in wanted)


def _below(tensor: Tensor) -> Geometry:
    return hidden(tensor.geometry, 0)


def _attempt(op: Op, tensor: Tensor, rest: Any, rank: int, size: int) -> Any:
    """The operator on the value with the numbers of dimensions moved by one; None where it does not take that."""
    if not rank and op.base != "unsqueeze" and any(name in DIMENSIONS for name in op.names):
        return None
    if op.name in ("squeeze", "squeeze.dim", "t"):
        return _rewritten(op, tensor, rest, rank)
    try:
        return op.run((tensor, *translated(op, rest, rank, size)))
    except (RuntimeError, IndexError, TypeError):
        return None


def _rewritten(op: Op, tensor: Tensor, rest: Any, rank: int) -> Any:
    if op.name == "squeeze.dim":
        return tensor.squeeze((where(rest[0], rank),))
    if op.name == "squeeze":
        dims = [d for d, n in enumerate(tensor.geometry.sizes) if d and n == 1]
        return (
            tensor.squeeze(tuple(dims))
            if dims
            else op.run((tensor,))
            if tensor.geometry.sizes[0] != 1
            else None
        )
    if op.name == "t" and rank == 2:
        return tensor.transpose(1, 2)
    return None


def translated(op: Op, rest: tuple[Any, ...], rank: int, size: int) -> tuple[Any, ...]:
    """The arguments behind self for the value with the mapped dimension first."""
    found = []
    for name, value in zip(op.names[1:], plain(rest), strict=True):
        if name in DIMENSIONS and value is not None:
            span = rank + (op.base == "unsqueeze")
            if isinstance(value, (tuple, list)):
                value = tuple(where(one, span) for one in value)
                value = (0, *value) if op.base == "permute" else value
            else:
                value = where(value, span)
        elif name == "size" and op.base in SIZES:
            value = (size, *value)
        found.append(value)
    return tuple(found)


def _padded(tensor: Tensor, rank: int, sizes: Any) -> Tensor:
    """A value in front form with dimensions of size 1 behind the mapped one, as many as `expand` would add."""
    lead = len(sizes) - rank
    if lead <= 0:
        return tensor
    own = tensor.geometry.sizes
    found: Tensor = tensor.view((own[0], *[1] * lead, *own[1:]))
    return found

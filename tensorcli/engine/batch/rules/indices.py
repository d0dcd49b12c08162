"""Operators that read or write by indices or masks, which the examples share or have of their own."""

from typing import Any, Final

from tensorcli.engine.batch.layer import Batch, Layer
from tensorcli.engine.batch.rules.layers import check_indices
from tensorcli.engine.batch.rules.table import rule
from tensorcli.engine.batch.values import aligned, batches_of, changed, front, full, where
from tensorcli.engine.callers import functions
from tensorcli.engine.op import Op


@rule("searchsorted bucketize")
def searched(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """All examples at once, as they lie, in edges that they share."""
    values, edges = (args[1], args[0]) if op.base == "searchsorted" else (args[0], args[1])
    mapped = [one for one in batches_of(args) if one.dim is not None]
    if mapped != [values] or edges.rank != 1:
        return None
    return op.run(changed(args, lambda one: one.value)), values.dim


@rule("gather")
def gathered(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """gather: an index for each element of each example."""
    batch, dim, index, *rest = args
    if not batch.rank or batch.rank != index.rank:
        return None
    return op.run((full(batch, layer.size), where(dim, batch.rank), full(index, layer.size), *rest)), 0


@rule("index_select")
def selected(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """index_select with the same index for all examples."""
    batch, dim, index = args
    if not batch.rank or index.dim is not None:
        return None
    place = where(dim, batch.rank)
    # PyTorch gathers here.
    if not index.value.is_meta and not index.value.dtype.is_floating_point:
        check_indices(index, place, batch.sizes[place - 1])
    return op.run((front(batch), place, index.value)), 0


@rule("scatter.src scatter.value scatter_add scatter.reduce scatter.value_reduce scatter_reduce.two")
def scattered(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """scatter and its variants, along a dimension of the examples."""
    rank = args[0].rank
    if not rank or any(one.rank != rank for one in batches_of(args)):
        return None
    values = list(changed(args, lambda one: full(one, layer.size)))
    values[1] = where(args[1], rank)
    return op.run(tuple(values)), 0


@rule("embedding")
def embedded(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """embedding: rows of a table that all examples share."""
    if args[0].dim is not None:
        return None
    return op.run((args[0].value, front(args[1]), *args[2:])), 0


@rule("index.Tensor")
def indexed(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Indexing by tensors that all examples share, or that each has of its own."""
    batch, indices = args
    refuse_masks(indices)
    given = [one for one in indices if one is not None]
    places = [i for i, one in enumerate(indices) if one is not None]
    if places != list(range(places[0], places[-1] + 1)):
        return None
    if all(one.dim is None for one in given):
        return op.run((front(batch), [None, *[None if one is None else one.value for one in indices]])), 0
    if places[0]:
        return None
    if batch.dim is None:
        rank = max(one.rank for one in given)
        return op.run((batch.value, [aligned(one, rank) for one in given])), 0
    rank = max(one.rank for one in given)
    numbers: Any = functions.arange(layer.size, device=batch.value.device)
    return op.run(
        (front(batch), [numbers.view((layer.size, *[1] * rank)), *[aligned(one, rank) for one in given]])
    ), 0


@rule("index_put index_put_ _index_put_impl_")
def put(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """index_put, example by example; masks that each example has of its own are refused."""
    refuse_masks(args[1])


def refuse_masks(indices: Any) -> None:
    """Refuse masks that each example has of its own: their results would have different sizes. Errors: RuntimeError."""
    for one in indices:
        if isinstance(one, Batch) and one.dim is not None and one.value.dtype.name in ("bool", "uint8"):
            raise RuntimeError(
                "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing "
                "with a boolean mask."
            )


@rule("masked_fill.Tensor")
def filled(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """masked_fill with a value that all examples share."""
    batch, mask, value = args
    if value.dim is None:
        rank = max(batch.rank, mask.rank)
        return op.run(
            (
                aligned(batch, rank) if mask.dim is None or batch.dim is not None else batch.value,
                aligned(mask, rank),
                value.value,
            )
        ), 0
    return None


_MASKED: Final = (
    "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot support this because for each batch this "
    "would return a differently shaped Tensor. Please file an issue at https://github.com/pytorch/pytorch/issues if you need "
    "this feature."
)


@rule("masked_select")
def chosen(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """masked_select by a mask that all examples share. Errors: RuntimeError for masks of their own."""
    _batch, mask = args
    if mask.dim is not None:
        raise RuntimeError(_MASKED)
    return None

"""Operators along dimensions of each example: which they are among those of the batch."""

from typing import Any

from tensorcli.engine.batch.layer import Batch, Layer
from tensorcli.engine.batch.rules.table import alone, rule
from tensorcli.engine.batch.shapes import DIMENSIONS, viewed
from tensorcli.engine.batch.values import (
    aligned,
    batches_of,
    changed,
    each_result,
    front,
    full,
    slices,
    where,
)
from tensorcli.engine.callers import functions
from tensorcli.engine.op import Op
from tensorcli.engine.table import OPS


@rule(
    "sum.dim_IntList nansum mean.dim prod.dim_int all.dim all.dims any.dim any.dims count_nonzero.dim_IntList logsumexp max.dim "
    "min.dim amax amin argmax argmin median.dim nanmedian.dim mode std.correction var.correction std_mean.correction "
    "var_mean.correction cumsum cumprod cummax cummin logcumsumexp sort sort.stable topk kthvalue flip linalg_vector_norm "
    "_norm.ScalarOpt_dim _softmax _log_softmax _safe_softmax glu _fft_c2c _fft_r2c _fft_c2r"
)
def along(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators along dimensions: the same dimensions of the batch, counted after the mapped one; if none is named, all those
    of an example.

    An example without dimensions is given one meanwhile.
    """
    batch = args[0]
    if not alone(args):
        return None
    rank = batch.rank or 1
    values = [front(batch) if batch.rank else front(batch).unsqueeze(1)]
    for name, value in zip(op.names[1:], args[1:], strict=True):
        if name in DIMENSIONS:
            if value is None or (isinstance(value, (tuple, list)) and not value):
                if op.base in ("argmax", "argmin", "flip") or not isinstance(
                    value, (tuple, list, type(None))
                ):
                    return None
                value = tuple(range(1, rank + 1))
            elif isinstance(value, (tuple, list)):
                value = tuple(where(one, rank) for one in value)
            else:
                value = where(value, rank)
        values.append(value)
    found = op.run(tuple(values))
    return (found if batch.rank else each_result(found, _without_dimension)), 0


def _without_dimension(tensor: Any) -> Any:
    return tensor.squeeze(1) if tensor.ndim > 1 else tensor


@rule("count_nonzero")
def not_zero(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """count_nonzero, along one dimension or of all elements."""
    if args[1] is not None:
        return along(layer, op, args)
    return _summed(functions.count_nonzero, args[0]), 0


def _summed(reduce: Any, batch: Batch, **options: Any) -> Any:
    """A reduction that takes several dimensions, over all elements of each example."""
    tensor = front(batch)
    if not batch.rank:
        tensor = tensor.unsqueeze(1)
    return reduce(tensor, list(range(1, tensor.ndim)), **options)


@rule("sum mean prod all any max min")
def whole(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Reductions over all elements of an example."""
    batch = args[0]
    if op.overload:
        return None
    rest = dict(zip(op.names[1:], args[1:], strict=True))
    if op.base in ("sum", "mean"):
        return _summed(getattr(functions, op.base), batch, **rest), 0
    tensor = front(batch)
    if batch.rank != 1:
        tensor = tensor.flatten(1) if batch.rank else tensor.reshape(-1, 1)
    if op.base in ("max", "min"):
        return getattr(functions, op.base)(tensor, 1)[0], 0
    return getattr(functions, op.base)(tensor, 1, **rest), 0


@rule("tril triu one_hot")
def behind(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators on the last dimensions, which take any number of dimensions before them, be they those of examples."""
    batch = args[0]
    if not alone(args):
        return None
    if op.base == "one_hot" and args[1] < 0:
        raise RuntimeError(
            "When vmap-ing torch.nn.functional.one_hot, please provide an explicit positive num_classes argument."
        )
    return op.run((front(batch), *args[1:])), 0


@rule("constant_pad_nd")
def padded(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Padding, which is around the last dimensions."""
    if len(args[1]) > 2 * args[0].rank:
        return None
    return op.run((front(args[0]), *args[1:])), 0


@rule("linalg_cross roll aminmax rot90")
def turned(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators along dimensions that are named, of one or several tensors of the same rank."""
    given = batches_of(args)
    rank = given[0].rank
    places = [i for i, name in enumerate(op.names) if name in DIMENSIONS]
    if not rank or any(one.rank != rank for one in given) or (not args[places[0]] and args[places[0]] != 0):
        return None
    values = list(changed(args, lambda one: full(one, layer.size)))
    for i in places:
        several = isinstance(args[i], (tuple, list))
        values[i] = tuple(where(one, rank) for one in args[i]) if several else where(args[i], rank)
    return op.run(tuple(values)), 0


@rule("repeat")
def repeated(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """repeat: each example as often as it says."""
    batch, times = args
    if len(times) < batch.rank:
        return None
    return op.run((aligned(batch, len(times)), (1, *times))), 0


@rule("cat stack")
def joined(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """cat and stack, along a dimension of the examples."""
    tensors, dim = args
    ranks = [one.rank for one in tensors]
    if len(set(ranks)) > 1 and (op.base == "stack" or any(one.sizes == (0,) for one in tensors)):
        return None
    values = [full(one, layer.size) for one in tensors]
    if not ranks[0] and op.base == "cat":
        return op.run((values, 1)), 0
    return op.run((values, where(dim, ranks[0] + (op.base == "stack")))), 0


@rule("linspace logspace")
def spaced(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Steps between the ends of each example: linear ones lie in memory with the examples innermost."""
    if not layer.size:
        return None
    place = 1 if op.base == "linspace" else 0
    return functions.stack([op.run(slices(args, i)) for i in range(layer.size)], place), place


@rule("as_strided_copy")
def strided_copy(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """A copy of the view, which begins where the example does."""
    found, dim = viewed(layer, OPS["as_strided"], args)
    return found.clone(), dim

"""Rules for operators on batches: single ones, and groups that differ from element-wise operators in one thing.

A rule gets the layer, the operator and the arguments, where tensors are Batches. It returns the result and its
mapped dimension, or None where the operator has to run example by example.
"""

from collections.abc import Callable
from typing import Any, Final

from tensorcli.engine.batch.layer import Batch, Layer
from tensorcli.engine.batch.shapes import DIMENSIONS, viewed
from tensorcli.engine.batch.values import (
    aligned,
    batches_of,
    changed,
    each_result,
    front,
    full,
    moved,
    slices,
    where,
)
from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import FLOATING
from tensorcli.engine.op import OPS, Op

ELEMENTWISE: Final = frozenset("clone _to_copy zeros_like ones_like full_like empty_like".split())
"""Operators that are no element-wise ones by their declaration, and yet do to each element the same."""

Rule = Callable[..., Any]
RULES: dict[str, Rule] = {}


def rule(names: str) -> Callable[[Rule], Rule]:
    """Make a function the rule of operators, by full names, or by base names for all overloads."""

    def declare(found: Rule) -> Rule:
        RULES.update(dict.fromkeys(names.split(), found))
        return found

    return declare


def _alone(args: tuple[Any, ...]) -> bool:
    """Whether the first argument is the only one that is mapped."""
    return args[0].dim is not None and all(one.dim is None for one in batches_of(args[1:]))


# ---- along dimensions


@rule(
    "sum.dim_IntList nansum mean.dim prod.dim_int all.dim all.dims any.dim any.dims count_nonzero.dim_IntList logsumexp max.dim "
    "min.dim amax amin argmax argmin median.dim nanmedian.dim mode std.correction var.correction std_mean.correction "
    "var_mean.correction cumsum cumprod cummax cummin logcumsumexp sort sort.stable topk kthvalue flip linalg_vector_norm "
    "_norm.ScalarOpt_dim _softmax _log_softmax _safe_softmax glu _fft_c2c _fft_r2c _fft_c2r"
)
def along(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators along dimensions: the same ones of the batch, counted behind the mapped one; all of an example's where none is
    named.

    An example without dimensions gets one for the time.
    """
    batch = args[0]
    if not _alone(args):
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
    """Operators on the last dimensions, which take any number of dimensions before them."""
    batch = args[0]
    if batch.rank < (0 if op.base == "one_hot" else 2) or not _alone(args):
        return None
    if op.base == "one_hot" and args[1] < 0:
        raise RuntimeError(
            "When vmap-ing torch.nn.functional.one_hot, please provide an explicit positive num_classes argument."
        )
    return op.run((front(batch), *args[1:])), 0


@rule(
    "linalg_inv_ex linalg_cholesky_ex cholesky _linalg_det _linalg_slogdet linalg_qr _linalg_eigh _linalg_svd "
    "linalg_lu_factor_ex linalg_lu linalg_matrix_exp trace"
)
def matrices(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators on matrices, which take any number of dimensions before them."""
    batch = args[0]
    if batch.rank < 2 or op.base == "trace":
        return None
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


@rule(
    "linalg_solve_triangular triangular_solve cholesky_solve linalg_householder_product linalg_lu_solve _cdist_forward "
    "_euclidean_dist cholesky_inverse linalg_eig lu_unpack _linalg_solve_ex"
)
def paired(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators on matrices and what belongs to each of them (right sides, pivots): all are brought to one batch."""
    given = batches_of(args)
    if op.base == "linalg_householder_product":
        fits = given[0].rank == given[1].rank + 1
    elif op.base in ("lu_unpack", "linalg_lu_solve"):
        fits = given[0].rank == given[1].rank + 1 and (len(given) < 3 or given[2].rank == given[0].rank)
    else:
        fits = len({one.rank for one in given}) == 1
    if given[0].rank < 2 or not fits:
        return None
    return op.run(changed(args, lambda one: full(one, layer.size))), 0


@rule("repeat")
def repeated(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """repeat: each example as often as it says."""
    batch, times = args
    if len(times) < batch.rank:
        return None
    return op.run((aligned(batch, len(times)), (1, *times))), 0


# ---- several tensors


@rule("as_strided_copy")
def strided_copy(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """A copy of the view, which begins where the example does."""
    found, dim = viewed(layer, OPS["as_strided"], args)
    return found.clone(), dim


@rule("searchsorted bucketize")
def searched(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """All examples at once, as they lie, in edges that they share."""
    values, edges = (args[1], args[0]) if op.base == "searchsorted" else (args[0], args[1])
    mapped = [one for one in batches_of(args) if one.dim is not None]
    if mapped != [values] or edges.rank != 1:
        return None
    return op.run(changed(args, lambda one: one.value)), values.dim


@rule("linspace logspace")
def spaced(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Steps between the ends of each example: linear ones lie in memory with the examples innermost."""
    if not layer.size:
        return None
    place = 1 if op.base == "linspace" else 0
    return functions.stack([op.run(slices(args, i)) for i in range(layer.size)], place), place


@rule("cat stack")
def joined(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """cat and stack, along a dimension of the examples."""
    tensors, dim = args
    ranks = {one.rank for one in tensors}
    if len(ranks) > 1 or (op.base == "cat" and not max(ranks)):
        return None
    rank = ranks.pop()
    values = [full(one, layer.size) for one in tensors]
    return op.run((values, where(dim, rank + (op.base == "stack")))), 0


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
    return op.run((front(batch), where(dim, batch.rank), index.value)), 0


@rule("scatter.src scatter.value scatter_add scatter.reduce scatter.value_reduce scatter_reduce.two")
def scattered(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """scatter and its kin, along a dimension of the examples."""
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
    _refuse_masks(indices)
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
    _refuse_masks(args[1])


def _refuse_masks(indices: Any) -> None:
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


# ---- products


@rule("mm bmm")
def multiplied(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """mm and bmm."""
    return None if op.overload else _product(args[0], args[1], 2 if op.base == "mm" else 3)


def _product(a: Batch, b: Batch, rank: int) -> Any:
    """The products of two matrices, or of two batches of them (rank 3), for each example; None where the sizes do not fit."""
    if a.rank != rank or b.rank != rank or a.sizes[-1] != b.sizes[-2] or a.sizes[:-2] != b.sizes[:-2]:
        return None
    return functions.matmul(front(a), front(b)), 0


@rule("mv")
def applied(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """mv: a matrix times a vector."""
    a, b = args
    if a.rank != 2 or b.rank != 1 or a.sizes[1] != b.sizes[0]:
        return None
    if a.dim is None and b.dim is None:
        return functions.mv(a.value, b.value), None
    if a.dim is None:
        found: Any = functions.matmul(a.value, moved(front(b), 0, 1))
        return found, 1
    if b.dim is None:
        return functions.matmul(front(a), b.value), 0
    whole: Any = functions.matmul(front(a), front(b).unsqueeze(-1))
    return whole.squeeze(-1), 0


@rule("dot")
def dotted(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """dot: a vector times a vector."""
    a, b = args
    if a.rank != 1 or b.rank != 1 or a.sizes != b.sizes or a.value.dtype is not b.value.dtype:
        return None
    if a.dim is not None and b.dim is not None:
        found: Any = functions.matmul(front(a).unsqueeze(-2), front(b).unsqueeze(-1))
        return found.squeeze(-1).squeeze(-1), 0
    mapped, other = (a, b) if a.dim is not None else (b, a)
    return functions.matmul(front(mapped), other.value), 0


@rule("addmm baddbmm addmv")
def added(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """A product added to something, as the sum of the two, scaled where that is asked."""
    own, a, b, beta, alpha = args
    if beta == 0 or a.value.dtype.category < FLOATING or own.value.dtype is not a.value.dtype:
        return None
    rank = {"addmv": 1, "addmm": 2, "baddbmm": 3}[op.base]
    found = applied(layer, op, (a, b)) if rank == 1 else _product(a, b, rank)
    if found is None:
        return None
    result, dim = found
    if dim:
        result = moved(result, dim, 0)
    left = aligned(own, rank)
    if alpha != 1:
        result = result * alpha
    return (left if beta == 1 else left * beta) + result, 0


# ---- layers


@rule("convolution")
def convolved(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """A convolution with one filter for all examples: their images as one batch."""
    image, weight, bias, *rest = args
    if weight.dim is not None or (bias is not None and bias.dim is not None) or image.rank < 3:
        return None
    return _folded(layer, op, (image, weight.value, None if bias is None else bias.value, *rest))


@rule(
    "max_pool2d_with_indices max_pool3d_with_indices avg_pool2d avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d "
    "adaptive_max_pool2d adaptive_max_pool3d upsample_nearest1d upsample_nearest2d upsample_nearest3d "
    "_upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d "
    "upsample_trilinear3d upsample_bicubic2d reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d "
    "replication_pad2d replication_pad3d"
)
def pooled(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Operators on images: the images of all examples as one batch."""
    batch = args[0]
    plane = int(next(c for c in reversed(op.base.removesuffix("_with_indices")[:-1]) if c.isdigit()))
    if batch.rank == plane + 2:
        return _folded(layer, op, args)
    return (op.run((front(batch), *args[1:])), 0) if batch.rank == plane + 1 else None


def _folded(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Run an operator on images with the mapped dimension and the one of the images folded into one."""
    batch = args[0]
    tensor = front(batch)
    sizes = tensor.geometry.sizes
    found = op.run((tensor.reshape((-1, *sizes[2:])) if 0 not in sizes else tensor.flatten(0, 1), *args[1:]))

    def apart(one: Any) -> Any:
        # Of no examples PyTorch makes no images either.
        return one.view((layer.size, sizes[1] if layer.size else 0, *one.geometry.sizes[1:]))

    return each_result(found, apart), 0


@rule("native_layer_norm")
def normalized(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Layer normalisation with one scale for all examples."""
    batch, sizes, weight, bias, eps = args
    if any(one is not None and one.dim is not None for one in (weight, bias)):
        return None
    if batch.sizes[-len(sizes) :] != tuple(sizes):
        return None
    given = [None if one is None else one.value for one in (weight, bias)]
    return op.run((front(batch), sizes, *given, eps)), 0


@rule("native_batch_norm")
def counted(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Batch normalisation. Errors: RuntimeError where each example would write running statistics that all share."""
    batch, weight, bias, mean, variance, training, *numbers = args
    shared = any(one is not None and one.dim is None for one in (mean, variance))
    if training and shared and batch.dim is not None:
        raise RuntimeError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, "
            "were not batched.\nIf you are using a module and do not need eval mode, please set `track_running_stats` to be "
            "False.If you are using a prebuilt module and do not need eval mode, please see the functorch website for resources "
            "on how to patch your module to work with vmap"
        )
    if not training:
        return None
    if batch.dim is None and shared:
        # The examples differ in their scale alone: what all share is counted once.
        plain, *statistics = op.run((batch.value, None, None, mean.value, variance.value, training, *numbers))
        found = plain.expand((layer.size, *plain.geometry.sizes))
        for one, step in ((weight, functions.mul), (bias, functions.add)):
            if one is not None:
                scale = full(one, layer.size)
                found = step(found, scale.view((layer.size, 1, -1, *[1] * (batch.rank - 2))))
        return (found, *(one.expand((layer.size, *one.geometry.sizes)) for one in statistics)), 0
    if any(one is not None and one.dim for one in (mean, variance)):
        # PyTorch counts in a copy, where the examples do not come first.
        kept = [
            None if one is None else (one.dim and Batch(layer, front(one).clone(), 0)) or one
            for one in (mean, variance)
        ]
        given = (batch, weight, bias, *kept, training, *numbers)
        results = [op.run(slices(given, i)) for i in range(layer.size)]
        return tuple(functions.stack(list(column)) for column in zip(*results, strict=True)), 0
    return None


@rule("mse_loss smooth_l1_loss huber_loss binary_cross_entropy binary_cross_entropy_with_logits")
def lost(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """Losses: element by element, then reduced for each example."""
    place = op.names.index("reduction")
    rank = max(one.rank for one in batches_of(args))
    if not rank or any(one.rank != rank for one in batches_of(args)):
        return None
    values = list(changed(args, lambda one: full(one, layer.size)))
    reduction, values[place] = args[place], 0
    found = op.run(tuple(values))
    if not reduction:
        return found, 0
    dims = list(range(1, rank + 1))
    return getattr(functions, "mean" if reduction == 1 else "sum")(found, dims), 0


@rule("huber_loss_backward")
def bent(layer: Layer, op: Op, args: tuple[Any, ...]) -> Any:
    """By other operators, of which PyTorch makes it under a vmap: tangents go through those, and not through the operator."""
    *batches, reduction, delta = args
    rank = max(one.rank for one in batches)
    values: Any = (aligned(one, rank) for one in batches)
    grad, value, target = values
    difference = value - target
    mapped = any(one.dim is not None for one in batches[1:])
    count = difference.numel() // (layer.size if mapped else 1)
    slope = functions.clamp(difference, -delta, delta) * grad
    return (slope / count if reduction == 1 else slope), 0

"""Bags of embeddings: rows of a table looked up and combined, several to a bag, without a tensor of all of them.

A bag is a run of indices that begins at an offset. `mode` is PyTorch's number: 0 sum, 1 mean, 2 max.
"""

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED, is_reduced
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._registers import is_small_single
from tensorcli.engine.ops._selection import unstable_orders
from tensorcli.engine.ops._shared import behind, no_derivative, refuse_sparse_rows

SUM, MEAN, MAX = range(3)


def _bags(xp, indices, offsets, include_last_offset, padding_idx):
    """Of each index, the bag it is in, and whether it counts; how many bags there are."""
    count = len(offsets) - 1 if include_last_offset else len(offsets)
    bag = xp.searchsorted(xp.sort(offsets[:count]), xp.arange(len(indices)), side="right") - 1
    return bag, (indices != padding_idx) & (bag >= 0), count


def _read(indices, offsets, include_last_offset, fast):
    """How many indices are read: PyTorch's fast way stops at the last offset, the others where the indices end."""
    return int(offsets[-1]) if include_last_offset and fast else len(indices)


def _check(indices, offsets, include_last_offset, rows, fast):
    """Errors: RuntimeError with PyTorch's texts."""
    if include_last_offset and not len(offsets):
        raise RuntimeError("include_last_offset: number of offset should be at least 1")
    if len(offsets) and offsets[0] != 0:
        raise RuntimeError(
            f"offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got "
            f"{int(offsets[0])}\n[ torch.{'LongTensor' if offsets.dtype == np.int64 else 'IntTensor'}{{}} ]"
        )
    if len(offsets) and offsets[-1] > len(indices):
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length {len(indices)} but got offsets[-1] of {int(offsets[-1])}"
        )
    read = indices[: _read(indices, offsets, include_last_offset, fast)]
    outside = (read < 0) | (read >= rows)
    if outside.any():
        at = int(outside.argmax())
        if fast:
            raise RuntimeError(
                f"Index {at} of input takes value {int(indices[at])} which is not in the valid range [0, {rows})"
            )
        raise RuntimeError(
            f"embedding_bag: Expected idx >= 0 && idx < num_embeddings but found idx to be {int(indices[at])}"
        )


def _bag_backward(
    grad, indices, offsets, result1, result2, result3, weight_argsize_0, scale_grad_by_freq, mode, sparse, per_sample_weights, padding_idx
):  # fmt: skip
    if sparse:
        refuse_sparse_rows("embedding_bag", grad, (weight_argsize_0, grad.size(-1)), scale_grad_by_freq)
    return functions._embedding_bag_backward(
        grad,
        indices,
        offsets,
        result1,
        result2,
        result3,
        weight_argsize_0,
        scale_grad_by_freq,
        mode,
        sparse,
        per_sample_weights,
        padding_idx,
    )


@op(
    "_embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, "
    "bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False, int padding_idx=-1) "
    "-> (Tensor, Tensor, Tensor, Tensor)", out=False,
    stepwise=REDUCED,
    variants="function",
    indices=None,
    offsets=None,
    weight=_bag_backward,
    per_sample_weights=lambda grad, weight, indices, offsets, result1, mode, padding_idx: (
        functions._embedding_bag_per_sample_weights_backward(
            grad, weight, indices, offsets, result1, mode, padding_idx
        )
    ),
)  # fmt: skip
def embedding_bag_(
    xp, weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx
):  # fmt: skip
    """Rows of a table, added, averaged or compared bag by bag."""
    own = weight.dtype
    fast = mode != MAX and padding_idx < 0 and own != np.float64
    _check(indices, offsets, include_last_offset, len(weight), fast)
    bag, counts, count = _bags(xp, indices, offsets, include_last_offset, padding_idx)
    weight, per_sample_weights = widened(weight, per_sample_weights)
    # What lies past the last offset may name no row.
    rows = weight[xp.minimum(xp.maximum(indices, 0), max(len(weight) - 1, 0))]
    if per_sample_weights is not None:
        rows = _products(rows, per_sample_weights) if fast else rows * per_sample_weights[:, None]
    kept = bag[counts]
    sizes = xp.zeros(count, indices.dtype)
    if mode == MAX:
        most, *rest = _largest(xp, rows, indices, bag, counts, count)
        return most.astype(own), *rest
    result = xp.zeros((count, weight.shape[1]), weight.dtype)
    added = counts & (xp.arange(len(indices)) < _read(indices, offsets, include_last_offset, fast))
    behind(xp).combine("add", result, bag[added], rows[added])
    result = _rounded(result, own, fast)
    if mode == SUM:  # PyTorch's fast way keeps no list of bags.
        return result, bag.astype(indices.dtype)[: 0 if fast else None], sizes, sizes.copy()
    behind(xp).combine("add", sizes, kept, 1)
    (result,) = widened(result)
    result = (result / xp.maximum(sizes, 1)[:, None].astype(result.dtype)).astype(own)
    return result, bag.astype(indices.dtype), sizes, sizes.copy()


def _rounded(array, own, fast):
    """Sums in their dtype. FBGEMM, which is PyTorch's fast way, rounds ties of bfloat16 away from zero."""
    if not (fast and is_reduced(own) and own != np.float16):
        return array.astype(own)
    return ((array.view(np.uint32) + 0x8000) & 0xFFFF0000).view(np.float32).astype(own)


def _largest(xp, rows, indices, bag, counts, count):
    """The largest element of each column in each bag, and whose row it is of; zero for an empty bag."""
    width = rows.shape[1]
    sizes = xp.zeros(count, indices.dtype)
    behind(xp).combine("add", sizes, bag[counts], 1)
    most = xp.full((count, width), -np.inf, rows.dtype)
    behind(xp).combine("maximum", most, bag[counts], rows[counts])
    first = xp.full((count, width), len(indices))
    here = xp.where((rows == most[bag]) & counts[:, None], xp.arange(len(indices))[:, None], len(indices))
    behind(xp).combine("minimum", first, bag, here)
    owners = xp.append(indices, 0)[first].astype(indices.dtype)
    empty = sizes == 0
    most[empty] = 0
    owners[empty] = 0
    return most, bag.astype(indices.dtype), sizes, owners


@op(
    "_embedding_bag_backward(Tensor grad, Tensor indices, Tensor offsets, Tensor offset2bag, Tensor bag_size, "
    "Tensor maximum_indices, SymInt num_weights, bool scale_grad_by_freq, int mode, bool sparse, "
    "Tensor? per_sample_weights, int padding_idx=-1) -> Tensor",
    stepwise=REDUCED,
    variants="function",
    grad=no_derivative("_embedding_bag_backward"),
    indices=None,
    offsets=None,
    offset2bag=None,
    bag_size=None,
    maximum_indices=None,
    per_sample_weights=no_derivative("_embedding_bag_backward"),
)
def embedding_bag_backward(
    xp, grad, indices, offsets, offset2bag, bag_size, maximum_indices, num_weights, scale_grad_by_freq, mode, sparse,
    per_sample_weights, padding_idx,
):  # fmt: skip
    """The gradient of a bag of embeddings for the table."""
    result = xp.zeros((num_weights, grad.shape[1]), grad.dtype)
    if mode == MAX:
        filled = bag_size > 0
        behind(xp).combine("add", result, (maximum_indices[filled], xp.arange(grad.shape[1])), grad[filled])
        return result
    bag, counts, _ = _bags(xp, indices, offsets, False, padding_idx)
    bag = offset2bag if len(offset2bag) else bag
    scales = xp.ones(len(indices)) if per_sample_weights is None else per_sample_weights.astype(np.float64)
    if scale_grad_by_freq:
        scales = scales / _frequencies(xp, indices)
    if mode == MEAN:
        scales = scales / xp.maximum(bag_size[bag], 1)
    shares = _products(grad[bag], scales.astype(grad.dtype))
    order = slice(None)
    if xp is np:  # PyTorch sorts the indices first.
        order = unstable_orders(indices, 0, np.argsort(indices, kind="stable"))
    behind(xp).combine("add", result, indices[order][counts[order]], shares[order][counts[order]])
    return result


def _products(rows, scales):
    """Rows times a number each. Those of float32 come in float64, of which a sum in float32 makes fused multiply-adds."""
    if is_small_single(np, rows):
        rows = rows.astype(np.float64)
    return rows * scales[:, None]


def _frequencies(xp, indices):
    """By what each index's gradient is divided. PyTorch looks the frequency of the n-th distinct index up at the n-th
    place of all sorted indices (EmbeddingBag.cpp), so that it is another index's where one before occurs twice."""
    distinct, inverse, counts = xp.unique(indices, return_inverse=True, return_counts=True)
    looked_up = xp.sort(indices)[: len(distinct)]
    return counts[xp.searchsorted(distinct, looked_up)][inverse]


@op(
    "_embedding_bag_per_sample_weights_backward(Tensor grad, Tensor weight, Tensor indices, Tensor offsets, "
    "Tensor offset2bag, int mode, int padding_idx=-1) -> Tensor",
    variants="function",
)
def embedding_bag_weights_backward(xp, grad, weight, indices, offsets, offset2bag, mode, padding_idx):
    """The gradient of a bag of embeddings for the weights of its rows."""
    bag, counts, _ = _bags(xp, indices, offsets, False, padding_idx)
    bag = offset2bag if len(offset2bag) else bag
    return (grad[bag] * weight[indices]).sum(axis=1) * counts.astype(grad.dtype)


def _refuse(name, tensor, allowed):
    """Refuse a dtype. Errors: RuntimeError with PyTorch's text."""
    if tensor.dtype.scalar_type not in allowed.split(", "):
        raise RuntimeError(
            f"Expected tensor for argument #1 '{name}' to have one of the following scalar types: {allowed}; but got "
            f"{messages.tensor_type(tensor)} instead (while checking arguments for embedding_bag)"
        )


_LINE = "Tensor weight, Tensor indices, Tensor offsets, "
_REST = "bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False"


@composite(
    f"embedding_bag({_LINE}bool scale_grad_by_freq=False, int mode=0, {_REST}) -> (Tensor, Tensor, Tensor, Tensor)",
    variants="function",
)
def embedding_bag(
    weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset
):  # fmt: skip
    """Rows of a table, added, averaged or compared bag by bag; and what the gradient needs."""
    return embedding_bag_padded(
        weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, None
    )  # fmt: skip


@composite(
    f"embedding_bag.padding_idx({_LINE}bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, "
    "bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, Tensor, Tensor)",
    variants="function",
)
def embedding_bag_padded(
    weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx
):  # fmt: skip
    """Rows of a table, added, averaged or compared bag by bag, one row left out."""
    rows = weight.shape[0] if weight.dim() else 0
    if padding_idx is None:
        padding_idx = -1
    elif not -rows <= padding_idx < rows:
        raise RuntimeError(
            f"padding_idx must be within the number of embeddings, -{rows} through {rows - 1}, but got {padding_idx}"
        )
    elif padding_idx < 0:
        padding_idx += rows
    if indices.dim() not in (1, 2):
        raise RuntimeError(f"input has to be a 1D or 2D Tensor, but got Tensor of dimension {indices.dim()}")
    if offsets.dim() != 1:
        raise RuntimeError(f"offsets has to be a 1D Tensor, but got Tensor of dimension {offsets.dim()}")
    if weight.dim() != 2:
        raise RuntimeError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}")
    if indices.dtype is not offsets.dtype:
        kind = dtypes.promote_types(indices.dtype, offsets.dtype)
        indices, offsets = indices.to(kind), offsets.to(kind)
    _refuse("indices", indices, "Long, Int")
    _refuse("weight", weight, "Half, BFloat16, Float, Double")
    if per_sample_weights is not None and per_sample_weights.dtype is not weight.dtype:
        raise RuntimeError(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but "
            f"type {messages.tensor_type(weight)} does not equal {messages.tensor_type(per_sample_weights)} (while checking "
            "arguments for embedding_bag)"
        )
    indices = indices.reshape(-1)
    if mode not in (SUM, MEAN, MAX):
        raise RuntimeError("`mode` must be sum, mean, or max.")
    return direct(
        "_embedding_bag", weight, indices, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights,
        include_last_offset, padding_idx,
    )  # fmt: skip

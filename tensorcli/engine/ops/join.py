"""Several tensors into one, and one repeated."""

import math

import numpy as np

from tensorcli.engine import dtypes, geometry, messages
from tensorcli.engine.allocation import check_bytes
from tensorcli.engine.autograd.modes import transforms
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import COMMON
from tensorcli.engine.effects import Laid
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.ops._dimensions import existing, wrap
from tensorcli.engine.ops._shared import behind, own_geometry
from tensorcli.engine.ops.shape import at_least_1d, at_least_2d, at_least_3d

# ---- several into one


def _is_nothing(sizes):
    """Whether cat leaves a tensor out: one dimension of size 0 goes with any sizes."""
    return sizes == (0,)


def _real_part(grad, kind):
    return grad.real if grad.dtype.is_complex and not kind.is_complex else grad


def _cat_backward(grad, tensors_sizes, tensors_dtype, dim):
    ndim = len(grad.geometry.sizes)
    dim = wrap(dim, ndim)
    found = []
    start = 0
    for own, kind in zip(tensors_sizes, tensors_dtype, strict=True):
        part = _real_part(grad, kind)
        if _is_nothing(own):
            found.append(part.new_zeros((0,)))
            continue
        found.append(part.narrow(dim, start, own[dim]))
        start += own[dim]
    return found


@op(
    "cat(Tensor[] tensors, int dim=0) -> Tensor",
    dtype=COMMON,
    check=lambda tensors, dim: _check_cat(tensors, dim),
    tensors=_cat_backward,
)
def cat(xp, tensors, dim):
    """Join tensors along a dimension that they have."""
    parts = [one for one in tensors if not _is_nothing(one.shape)]
    if not parts:
        return tensors[0].copy()
    array = xp.concatenate(parts, axis=wrap(dim, parts[0].ndim))
    if all(geometry.suggests_channels_last(own_geometry(one)) for one in tensors):
        return Laid(array, geometry.channels_last_strides(array.shape))
    return array


def _check_cat(tensors, dim):
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, one in enumerate(tensors):
        if not one.geometry.sizes:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    first = next((one for one in tensors if not _is_nothing(one.geometry.sizes)), None)
    if first is None:
        return
    sizes = first.geometry.sizes
    dim = wrap(dim, len(sizes))
    for i, one in enumerate(tensors):
        own = one.geometry.sizes
        if _is_nothing(own):
            continue
        if len(own) != len(sizes):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(sizes)} and {len(own)}"
            )
        for d, (wanted, size) in enumerate(zip(sizes, own, strict=True)):
            if d != dim and wanted != size:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {wanted} but got size {size} "
                    f"for tensor number {i} in the list."
                )


def _other_name_of_cat(name):
    @composite(f"{name}(Tensor[] tensors, int dim=0) -> Tensor", out=True)
    def joined(tensors, dim):
        """Join tensors along a dimension that they have."""
        return functions.cat(tensors, dim)


_other_name_of_cat("concat")


_other_name_of_cat("concatenate")


@op(
    "stack(Tensor[] tensors, int dim=0) -> Tensor",
    dtype=COMMON,
    check=lambda tensors, dim: _check_stack(tensors, dim),
    tensors=lambda grad, tensors_dtype, dim: [
        _real_part(part, kind) for part, kind in zip(_unstacked(grad, dim), tensors_dtype, strict=True)
    ],
)
def stack(xp, tensors, dim):
    """Join tensors of equal sizes along a new dimension."""
    rank = tensors[0].ndim
    dim = wrap(dim, rank + 1)
    array = xp.stack(tensors, axis=dim)
    if dim < rank and all(geometry.suggests_channels_last(own_geometry(one)) for one in tensors):
        # PyTorch joins along the dimension and views the result: the format of the parts stays.
        sizes = tuple(size * (len(tensors) if d == dim else 1) for d, size in enumerate(tensors[0].shape))
        joined = geometry.Geometry(sizes, geometry.channels_last_strides(sizes))
        return Laid(array, geometry.view_strides(joined, array.shape))
    return array


def _unstacked(grad, dim):
    """The parts of a gradient. A transform pushes tangents through their gradient, which for unbind is a stack again: no zeros
    are added to them, as are for select."""
    return grad.unbind(dim) if transforms else [grad.select(dim, place) for place in range(grad.size(dim))]


def _check_stack(tensors, dim):
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    wrap(dim, tensors[0].ndim + 1)
    for i, one in enumerate(tensors):
        if one.geometry.sizes != tensors[0].geometry.sizes:
            raise RuntimeError(
                "stack expects each tensor to be equal size, but got "
                f"{messages.numbers(tensors[0].geometry.sizes)} at entry 0 and {messages.numbers(one.geometry.sizes)} at "
                f"entry {i}"
            )


def check_list(name, tensors):
    """Errors: RuntimeError for no tensors."""
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList")


@composite("hstack(Tensor[] tensors) -> Tensor", out=True)
def hstack(tensors):
    """Join side by side: along the second dimension, or the only one."""
    check_list("hstack", tensors)
    raised = [at_least_1d(one) for one in tensors]
    return functions.cat(raised, 0 if len(raised[0].geometry.sizes) == 1 else 1)


def _vertical(name):
    @composite(f"{name}(Tensor[] tensors) -> Tensor", out=True)
    def stacked(tensors):
        """Join one below the other: along the first dimension, rows being made of vectors."""
        check_list("vstack", tensors)
        return functions.cat([at_least_2d(one) for one in tensors], 0)


_vertical("vstack")


_vertical("row_stack")


@composite("dstack(Tensor[] tensors) -> Tensor", out=True)
def dstack(tensors):
    """Join one behind the other: along the third dimension."""
    check_list("dstack", tensors)
    return functions.cat([at_least_3d(one) for one in tensors], 2)


@composite("column_stack(Tensor[] tensors) -> Tensor", out=True)
def column_stack(tensors):
    """Join side by side, vectors being columns."""
    check_list("column_stack", tensors)
    columns = [
        one.reshape((one.geometry.numel, 1)) if len(one.geometry.sizes) <= 1 else one for one in tensors
    ]
    return functions.hstack(columns)


def _block_sizes(sizes):
    return (1,) * (2 - len(sizes)) + tuple(sizes)


def _block_diag_backward(grad, tensors_sizes, tensors_dtype):
    found = []
    row = column = 0
    for own, kind in zip(tensors_sizes, tensors_dtype, strict=True):
        height, width = _block_sizes(own)
        block = _real_part(grad, kind).narrow(0, row, height).narrow(1, column, width)
        # A row stays one, as in PyTorch: the pass that hands it on sums over its first dimension.
        for _ in range(2 - len(own)):
            block = block.squeeze(-1)
        found.append(block)
        row, column = row + height, column + width
    return found


@op(
    "block_diag(Tensor[] tensors) -> Tensor",
    dtype=COMMON,
    check=lambda tensors: _check_blocks(tensors),
    out=False,
    tensors=_block_diag_backward,
)
def block_diag(xp, tensors):
    """Matrices along the diagonal, zeros elsewhere."""
    blocks = [one.reshape(_block_sizes(one.shape)) for one in tensors]
    result = xp.zeros((sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)), blocks[0].dtype)
    row = column = 0
    for block in blocks:
        height, width = block.shape
        result[row : row + height, column : column + width] = block
        row, column = row + height, column + width
    return result


def _check_blocks(tensors):
    for i, one in enumerate(tensors):
        if len(one.geometry.sizes) > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {one.ndim} dimensions"
            )


# ---- repetition


def _repeat_backward(grad, repeats, self_sizes):
    lead = len(repeats) - len(self_sizes)
    if 0 in repeats:
        return grad.new_zeros(self_sizes)
    for _ in range(lead):
        grad = grad.sum(0)
    split, summed = [], []
    for count, size in zip(repeats[lead:], self_sizes, strict=True):
        if count != 1:
            summed.append(len(split))
            split.append(count)
        split.append(size)
    return grad.reshape(split).sum(summed) if summed else grad


@op(
    "repeat(Tensor self, SymInt[] repeats) -> Tensor",
    variants="method",
    out=False,
    check=lambda self, repeats: _check_repeats(self, repeats),
    self=_repeat_backward,
)
def repeat(xp, self, repeats):
    """Copies of the tensor beside one another along each dimension."""
    return xp.tile(self, repeats) if repeats else self.copy()


def _check_repeats(self, repeats):
    sizes = self.geometry.sizes
    if len(repeats) < len(sizes):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    padded = (1,) * (len(repeats) - len(sizes)) + tuple(sizes)
    target = [size * count for size, count in zip(padded, repeats, strict=True)]
    check_bytes(math.prod(target) * self.dtype.itemsize, target, self.dtype)
    if any(size < 0 for size in target):
        raise messages.negative_size(target)


@composite("tile(Tensor self, SymInt[] dims) -> Tensor")
def tile(self, dims):
    """Copies of the tensor beside one another along the last dimensions."""
    return self.repeat((1,) * (len(self.geometry.sizes) - len(dims)) + tuple(dims))


@op(
    "repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor",
    variants="function",
    out=False,
    repeats=None,
)
def repeat_interleave_counts(xp, repeats, output_size):
    """Each index as often as its count says."""
    if not behind(xp).has_elements:
        if output_size is None:
            raise RuntimeError("cannot repeat_interleave a meta tensor without output_size")
        if output_size < 0:
            raise messages.negative_size((output_size,))
        return xp.empty((output_size,), repeats.dtype)
    if repeats.dtype not in (np.dtype(np.int64), np.dtype(np.int32)):
        kind = dtypes.from_numpy_dtype(repeats.dtype).scalar_type
        raise messages.not_implemented("repeat_interleave_cpu", kind)
    if repeats.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if not repeats.size:
        return repeats.copy()
    if (repeats < 0).any():
        raise RuntimeError("repeats can not be negative")
    if output_size is not None and output_size != repeats.sum():
        if output_size < 0:
            raise messages.negative_size((output_size,))
        raise RuntimeError("allocated size does not match required size")
    return xp.repeat(xp.arange(repeats.shape[0], dtype=repeats.dtype), repeats)


@composite(
    "repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor"
)
def repeat_interleave_by(self, repeats, dim, output_size):
    """Each index of a dimension as often as its count says."""
    # The rows that are taken keep the bits of conjugation and negation.
    source, conj, neg = self, self.is_conj(), self.is_neg()
    source = source.conj() if conj else source
    source = source._neg_view() if neg else source
    source = source.flatten() if dim is None else source
    sizes = source.geometry.sizes
    asked = 0 if dim is None else dim
    dim = existing(asked, len(sizes))
    counts = repeats.geometry.sizes
    if not counts or counts == (1,):
        repeats = repeats.reshape((1,)).expand((sizes[dim],))
    elif len(counts) == 1:
        if counts[0] != sizes[dim]:
            raise RuntimeError(
                "repeats must have the same size as input along dim, but got repeats.size(0) = "
                f"{counts[0]} and input.size({asked}) = {sizes[dim]}"
            )
    else:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    found = source.index_select(dim, functions.repeat_interleave(repeats, output_size=output_size))
    found = found.conj() if conj else found
    return found._neg_view() if neg else found


@composite(
    "repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor"
)
def repeat_interleave(self, repeats, dim, output_size):
    """Each index of a dimension, repeated a number of times."""
    source = self.flatten() if dim is None else self
    dim = wrap(0 if dim is None else dim, len(source.geometry.sizes))
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    if not source.geometry.sizes:
        wrap(1, 0)  # PyTorch repeats before it looks whether there is a dimension
    expected = source.geometry.sizes[dim] * repeats
    if output_size is not None and output_size != expected:
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {expected} but got {output_size}"
        )
    source = source.unsqueeze(dim + 1)
    sizes = list(source.geometry.sizes)
    sizes[dim + 1] = repeats
    return source.expand(sizes).clone(memory_format=contiguous_format).flatten(dim, dim + 1)

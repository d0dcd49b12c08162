"""Sorting: orders, ranks and distinct values."""

from math import prod

import numpy as np

from tensorcli.engine import geometry
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.effects import Laid
from tensorcli.engine.ops import _selection
from tensorcli.engine.ops._dimensions import existing, not_empty, refuse, wrap
from tensorcli.engine.ops._shared import no_derivative, own_geometry
from tensorcli.engine.ops.extreme import selected, selecting_backward


def descending_order(xp, array, dim):
    """The stable order from large to small; NaN counts as largest."""
    turned = xp.argsort(xp.flip(array, dim), axis=dim, kind="stable")
    return xp.flip(array.shape[dim] - 1 - turned, dim)


def _sorted(xp, self, dim, descending, stable=False):
    dim = wrap(dim, self.ndim)
    if self.dtype.kind == "c":
        raise RuntimeError(" Sort does not support complex dtypes on CPU")
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    order = descending_order(xp, self, dim) if descending else xp.argsort(self, axis=dim, kind="stable")
    if xp is np and not stable:
        order = _selection.unstable_orders(self, dim, order)
    strides = geometry.preserved_strides(own_geometry(self))
    return Laid(xp.take_along_axis(self, order, dim), strides), Laid(order, strides)


@op(
    "sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
    self=lambda grad, dim, indices, self_sizes: selecting_backward(grad, dim, indices, self_sizes, True),
)
def sort(xp, self, dim, descending):
    """The elements in order along a dimension and where they came from."""
    return _sorted(xp, self, dim, descending)


@op(
    "sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
    node=1,
    self=lambda grad, dim, indices, self_sizes: selecting_backward(grad, dim, indices, self_sizes, True),
)
def sort_stable(xp, self, stable, dim, descending):
    """The elements in order along a dimension, equal ones as they stood when asked, and where they came from."""
    return _sorted(xp, self, dim, descending, stable)


@composite("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor")
def argsort(self, dim, descending):
    """The indices that sort a dimension."""
    return self.detach().sort(dim, descending)[1]


@composite(
    "argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor", out=True
)
def argsort_stable(self, stable, dim, descending):
    """The indices that sort a dimension, equal elements as they stood."""
    return self.detach().sort(stable=stable, dim=dim, descending=descending)[1]


@composite("msort(Tensor self) -> Tensor", out=True)
def msort(self):
    """The elements in order along the first dimension."""
    return self.sort(0)[0]


@op(
    "topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
    self=lambda grad, dim, indices, self_sizes: selecting_backward(grad, dim, indices, self_sizes, True),
)
def topk(xp, self, k, dim, largest, sorted):
    """The k largest (or smallest) elements along a dimension and where they are."""
    dim = wrap(dim, self.ndim)
    if not 0 <= k <= (self.shape[dim] if self.ndim else 1):
        raise RuntimeError("selected index k out of range")
    if self.dtype.kind == "c":
        raise RuntimeError(" topk does not support complex dtypes on CPU")
    if self.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    order = descending_order(xp, self, dim) if largest else xp.argsort(self, axis=dim, kind="stable")
    chosen = xp.take(order, xp.arange(k), axis=dim)
    if xp is np and k * 64 > self.shape[dim]:
        # Longer slices are sorted in part, which leaves equal elements as a heap does.
        find = _selection.largest if largest else _selection.smallest
        chosen = _selection.orders(self, dim, lambda row: find(row, k, sorted), chosen)
    return selected(xp, self, chosen, dim, True)


@op(
    "kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)",
    self=selecting_backward,
)
def kthvalue(xp, self, k, dim, keepdim):
    """The k-th smallest elements along a dimension and where they are."""
    dim = wrap(dim, self.ndim)
    not_empty(self, dim, "kthvalue()")
    if not 1 <= k <= (self.shape[dim] if self.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {dim}")
    if not self.ndim:
        return self.copy(), xp.zeros((), np.int64)
    refuse(self, "kthvalue_cpu", "bc")
    order = xp.take(xp.argsort(self, axis=dim, kind="stable"), [k - 1], axis=dim)
    if xp is np:
        order = _selection.orders(self, dim, lambda row: [_selection.kth(row, k - 1)], order)
    return selected(xp, self, order, dim, keepdim)


# ---- distinct values


@op(
    "_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> "
    "(Tensor, Tensor, Tensor)",
    out=False,
    variants="function",
    self=no_derivative("_unique2"),
)
def unique2(xp, self, sorted, return_inverse, return_counts):
    """The distinct elements in order, which of them each element is, and how often each occurs."""
    refuse(self, "unique", "c")
    # With indices numpy sorts so that of zeros of both signs the first one stays.
    values, _, inverse, counts = xp.unique(
        self, return_index=True, return_inverse=True, return_counts=True, equal_nan=False
    )
    return (
        values,
        inverse.reshape(self.shape) if return_inverse or return_counts else _nothing(xp),
        counts if return_counts else _nothing(xp),
    )


@op(
    "_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)",
    out=False,
    variants="function",
    self=no_derivative("_unique"),
)
def unique_of_old(xp, self, sorted, return_inverse):
    """The distinct elements in order, and which of them each element is."""
    return unique2(xp, self, sorted, return_inverse, False)[:2]


@op(
    "unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> "
    "(Tensor, Tensor, Tensor)",
    out=False,
    namespace="internal",
    variants="function",
    self=no_derivative("unique_dim"),
)
def unique_dim(xp, self, dim, sorted, return_inverse, return_counts):
    """The distinct slices along a dimension in order, which of them each slice is, and how often each occurs."""
    refuse(self, "unique_dim", "c")
    dim = existing(dim, self.ndim)
    _check_slices(self, dim)
    if xp is np and (self != self).any():
        order = _order_of_slices(_rows(xp, self, dim).tolist())
        starts, which, counts = _runs(xp, _rows(xp, self, dim)[order])
        inverse = np.empty_like(which)
        inverse[order] = which
        return (
            _slices(xp.take(self, order[starts], axis=dim), dim),
            inverse,
            Laid(counts, None, self.shape[dim]),
        )
    values, inverse, counts = xp.unique(
        self, return_inverse=True, return_counts=True, axis=dim, equal_nan=False
    )
    return _slices(values, dim), inverse.reshape(-1), Laid(counts, None, self.shape[dim])


def _rows(xp, array, dim):
    """The slices along a dimension, as rows."""
    rest = array.shape[:dim] + array.shape[dim + 1 :]
    return xp.moveaxis(array, dim, 0).reshape(array.shape[dim], prod(rest))


def _order_of_slices(rows):
    """The order in which PyTorch sorts rows with NaN: for its comparison NaN is equal to every number."""

    def before(i, j):
        differing = ((a, b) for a, b in zip(rows[i], rows[j], strict=True) if a < b or a > b)
        return next((a < b for a, b in differing), False)

    order = list(range(len(rows)))
    _selection.sort(order, 0, len(rows), before)
    return np.array(order)


def _runs(xp, rows):
    """Of equal rows side by side: where each run starts, which run each row is in, and how long the runs are."""
    starts = xp.ones(len(rows), bool)
    starts[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    lengths = xp.diff(xp.append(xp.flatnonzero(starts), len(rows)))
    return starts, xp.cumsum(starts) - 1, lengths.astype(np.int64)


def _slices(values, dim):
    """Slices along a dimension, which PyTorch lays one behind the other in memory, if there are any."""
    if not values.shape[dim]:
        return values
    order = [dim, *(d for d in range(values.ndim) if d != dim)]
    steps = geometry.contiguous_strides(tuple(values.shape[d] for d in order))
    return Laid(values, tuple(step for _, step in sorted(zip(order, steps, strict=True))))


def _check_slices(array, dim):
    if 0 in array.shape:
        empty = sum(1 for size in array.shape if not size)
        if array.shape[dim]:
            raise RuntimeError(
                "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
            )
        if empty != 1:
            raise RuntimeError(
                "Number of zero sized dimensions is more than one, so unique cannot be applied "
            )


@op(
    "_unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> "
    "(Tensor, Tensor, Tensor)",
    out=False,
    variants="function",
    self=no_derivative("unique_consecutive"),
)
def consecutive(xp, self, return_inverse, return_counts, dim):
    """The elements (or slices) that differ from the one before, which of them each is, and how long each run is.

    PyTorch writes elements and counts one behind the other into memory for as many as there could be.
    """
    flat = dim is None or (dim == 0 and self.ndim == 1)
    refuse(self, "unique" if flat else "unique_dim", "c")
    if dim is None:
        rows = self.reshape(-1, 1)
    else:
        dim = existing(dim, self.ndim)
        _check_slices(self, dim)
        rows = _rows(xp, self, dim)
    starts, inverse, counts = _runs(xp, rows)
    if flat:
        values = Laid(self.reshape(-1)[starts], None, self.size)
    else:
        values = _slices(xp.compress(starts, self, axis=dim), dim)
    return (
        values,
        inverse.reshape(self.shape if dim is None else -1) if return_inverse else _nothing(xp),
        Laid(counts, None, len(rows)) if return_counts else _nothing(xp),
    )


def _nothing(xp):
    return xp.zeros((0,), np.int64)


def _asked(found, return_inverse, return_counts):
    """The parts that the caller asked for: one tensor alone, or a tuple."""
    values, inverse, counts = found
    if return_inverse:
        return (values, inverse, counts) if return_counts else (values, inverse)
    return (values, counts) if return_counts else values


@composite(
    "unique(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False, int? dim=None) -> "
    "(Tensor, Tensor, Tensor)"
)
def unique(self, sorted, return_inverse, return_counts, dim):
    """The distinct elements (or slices along a dimension), sorted; on request where each went and how often each occurs."""
    if dim is None:
        return _asked(
            functions._unique2(self, sorted, return_inverse, return_counts), return_inverse, return_counts
        )
    return _asked(
        functions.unique_dim(self, dim, sorted, return_inverse, return_counts), return_inverse, return_counts
    )


@composite(
    "unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> "
    "(Tensor, Tensor, Tensor)"
)
def unique_consecutive(self, return_inverse, return_counts, dim):
    """The first of each run of equal elements (or slices); on request the run of each element and the runs' lengths."""
    found = functions._unique_consecutive(self, return_inverse, return_counts, dim)
    return _asked(found, return_inverse, return_counts)

"""Histograms: how many elements, or how much weight, falls between edges."""

from math import prod

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.ops._dimensions import kind_of
from tensorcli.engine.ops.ranges import linspace


@op(
    "histogram.bins_tensor(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> "
    "(Tensor hist, Tensor bin_edges)",
)
def histogram_edges(xp, self, bins, weight, density):
    """How many elements fall between each two of some edges, and the edges."""
    points = self.reshape(-1, 1)
    _check(points, [bins], None if weight is None else weight.reshape(-1))
    return _counted(xp, points, [bins], weight, density), bins.copy()


@op(
    "histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> "
    "(Tensor hist, Tensor bin_edges)",
    check=lambda self, bins, range, weight, density: _check_range(self, range),
)
def histogram_counts(xp, self, bins, range, weight, density):
    """How many elements fall into each of some bins of equal width, and the edges."""
    points = self.reshape(-1, 1)
    edges = _edges(xp, points, [bins], range)
    _check(points, edges, None if weight is None else weight.reshape(-1))
    return _counted(xp, points, edges, weight, density), edges[0]


@op(
    "_histogramdd_bin_edges(Tensor self, int[] bins, *, float[]? range=None, Tensor? weight=None, bool density=False) -> "
    "Tensor[]",
    out=False,
    check=lambda self, bins, range, weight, density: _check_range(self, range),
)
def histogramdd_edges(xp, self, bins, range, weight, density):
    """The edges of bins of equal width in each dimension of space."""
    _check_space(self)
    if len(bins) != self.shape[-1]:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
        )
    return _edges(xp, self.reshape(-1, self.shape[-1]), bins, range)


@op(
    "_histogramdd_from_bin_tensors(Tensor self, Tensor[] bins, *, Tensor? weight=None, bool density=False) -> Tensor",
    out=False,
)
def histogramdd_counts(xp, self, bins, weight, density):
    """How many points fall between the edges in each dimension of space."""
    _check_space(self)
    _check(self, bins, weight)
    return _counted(xp, self.reshape(-1, self.shape[-1]), bins, weight, density)


@op(
    "_histogramdd_from_bin_cts(Tensor self, int[] bins, *, float[]? range=None, Tensor? weight=None, bool density=False) -> "
    "Tensor",
    out=False,
)
def histogramdd_even(xp, self, bins, range, weight, density):
    """How many points fall into each bin, of a number of bins of equal width in each dimension of space."""
    points = self.reshape(-1, self.shape[-1])
    edges = _edges(xp, points, bins, range)
    _check(self, edges, weight)
    return _counted(xp, points, edges, weight, density)


@composite(
    "histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> "
    "(Tensor hist, Tensor[] bin_edges)",
    variants="function",
)
def histogramdd(self, bins, range, weight, density):
    """How many points fall into each bin of a space of several dimensions, and the edges."""
    edges = functions._histogramdd_bin_edges(self, bins, range=range, weight=weight, density=density)
    found = functions._histogramdd_from_bin_cts(self, bins, range=range, weight=weight, density=density)
    return found, tuple(edges)


@composite(
    "histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> "
    "(Tensor hist, Tensor[] bin_edges)",
    variants="function",
)
def histogramdd_int(self, bins, range, weight, density):
    """How many points fall into each bin of a space of several dimensions, and the edges."""
    return histogramdd(self, (bins,) * self.size(-1), range, weight, density)


@composite(
    "histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) "
    "-> (Tensor hist, Tensor[] bin_edges)",
    variants="function",
)
def histogramdd_tensors(self, bins, range, weight, density):
    """How many points fall between the edges given for each dimension of space."""
    edges = list(bins)
    return functions._histogramdd_from_bin_tensors(self, edges, weight=weight, density=density), tuple(edges)


def _check(points, edges, weight):
    """Refuse points (a last dimension of coordinates), edges and weights that do not go together. Errors: RuntimeError."""
    space = points.shape[-1]
    if len(edges) != space:
        raise RuntimeError(
            f"torch.histogramdd: expected {space} sequences of bin edges for a {space}-dimensional histogram but got "
            f"{len(edges)}"
        )
    for d, one in enumerate(edges):
        if one.dtype != points.dtype:
            raise RuntimeError(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype "
                f"{_cpp(points)} and bins for dimension {d} with dtype {_cpp(one)}"
            )
        if one.ndim != 1:
            raise RuntimeError(
                f"torch.histogramdd: bins tensor should have one dimension, but got {one.ndim} dimensions in the bins tensor "
                f"for dimension {d}"
            )
        if not one.size:
            raise RuntimeError(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for "
                f"dimension {d}"
            )
    if weight is None:
        return
    if weight.dtype != points.dtype:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, "
            f"but got input({_cpp(points)}), and weight({_cpp(weight)})"
        )
    if (weight.shape or (1,)) != points.shape[:-1]:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding "
            f"its innermost dimension, but got input with shape {messages.numbers(points.shape)} and weight with shape "
            f"{messages.numbers(weight.shape)}"
        )


def _cpp(array):
    return dtypes.from_numpy_dtype(array.dtype).cpp_name


def _check_space(points):
    if points.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")


def _check_range(self, given):
    """Refuse dtypes that PyTorch finds no least and greatest element of: reduced ones, which the kernel gets as float32."""
    if self.dtype.reduced and given is None and self.numel():
        raise messages.not_implemented("histogramdd", self.dtype.scalar_type)


def _check_floats(array, kernel):
    if array.dtype not in (np.float32, np.float64):
        raise messages.not_implemented(kernel, kind_of(array))


def _edges(xp, points, bins, given):
    """Edges of equal distance, as PyTorch's linspace computes them, over the range given or that of the elements."""
    kind = dtypes.from_numpy_dtype(points.dtype)
    for d, count in enumerate(bins):
        if count <= 0:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {count} for dimension {d}")
    if given is not None and len(given) != 2 * points.shape[-1]:
        raise RuntimeError(
            f"torch.histogramdd: for a {points.shape[-1]}-dimensional histogram range should have "
            f"{2 * points.shape[-1]} elements, but got {len(given)}"
        )
    if given is None and points.size:
        _check_floats(points, "histogramdd")
    ranges = []
    for d in range(points.shape[-1]):
        if given is not None:
            low, high = given[2 * d], given[2 * d + 1]
        elif len(points):
            low, high = float(points[:, d].min()), float(points[:, d].max())
        else:
            low, high = 0.0, 1.0
        if not (np.isfinite(low) and np.isfinite(high)):
            raise RuntimeError(f"torch.histogramdd: dimension {d}'s range [{low:g}, {high:g}] is not finite")
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension {d}"
            )
        ranges.append((low - 0.5, high + 0.5) if low == high else (low, high))
    return [linspace(xp, *each, count + 1, kind) for each, count in zip(ranges, bins, strict=True)]


def _counted(xp, points, edges, weight, density):
    """The histogram of points (rows) between edges: the last bin holds its right edge."""
    _check_floats(points, "histogram_cpu")
    kind = points.dtype
    shape = tuple(len(one) - 1 for one in edges)
    places, inside = [], xp.ones(len(points), bool)
    for d, one in enumerate(edges):
        column = points[:, d]
        inside &= (column >= one[0]) & (column <= one[-1])
        places.append(xp.minimum(xp.searchsorted(one, column, side="right") - 1, len(one) - 2))
    weights = None if weight is None else weight.reshape(-1)[inside].astype(np.float64)
    total = prod(shape)
    if total:
        flat = xp.ravel_multi_index(tuple(p[inside] for p in places), shape)
        found = xp.bincount(flat, weights, minlength=total).reshape(shape).astype(kind)
    else:
        found = xp.zeros(shape, kind)
    if density:
        found = found / found.sum()
        for d, one in enumerate(edges):
            found = found / xp.diff(one).reshape((-1,) + (1,) * (len(edges) - 1 - d))
    return found.astype(kind)

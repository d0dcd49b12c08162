"""Reductions: sums, means, extremes and norms over some dimensions."""

import numpy as np

from tensorcli.engine.op import op


def wrap(dim, ndim):
    """A dimension counted from the front. Errors: IndexError with PyTorch's text."""
    least = -max(ndim, 1)
    if not least <= dim < -least:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{least}, {-least - 1}], but got {dim})"
        )
    return dim + max(ndim, 1) if dim < 0 else dim


def wrap_dims(dims, ndim):
    """Several dimensions counted from the front; all of them for None or none. Errors: IndexError, RuntimeError."""
    if dims is None or len(dims) == 0:
        return tuple(range(ndim))
    wrapped = []
    for dim in dims:
        one = wrap(dim, ndim)
        if one in wrapped:
            raise RuntimeError(f"dim {one} appears multiple times in the list of dims")
        wrapped.append(one)
    return tuple(wrapped) if ndim else ()


def restore(grad, sizes, dims, keepdim):
    """Spread the gradient of a reduction over the dimensions that it reduced."""
    if not keepdim and sizes:
        for dim in sorted(wrap_dims(dims, len(sizes))):
            grad = grad.unsqueeze(dim)
    return grad.expand(sizes)


def _integral_to_long(array, dtype):
    if dtype is not None:
        return array.astype(dtype.np)
    return array.astype(np.int64) if array.dtype.kind in "bui" else array


@op(
    "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
    self=lambda grad, self_sizes: grad.expand(self_sizes),
)
def sum_all(xp, self, dtype):
    """Add up all elements."""
    return xp.sum(_integral_to_long(self, dtype))


@op(
    "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    node=1,
    self=lambda grad, self_sizes, dim, keepdim: restore(grad, self_sizes, dim, keepdim),
)
def sum_dim(xp, self, dim, keepdim, dtype):
    """Add up the elements along some dimensions."""
    return xp.sum(_integral_to_long(self, dtype), axis=wrap_dims(dim, self.ndim), keepdims=keepdim)

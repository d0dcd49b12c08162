"""Linear algebra: functions and products of matrices. Each takes batches of matrices."""

import itertools

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.batch.layer import roomy
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import elementwise_strides
from tensorcli.engine.ops._dimensions import count, refuse, wrap
from tensorcli.engine.ops._elimination import multiplied_onto
from tensorcli.engine.ops._exponential import exponentials
from tensorcli.engine.ops._matrices import check_floating_tensor, check_matrix, raise_for, stand_in
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import behind, own_geometry
from tensorcli.engine.table import OPS


def _matrix_exp_backward(grad, self):
    n = self.size(-1)
    turned = self.mH
    blocks = roomy(grad.new_zeros((*self.geometry.sizes[:-2], 2 * n, 2 * n)), turned, grad)
    for row, column, block in ((0, 0, turned), (n, n, turned), (0, n, grad)):
        blocks.narrow(-2, row, n).narrow(-1, column, n).copy_(block)
    return functions.linalg_matrix_exp(blocks).narrow(-2, 0, n).narrow(-1, n, n)


@op(
    "linalg_matrix_exp(Tensor self) -> Tensor",
    out=False,
    variants="function",
    namespace="linalg",
    stepwise=REDUCED,
    self=_matrix_exp_backward,
)
def linalg_matrix_exp(xp, self):
    """The exponentials of matrices."""
    check_matrix(self, "linalg.matrix_exp")
    if not self.size:
        return self.copy()
    n = self.shape[-1]
    if n == 1:
        found = OPS["exp"].kernel(xp, *widened(self)).astype(self.dtype)
        return Laid(found, elementwise_strides(self.shape, [own_geometry(self)]))
    if not behind(xp).has_elements:
        return xp.zeros(self.shape, self.dtype)
    sizes = OPS["view"].kernel(own_geometry(self), (-1, n, n)).sizes
    return exponentials(xp, self.reshape(sizes)).reshape(self.shape)


@composite("matrix_exp(Tensor self) -> Tensor")
def matrix_exp(self):
    """The exponentials of matrices."""
    return functions.linalg_matrix_exp(self)


@composite(
    "linalg_matrix_power(Tensor self, int n) -> Tensor", variants="function", namespace="linalg", out=True
)
def linalg_matrix_power(self, n):
    """The n-th powers of matrices; those of their inverses for a negative n."""
    if self.ndim < 2 or self.size(-1) != self.size(-2):
        check_matrix(stand_in(self).real.astype(np.float32), "linalg.matrix_power")
    if n == 0:
        one = functions.eye(self.size(-2), dtype=self.dtype, device=self.device)
        return self.clone().copy_(one)
    if n == 1:
        return self.clone()
    if n == -1:
        return functions.linalg_inv(self)
    base = functions.linalg_inv(self) if n < 0 else self
    n = abs(n)
    if n == 2:
        return base.matmul(base)
    if n == 3:
        return base.matmul(base).matmul(base)
    power, result = base, None
    while n:
        result = (power if result is None else result.matmul(power)) if n & 1 else result
        n >>= 1
        power = power.matmul(power) if n else power
    return result


@composite("matrix_power(Tensor self, int n) -> Tensor", out=True)
def matrix_power(self, n):
    """The n-th powers of matrices."""
    return functions.linalg_matrix_power(self, n)


@op(
    "linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor",
    stepwise=REDUCED,
    variants="function",
    alike="other",
    namespace="linalg",
    self=lambda grad, other, dim: functions.linalg_cross(other.conj(), grad, dim=dim),
    other=lambda grad, self, dim: functions.linalg_cross(grad, self.conj(), dim=dim),
)
def linalg_cross(xp, self, other, dim):
    """The cross products of vectors of length 3 along a dimension."""
    if self.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if not self.ndim:
        raise messages.no_dimensions(dim)
    at = wrap(dim, self.ndim)
    if self.shape[at] != 3 or other.shape[at] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {self.shape[at]} and {other.shape[at]}"
        )
    refuse(self, "cross", "b")
    a, b = xp.broadcast_arrays(self, other)

    def minus(x, y, z):
        # x * y - z, with the product unrounded.
        return multiplied_onto(-z, x, y) if xp is np else x * y - z

    return xp.stack(
        [
            minus(
                xp.take(a, (i + 1) % 3, at),
                xp.take(b, (i + 2) % 3, at),
                xp.take(a, (i + 2) % 3, at) * xp.take(b, (i + 1) % 3, at),
            )
            for i in range(3)
        ],
        axis=at,
    )


@composite("cross(Tensor self, Tensor other, int? dim=None) -> Tensor", out=True)
def cross(self, other, dim):
    """The cross products of vectors of length 3, along the first dimension of that size unless one is named."""
    if dim is None and not effects.into.outputs:
        messages.warn(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or "
            "simply use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in a "
            "future release.",
            once=True,
        )
    if dim is None:
        dim = next((d for d, size in enumerate(self.geometry.sizes) if size == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return functions.linalg_cross(self, other, dim=dim)


@composite(
    "linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_vecdot(x, y, dim):
    """The dot products of vectors along a dimension, the first conjugated."""
    check_floating_tensor(x, "linalg.vecdot")
    if x.dtype is not y.dtype:
        raise RuntimeError(
            f"linalg.vecdot: Expected x and y to have the same dtype, but found x of type {x.dtype.scalar_type} and y of type "
            f"{y.dtype.scalar_type} instead"
        )
    if x.ndim == 1 and y.ndim == 1:
        return x.vdot(y)
    if x.dtype.is_complex:
        return (x.conj() * y).sum(dim)
    return (x * y).sum(dim)


@composite(
    "linalg_matmul(Tensor self, Tensor other) -> Tensor", variants="function", namespace="linalg", out=True
)
def linalg_matmul(self, other):
    """The product of vectors, matrices or batches of them."""
    return functions.matmul(self, other)


@composite("linalg_multi_dot(Tensor[] tensors) -> Tensor", variants="function", namespace="linalg", out=True)
def linalg_multi_dot(tensors):
    """The product of several matrices, multiplied in the cheapest order; the outer two may be vectors."""
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first_vector, last_vector = tensors[0].ndim == 1, tensors[-1].ndim == 1
    if tensors[0].ndim not in (1, 2):
        raise RuntimeError(f"multi_dot(): the first tensor must be 1D or 2D but got {tensors[0].ndim}D")
    if tensors[-1].ndim not in (1, 2):
        raise RuntimeError(f"multi_dot(): the last tensor must be 1D or 2D but got {tensors[-1].ndim}D")
    for i, one in enumerate(tensors[1:-1], 1):
        if one.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {one.ndim}D")
    parts = list(tensors)
    parts[0] = parts[0].unsqueeze(0) if first_vector else parts[0]
    parts[-1] = parts[-1].unsqueeze(-1) if last_vector else parts[-1]
    for i, (a, b) in enumerate(itertools.pairwise(parts)):
        if b.dtype is not parts[0].dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {parts[0].dtype.cpp_name} and tensor "
                f"{i + 1} {b.dtype.cpp_name}"
            )
        if a.size(1) != b.size(0):
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {messages.numbers(tensors[i].geometry.sizes)} and "
                f"{messages.numbers(tensors[i + 1].geometry.sizes)} cannot be multiplied"
            )
    if len(parts) == 2:
        result = parts[0].mm(parts[1])
    elif len(parts) == 3:
        result = _three(parts)
    else:
        result = _chained(
            parts, _chain_order([p.size(0) for p in parts] + [parts[-1].size(1)]), 0, len(parts) - 1
        )
    sizes = ([] if first_vector else [tensors[0].size(0)]) + ([] if last_vector else [tensors[-1].size(1)])
    return result.view(sizes)


def _three(parts):
    a, b, c, d = parts[0].size(0), parts[1].size(0), parts[1].size(1), parts[2].size(1)
    if a * c * (b + d) <= b * d * (a + c):
        return parts[0].mm(parts[1]).mm(parts[2])
    return parts[0].mm(parts[1].mm(parts[2]))


def _chain_order(sizes):
    """Where to split each range of a chain of products so that it costs least (Cormen et al., 15.2)."""
    count_ = len(sizes) - 1
    cost = [[0] * count_ for _ in range(count_)]
    split = [[0] * count_ for _ in range(count_)]
    for length in range(1, count_):
        for i in range(count_ - length):
            j = i + length
            best = None
            for k in range(i, j):
                found = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                if best is None or found < best:
                    best, split[i][j] = found, k
            cost[i][j] = best
    return split


def _chained(parts, split, i, j):
    if i == j:
        return parts[i]
    k = split[i][j]
    return _chained(parts, split, i, k).mm(_chained(parts, split, k + 1, j))


@composite("linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor", variants="function", namespace="linalg")
def linalg_vander(x, N):
    """The powers 0 … N-1 of each element, as rows."""
    if x.dtype is dtypes.bool_ or x.dtype.reduced:
        raise RuntimeError(
            f"linalg.vander supports floating point, complex, and integer tensors, but got {x.dtype.scalar_type}"
        )
    if not x.ndim:
        x = x.unsqueeze(-1)
    n = x.size(-1) if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    wide = x if x.dtype.category >= dtypes.FLOATING else x.to(dtypes.int64)
    spread = wide.unsqueeze(-1).expand((*wide.geometry.sizes, n - 1))
    ones = wide.new_ones((*wide.geometry.sizes, 1))
    return functions.cat([ones, spread.cumprod(-1)], -1)


@composite(
    "linalg_tensorinv(Tensor self, int ind=2) -> Tensor", variants="function", namespace="linalg", out=True
)
def linalg_tensorinv(self, ind):
    """The inverse with respect to tensordot over `ind` dimensions."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    sizes = self.geometry.sizes
    if ind > len(sizes):
        raise RuntimeError(f"ArrayRef: invalid slice, N = {ind}; size = {len(sizes)}")
    back = sizes[ind:] + sizes[:ind]
    rows, cols = count(sizes[ind:], None), count(sizes[:ind], None)
    if rows != cols:
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {rows} != "
            f"{cols}"
        )
    inverse, info = functions.linalg_inv_ex(self.reshape((rows, cols)))
    raise_for(info, "inv")
    return inverse.reshape(back)


@composite(
    "linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_tensorsolve(self, other, dims):
    """The X for which tensordot(A, X) is B."""
    if dims is not None:
        moved = [wrap(d, self.ndim) for d in dims]
        self = self.movedim(moved, list(range(self.ndim - len(moved), self.ndim)))
    sizes = self.geometry.sizes[other.ndim :]
    n = count(sizes, None)
    if other.numel() != n:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but "
            f"got {n} != {other.numel()}"
        )
    return functions.linalg_solve(self.reshape((n, n)), other.flatten()).reshape(sizes)

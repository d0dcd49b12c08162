"""Linear algebra: norms, functions and products of matrices. Batches of matrices everywhere."""

import itertools

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.op import composite, op
from tensorcli.engine.ops._dimensions import computing, count, refuse, restore_dims, wrap, wrap_dims
from tensorcli.engine.ops._matrices import check_floating, check_matrix, check_order, full_precision
from tensorcli.engine.ops._shared import behind

# ---- norms


def vector_norm_backward(grad, self, order, norm, dim, keepdim):
    """The gradient of a vector norm, zero where it has none (torch/csrc/autograd/FunctionsManual.cpp, norm_backward)."""
    norm = restore_dims(norm, self.ndim, dim, keepdim)
    grad = restore_dims(grad, self.ndim, dim, keepdim)
    if order == 0:
        return None
    if order == 1:
        return self.sgn() * grad
    if order == 2:
        return grad * (self / norm).masked_fill_(norm == 0, 0)
    if abs(order) == float("inf"):
        size = self.abs()
        extreme = (size == norm).logical_or_(self.isnan().logical_and_(norm.isnan()))
        dims = wrap_dims(dim, self.ndim)
        return self.sgn() * ((grad / extreme.sum(dims, True)) * extreme)
    if order < 1:
        return self.sgn() * self.abs().pow_(order - 1).masked_fill_(self == 0, 0) * grad * norm.pow(1 - order)
    if order < 2:
        scaled = self.sgn() * self.abs().pow_(order - 1)
        return scaled * (grad / norm.pow(order - 1)).masked_fill_(norm == 0, 0)
    scaled = self * self.abs().pow_(order - 2)
    return scaled * (grad / norm.pow(order - 1)).masked_fill_(norm == 0, 0)


@op(
    "linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) "
    "-> Tensor",
    variants="function",
    namespace="linalg",
    self=lambda grad, self, ord, result, dim, keepdim: vector_norm_backward(
        grad, self, ord, result, dim, keepdim
    ),
)
def linalg_vector_norm(xp, self, ord, dim, keepdim, dtype):
    """The p-norm of the elements, along some dimensions or of all."""
    check_floating(self, "linalg.vector_norm")
    check_order(ord, "linalg.vector_norm")
    if dtype is not None:
        _check_norm_dtype(self, dtype, "linalg.vector_norm")
    array = computing(self, dtype)
    dims = wrap_dims(dim, self.ndim)
    if (ord < 0 or abs(ord) == float("inf")) and not array.size and not all(self.shape[d] for d in dims):
        empty = "an empty tensor"
        if dim:
            bad = next(d for d in dim if not self.shape[d])
            empty = (
                f"the dimension {bad}because this dimension is empty and"  # PyTorch's own words, run together
            )
        words = "because the operation does not" if not dim else "the operation does not"
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord:g} norm on {empty} {words} have an identity"
        )
    size = xp.abs(array)
    real = size.dtype
    if ord == float("inf"):
        return xp.max(size, axis=dims, keepdims=keepdim)
    if ord == -float("inf"):
        return xp.min(size, axis=dims, keepdims=keepdim)
    if ord == 0:
        return xp.sum(size != 0, axis=dims, keepdims=keepdim).astype(real)
    if ord == 1:
        return xp.sum(size, axis=dims, keepdims=keepdim)
    # Sums of powers are kept in float64: PyTorch's vector kernel sums float32 in several lanes.
    wide = size.astype(np.float64)
    total = xp.sum(wide * wide if ord == 2 else wide ** float(ord), axis=dims, keepdims=keepdim)
    return (xp.sqrt(total) if ord == 2 else total ** (1.0 / float(ord))).astype(real)


@op(
    "_norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor",
    variants="function",
    node=1,
    self=lambda grad, self, p, result, dim, keepdim: vector_norm_backward(
        grad, self, 2 if p is None else p, result, dim, keepdim
    ),
)
def native_norm(xp, self, p, dim, keepdim):
    """The p-norm as C++ asks for it: PyTorch's node for it is NormBackward1."""
    return linalg_vector_norm(xp, self, 2 if p is None else p, dim, keepdim, None)


@composite(
    "norm.number(Tensor self, Scalar? p=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    out=True,
)
def norm(self, p, dim, keepdim, dtype):
    """The p-norm of the elements, along some dimensions or of all."""
    return functions.linalg_vector_norm(self, 2 if p is None else p, dim, keepdim, dtype=dtype)


@composite(
    "norm.str(Tensor self, str p, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    out=True,
)
def norm_str(self, p, dim, keepdim, dtype):
    """A norm of matrices by its name: "fro" or "nuc"."""
    if p == "fro" and (dim is None or len(dim) <= 2):
        return functions.linalg_vector_norm(self, 2, dim, keepdim, dtype=dtype)
    dims = list(range(self.ndim)) if dim is None else dim
    return functions.linalg_matrix_norm(self, p, dims, keepdim, dtype=dtype)


def _matrix_dims(self, dim, name="linalg.matrix_norm"):
    if self.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {', '.join(map(str, dim))}")
    dims = [wrap(d, self.ndim) for d in dim]
    if dims[0] == dims[1]:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return dims


@composite(
    "linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2,-1], bool keepdim=False, *, ScalarType? dtype=None) "
    "-> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_matrix_norm(self, ord, dim, keepdim, dtype):
    """A norm of matrices: 1 and inf of their sums, 2 of their singular values."""
    check_order(ord, "linalg.matrix_norm")
    dims = _matrix_dims(self, dim)
    _floating_tensor(self, "linalg.matrix_norm")
    if abs(ord) not in (1, 2, float("inf")):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord:g} not supported.")
    pick = "amax" if ord > 0 else "amin"
    if abs(ord) == 2:
        return _of_singular_values(self, dims, keepdim, dtype, lambda s: getattr(s, pick)([-1], keepdim))
    rows, cols = dims if abs(ord) == 1 else dims[::-1]
    if not keepdim and rows < cols:
        cols -= 1
    sums = functions.linalg_vector_norm(self, 1, [rows], keepdim, dtype=dtype)
    if not sums.size(cols):  # Without columns, or rows, the norm is that of one of zeros.
        return sums.sum([cols], keepdim)
    return getattr(sums, pick)([cols], keepdim)


def _check_norm_dtype(self, dtype, name):
    """The dtype that a norm is asked in must hold the input. Errors: RuntimeError."""
    own = dtypes.from_numpy_dtype(self.dtype)
    if dtype.category < dtypes.FLOATING:
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {dtype.scalar_type}")
    if own.is_complex and not dtype.is_complex:
        raise RuntimeError(f"{name}: dtype should be complex for complex inputs, but got {dtype.scalar_type}")
    if dtypes.promote_types(own, dtype) is not dtype:
        raise RuntimeError(
            f"{name}: the dtype of the input ({own.scalar_type}) should be convertible without narrowing to the specified "
            f"dtype ({dtype.scalar_type})"
        )


def _floating_tensor(self, name):
    if self.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {self.dtype.scalar_type}"
        )


def _of_singular_values(self, dims, keepdim, dtype, reduce):
    full_precision("linalg.matrix_norm")(self)
    order = [d for d in range(self.ndim) if d not in dims] + dims
    matrices = self if dtype is None else self.to(dtype)
    found = reduce(functions.linalg_svdvals(matrices.permute(order)))
    if not keepdim:
        return found
    found = found.unsqueeze(-1)
    back = [order.index(d) for d in range(self.ndim)]
    return found.permute(back)


@composite(
    "linalg_matrix_norm.str_ord(Tensor self, str ord='fro', int[] dim=[-2,-1], bool keepdim=False, *, "
    "ScalarType? dtype=None) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_matrix_norm_str(self, ord, dim, keepdim, dtype):
    """A norm of matrices by its name: "fro" of the elements, "nuc" of the singular values."""
    if ord not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    dims = _matrix_dims(self, dim)
    _floating_tensor(self, "linalg.matrix_norm")
    if ord == "fro":
        return functions.linalg_vector_norm(self, 2, dims, keepdim, dtype=dtype)
    return _of_singular_values(self, dims, keepdim, dtype, lambda s: s.sum([-1], keepdim))


@composite(
    "linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) "
    "-> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_norm(self, ord, dim, keepdim, dtype):
    """The norm of vectors (one dimension) or matrices (two dimensions), or of all elements."""
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {messages.numbers(dim)}"
        )
    if dim is None and ord is not None and self.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {self.ndim}D."
        )
    if ord is not None and ((dim is not None and len(dim) == 2) or (dim is None and self.ndim == 2)):
        return functions.linalg_matrix_norm(self, ord, [0, 1] if dim is None else dim, keepdim, dtype=dtype)
    return functions.linalg_vector_norm(self, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@composite(
    "linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_norm_str(self, ord, dim, keepdim, dtype):
    """A norm of matrices by its name: "fro" or "nuc"."""
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {messages.numbers(dim)}"
        )
    if dim is None and self.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {self.ndim}D."
        )
    return functions.linalg_matrix_norm(self, ord, [0, 1] if dim is None else dim, keepdim, dtype=dtype)


@composite(
    "linalg_cond(Tensor self, Scalar? p=None) -> Tensor", variants="function", namespace="linalg", out=True
)
def linalg_cond(self, p):
    """The condition number: how much solving with a matrix magnifies errors."""
    if self.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p is None or abs(p) == 2:
        values = functions.linalg_svdvals(self)
        if not values.numel():
            return functions.zeros(values.geometry.sizes[:-1], dtype=values.dtype, device=values.device)
        first, last = values.narrow(-1, 0, 1), values.narrow(-1, -1, 1)
        return (last / first if p == -2 else first / last).squeeze(-1)
    return _cond(self, p)


def _cond(self, p):
    check_matrix(self.array, "linalg.cond")
    if not self.numel():
        return functions.zeros(self.geometry.sizes[:-2], dtype=self.dtype, device=self.device)
    inverse, info = functions.linalg_inv_ex(self)
    inverse.masked_fill_((info > 0).unsqueeze(-1).unsqueeze(-1), float("inf")) if info.any() else None
    return functions.linalg_matrix_norm(self, p) * functions.linalg_matrix_norm(inverse, p)


@composite(
    "linalg_cond.p_str(Tensor self, str p) -> Tensor", variants="function", namespace="linalg", out=True
)
def linalg_cond_str(self, p):
    """The condition number in the norm "fro" or "nuc"."""
    return _cond(self, p)


# ---- functions and products of matrices


def _matrix_exp_backward(grad, self):
    n = self.size(-1)
    turned = self.mH
    top = functions.cat([turned, grad], -1)
    below = functions.cat([functions.zeros_like(turned), turned], -1)
    whole = functions.linalg_matrix_exp(functions.cat([top, below], -2))
    return whole.narrow(-2, 0, n).narrow(-1, n, n)


@op(
    "linalg_matrix_exp(Tensor self) -> Tensor",
    out=False,
    variants="function",
    namespace="linalg",
    self=lambda grad, self: _matrix_exp_backward(grad, self),
)
def linalg_matrix_exp(xp, self):
    """The exponentials of matrices."""
    check_matrix(self, "linalg.matrix_exp")
    return behind(xp).exponential(self).astype(self.dtype) if self.size else self.copy()


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
        check_matrix(self.array.astype(np.float32), "linalg.matrix_power")
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
    at = wrap(dim, self.ndim)
    if not self.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if self.shape[at] != 3 or other.shape[at] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {self.shape[at]} and {other.shape[at]}"
        )
    refuse(self, "cross", "b")
    a, b = xp.broadcast_arrays(self, other)
    return xp.stack(
        [
            xp.take(a, (i + 1) % 3, at) * xp.take(b, (i + 2) % 3, at)
            - xp.take(a, (i + 2) % 3, at) * xp.take(b, (i + 1) % 3, at)
            for i in range(3)
        ],
        axis=at,
    )


@composite("cross(Tensor self, Tensor other, int? dim=None) -> Tensor", out=True)
def cross(self, other, dim):
    """The cross products of vectors of length 3, along the first dimension of that size unless one is named."""
    if dim is None:
        messages.warn(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or "
            "simply use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in a "
            "future release.",
            once=True,
        )
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
    _floating_tensor(x, "linalg.vecdot")
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
        if a.size(1) != b.size(0):
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {messages.numbers(a.geometry.sizes)} and "
                f"{messages.numbers(b.geometry.sizes)} cannot be multiplied"
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
        x = x.unsqueeze(0)
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
    return functions.linalg_inv(self.reshape((rows, cols))).reshape(back)


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

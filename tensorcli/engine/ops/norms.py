"""Norms of vectors and matrices, and the condition number."""

from math import prod

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.fused import fused
from tensorcli.engine.ops._dimensions import computing, restore_dims, wrap, wrap_dims
from tensorcli.engine.ops._matrices import (
    check_floating,
    check_floating_tensor,
    check_matrix,
    check_order,
    full_precision,
    stand_in,
)
from tensorcli.engine.ops._registers import LANES, is_small_single
from tensorcli.engine.ops._shared import masked_quotient


def vector_norm_backward(grad, self, order, norm, dim, keepdim):
    """The gradient of a vector norm, zero where it has none (torch/csrc/autograd/FunctionsManual.cpp, norm_backward)."""
    norm, grad = (restore_dims(one, self.ndim, dim or (), keepdim) for one in (norm, grad))
    if order == 0:
        return None
    if order == 1:
        return self.sgn() * grad
    if order == 2:
        return grad * (self / norm).masked_fill_(norm == 0, 0)
    if abs(order) == float("inf"):
        size = self.abs()
        extreme = (size == norm).logical_or(size.isnan())
        dims = wrap_dims(dim, self.ndim)
        return self.sgn() * ((grad / extreme.sum(dims, True)) * extreme)
    if order < 1:
        return self.sgn() * self.abs().pow_(order - 1).masked_fill_(self == 0, 0) * grad * norm.pow(1 - order)
    if order < 2:
        scaled = self.sgn() * self.abs().pow_(order - 1)
        return scaled * masked_quotient(grad, norm.pow(order - 1), norm == 0)
    scaled = self * self.abs().pow_(order - 2)
    return scaled * masked_quotient(grad, norm.pow(order - 1), norm == 0)


def _check_vector_norm(self, ord, dim, keepdim, dtype):
    if self.dtype.category < dtypes.FLOATING:
        return
    check_order(ord, "linalg.vector_norm")
    if (ord < 0 or ord == float("inf")) and not self.numel():
        _check_identity(self, ord, dim)
    if dtype is not None:
        _check_norm_dtype(self, dtype, "linalg.vector_norm")


def _check_identity(self, ord, dim):
    """Refuse a norm of nothing that has no value there, dimension by dimension as PyTorch comes to them. Errors: RuntimeError."""
    start = f"linalg.vector_norm cannot compute the {ord:g} norm on"
    if not dim:
        raise RuntimeError(f"{start} an empty tensor because the operation does not have an identity")
    for d in dim:
        if not self.size(d):  # PyTorch's own words, run together
            raise RuntimeError(
                f"{start} the dimension {d}because this dimension is empty and the operation does not have an identity"
            )


@op(
    "linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) "
    "-> Tensor",
    variants="function",
    namespace="linalg",
    check=_check_vector_norm,
    self=lambda grad, self, ord, result, dim, keepdim: vector_norm_backward(
        grad, self, ord, result, dim, keepdim
    ),
)
def linalg_vector_norm(xp, self, ord, dim, keepdim, dtype):
    """The p-norm of the elements, along some dimensions or of all."""
    check_floating(self, "linalg.vector_norm")
    check_order(ord, "linalg.vector_norm")
    array = computing(self, dtype)
    dims = wrap_dims(dim, self.ndim)
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
    ordered = _in_memory(xp, size, dims) if ord == 2 else None
    if ordered is not None:
        return np.sqrt(ordered).reshape(
            [1 if d in dims else n for d, n in enumerate(size.shape) if keepdim or d not in dims]
        )
    # Sums of powers are kept in float64: PyTorch's vector kernel sums float32 in several lanes. The powers are not.
    wide = size.astype(np.float64)
    terms = wide * wide if ord == 2 else (wide ** float(ord)).astype(real)
    total = xp.sum(terms, axis=dims, keepdims=keepdim, dtype=np.float64)
    # The root is taken in the dtype of the result, and so is the exponent.
    return xp.sqrt(total).astype(real) if ord == 2 else total.astype(real) ** real.type(1.0 / float(ord))


def _in_memory(xp, size, dims):
    """The sums of squares over some dimensions in PyTorch's order, where those are the last of an array that lies row by row,
    or a single one; else None.
    """
    if not (size.size and is_small_single(xp, size)):
        return None
    if sorted(dims) == list(range(size.ndim - len(dims), size.ndim)) and size.flags.c_contiguous:
        return _squares_of_rows(size.reshape(-1, prod(size.shape[size.ndim - len(dims) :])))
    if len(dims) != 1:
        return None
    squares = np.moveaxis(size * size, dims[0], 0)
    return np.add.accumulate(squares, axis=0)[-1]


def _squares_of_rows(rows):
    """The sum of each row's squares: in registers, and of what fills none four at a time, the last ones fused
    (aten/src/ATen/native/cpu/ReduceOpsKernel.cpp, as GCC compiles it).
    """
    squares = rows * rows
    whole = rows.shape[1] - rows.shape[1] % LANES
    lanes = np.zeros((len(rows), LANES), np.float32)
    for start in range(0, whole, LANES):
        lanes = lanes + squares[:, start : start + LANES]
    found = np.add.accumulate(lanes, axis=1)[:, -1]
    fours = rows.shape[1] - rows.shape[1] % 4
    for place in range(whole, fours):
        found = found + squares[:, place]
    for place in range(fours, rows.shape[1]):
        found = fused(rows[:, place], rows[:, place], found)
    return found


def _check_norm_kind(self, p, dim, keepdim):
    if self.dtype.category < dtypes.FLOATING:
        raise messages.norm_dtype(self.dtype.scalar_type)


@op(
    "_norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor",
    out=False,
    variants="function",
    check=_check_norm_kind,
    node=1,
    self=lambda grad, self, p, result, dim, keepdim: vector_norm_backward(
        grad, self, 2 if p is None else p, result, dim, keepdim
    ),
)
def native_norm(xp, self, p, dim, keepdim):
    """The p-norm as C++ asks for it: PyTorch's node for it is NormBackward1."""
    return linalg_vector_norm(xp, self, 2 if p is None else p, dim, keepdim, None)


@composite(
    "norm.number(Tensor self, Scalar? p, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    out=True,
)
def norm(self, p, dim, keepdim, dtype):
    """The p-norm of the elements, along some dimensions or of all."""
    return functions.linalg_vector_norm(self, 2 if p is None else p, dim, keepdim, dtype=dtype)


@composite(
    "norm.str(Tensor self, str p='fro', int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    out=True,
)
def norm_str(self, p, dim, keepdim, dtype):
    """A norm of matrices by its name: "fro" or "nuc"."""
    if p == "fro" and (dim is None or len(dim) <= 2):
        return functions.linalg_vector_norm(self, 2, dim, keepdim, dtype=dtype)
    dims = list(range(self.ndim)) if dim is None else dim
    return functions.linalg_matrix_norm(self, p, dims, keepdim, dtype=dtype)


@composite(
    "frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", out=True, variants="function"
)
def frobenius_norm(self, dim, keepdim):
    """The root of the sum of squares, along one or two dimensions or of all elements."""
    _warn_of_old("frobenius", "vector_norm(A, 2., dim, keepdim)")
    if len(dim) > 2:
        raise RuntimeError(f"Expected at most 2 dimensions, but got {len(dim)} dimensions instead.")
    return functions._norm(self, 2, dim, keepdim)


@composite("nuclear_norm(Tensor self, bool keepdim=False) -> Tensor", out=True, variants="function")
def nuclear_norm(self, keepdim):
    """The sum of the singular values of a matrix."""
    return functions.nuclear_norm(self, (-2, -1), keepdim)


@composite(
    "nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor", out=True, variants="function"
)
def nuclear_norm_dim(self, dim, keepdim):
    """The sum of the singular values of matrices in two dimensions."""
    _warn_of_old("nuclear", "matrix_norm(A, 'nuc', dim, keepdim)")
    return functions.linalg_matrix_norm(self, "nuc", dim, keepdim)


def _warn_of_old(name, now):
    messages.warn(
        f"at::{name}_norm is deprecated and it is just left for JIT compatibility. It will be removed in a future PyTorch release. "
        f"Please use `linalg.{now}` instead",
        once=True,
    )


def _matrix_dims(self, dim, dtype):
    name = "linalg.matrix_norm"
    if self.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    check_floating_tensor(self, name)
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    dims = [wrap(d, self.ndim) for d in dim]
    if dims[0] == dims[1]:
        raise RuntimeError(f"{name}: dims must be different. Got ({dims[0]}, {dims[1]})")
    if dtype is not None:
        _check_norm_dtype(self, dtype, name)
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
    if abs(ord) not in (1, 2, float("inf")):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord:g} not supported.")
    dims = _matrix_dims(self, dim, dtype)

    def extreme(values, d):
        if ord > 0 and not values.size(d):
            return of_nothing(values.sum([d], keepdim))
        return values.amax([d], keepdim) if ord > 0 else values.amin([d], keepdim)

    if abs(ord) == 2:
        return _of_singular_values(self, dims, keepdim, dtype, lambda s: extreme(s, -1))
    rows, cols = dims if abs(ord) == 1 else dims[::-1]
    if not keepdim and rows < cols:
        cols -= 1
    return extreme(functions.linalg_vector_norm(self, 1.0, [rows], keepdim, dtype=dtype), cols)


def of_nothing(like):
    """The norm of matrices without columns, or rows: zeros that PyTorch writes, and that have no gradient."""
    return functions.empty_like(like).zero_()


def _check_norm_dtype(self, dtype, name):
    """The dtype that a norm is asked in must hold the input. Errors: RuntimeError."""
    own = self.dtype
    if dtype.category < dtypes.FLOATING:
        raise RuntimeError(f"{name}: dtype should be floating point or complex, but got {dtype.scalar_type}")
    if own.is_complex != dtype.is_complex:
        kind = "complex" if own.is_complex else "real"
        raise RuntimeError(f"{name}: dtype should be {kind} for {kind} inputs, but got {dtype.scalar_type}")
    if dtypes.promote_types(own, dtype) is not dtype:
        raise RuntimeError(
            f"{name}: the dtype of the input ({own.scalar_type}) should be convertible without narrowing to the specified "
            f"dtype ({dtype.scalar_type})"
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
    dims = _matrix_dims(self, dim, dtype)
    if ord == "fro":
        return functions.linalg_vector_norm(self, 2, dims, keepdim, dtype=dtype)
    return _of_singular_values(self, dims, keepdim, dtype, lambda s: s.sum([-1], keepdim))


def _check_norm(self, ord, dim):
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {messages.numbers(dim)}"
        )
    if dim is None and ord is not None and self.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {self.ndim}D."
        )


@composite(
    "linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) "
    "-> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_norm(self, ord, dim, keepdim, dtype):
    """The norm of vectors (one dimension) or matrices (two dimensions), or of all elements."""
    _check_norm(self, ord, dim)
    if ord is not None and ((dim is not None and len(dim) == 2) or (dim is None and self.ndim == 2)):
        return functions.linalg_matrix_norm(self, ord, [0, 1] if dim is None else dim, keepdim, dtype=dtype)
    return functions.linalg_vector_norm(self, 2.0 if ord is None else ord, dim, keepdim, dtype=dtype)


@composite(
    "linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_norm_str(self, ord, dim, keepdim, dtype):
    """A norm of matrices by its name: "fro" or "nuc"."""
    _check_norm(self, ord, dim)
    return functions.linalg_matrix_norm(self, ord, [0, 1] if dim is None else dim, keepdim, dtype=dtype)


@composite(
    "linalg_cond(Tensor self, Scalar? p=None) -> Tensor", variants="function", namespace="linalg", out=True
)
def linalg_cond(self, p):
    """The condition number: how much solving with a matrix magnifies errors."""
    if self.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if p is not None and abs(p) not in (1, 2, float("inf")):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p:g}")
    if p is None or abs(p) == 2:
        values = functions.linalg_svdvals(self)
        if not values.numel():
            return of_nothing(values.sum(-1))
        first, last = values.narrow(-1, 0, 1), values.narrow(-1, -1, 1)
        return (last / first if p == -2 else first / last).squeeze(-1)
    return _cond(self, p, f"{p:g}")


def _cond(self, p, name):
    if not self.numel():
        sizes = self.geometry.sizes[:-2]
        return of_nothing(functions.empty(sizes, dtype=self.dtype.to_real(), device=self.device))
    check_matrix(stand_in(self), f"linalg.cond(ord={name})", floating=False)
    inverse, info = functions.linalg_inv_ex(self)
    inverse.masked_fill_(info.unsqueeze_(-1).unsqueeze_(-1) > 0, float("inf"))
    found = functions.linalg_matrix_norm(self, p) * functions.linalg_matrix_norm(inverse, p)
    # Zero times infinity counts as infinite.
    return found.nan_to_num_(float("inf"), float("inf"), float("-inf"))


@composite(
    "linalg_cond.p_str(Tensor self, str p) -> Tensor", variants="function", namespace="linalg", out=True
)
def linalg_cond_str(self, p):
    """The condition number in the norm "fro" or "nuc"."""
    if p == "nuc":
        check_matrix(stand_in(self), "linalg.cond(ord=nuc)", floating=False)
        values = functions.linalg_svdvals(self)
        if not self.numel():
            return of_nothing(values.sum(-1))
        return values.sum(-1) * values.reciprocal().sum(-1)
    check_matrix(stand_in(self), f"linalg.cond(ord={p})", floating=False)
    if p != "fro":
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    return _cond(self, p, p)

"""Linear algebra: norms, inverses, decompositions and what is solved with them. Batches of matrices everywhere."""

import itertools

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.effects import Laid
from tensorcli.engine.op import composite, functions, op
from tensorcli.engine.ops.nn import derived
from tensorcli.engine.ops.reduce import computing, count, kind_of, restore_dims, wrap, wrap_dims

LinAlgError = type("_LinAlgError", (RuntimeError,), {"__module__": "torch._C"})
"""`torch.linalg.LinAlgError`: the matrix does not allow it."""


def columns(array):
    """Matrices laid out column by column, as LAPACK leaves them."""
    sizes = array.shape
    steps = [1] * len(sizes)
    steps[-2], steps[-1] = 1, max(sizes[-2], 1)
    step = max(sizes[-2], 1) * max(sizes[-1], 1)
    for d in range(len(sizes) - 3, -1, -1):
        steps[d] = step
        step *= max(sizes[d], 1)
    return Laid(array, tuple(steps))


def _check(a, name, square=True, argument="A"):
    """Refuse what is no batch of (square) floating matrices. Errors: RuntimeError with PyTorch's texts."""
    if a.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")
    if square and a.shape[-1] != a.shape[-2]:
        raise RuntimeError(
            f"{name}: {argument} must be batches of square matrices, but they are {a.shape[-2]} by {a.shape[-1]} matrices"
        )
    _floating(a, name)


def _floating(a, name):
    if a.dtype.kind not in "fc":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {kind_of(a)}")


def _raise_for(info, text):
    """Refuse a failed factorisation. `text` takes the number that LAPACK gave. Errors: LinAlgError."""
    codes = info.array.reshape(-1) if info.ndim else info.array.reshape(1)
    if codes.any():
        at = int(np.flatnonzero(codes)[0])
        where = f"(Batch element {at}): " if info.ndim else ""
        name, _, rest = text.partition(": ")
        raise LinAlgError(f"{name}: {where}{rest}".format(int(codes[at])))


def _eye_like(a):
    return functions.eye(a.size(-1), dtype=a.dtype)


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
    _floating(self, "linalg.vector_norm")
    array = computing(self, dtype)
    dims = wrap_dims(dim, self.ndim)
    if (ord < 0 or abs(ord) == float("inf")) and not array.size and not all(self.shape[d] for d in dims):
        words = "entire tensor" if dim is None else "an empty dimension"
        if dim is None or len(dims) == self.ndim:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {ord:g} norm on an empty tensor because the operation does not "
                "have an identity"
            )
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord:g} norm on the dimension {words} because this dimension is empty "
            "and the operation does not have an identity"
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
    "norm.Scalar(Tensor self, Scalar? p=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
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
    return getattr(sums, pick)([cols], keepdim)


def _floating_tensor(self, name):
    if self.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {self.dtype.scalar_type}"
        )


def _of_singular_values(self, dims, keepdim, dtype, reduce):
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
    dims = _matrix_dims(self, dim)
    if ord not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
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
    _check(self.array, "linalg.cond", square=False)
    if p is None or abs(p) == 2:
        values = functions.linalg_svdvals(self)
        if not values.numel():
            return functions.zeros(values.geometry.sizes[:-1], dtype=values.dtype)
        first, last = values.narrow(-1, 0, 1), values.narrow(-1, -1, 1)
        return (last / first if p == -2 else first / last).squeeze(-1)
    return _cond(self, p)


def _cond(self, p):
    _check(self.array, "linalg.cond")
    if not self.numel():
        return functions.zeros(self.geometry.sizes[:-2], dtype=self.dtype)
    inverse, info = functions.linalg_inv_ex(self)
    inverse.masked_fill_((info > 0).unsqueeze(-1).unsqueeze(-1), float("inf")) if info.any() else None
    return functions.linalg_matrix_norm(self, p) * functions.linalg_matrix_norm(inverse, p)


@composite(
    "linalg_cond.p_str(Tensor self, str p) -> Tensor", variants="function", namespace="linalg", out=True
)
def linalg_cond_str(self, p):
    """The condition number in the norm "fro" or "nuc"."""
    return _cond(self, p)


# ---- inverses and determinants


def _batches(a):
    return np.ndindex(*a.shape[:-2])


def _pivot_info(a):
    """For each matrix the number of the first zero pivot of its LU factorisation, or 0."""
    info = np.zeros(a.shape[:-2], np.int32)
    for at in _batches(a):
        diagonal = np.diagonal(_factor(a[at])[0])
        zero = np.flatnonzero(diagonal == 0)
        info[at] = zero[0] + 1 if len(zero) else 0
    return info


def _factor(matrix):
    """(LU, row order, pivots counted from 1) of one matrix."""
    from scipy.linalg.lapack import get_lapack_funcs

    (getrf,) = get_lapack_funcs(("getrf",), (matrix,))
    if not matrix.size:
        return matrix.copy(), np.arange(matrix.shape[0]), np.zeros(min(matrix.shape), np.int32)
    lu, pivots, _ = getrf(matrix)
    rows = np.arange(matrix.shape[0])
    for i, other in enumerate(pivots):
        rows[i], rows[other] = rows[other], rows[i]
    return lu, rows, (pivots + 1).astype(np.int32)


def _inverse(a):
    try:
        return np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        info = _pivot_info(a)
        result = np.full(a.shape, np.nan, a.dtype)
        for at in _batches(a):
            if not info[at]:
                result[at] = np.linalg.inv(a[at])
        return result, info


@op(
    "linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)",
    variants="function",
    namespace="linalg",
    A=lambda grad, inverse: -functions.matmul(inverse.mH, functions.matmul(grad, inverse.mH)),
)
def linalg_inv_ex(xp, A, check_errors):
    """The inverses of matrices, and 0 or the number of the first zero pivot for each."""
    _check(A, "linalg.inv")
    result, info = _inverse(A)
    return columns(result), info


@composite("linalg_inv(Tensor A) -> Tensor", variants="function", namespace="linalg", out=True)
def linalg_inv(A):
    """The inverses of matrices."""
    result, info = functions.linalg_inv_ex(A)
    _raise_for(
        info,
        "linalg.inv: The diagonal element {} is zero, the inversion could not be completed because the input matrix is "
        "singular.",
    )
    return result


@composite("inverse(Tensor self) -> Tensor", out=True)
def inverse(self):
    """The inverses of matrices."""
    return functions.linalg_inv(self)


def _det_backward(grad, result, A):
    if not A.numel():
        return functions.zeros_like(A)
    if not (result.values == 0).any():
        return functions.linalg_solve(
            A.mH, functions.diag_embed((grad * result.conj()).unsqueeze(-1).expand(A.geometry.sizes[:-1]))
        )
    from tensorcli.engine.ops.reduce import _prod_safe

    u, s, vh = functions.linalg_svd(A, False)
    alpha = (functions.linalg_det(u) * functions.linalg_det(vh)).conj() * grad
    scale = _prod_safe(alpha.unsqueeze(-1), s, s.ndim - 1)
    return (u * scale.unsqueeze(-2)).matmul(vh)


@op(
    "_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots)",
    variants="function",
    A=lambda grad, result, A: _det_backward(grad, result, A),
)
def linalg_det_(xp, A):
    """The determinants of matrices (the factorisation stays empty: numpy keeps it to itself)."""
    _check(A, "linalg.det")
    return xp.linalg.det(A).astype(A.dtype), None, None


@composite("linalg_det(Tensor A) -> Tensor", variants="function", namespace="linalg", out=True)
def linalg_det(A):
    """The determinants of matrices."""
    found = functions._linalg_det(A)[0]
    return found


@composite("det(Tensor self) -> Tensor")
def det(self):
    """The determinants of matrices."""
    return functions.linalg_det(self)


def _slogdet_backward(grads, A, sign):
    grad_sign, grad_log = grads[0], grads[1]
    if A.dtype.is_complex:
        turn = None if grad_sign is None else (grad_sign.conj() * sign)
        scale = functions.zeros_like(sign) if grad_log is None else grad_log.to(sign.dtype)
        if turn is not None:
            scale = scale - (turn - turn.conj()) * 0.5
    elif grad_log is None:
        return functions.zeros_like(A)
    else:
        scale = grad_log
    return functions.linalg_solve(
        A.mH, functions.diag_embed(scale.unsqueeze(-1).expand(A.geometry.sizes[:-1]))
    )


@op(
    "_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots)",
    variants="function",
    A=lambda grads, A, sign: _slogdet_backward(grads, A, sign),
)
def linalg_slogdet_(xp, A):
    """The signs of determinants and the logarithms of their sizes."""
    _check(A, "linalg.slogdet")
    sign, size = xp.linalg.slogdet(A)
    return xp.asarray(sign, A.dtype), xp.asarray(size, A.real.dtype), None, None


def _named(base, fields, items):
    from tensorcli.engine.return_types import return_type

    return return_type(base, fields)(items)


@composite(
    "linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_slogdet(A):
    """The signs of determinants and the logarithms of their sizes: no overflow."""
    return _named("linalg_slogdet", ("sign", "logabsdet"), functions._linalg_slogdet(A)[:2])


@composite("slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)", out=True)
def slogdet(self):
    """The signs of determinants and the logarithms of their sizes: no overflow."""
    return _named("slogdet", ("sign", "logabsdet"), functions._linalg_slogdet(self)[:2])


@composite("logdet(Tensor self) -> Tensor")
def logdet(self):
    """The logarithms of determinants; NaN where they are negative."""
    _check(self.array, "logdet")
    sign, size = functions._linalg_slogdet(self)[:2]
    if self.dtype.is_complex:
        return sign.log() + size
    return functions.where(sign == -1.0, float("nan"), size)


@op(
    "linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
    variants="function",
    namespace="linalg",
    self=lambda grad, result, self: pinv_backward(grad, result, self),
    atol=None,
    rtol=None,
)
def linalg_pinv(xp, self, atol, rtol, hermitian):
    """The pseudo-inverses of matrices: singular values below the tolerances count as zero."""
    _check(self, "linalg.pinv", square=False)
    if not self.size:
        return xp.zeros((*self.shape[:-2], self.shape[-1], self.shape[-2]), self.dtype)
    if rtol is None:
        rtol = (
            0.0 if atol is not None and (atol > 0).any() else max(self.shape[-2:]) * np.finfo(self.dtype).eps
        )
    if hermitian:
        values, vectors = xp.linalg.eigh(self)
        size = xp.abs(values)
        kept = size > _tolerance(size, atol, rtol)
        safe = xp.where(kept, values, 1)
        scale = xp.where(kept, 1 / safe, 0)
        return ((vectors * scale[..., None, :]) @ vectors.conj().swapaxes(-1, -2)).astype(self.dtype)
    u, s, vh = xp.linalg.svd(self, full_matrices=False)
    kept = s > _tolerance(s, atol, rtol)
    scale = xp.where(kept, 1 / xp.where(kept, s, 1), 0)
    return ((vh.conj().swapaxes(-1, -2) * scale[..., None, :]) @ u.conj().swapaxes(-1, -2)).astype(self.dtype)


def _tolerance(values, atol, rtol):
    most = values.max(axis=-1)
    found = np.maximum(0 if atol is None else atol, np.asarray(rtol) * most)
    return np.asarray(found)[..., None]


def pinv_backward(grad, pinv, a):
    """The gradient of the pseudo-inverse (torch/csrc/autograd/FunctionsManual.cpp, pinv_backward)."""
    turned, grad = pinv.mH, grad.mH
    if a.size(-2) <= a.size(-1):
        k = grad.matmul(pinv)
        kp = k.matmul(turned)
        return (
            -(pinv.matmul(k)).mH
            + kp
            - a.matmul(pinv).matmul(kp)
            + turned.matmul(pinv).matmul(grad - k.matmul(a))
        )
    k = pinv.matmul(grad)
    pk = turned.matmul(k)
    return (
        -(k.matmul(pinv)).mH
        + (grad - a.matmul(k)).matmul(pinv).matmul(turned)
        + pk
        - pk.matmul(pinv).matmul(a)
    )


def _as_tolerance(self, value):
    if value is None or not isinstance(value, (int, float)):
        return value
    return functions.full((), value, dtype=dtypes.float64)


@composite(
    "linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_pinv_float(self, atol, rtol, hermitian):
    """The pseudo-inverses of matrices: singular values below the tolerances count as zero."""
    return (
        functions.linalg_pinv(
            self, atol=_as_tolerance(self, atol), rtol=_as_tolerance(self, rtol), hermitian=hermitian
        )
        if atol is not None or rtol is not None
        else _pinv_default(self, hermitian)
    )


def _pinv_default(self, hermitian):
    from tensorcli.engine.op import OPS

    found = OPS["linalg_pinv.atol_rtol_tensor"]
    return found.effect(found, (self, None, None, hermitian))


@composite(
    "linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_pinv_rcond(self, rcond, hermitian):
    """The pseudo-inverses of matrices, with the relative tolerance alone."""
    return functions.linalg_pinv(
        self, atol=_as_tolerance(self, 0.0), rtol=_as_tolerance(self, rcond), hermitian=hermitian
    )


@composite("pinverse(Tensor self, float rcond=1e-15) -> Tensor")
def pinverse(self, rcond):
    """The pseudo-inverses of matrices."""
    return functions.linalg_pinv(self, rcond)


def _rank(self, atol, rtol, hermitian):
    _check(self.array, "linalg.matrix_rank", square=False)
    values = functions.linalg_eigvalsh(self).abs() if hermitian else functions.linalg_svdvals(self)
    array = values.detach().array
    if not array.size:
        return functions.zeros(self.geometry.sizes[:-2], dtype=dtypes.int64)
    if rtol is None:
        absolute = atol is not None and np.any(np.asarray(getattr(atol, "array", atol)) > 0)
        rtol = 0.0 if absolute else max(self.geometry.sizes[-2:]) * np.finfo(array.dtype).eps
    limit = _tolerance(array, getattr(atol, "array", atol), getattr(rtol, "array", rtol))
    from tensorcli.engine.effects import adopt

    return adopt(np.asarray((array > limit).sum(axis=-1), np.int64), dtypes.int64)


@composite(
    "linalg_matrix_rank.atol_rtol_tensor(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) "
    "-> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_matrix_rank_tensor(input, atol, rtol, hermitian):
    """How many singular values are above the tolerances."""
    return _rank(input, atol, rtol, hermitian)


@composite(
    "linalg_matrix_rank.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) "
    "-> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_matrix_rank(self, atol, rtol, hermitian):
    """How many singular values are above the tolerances."""
    return _rank(self, atol, rtol, hermitian)


@composite(
    "linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_matrix_rank_tol(self, tol, hermitian):
    """How many singular values are above a tolerance."""
    return _rank(self, tol, 0.0, hermitian)


# ---- solving


def _is_vector(a, b):
    return b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])


def _solve_backward(grad, result, A, B_sizes, left, needs):
    vector = len(B_sizes) == 1 or (A.ndim - 1 == len(B_sizes) and tuple(B_sizes) == A.geometry.sizes[:-1])
    of_b = functions.linalg_solve(A.mH, grad, left=left)
    of_a = None
    if needs[0]:
        g, x = (of_b.unsqueeze(-1), result.unsqueeze(-1)) if vector else (of_b, result)
        of_a = -g.matmul(x.mH) if left else -x.mH.matmul(g)
    return of_a, of_b


@op(
    "_linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> "
    "(Tensor result, Tensor LU, Tensor pivots, Tensor info)",
    variants="function",
    A__B=lambda grad, result, A, B_sizes, left, needs: _solve_backward(grad, result, A, B_sizes, left, needs),
)
def linalg_solve_(xp, A, B, left, check_errors):
    """The solutions of systems of linear equations, and which of them failed."""
    _check(A, "linalg.solve")
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {kind_of(A)} and B of type "
            f"{kind_of(B)} instead"
        )
    vector = _is_vector(A, B)
    if not left and vector:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    right = B[..., None] if vector else B
    if right.ndim < 2 or right.shape[-2 if left else -1] != A.shape[-1]:
        raise RuntimeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {right.shape[-2]}x{right.shape[-1]})"
        )
    system, sides = (A, right) if left else (A.swapaxes(-1, -2), right.swapaxes(-1, -2))
    try:
        found = xp.linalg.solve(system, sides)
        info = xp.zeros(A.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        info = _pivot_info(A)
        found = xp.full(
            np.broadcast_shapes(system.shape[:-2], sides.shape[:-2]) + sides.shape[-2:], np.nan, A.dtype
        )
    found = found if left else found.swapaxes(-1, -2)
    return found[..., 0] if vector else (columns(found) if left else found), None, None, info


def _check_solved(info):
    if info.array.any():
        at = int(np.flatnonzero(info.array.reshape(-1))[0])
        where = f"(Batch element {at}): " if info.ndim else ""
        raise LinAlgError(
            f"torch.linalg.solve: {where}The solver failed because the input matrix is singular."
        )


@composite(
    "linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_solve(A, B, left):
    """The X for which A X = B (or X A = B)."""
    result, _, _, info = functions._linalg_solve_ex(A, B, left=left)
    _check_solved(info)
    return result


@composite(
    "linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_solve_ex(A, B, left, check_errors):
    """The X for which A X = B (or X A = B), and which systems failed."""
    result, _, _, info = functions._linalg_solve_ex(A, B, left=left)
    if check_errors:
        _check_solved(info)
    return _named("linalg_solve_ex", ("result", "info"), (result, info))


def _triangle(a, upper, unitriangular):
    kept = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        index = np.arange(a.shape[-1])
        kept = kept.copy()
        kept[..., index, index] = 1
    return kept


def _triangular_backward(grad, self, result, upper, left, unitriangular, needs):
    of_b = functions.linalg_solve_triangular(
        self.mH, grad, upper=not upper, left=left, unitriangular=unitriangular
    )
    of_a = None
    if needs[0]:
        of_a = -of_b.matmul(result.mH) if left else -result.mH.matmul(of_b)
        of_a = of_a.triu(int(unitriangular)) if upper else of_a.tril(-int(unitriangular))
    return of_a, of_b


@op(
    "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
    variants="function",
    namespace="linalg",
    self__B=lambda grad, self, result, upper, left, unitriangular, needs: _triangular_backward(
        grad, self, result, upper, left, unitriangular, needs
    ),
)
def linalg_solve_triangular(xp, self, B, upper, left, unitriangular):
    """The X for which A X = B (or X A = B), where A is triangular: its other half is not read."""
    _check(self, "linalg.solve_triangular")
    if B.ndim < 2:
        raise RuntimeError("linalg.solve_triangular: The input tensor B must have at least 2 dimensions.")
    kept = _triangle(self, upper, unitriangular)
    if left:
        return columns(_solved(xp, kept, B))
    return columns(_solved(xp, kept.swapaxes(-1, -2), B.swapaxes(-1, -2)).swapaxes(-1, -2))


def _solved(xp, a, b):
    try:
        return xp.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        return xp.full(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:], np.inf, b.dtype)


def _lstsq_backward(grads, self, b, needs):
    def solution(a, b):
        pinv = functions.linalg_pinv(a)
        vector = b.ndim == a.ndim - 1
        return (pinv.matmul(b.unsqueeze(-1)).squeeze(-1) if vector else pinv.matmul(b),)

    return derived(solution, (self, b), grads[:1], needs)


@op(
    "linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> "
    "(Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)",
    variants="function",
    namespace="linalg",
    self__b=lambda grads, self, b, needs: _lstsq_backward(grads, self, b, needs),
)
def linalg_lstsq(xp, self, b, rcond, driver):
    """The X for which A X is nearest to B; residuals of overdetermined systems of full rank, ranks, singular values."""
    _check(self, "torch.linalg.lstsq", square=False, argument="input")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            f"torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver}"
        )
    m, n = self.shape[-2:]
    vector = b.ndim == self.ndim - 1
    sides = b[..., None] if vector else b
    limit = np.finfo(self.dtype).eps * max(m, n) if rcond is None else rcond
    u, s, vh = xp.linalg.svd(self, full_matrices=False)
    kept = s > limit * s[..., :1] if s.size else s > 0
    scale = xp.where(kept, 1 / xp.where(kept, s, 1), 0).astype(s.dtype)
    found = vh.conj().swapaxes(-1, -2) @ (scale[..., None] * (u.conj().swapaxes(-1, -2) @ sides))
    rank = xp.asarray(kept.sum(axis=-1), np.int64)
    empty = xp.zeros((0,), s.dtype)
    full = m > n and driver != "gelsy" and (rank == n).all()
    residuals = xp.sum(xp.abs(self @ found - sides) ** 2, axis=-2) if full else empty
    with_rank = driver != "gels"
    values = s if driver in ("gelsd", "gelss") else empty
    found = found[..., 0] if vector else found
    return found, residuals, rank if with_rank else xp.zeros((0,), np.int64), values


# ---- decompositions


def _cholesky_backward(grad, upper, factor):
    lower = factor.mH if upper else factor
    grad = grad.mH if upper else grad
    part = lower.mH.matmul(grad).tril()
    part = 0.5 * (part + part.tril(-1).mH)
    found = functions.linalg_solve_triangular(lower.mH, part, upper=True)
    return functions.linalg_solve_triangular(lower, found, upper=False, left=False)


@op(
    "linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
    variants="function",
    namespace="linalg",
    self=lambda grad, upper, L: _cholesky_backward(grad, upper, L),
)
def linalg_cholesky_ex(xp, self, upper, check_errors):
    """Triangular matrices whose squares are the inputs, and which inputs are not positive-definite."""
    _check(self, "linalg.cholesky")
    info = xp.zeros(self.shape[:-2], np.int32)
    lower = xp.tril(self)
    matrices = (xp.triu(self).conj().swapaxes(-1, -2)) if upper else lower
    try:
        found = xp.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        found = xp.zeros(self.shape, self.dtype)
        for at in _batches(self):
            try:
                found[at] = np.linalg.cholesky(matrices[at])
            except np.linalg.LinAlgError:
                info[at] = _leading_minor(matrices[at])
                found[at] = lower[at]
    return columns(found.conj().swapaxes(-1, -2) if upper else found), info


def _leading_minor(matrix):
    for order in range(1, len(matrix) + 1):
        try:
            np.linalg.cholesky(matrix[:order, :order])
        except np.linalg.LinAlgError:
            return order
    return 0


_NOT_POSITIVE = (
    ": The factorization could not be completed because the input is not positive-definite (the leading minor of order {} "
    "is not positive-definite)."
)


@composite(
    "linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_cholesky(self, upper):
    """The triangular matrix whose square is the input."""
    found, info = functions.linalg_cholesky_ex(self, upper=upper)
    _raise_for(info, "linalg.cholesky" + _NOT_POSITIVE)
    return found


@op(
    "cholesky(Tensor self, bool upper=False) -> Tensor",
    self=lambda grad, upper, result: _cholesky_backward(grad, upper, result),
)
def cholesky(xp, self, upper):
    """The triangular matrix whose square is the input."""
    messages.warn(
        "torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a future PyTorch release.\n"
        "L = torch.cholesky(A)\nshould be replaced with\nL = torch.linalg.cholesky(A)\nand\nU = torch.cholesky(A, upper=True)"
        "\nshould be replaced with\nU = torch.linalg.cholesky(A).mH\nThis transform will produce equivalent results for all "
        "valid (symmetric positive definite) inputs.",
        once=True,
    )
    found, info = linalg_cholesky_ex(xp, self, upper, False)
    if info.any():
        at = int(np.flatnonzero(info.reshape(-1))[0])
        where = f"(Batch element {at}): " if info.ndim else ""
        raise LinAlgError("cholesky: " + where + _NOT_POSITIVE[2:].format(int(info.reshape(-1)[at])))
    return found


def _cholesky_inverse_backward(grad, factor, upper, inverse):
    common = -inverse.matmul(grad + grad.mH).matmul(inverse)
    return factor.matmul(common) if upper else common.matmul(factor)


@op(
    "cholesky_inverse(Tensor self, bool upper=False) -> Tensor",
    self=lambda grad, self, upper, result: _cholesky_inverse_backward(grad, self, upper, result),
)
def cholesky_inverse(xp, self, upper):
    """The inverse of a matrix, from its Cholesky factor."""
    _check(self, "cholesky_inverse")
    kept = _triangle(self, upper, False)
    turned = kept.conj().swapaxes(-1, -2)
    return columns(_inverse(turned @ kept if upper else kept @ turned)[0])


def _cholesky_solve_backward(grad, factor, upper, result, needs):
    of_sides = functions.cholesky_solve(grad, factor, upper)
    if not needs[1]:
        return of_sides, None
    common = -of_sides.matmul(result.mH)
    common = common + common.mH
    return of_sides, factor.matmul(common) if upper else common.matmul(factor)


@op(
    "cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor",
    self__input2=lambda grad, input2, upper, result, needs: _cholesky_solve_backward(
        grad, input2, upper, result, needs
    ),
)
def cholesky_solve(xp, self, input2, upper):
    """The solutions of systems whose matrix is given by its Cholesky factor."""
    for name, one in (("b", self), ("u", input2)):
        if one.ndim < 2:
            raise RuntimeError(
                f"{name} should have at least 2 dimensions, but has {one.ndim} dimensions instead"
            )
    kept = _triangle(input2, upper, False)
    turned = kept.conj().swapaxes(-1, -2)
    return columns(xp.linalg.solve(turned @ kept if upper else kept @ turned, self))


def _halved_diagonal(x):
    """X + X^H with the real part of the diagonal counted once."""
    total = x + x.mH
    return total - functions.diag_embed(total.diagonal(0, -2, -1)) * 0.5


def _qr_backward(grads, q, r, mode):
    grad_q, grad_r = grads
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to require gradients through linalg.qr."
        )
    m, n = q.size(-2), r.size(-1)
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    if m >= n:
        part = None
        if grad_r is not None:
            part = grad_r.matmul(r.mH)
        if grad_q is not None:
            inner = q.mH.matmul(grad_q)
            part = -inner if part is None else part - inner
        found = q.matmul(_halved_diagonal(part.triu()))
        if grad_q is not None:
            found = found + grad_q
        return functions.linalg_solve_triangular(r.mH, found, upper=False, left=False)

    def skew(x):
        found = (x - x.mH).tril()
        return found - functions.diag_embed(found.diagonal(0, -2, -1)) * 0.5 if x.dtype.is_complex else found

    part = None
    if grad_r is not None:
        part = skew(-grad_r.matmul(r.mH))
    if grad_q is not None:
        inner = skew(q.mH.matmul(grad_q))
        part = inner if part is None else part + inner
    found = functions.linalg_solve_triangular(r.narrow(-1, 0, m).mH, q.matmul(part), upper=False, left=False)
    found = functions.cat([found, found.new_zeros((*found.geometry.sizes[:-1], n - m))], -1)
    return found if grad_r is None else found + q.matmul(grad_r)


@op(
    "linalg_qr(Tensor A, str mode='reduced') -> (Tensor Q, Tensor R)",
    variants="function",
    namespace="linalg",
    A=lambda grads, Q, R, mode: _qr_backward(grads, Q, R, mode),
)
def linalg_qr(xp, A, mode):
    """A matrix of orthonormal columns and a triangular one, whose product is the input."""
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    _check(A, "linalg.qr", square=False)
    if mode == "r":
        return xp.zeros((0,), A.dtype), columns(xp.linalg.qr(A, "r"))
    q, r = xp.linalg.qr(A, mode)
    return columns(q), columns(r)


@composite("qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)")
def qr(self, some):
    """A matrix of orthonormal columns and a triangular one, whose product is the input."""
    messages.warn(
        "torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future PyTorch release.\nThe boolean "
        "parameter 'some' has been replaced with a string parameter 'mode'.\nQ, R = torch.qr(A, some)\nshould be replaced "
        "with\nQ, R = torch.linalg.qr(A, 'reduced' if some else 'complete')",
        once=True,
    )
    return _named("qr", ("Q", "R"), functions.linalg_qr(self, "reduced" if some else "complete"))


def _eig_backward(grads, values, vectors, hermitian):
    grad_values, grad_vectors = grads
    turned = vectors.mH
    if grad_vectors is None:
        if hermitian:
            return (vectors * grad_values.unsqueeze(-2)).matmul(turned)
        return functions.linalg_solve(turned, grad_values.unsqueeze(-1) * turned)
    inner = turned.matmul(grad_vectors)
    plain = values if hermitian else values.conj()
    gaps = plain.unsqueeze(-2) - plain.unsqueeze(-1)
    identity = functions.eye(values.size(-1), dtype=gaps.dtype)
    if not hermitian:
        along = inner.diagonal(0, -2, -1).real
        inner = inner - turned.matmul(vectors * along.unsqueeze(-2))
    found = inner / (gaps + identity)
    found = found - functions.diag_embed(found.diagonal(0, -2, -1))
    if grad_values is not None:
        found = found + functions.diag_embed(grad_values.to(found.dtype))
    if hermitian:
        # Only the symmetric part moves a symmetric matrix.
        return vectors.matmul((0.5 * (found + found.mH)).matmul(turned))
    return functions.linalg_solve(turned, found.matmul(turned))


def _real_when(gradient, kind):
    return gradient if kind.is_complex else gradient.real


@op(
    '_linalg_eigh(Tensor A, str UPLO="L", bool compute_v=True) -> (Tensor eigenvalues, Tensor eigenvectors)',
    variants="function",
    A=lambda grads, eigenvalues, eigenvectors: _eig_backward(grads, eigenvalues, eigenvectors, True),
)
def linalg_eigh_(xp, A, UPLO, compute_v):
    """The eigenvalues of symmetric matrices in ascending order, and their eigenvectors."""
    _check(A, "linalg.eigh")
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    values, vectors = xp.linalg.eigh(A, UPLO.upper())
    return values.astype(A.real.dtype), columns(vectors.astype(A.dtype))


@composite(
    'linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)',
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_eigh(self, UPLO):
    """The eigenvalues of symmetric matrices in ascending order, and their eigenvectors."""
    found = functions._linalg_eigh(self, UPLO)
    return _named("linalg_eigh", ("eigenvalues", "eigenvectors"), found)


@composite(
    'linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor', variants="function", namespace="linalg", out=True
)
def linalg_eigvalsh(self, UPLO):
    """The eigenvalues of symmetric matrices in ascending order."""
    return functions._linalg_eigh(self, UPLO)[0]


@op(
    "linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)",
    variants="function",
    namespace="linalg",
    self=lambda grads, eigenvalues, eigenvectors, self_dtype: _real_when(
        _eig_backward(grads, eigenvalues, eigenvectors, False), self_dtype
    ),
)
def linalg_eig(xp, self):
    """The eigenvalues and eigenvectors of square matrices, as complex numbers."""
    _check(self, "linalg.eig")
    if not np.isfinite(self).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    kind = np.complex64 if self.dtype.name in ("float32", "complex64") else np.complex128
    values, vectors = xp.linalg.eig(self)
    return values.astype(kind), columns(vectors.astype(kind))


@composite("linalg_eigvals(Tensor self) -> Tensor", variants="function", namespace="linalg", out=True)
def linalg_eigvals(self):
    """The eigenvalues of square matrices, as complex numbers."""
    return functions.linalg_eig(self)[0]


def _svd_backward(grads, u, s, vh, full):
    k = s.size(-1)
    grad_u, grad_s, grad_vh = grads
    if full:
        grad_u = None if grad_u is None else grad_u.narrow(-1, 0, k)
        grad_vh = None if grad_vh is None else grad_vh.narrow(-2, 0, k)
        u, vh = u.narrow(-1, 0, k), vh.narrow(-2, 0, k)
    m, n = u.size(-2), vh.size(-1)
    if grad_u is None and grad_vh is None:
        return u.matmul(grad_s.unsqueeze(-1) * vh) if m >= n else (u * grad_s.unsqueeze(-2)).matmul(vh)
    squares = s * s
    gaps = squares.unsqueeze(-2) - squares.unsqueeze(-1) + functions.eye(k, dtype=s.dtype)

    def skew(x):
        return x - x.mH

    found = None
    if grad_u is not None:
        left = skew(u.mH.matmul(grad_u))
        found = (left / gaps) * s.unsqueeze(-2)
    if grad_vh is not None:
        right = s.unsqueeze(-1) * (skew(vh.matmul(grad_vh.mH)) / gaps)
        found = right if found is None else found + right
    if grad_s is not None:
        found = found + functions.diag_embed(grad_s.to(found.dtype))
    if u.dtype.is_complex and grad_u is not None and grad_vh is not None:
        found = found + functions.diag_embed(left.diagonal(0, -2, -1) / (2.0 * s))
    found = u.matmul(found)
    if m > k and grad_u is not None:
        scaled = grad_u / s.unsqueeze(-2)
        found = found + scaled - u.matmul(u.mH.matmul(scaled))
    found = found.matmul(vh)
    if n > k and grad_vh is not None:
        scaled = grad_vh / s.unsqueeze(-1)
        outside = u.matmul(scaled)
        found = found + outside - outside.matmul(vh.mH).matmul(vh)
    return found


@op(
    "_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None) -> "
    "(Tensor U, Tensor S, Tensor Vh)",
    variants="function",
    A=lambda grads, U, S, Vh, full_matrices: _svd_backward(grads, U, S, Vh, full_matrices),
)
def linalg_svd_(xp, A, full_matrices, compute_uv, driver):
    """Orthonormal columns, singular values in descending order and orthonormal rows, whose product is the input."""
    _check(A, "linalg.svd", square=False)
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    u, s, vh = xp.linalg.svd(A, full_matrices=full_matrices)
    return columns(u), s, columns(vh)


@composite(
    "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_svd(A, full_matrices, driver):
    """Orthonormal columns, singular values in descending order and orthonormal rows, whose product is the input."""
    return _named(
        "linalg_svd", ("U", "S", "Vh"), functions._linalg_svd(A, full_matrices, True, driver=driver)
    )


@composite(
    "linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_svdvals(A, driver):
    """The singular values in descending order."""
    return functions._linalg_svd(A, False, A.requires_grad, driver=driver)[1]


@composite("svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)")
def svd(self, some, compute_uv):
    """The singular value decomposition, V as columns."""
    _check(self.array, "linalg.svd", square=False)
    u, s, vh = functions._linalg_svd(self, not some, True)
    if not compute_uv:
        m, n = self.size(-2), self.size(-1)
        batch = self.geometry.sizes[:-2]
        return _named(
            "svd", ("U", "S", "V"), (self.new_zeros((*batch, m, m)), s, self.new_zeros((*batch, n, n)))
        )
    return _named("svd", ("U", "S", "V"), (u, s, vh.mH))


def _lu_backward(grad_l, grad_u, p, lower, upper):
    """The gradient of A = P L U: the square part by triangular solves, what sticks out by substitution."""
    m, n = lower.size(-2), upper.size(-1)
    k = min(m, n)
    lower1, upper1 = lower.narrow(-2, 0, k), upper.narrow(-1, 0, k)
    grad_l = functions.zeros_like(lower) if grad_l is None else grad_l
    grad_u = functions.zeros_like(upper) if grad_u is None else grad_u
    grad_l1, grad_u1 = grad_l.narrow(-2, 0, k), grad_u.narrow(-1, 0, k)
    below = beside = None
    if m > k:
        below = functions.linalg_solve_triangular(
            upper1.mH, grad_l.narrow(-2, k, m - k), upper=False, left=False
        )
        grad_u1 = grad_u1 - lower.narrow(-2, k, m - k).mH.matmul(below)
    if n > k:
        beside = functions.linalg_solve_triangular(
            lower1.mH, grad_u.narrow(-1, k, n - k), upper=True, unitriangular=True
        )
        grad_l1 = grad_l1 - beside.matmul(upper.narrow(-1, k, n - k).mH)
    part = lower1.mH.matmul(grad_l1).tril(-1) + grad_u1.matmul(upper1.mH).triu()
    found = functions.linalg_solve_triangular(upper1.mH, part, upper=False, left=False)
    found = functions.linalg_solve_triangular(lower1.mH, found, upper=True, unitriangular=True)
    if below is not None:
        found = functions.cat([found, below], -2)
    if beside is not None:
        found = functions.cat([found, beside], -1)
    return p.matmul(found)


def _factors(a):
    """(LU, pivots, row orders) of a batch."""
    k = min(a.shape[-2:])
    lu = np.empty(a.shape, a.dtype)
    pivots = np.empty((*a.shape[:-2], k), np.int32)
    rows = np.empty((*a.shape[:-2], a.shape[-2]), np.int64)
    for at in _batches(a):
        lu[at], rows[at], pivots[at] = _factor(a[at])
    return lu, pivots, rows


def _unpacked(lu, rows):
    """(P, L, U) as arrays."""
    m, n = lu.shape[-2:]
    k = min(m, n)
    p = np.zeros((*lu.shape[:-2], m, m), lu.dtype)
    np.put_along_axis(p, rows[..., None, :], 1, -2)
    return p, np.tril(lu[..., :k], -1) + np.eye(m, k, dtype=lu.dtype), np.triu(lu[..., :k, :])


def _unpivoted(a, name):
    raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")


@op(
    "linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)",
    variants="function",
    namespace="linalg",
    P=None,
    A=lambda grads, P, L, U: _lu_backward(grads[1], grads[2], P, L, U),
)
def linalg_lu(xp, A, pivot):
    """A permutation, a lower and an upper triangular matrix, whose product is the input."""
    _check(A, "linalg.lu", square=False)
    if not pivot:
        _unpivoted(A, "linalg.lu_factor")
    lu, _, rows = _factors(A)
    p, lower, upper = _unpacked(lu, rows)
    return p, lower, upper


def _lu_factor_backward(grad, lu, pivots):
    p, lower, upper = functions.lu_unpack(lu, pivots)
    k = min(lu.size(-2), lu.size(-1))
    return _lu_backward(grad.narrow(-1, 0, k).tril(-1), grad.narrow(-2, 0, k).triu(), p, lower, upper)


@op(
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> "
    "(Tensor LU, Tensor pivots, Tensor info)",
    variants="function",
    namespace="linalg",
    A=lambda grad, LU, pivots: _lu_factor_backward(grad, LU, pivots),
)
def linalg_lu_factor_ex(xp, A, pivot, check_errors):
    """Both triangular factors in one matrix, the rows exchanged, and 0 or the number of the first zero pivot."""
    _check(A, "torch.lu_factor", square=False)
    if not pivot:
        _unpivoted(A, "linalg.lu_factor")
    lu, pivots, _ = _factors(A)
    zero = xp.diagonal(lu, axis1=-2, axis2=-1) == 0
    info = (
        xp.where(zero.any(axis=-1), zero.argmax(axis=-1) + 1, 0) if zero.shape[-1] else xp.zeros(A.shape[:-2])
    )
    return columns(lu), pivots, xp.asarray(info, np.int32)


@composite(
    "linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_lu_factor(A, pivot):
    """Both triangular factors in one matrix, and the rows exchanged."""
    lu, pivots, info = functions.linalg_lu_factor_ex(A, pivot=pivot)
    _raise_for(
        info,
        "torch.linalg.lu_factor: U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you "
        "still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)",
    )
    return _named("linalg_lu_factor", ("LU", "pivots"), (lu, pivots))


def _orders(pivots, m):
    rows = np.broadcast_to(np.arange(m), (*pivots.shape[:-1], m)).copy()
    for at in np.ndindex(*pivots.shape[:-1]):
        for i, other in enumerate(pivots[at]):
            rows[at][i], rows[at][other - 1] = rows[at][other - 1], rows[at][i]
    return rows


def _unpack_backward(grads, sizes):
    m, n = sizes[-2:]
    grad_l, grad_u = grads[1], grads[2]
    found = None
    if grad_l is not None:
        found = grad_l.tril(-1)
        if n > m:
            found = functions.cat([found, found.new_zeros((*sizes[:-1], n - m))], -1)
    if grad_u is not None:
        part = grad_u.triu()
        if m > n:
            part = functions.cat([part, part.new_zeros((*sizes[:-2], m - n, n))], -2)
        found = part if found is None else found + part
    return found


@op(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> "
    "(Tensor P, Tensor L, Tensor U)",
    variants="function",
    P=None,
    LU_data=lambda grads, LU_data_sizes: _unpack_backward(grads, LU_data_sizes),
    LU_pivots=None,
)
def lu_unpack(xp, LU_data, LU_pivots, unpack_data, unpack_pivots):
    """The permutation and the triangular factors from what lu_factor returned."""
    if LU_pivots.dtype != np.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this function is "
            "intended to be used with the output produced by torch.linalg.lu_factor"
        )
    p, lower, upper = _unpacked(LU_data, _orders(LU_pivots, LU_data.shape[-2]))
    empty = xp.zeros((0,), LU_data.dtype)
    return (p if unpack_pivots else empty), *((lower, upper) if unpack_data else (empty, empty.copy()))


def _lu_solved(pivots, left, adjoint):
    def solved(lu, sides):
        p, lower, upper = functions.lu_unpack(lu, pivots)
        product = p.matmul(lower).matmul(upper)
        return (functions.linalg_solve(product.mH if adjoint else product, sides, left=left),)

    return solved


@op(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
    variants="function",
    namespace="linalg",
    LU__B=lambda grad, LU, pivots, B, left, adjoint, needs: derived(
        _lu_solved(pivots, left, adjoint), (LU, B), (grad,), needs
    ),
    pivots=None,
)
def linalg_lu_solve(xp, LU, pivots, B, left, adjoint):
    """The solutions of systems whose matrix is given by lu_factor."""
    _check(LU, "torch.linalg.lu_solve", argument="LU")
    p, lower, upper = _unpacked(LU, _orders(pivots, LU.shape[-2]))
    system = p @ lower @ upper
    system = system.conj().swapaxes(-1, -2) if adjoint else system
    if left:
        return columns(xp.linalg.solve(system, B))
    return xp.linalg.solve(system.swapaxes(-1, -2), B.swapaxes(-1, -2)).swapaxes(-1, -2)


@composite("lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor", out=True)
def lu_solve(self, LU_data, LU_pivots):
    """The solutions of systems whose matrix is given by lu_factor."""
    return functions.linalg_lu_solve(LU_data, LU_pivots, self)


def _reflected(input, tau):
    """The first columns of the product of Householder reflections, in tensor operations."""
    m, n = input.size(-2), input.size(-1)
    lower = input.tril(-1) + functions.eye(m, n, dtype=input.dtype)
    result = functions.eye(m, n, dtype=input.dtype).expand_as(input)
    for i in range(tau.size(-1) - 1, -1, -1):
        v = lower.narrow(-1, i, 1)
        result = result - tau.narrow(-1, i, 1).unsqueeze(-1) * v.matmul(v.mH.matmul(result))
    return (result,)


@op(
    "linalg_householder_product(Tensor input, Tensor tau) -> Tensor",
    variants="function",
    namespace="linalg",
    input__tau=lambda grad, input, tau, needs: derived(_reflected, (input, tau), (grad,), needs),
)
def linalg_householder_product(xp, input, tau):
    """The first columns of the product of Householder reflections."""
    if input.ndim < 2:
        raise RuntimeError("torch.linalg.householder_product: input must have at least 2 dimensions.")
    m, n = input.shape[-2:]
    if m < n:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    lower = xp.tril(input, -1) + xp.eye(m, n, dtype=input.dtype)
    result = xp.broadcast_to(xp.eye(m, n, dtype=input.dtype), input.shape)
    for i in range(tau.shape[-1] - 1, -1, -1):
        v = lower[..., i : i + 1]
        result = result - tau[..., i : i + 1, None] * (v @ (v.conj().swapaxes(-1, -2) @ result))
    return columns(result)


@composite("orgqr(Tensor self, Tensor input2) -> Tensor", out=True)
def orgqr(self, input2):
    """The first columns of the product of Householder reflections."""
    return functions.linalg_householder_product(self, input2)


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
    from scipy.linalg import expm

    _check(self, "linalg.matrix_exp")
    return expm(self).astype(self.dtype) if self.size else self.copy()


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
        _check(self.array.astype(np.float32), "linalg.matrix_power")
    if n == 0:
        one = functions.eye(self.size(-2), dtype=self.dtype)
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
    namespace="linalg",
    self=lambda grad, other, dim: functions.linalg_cross(other.conj(), grad, dim=dim),
    other=lambda grad, self, dim: functions.linalg_cross(grad, self.conj(), dim=dim),
)
def linalg_cross(xp, self, other, dim):
    """The cross products of vectors of length 3 along a dimension."""
    if self.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    at = wrap(dim, self.ndim)
    if self.shape[at] != 3 or other.shape[at] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {self.shape[at]} and {other.shape[at]}"
        )
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
    if N is not None and N <= 1:
        raise RuntimeError("N must be greater than 1.")
    if not x.ndim:
        x = x.unsqueeze(0)
    n = x.size(-1) if N is None else N
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
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    sizes = self.geometry.sizes
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

"""Inverses and determinants."""

import numpy as np

from tensorcli.engine import allocation, dtypes, effects, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.batch.layer import whole
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._elimination import product
from tensorcli.engine.ops._factors import determined, inverse_of
from tensorcli.engine.ops._matrices import (
    check_codes,
    check_matrix,
    check_no_infinity,
    check_no_nan,
    columns,
    eigenvectors,
    full_precision,
    raise_for,
    stand_in,
)
from tensorcli.engine.ops._shared import module_of
from tensorcli.engine.tensor import Tensor


def _solved(A, LU, pivots, sides):
    """The solutions of systems of A^H, by the factors of what `turned` gave for A."""
    of_transposed = A.is_contiguous() and not A.dtype.is_complex
    return functions.linalg_lu_solve(LU, pivots, sides, adjoint=not of_transposed)


@op(
    "linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)",
    variants="function",
    check=full_precision("linalg.inv", square=True),
    namespace="linalg",
    A=lambda grad, inverse: -functions.matmul(inverse.mH, functions.matmul(grad, inverse.mH)),
)
def linalg_inv_ex(xp, A, check_errors):
    """The inverses of matrices, and 0 or the number of the first zero pivot for each."""
    check_matrix(A, "linalg.inv")
    result, info = inverse_of(xp, A)
    if check_errors:
        check_codes(info, "linalg.inv_ex")
    return columns(result), info


@composite("linalg_inv(Tensor A) -> Tensor", variants="function", namespace="linalg", out=True)
def linalg_inv(A):
    """The inverses of matrices."""
    result, info = functions.linalg_inv_ex(A)
    raise_for(info, "linalg.inv")
    return result


@composite("inverse(Tensor self) -> Tensor", out=True)
def inverse(self):
    """The inverses of matrices."""
    return functions.linalg_inv(self)


def _diagonals(numbers, matrices):
    """Multiples of the identity, column by column."""
    return functions.diag_embed(numbers.unsqueeze(-1).expand(matrices.geometry.sizes[:-1])).mT


def _det_backward(grad, result, A, LU, pivots):
    """After torch/csrc/autograd/FunctionsManual.cpp, linalg_det_backward."""
    if not A.numel():
        return functions.zeros_like(A)
    if A.size(-1) == 1:
        return grad.unsqueeze(-1).unsqueeze(-1).expand(A.geometry.sizes)
    if not mode.enabled:
        pivot = LU.diagonal(0, -2, -1)
        smallest = float(np.finfo(LU.dtype.to_real().np).eps)
        factors = LU + functions.diag_embed(functions.where(pivot == 0, smallest, 0.0).to(LU.dtype))
        return _solved(A, factors, pivots, _diagonals(grad * result.conj(), A))
    if not (whole(result).values == 0).any():
        return functions.linalg_solve(A.mH, _diagonals(grad * result.conj(), A))
    from tensorcli.engine.ops.reduce import prod_safe

    u, s, vh = functions.linalg_svd(A, False)
    alpha = (functions.linalg_det(u) * functions.linalg_det(vh)).conj() * grad
    scale = prod_safe(alpha.unsqueeze(-1), s, s.ndim - 1)
    return (u * scale.unsqueeze(-2)).matmul(vh)


@op(
    "_linalg_det(Tensor A) -> (Tensor result, Tensor LU, Tensor pivots)",
    variants="function",
    A=_det_backward,
    LU=None,
)
def linalg_det_(xp, A):
    """The determinants of matrices, and their factors."""
    check_matrix(A, "linalg.det")
    left, sign, lu, pivots = determined(xp, A)
    return product(left) * sign, columns(lu), pivots


@composite("linalg_det(Tensor A) -> Tensor", variants="function", namespace="linalg", out=True)
def linalg_det(A):
    """The determinants of matrices."""
    return functions._linalg_det(A)[0]


@composite("det(Tensor self) -> Tensor")
def det(self):
    """The determinants of matrices."""
    return functions.linalg_det(self)


def _slogdet_backward(grads, A, sign, LU, pivots):
    grad_sign, grad_log = grads[0], grads[1]
    if not A.dtype.is_complex:
        if grad_log is None:
            return functions.zeros_like(A)
        scale = grad_log
    elif grad_sign is None:
        scale = grad_log.to(A.dtype)
    else:
        turn = 1j * (grad_sign.conj() * sign).imag
        scale = -turn if grad_log is None else grad_log - turn
    sides = _diagonals(scale, A)
    return functions.linalg_solve(A.mH, sides) if mode.enabled else _solved(A, LU, pivots, sides)


@op(
    "_linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet, Tensor LU, Tensor pivots)",
    variants="function",
    check=full_precision("linalg.slogdet", square=True),
    A=_slogdet_backward,
    LU=None,
)
def linalg_slogdet_(xp, A):
    """The signs of determinants and the logarithms of their sizes."""
    check_matrix(A, "linalg.slogdet")
    left, sign, lu, pivots = determined(xp, A)
    size = xp.abs(left)
    # The sign of NaN is 0, as in PyTorch.
    signs = (
        left / xp.where(size > 0, size, 1) if A.dtype.kind == "c" else (left > 0).astype(A.dtype) - (left < 0)
    )
    return product(signs) * sign, xp.log(size).sum(axis=-1), columns(lu), pivots


@composite(
    "linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_slogdet(A):
    """The signs of determinants and the logarithms of their sizes: no overflow."""
    return functions._linalg_slogdet(A)[:2]


@composite("slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)", out=True)
def slogdet(self):
    """The signs of determinants and the logarithms of their sizes: no overflow."""
    return functions._linalg_slogdet(self)[:2]


@composite("logdet(Tensor self) -> Tensor")
def logdet(self):
    """The logarithms of determinants; NaN where they are negative."""
    sample = stand_in(self)
    check_matrix(sample.astype(np.float32) if self.dtype.reduced else sample, "logdet")
    full_precision("logdet")(self)
    sign, size = functions._linalg_slogdet(self)[:2]
    if self.dtype.is_complex:
        return sign.log() + size
    return functions.where(sign == -1.0, float("nan"), size)


def _check_pinv(self, atol, rtol, hermitian):
    if self.ndim < 2 or self.dtype.category < dtypes.FLOATING or self.dtype.reduced:
        sizes = messages.numbers(self.geometry.sizes)
        raise RuntimeError(
            f"linalg.pinv({self.dtype.scalar_type}{{{sizes}}}): expected a tensor with 2 or more dimensions of float, double, "
            "cfloat or cdouble types"
        )
    for name, one in (("atol", atol), ("rtol", rtol)):
        if one is not None and one.dtype.is_complex:
            raise RuntimeError(
                f"torch.linalg.pinv: {name} tensor of complex type is not supported. Got {one.dtype.scalar_type}"
            )


@op(
    "linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
    variants="function",
    namespace="linalg",
    check=_check_pinv,
    self=lambda grad, result, self: pinv_backward(grad, result, self),
    constant="atol rtol",
)
def linalg_pinv(xp, self, atol, rtol, hermitian):
    """The pseudo-inverses of matrices: singular values below the tolerances count as zero."""
    if not self.size:
        return xp.zeros((*self.shape[:-2], self.shape[-1], self.shape[-2]), self.dtype)
    if rtol is None:
        rtol = (
            0.0 if atol is not None and (atol > 0).any() else max(self.shape[-2:]) * np.finfo(self.dtype).eps
        )
    if hermitian:
        check_matrix(self, "linalg.eigh")
        values, vectors = eigenvectors(xp, self)
        size = xp.abs(values)
        kept = size > _tolerance(xp, size, atol, rtol)
        safe = xp.where(kept, values, 1)
        scale = xp.where(kept, 1 / safe, 0)
        return ((vectors * scale[..., None, :]) @ vectors.conj().swapaxes(-1, -2)).astype(self.dtype)
    check_no_nan(xp, self, "linalg.svd")
    check_no_infinity(xp, self, "linalg.svd")
    u, s, vh = xp.linalg.svd(self, full_matrices=False)
    kept = s > _tolerance(xp, s, atol, rtol)
    scale = xp.where(kept, 1 / xp.where(kept, s, 1), 0)
    return ((vh.conj().swapaxes(-1, -2) * scale[..., None, :]) @ u.conj().swapaxes(-1, -2)).astype(self.dtype)


def _tolerance(xp, values, atol, rtol):
    """Below what a value counts as zero; numbers are double precision, as in PyTorch."""
    atol, rtol = (xp.asarray(0 if one is None else one) for one in (atol, rtol))
    return xp.asarray(xp.maximum(atol, rtol * values.max(axis=-1)))[..., None]


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
    return functions.full((), value, dtype=dtypes.float64, device=self.device)


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
    return direct("linalg_pinv.atol_rtol_tensor", self, None, None, hermitian)


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


@composite(
    "linalg_pinv.rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_pinv_rcond_tensor(self, rcond, hermitian):
    """The pseudo-inverses of matrices, each with a relative tolerance of its own."""
    if rcond.is_complex():
        raise RuntimeError(
            f"torch.linalg.pinv: rcond tensor of complex type is not supported. Got {rcond.dtype.scalar_type}"
        )
    return functions.linalg_pinv(self, atol=_as_tolerance(self, 0.0), rtol=rcond, hermitian=hermitian)


@composite("pinverse(Tensor self, float rcond=1e-15) -> Tensor")
def pinverse(self, rcond):
    """The pseudo-inverses of matrices."""
    return functions.linalg_pinv(self, rcond)


def _rank(self, atol, rtol, hermitian):
    if self.ndim < 2:
        raise RuntimeError(
            "torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions."
        )
    for name, one in (("atol", atol), ("rtol", rtol)):
        if isinstance(one, Tensor) and one.is_complex():
            raise RuntimeError(
                f"torch.linalg.matrix_rank: {name} tensor of complex type is not supported. Got {one.dtype.scalar_type}"
            )
    if rtol is None and (self.dtype.category < dtypes.FLOATING or self.dtype.reduced):
        raise RuntimeError("This function doesn't handle types other than float and double")
    if not self.numel():
        return _written(functions.zeros(self.geometry.sizes[:-2], dtype=dtypes.int64, device=self.device))
    values = functions.linalg_eigvalsh(self).abs() if hermitian else functions.linalg_svdvals(self)
    array = values.detach().array
    if rtol is None:
        given = getattr(atol, "array", atol)
        absolute = atol is not None and bool(
            (given > 0) if isinstance(given, (int, float)) else (given > 0).any()
        )
        rtol = 0.0 if absolute else max(self.geometry.sizes[-2:]) * np.finfo(array.dtype).eps
    for one in (atol, rtol):
        if isinstance(one, Tensor):
            effects.broadcast_sizes([one.geometry.sizes, array.shape[:-1]])
    limit = _tolerance(
        module_of(self.device), array, getattr(atol, "array", atol), getattr(rtol, "array", rtol)
    )
    return _written(allocation.adopt((array > limit).sum(axis=-1), dtypes.int64, self.device))


def _written(result):
    # PyTorch writes the rank into a result that it made first.
    result.inference = mode.inference
    result.bump()
    return result


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


@composite(
    "linalg_matrix_rank.tol_tensor(Tensor input, Tensor tol, bool hermitian=False) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_matrix_rank_tol_tensor(input, tol, hermitian):
    """How many singular values are above a tolerance, which each matrix may have for itself."""
    return _rank(input, tol, 0.0, hermitian)

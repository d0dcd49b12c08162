"""QR, eigenvalues and singular values."""

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import pushing
from tensorcli.engine.batch.layer import asks_gradient
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import FLOATING
from tensorcli.engine.ops._dimensions import kind_of
from tensorcli.engine.ops._eigenvectors import signed
from tensorcli.engine.ops._matrices import (
    check_matrix,
    check_no_infinity,
    check_no_nan,
    columns,
    eigenvectors,
)
from tensorcli.engine.ops._reflectors import reflectors_backward
from tensorcli.engine.ops._shared import behind, subclass_like


def _halved_diagonal(x):
    """X + X^H with the real part of the diagonal counted once."""
    total = x + x.mH
    total.diagonal(0, -2, -1).real.mul_(0.5)
    return total


def _qr_backward(grads, q, r, mode):
    grad_q, grad_r = grads
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
            "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr."
        )
    m, n = q.size(-2), r.size(-1)
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    part = None if grad_r is None else grad_r.matmul(r.mH)
    if grad_q is not None:
        part = -q.mH.matmul(grad_q) if part is None else part - q.mH.matmul(grad_q)
    if m >= n:
        found = q.matmul(_halved_diagonal(part.triu()))
        if grad_q is not None:
            found = found + grad_q
        return functions.linalg_solve_triangular(r.mH, found, upper=False, left=False)

    turned = -part
    below = (turned - turned.mH).tril()
    if below.dtype.is_complex:
        below.diagonal(0, -2, -1).imag.mul_(0.5)
    found = q.matmul(below)
    found = functions.linalg_solve_triangular(r.narrow(-1, 0, m).mH, found, upper=False, left=False)
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
    check_matrix(A, "linalg.qr", square=False)
    if mode == "r":
        return xp.zeros((0,), A.dtype), columns(xp.linalg.qr(A, "r"))
    q, r = xp.linalg.qr(A, mode)
    return columns(q), columns(r)


@composite("qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)", out=True)
def qr(self, some):
    """A matrix of orthonormal columns and a triangular one, whose product is the input."""
    messages.warn(
        "torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future PyTorch release.\nThe boolean "
        "parameter 'some' has been replaced with a string parameter 'mode'.\nQ, R = torch.qr(A, some)\nshould be replaced "
        "with\nQ, R = torch.linalg.qr(A, 'reduced' if some else 'complete')",
        once=True,
    )
    return functions.linalg_qr(self, "reduced" if some else "complete")


def _eig_backward(grads, values, vectors, hermitian):
    grad_values, grad_vectors = grads
    if grad_vectors is None:
        if hermitian:
            return (vectors * grad_values.unsqueeze(-2)).matmul(vectors.mH)
        return functions.linalg_solve(vectors.mH, grad_values.unsqueeze(-1) * vectors.mH)
    inner = vectors.mH.matmul(grad_vectors)
    if vectors.dtype.is_complex and not subclass_like(vectors, grad_vectors):
        _refuse_phases(
            f"linalg_{'eigh' if hermitian else 'eig'}_backward: The eigenvectors in the complex case are specified up to "
            "multiplication by e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined.",
            inner.diagonal(0, -2, -1).imag,
        )
    if hermitian:
        # Rotations alone keep the vectors orthonormal.
        inner = 0.5 * (inner - inner.mH)
    else:
        # Their lengths stay 1.
        along = inner.diagonal(0, -2, -1).real
        inner = inner - vectors.mH.matmul(vectors * along.unsqueeze(-2))
    found = inner.div_(_gaps(values if hermitian else values.conj()))
    if grad_values is not None:
        found = _with_diagonal(found, grad_values)
    found = found.matmul(vectors.mH)
    return vectors.matmul(found) if hermitian else functions.linalg_solve(vectors.mH, found)


def _refuse_phases(text, imaginary, other=None):
    """A loss that changes when vectors are turned by e^{i phi}: its gradient would depend on the phases that LAPACK happened to
    choose. It does where these parts are not alike. Errors: RuntimeError with this text.
    """
    other = functions.zeros_like(imaginary) if other is None else other
    if not functions.allclose(imaginary, other, rtol=1e-2, atol=1e-2):
        raise RuntimeError(text)


def _gaps(values):
    """The differences of all pairs, with ones on the diagonal: what is divided by them is zero there."""
    found = values.unsqueeze(-2) - values.unsqueeze(-1)
    found.diagonal(0, -2, -1).fill_(1)
    return found


def _with_diagonal(matrices, values):
    """Matrices with these diagonals."""
    if subclass_like(matrices, values):
        return matrices.diagonal_scatter(values.to(matrices.dtype), 0, -2, -1)
    matrices.diagonal(0, -2, -1).copy_(values)
    return matrices


def _real_when(gradient, kind):
    return gradient if kind.is_complex else gradient.real


def _eigh_tangents(tangent, values, vectors):
    """All of the tangent counts, though the operator reads a triangle of its input."""
    inner = vectors.mH.matmul(tangent.matmul(vectors))
    along = inner.diagonal(0, -2, -1)
    turned = (inner - functions.diag_embed(along)).div(_gaps(values))
    return along.real, vectors.matmul(turned)


@op(
    '_linalg_eigh(Tensor A, str UPLO="L", bool compute_v=True) -> (Tensor eigenvalues, Tensor eigenvectors)',
    variants="function",
    tangents=lambda A_t, eigenvalues, eigenvectors: _eigh_tangents(A_t, eigenvalues, eigenvectors),
    A=lambda grads, eigenvalues, eigenvectors: _eig_backward(grads, eigenvalues, eigenvectors, True),
)
def linalg_eigh_(xp, A, UPLO, compute_v):
    """The eigenvalues of symmetric matrices in ascending order, and their eigenvectors."""
    check_matrix(A, "linalg.eigh", floating=False)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    values, vectors = eigenvectors(xp, A, UPLO.upper(), compute_v)
    if compute_v and xp is np:
        vectors = signed(vectors, A, UPLO.upper() == "U")
    return values.astype(A.real.dtype), columns(vectors.astype(A.dtype))


@composite(
    'linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)',
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_eigh(self, UPLO):
    """The eigenvalues of symmetric matrices in ascending order, and their eigenvectors."""
    return functions._linalg_eigh(self, UPLO)


@composite(
    'linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor', variants="function", namespace="linalg", out=True
)
def linalg_eigvalsh(self, UPLO):
    """The eigenvalues of symmetric matrices in ascending order."""
    return functions._linalg_eigh(self, UPLO, asks_gradient(self))[0]


def _eigen_in_single(matrices):
    """Eigenvalues and eigenvectors in single precision, in which LAPACK turns vectors in other ways than in double."""
    if not matrices.size:
        return np.linalg.eig(matrices)
    values = np.empty(matrices.shape[:-1], np.complex64)
    vectors = np.empty(matrices.shape, np.complex64)
    run = behind(np).lapack("geev", matrices)
    for place in np.ndindex(*matrices.shape[:-2]):
        real, imaginary, _, parts, code = run(matrices[place], compute_vl=0)
        if code:
            return np.linalg.eig(matrices)
        values[place] = real + 1j * imaginary
        # Of a pair of conjugates the columns are the real and the imaginary parts.
        vectors[place] = parts
        for first in np.flatnonzero(imaginary > 0):
            vectors[place][:, first] = parts[:, first] + 1j * parts[:, first + 1]
            vectors[place][:, first + 1] = vectors[place][:, first].conj()
    return values, vectors


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
    if self.dtype.kind in "biu":
        raise RuntimeError(f"Unknown Complex ScalarType for {kind_of(self)}")
    if not np.isfinite(self).all():
        raise RuntimeError("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    check_matrix(self, "linalg.eig", floating=False)
    kind = np.complex64 if self.dtype.name in ("float32", "complex64") else np.complex128
    values, vectors = (_eigen_in_single if xp is np and self.dtype == np.float32 else xp.linalg.eig)(self)
    vectors = vectors.astype(kind)
    return values.astype(kind), columns(vectors) if behind(xp).has_elements else vectors


@composite("linalg_eigvals(Tensor self) -> Tensor", variants="function", namespace="linalg", out=True)
def linalg_eigvals(self):
    """The eigenvalues of square matrices, as complex numbers."""
    if self.dtype.category >= FLOATING and not asks_gradient(self):
        check_matrix(self, "linalg.eigvals", floating=False)
    return functions.linalg_eig(self)[0]


def _svd_backward(grads, u, s, k, vh, full):
    grad_u, grad_s, grad_vh = grads
    if full:
        grad_u = None if grad_u is None else grad_u.narrow(-1, 0, k)
        grad_vh = None if grad_vh is None else grad_vh.narrow(-2, 0, k)
        u, vh = u.narrow(-1, 0, k), vh.narrow(-2, 0, k)
    m, n = u.size(-2), vh.size(-1)
    if grad_u is None and grad_vh is None:
        return u.matmul(grad_s.unsqueeze(-1) * vh) if m >= n else (u * grad_s.unsqueeze(-2)).matmul(vh)
    left = None if grad_u is None else _skew(u.mH.matmul(grad_u))
    right = None if grad_vh is None else _skew(vh.matmul(grad_vh.mH))
    if u.dtype.is_complex and not pushing:
        a, b = (None if one is None else one.diagonal(0, -2, -1).imag for one in (left, right))
        _refuse_phases(
            "svd_backward: The singular vectors in the complex case are specified up to multiplication by e^{i phi}. The "
            "specified loss function depends on this phase term, making it ill-defined.",
            *((a, -b) if a is not None and b is not None else (b if a is None else a,)),
        )
    gaps = _gaps(s * s)
    if right is None:
        found = (left / gaps) * s.unsqueeze(-2)
    elif left is None:
        found = s.unsqueeze(-1) * (right / gaps)
    else:
        found = (left * s.unsqueeze(-2) + s.unsqueeze(-1) * right) / gaps
    if grad_s is not None:
        found = found + functions.diag_embed(grad_s)
    if u.dtype.is_complex and left is not None and right is not None:
        found = found + functions.diag_embed(left.diagonal(0, -2, -1) / (2.0 * s))
    if m > n and grad_u is not None:
        scaled = grad_u / s.unsqueeze(-2)
        return (u.matmul(found) + scaled - u.matmul(u.mH.matmul(scaled))).matmul(vh)
    if m < n and grad_vh is not None:
        scaled = grad_vh / s.unsqueeze(-1)
        return u.matmul(found.matmul(vh) + scaled - scaled.matmul(vh.mH).matmul(vh))
    return u.matmul(found.matmul(vh)) if m >= n else u.matmul(found).matmul(vh)


def _skew(x):
    return x - x.mH


def _factors(xp, A, full_matrices):
    """The singular value decomposition, with the signs that MKL gives real matrices that are tall: it takes R of QR from half
    as many rows again as columns on."""
    rows, cols = A.shape[-2:]
    if A.dtype.kind == "f" and rows and cols >= rows * 11 // 6 > 1:
        return _wide_factors(xp, A, full_matrices)
    if A.dtype.kind != "f" or not cols or rows == cols or rows < cols * 3 // 2:
        return xp.linalg.svd(A, full_matrices=full_matrices)
    q, r = xp.linalg.qr(A, mode="complete" if full_matrices else "reduced")
    inner, s, vh = xp.linalg.svd(r[..., :cols, :])
    u = xp.matmul(q[..., :cols], inner)
    return (xp.concatenate([u, q[..., cols:]], axis=-1) if full_matrices else u), s, vh


def _wide_factors(xp, A, full_matrices):
    """Those of real matrices that are so wide that LAPACK takes L of LQ first, which MKL does not: with rows of zeros they are
    not, and nothing else changes.
    """
    rows, cols = A.shape[-2:]
    height = next(n for n in range(rows, cols + 1) if cols < n * 11 // 6)
    width = cols + (height == cols)
    padded = xp.zeros((*A.shape[:-2], height, width), A.dtype)
    padded[..., :rows, :cols] = A
    u, s, vh = xp.linalg.svd(padded, full_matrices=full_matrices)
    if full_matrices:
        # The rows of zeros have singular values that are equal, which come in any order.
        added = slice(rows, height)
        order = xp.argsort(xp.argmax(xp.abs(u[..., added, added]), axis=-2), axis=-1)
        vh[..., added, :] = xp.take_along_axis(vh[..., added, :], order[..., None], axis=-2)
    return u[..., :rows, :rows], s[..., :rows], vh[..., : cols if full_matrices else rows, :cols]


@op(
    "_linalg_svd(Tensor A, bool full_matrices=False, bool compute_uv=True, *, str? driver=None) -> "
    "(Tensor U, Tensor S, Tensor Vh)",
    variants="function",
    A=lambda grads, U, S, S_argsize_minus_1, Vh, full_matrices: _svd_backward(
        grads, U, S, S_argsize_minus_1, Vh, full_matrices
    ),
)
def linalg_svd_(xp, A, full_matrices, compute_uv, driver):
    """Orthonormal columns, singular values in descending order and orthonormal rows, whose product is the input."""
    check_matrix(A, "linalg.svd", square=False)
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    check_no_nan(xp, A, "linalg.svd")
    if compute_uv:
        check_no_infinity(xp, A, "linalg.svd")
    infinite = xp.isinf(A).any(axis=(-2, -1), keepdims=True)
    if infinite.any():
        # LAPACK does not fail there, and knows nothing.
        A = xp.where(infinite, 0, A)
        u, s, vh = _factors(xp, A, full_matrices)
        u, s, vh = (xp.where(i, np.nan, x) for i, x in ((infinite, u), (infinite[..., 0], s), (infinite, vh)))
    else:
        u, s, vh = _factors(xp, A, full_matrices)
    return columns(u), s, columns(vh) if behind(xp).has_elements else vh


@composite(
    "linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_svd(A, full_matrices, driver):
    """Orthonormal columns, singular values in descending order and orthonormal rows, whose product is the input."""
    return functions._linalg_svd(A, full_matrices, True, driver=driver)


@composite(
    "linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_svdvals(A, driver):
    """The singular values in descending order."""
    return functions._linalg_svd(A, False, asks_gradient(A), driver=driver)[1]


@composite(
    "svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)", out=True
)
def svd(self, some, compute_uv):
    """The singular value decomposition, V as columns."""
    if self.ndim < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {self.ndim} dimensions instead"
        )
    if compute_uv:
        u, s, vh = functions._linalg_svd(self, not some, True)
    else:
        s = functions.linalg_svdvals(self)
        u, vh = (
            self.new_empty((*self.geometry.sizes[:-2], n, n)).zero_() for n in (self.size(-2), self.size(-1))
        )
    return u, s, vh.mH


@op(
    "linalg_householder_product(Tensor input, Tensor tau) -> Tensor",
    variants="function",
    namespace="linalg",
    input__tau=lambda grad, input, result, tau: reflectors_backward(grad, result, input, tau),
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
    if tau.ndim and n < tau.shape[-1]:
        raise RuntimeError(
            "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    if tau.dtype != input.dtype:
        raise RuntimeError(
            f"torch.linalg.householder_product: tau dtype {kind_of(tau)} does not match input dtype {kind_of(input)}"
        )
    if tau.ndim != input.ndim - 1:
        raise RuntimeError(
            "torch.linalg.householder_product: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{tau.ndim} and input.ndim is equal to {input.ndim}"
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

"""Decompositions: Cholesky, QR, eigenvalues, singular values, and what is built on them."""

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.op import composite, op
from tensorcli.engine.ops._matrices import (
    LinAlgError,
    check_matrix,
    check_no_nan,
    columns,
    eye_like,
    raise_for,
    solve,
)
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops.inverse import batches, factorised, inverse_of, named_result, zero_pivot
from tensorcli.engine.ops.nn import derived
from tensorcli.engine.ops.reduce import kind_of
from tensorcli.engine.ops.solve import triangle_of


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
    check_matrix(self, "linalg.cholesky")
    info = xp.zeros(self.shape[:-2], np.int32)
    lower = xp.tril(self)
    matrices = (xp.triu(self).conj().swapaxes(-1, -2)) if upper else lower
    try:
        found = xp.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        found = xp.zeros(self.shape, self.dtype)
        for at in batches(self):
            try:
                found[at] = xp.linalg.cholesky(matrices[at])
            except np.linalg.LinAlgError:
                info[at] = _leading_minor(xp, matrices[at])
                found[at] = lower[at]
    return columns(found.conj().swapaxes(-1, -2) if upper else found), info


def _leading_minor(xp, matrix):
    for order in range(1, len(matrix) + 1):
        try:
            xp.linalg.cholesky(matrix[:order, :order])
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
    raise_for(info, "linalg.cholesky" + _NOT_POSITIVE)
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
    check_matrix(self, "cholesky_inverse")
    kept = triangle_of(xp, self, upper, False)
    turned = kept.conj().swapaxes(-1, -2)
    return columns(inverse_of(xp, turned @ kept if upper else kept @ turned)[0])


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
    if self.dtype != input2.dtype:
        raise RuntimeError(
            f"Expected b and A to have the same dtype, but found b of type {kind_of(self)} and A of type "
            f"{kind_of(input2)} instead."
        )
    if input2.shape[-1] != input2.shape[-2] or input2.shape[-2] != self.shape[-2]:
        square = input2.shape[-1] == input2.shape[-2]
        sizes = f"each A matrix is {input2.shape[-1]} by {input2.shape[-2]} but each b matrix is {self.shape[-2]} by {self.shape[-1]}"
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: {sizes}"
            if square
            else f"A must be batches of square matrices, but they are {input2.shape[-2]} by "
            f"{input2.shape[-1]} matrices"
        )
    kept = triangle_of(xp, input2, upper, False)
    turned = kept.conj().swapaxes(-1, -2)
    return columns(solve(xp, turned @ kept if upper else kept @ turned, self))


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
    check_matrix(A, "linalg.qr", square=False)
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
    return named_result("qr", ("Q", "R"), functions.linalg_qr(self, "reduced" if some else "complete"))


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
    identity = eye_like(gaps)
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
    check_matrix(A, "linalg.eigh")
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
    return named_result("linalg_eigh", ("eigenvalues", "eigenvectors"), found)


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
    check_matrix(self, "linalg.eig")
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
    gaps = squares.unsqueeze(-2) - squares.unsqueeze(-1) + functions.eye(k, dtype=s.dtype, device=s.device)

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
    check_matrix(A, "linalg.svd", square=False)
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )
    check_no_nan(xp, A, "linalg.svd")
    infinite = xp.isinf(A).any(axis=(-2, -1), keepdims=True)
    if infinite.any():
        # LAPACK does not fail there, and knows nothing.
        A = xp.where(infinite, 0, A)
        u, s, vh = xp.linalg.svd(A, full_matrices=full_matrices)
        u, s, vh = (xp.where(i, np.nan, x) for i, x in ((infinite, u), (infinite[..., 0], s), (infinite, vh)))
    else:
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
    return named_result(
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
    check_matrix(self.array, "linalg.svd", square=False)
    u, s, vh = functions._linalg_svd(self, not some, True)
    if not compute_uv:
        m, n = self.size(-2), self.size(-1)
        batch = self.geometry.sizes[:-2]
        return named_result(
            "svd", ("U", "S", "V"), (self.new_zeros((*batch, m, m)), s, self.new_zeros((*batch, n, n)))
        )
    return named_result("svd", ("U", "S", "V"), (u, s, vh.mH))


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


def _unpacked(xp, lu, pivots):
    """(P, L, U) as arrays, from both factors in one and the pivots counted from 1."""
    m, n = lu.shape[-2:]
    k = min(m, n)
    p = xp.zeros((*lu.shape[:-2], m, m), lu.dtype)
    rows = behind(xp).row_order(pivots, m)
    xp.put_along_axis(p, rows[..., None, :], 1, -2)
    return p, xp.tril(lu[..., :k], -1) + xp.eye(m, k, dtype=lu.dtype), xp.triu(lu[..., :k, :])


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
    check_matrix(A, "linalg.lu", square=False)
    if not pivot:
        _unpivoted(A, "linalg.lu_factor")
    return _unpacked(xp, *factorised(xp, A))


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
    check_matrix(A, "torch.lu_factor", square=False)
    if not pivot:
        _unpivoted(A, "linalg.lu_factor")
    lu, pivots = factorised(xp, A)
    return columns(lu), pivots, zero_pivot(xp, lu)


@composite(
    "linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_lu_factor(A, pivot):
    """Both triangular factors in one matrix, and the rows exchanged."""
    lu, pivots, info = functions.linalg_lu_factor_ex(A, pivot=pivot)
    raise_for(
        info,
        "torch.linalg.lu_factor: U[{0},{0}] is zero and using it on lu_solve would result in a division by zero. If you "
        "still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)",
    )
    return named_result("linalg_lu_factor", ("LU", "pivots"), (lu, pivots))


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
    p, lower, upper = _unpacked(xp, LU_data, LU_pivots)
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
    check_matrix(LU, "torch.linalg.lu_solve", argument="LU")
    p, lower, upper = _unpacked(xp, LU, pivots)
    system = p @ lower @ upper
    system = system.conj().swapaxes(-1, -2) if adjoint else system
    if left:
        return columns(solve(xp, system, B))
    return solve(xp, system.swapaxes(-1, -2), B.swapaxes(-1, -2)).swapaxes(-1, -2)


@composite("lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor", out=True)
def lu_solve(self, LU_data, LU_pivots):
    """The solutions of systems whose matrix is given by lu_factor."""
    return functions.linalg_lu_solve(LU_data, LU_pivots, self)


def _reflected(input, tau):
    """The first columns of the product of Householder reflections, in tensor operations."""
    m, n = input.size(-2), input.size(-1)
    lower = input.tril(-1) + functions.eye(m, n, dtype=input.dtype, device=input.device)
    result = functions.eye(m, n, dtype=input.dtype, device=input.device).expand_as(input)
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

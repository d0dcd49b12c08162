"""Systems of linear equations."""

import contextlib
from functools import reduce
from operator import add

import numpy as np

from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import FLOATING
from tensorcli.engine.effects import Laid, broadcast_sizes
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops._elimination import is_small
from tensorcli.engine.ops._factors import by_factors, by_substitution, factorised, widened, zero_pivot
from tensorcli.engine.ops._matrices import (
    check_codes,
    check_floating,
    check_matrix,
    check_sides,
    columns,
    raise_for,
    rows,
    solve,
)
from tensorcli.engine.ops.inverse import pinv_backward


def _is_vector(a, b):
    return b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])


def _solve_backward(grad, result, A, LU, pivots, left, needs):
    vector = _is_vector(A, grad)
    sides = grad.unsqueeze(-1) if vector else grad
    if mode.enabled:
        of_b = functions.linalg_solve(A.mH, sides, left=left)
    else:
        of_b = functions.linalg_lu_solve(LU, pivots, sides, left=left, adjoint=True)
    of_a = None
    if needs[0]:
        x = result.unsqueeze(-1) if vector else result
        of_a = -of_b.matmul(x.mH) if left else -x.mH.matmul(of_b)
    return of_a, of_b.squeeze(-1) if vector else of_b


@op(
    "_linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> "
    "(Tensor result, Tensor LU, Tensor pivots, Tensor info)",
    variants="function",
    A__B=_solve_backward,
    LU=None,
)
def linalg_solve_(xp, A, B, left, check_errors):
    """The solutions of systems of linear equations, and which of them failed."""
    check_floating(A, "linalg.solve")
    check_matrix(A, "linalg.solve")
    if A.dtype != B.dtype:
        raise RuntimeError(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {kind_of(A)} and B of type "
            f"{kind_of(B)} instead"
        )
    vector = _is_vector(A, B)
    right = B[..., None] if vector else B
    check_sides(A, right, left, "linalg.solve")
    if not left and vector:
        raise RuntimeError(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. In this case "
            "linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    lu, pivots = factorised(xp, widened(xp, A))
    # X A = B is the transposed A^T X^T = B^T.
    sides = right if left else right.swapaxes(-1, -2)
    found = by_factors(xp, lu, pivots, sides.astype(lu.dtype), not left).astype(A.dtype)
    lu = lu.astype(A.dtype)
    found = found if left else found.swapaxes(-1, -2)
    found = found[..., 0] if vector else found
    # PyTorch lays out vectors of a batch as if they were the columns of one matrix.
    laid = rows(found) if not left else columns(found) if found.ndim > 1 else found
    return laid, columns(lu), pivots, zero_pivot(xp, lu)


@composite(
    "linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_solve(A, B, left):
    """The X for which A X = B (or X A = B)."""
    result, _, _, info = functions._linalg_solve_ex(A, B, left=left)
    raise_for(info, "torch.linalg.solve")
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
        raise_for(info, "torch.linalg.solve_ex")
    return result, info


def triangle_of(xp, a, upper, unitriangular):
    """The triangle of matrices that is read, with ones on the diagonal where they are not read."""
    kept = xp.triu(a) if upper else xp.tril(a)
    if unitriangular:
        index = xp.arange(a.shape[-1])
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
    self__B=_triangular_backward,
)
def linalg_solve_triangular(xp, self, B, upper, left, unitriangular):
    """The X for which A X = B (or X A = B), where A is triangular: its other half is not read."""
    check_matrix(self, "linalg.solve_triangular", floating=False)
    check_sides(self, B, left, "linalg.solve_triangular")
    refuse(self, "triangular_solve_cpu", "biu")
    kept = triangle_of(xp, self, upper, unitriangular)
    B = B.astype(self.dtype)
    if left:
        return columns(solved_triangle(xp, kept, B, upper))
    found = solved_triangle(xp, kept.swapaxes(-1, -2), B.swapaxes(-1, -2), not upper)
    return columns(found.swapaxes(-1, -2))


def solved_triangle(xp, a, b, upper):
    """The X for which a X = b, where a is a triangle with zeros besides."""
    if not is_small(xp, a):
        with contextlib.suppress(np.linalg.LinAlgError):
            return solve(xp, a, b)
    lead = broadcast_sizes([b.shape[:-2], a.shape[:-2]])
    whole, sides = (xp.broadcast_to(one, (*lead, *one.shape[-2:])) for one in (a, b))
    # MKL divides a single side by the pivots, and multiplies several by their reciprocals.
    return by_substitution(xp, whole, sides, upper, b.shape[-1] > 1)


def _lstsq_backward(grads, a, b, solution, needs):
    """After torch/csrc/autograd/FunctionsManual.cpp, linalg_lstsq_backward: what comes by the solution, and by the residuals."""
    vector = _is_vector(a, b)

    def columns_of(x):
        return x.unsqueeze(-1) if vector else x

    def as_given(x):
        return x.squeeze(-1) if vector else x

    of_a, of_b, b = [], [], columns_of(b)
    if grads[0] is not None:
        grad, pinv = columns_of(grads[0]), functions.linalg_pinv(a)
        if needs[0]:
            of_a.append(pinv_backward(grad.matmul(b.mH), pinv, a))
        if needs[1]:
            of_b.append(as_given(pinv.mH.matmul(grad)))
    if grads[1] is not None and grads[1].numel():
        x, grad = columns_of(solution), grads[1].unsqueeze(-2)
        residuals = a.matmul(x) - b
        if needs[0]:
            of_a.append(2 * (grad * residuals).matmul(x.mH))
        if needs[1]:
            of_b.append(as_given(-2 * grad * residuals))
    return [reduce(add, parts) if parts else None for parts in (of_a, of_b)]


def _check_lstsq(self, b, rcond, driver):
    if self.ndim < 2:
        raise RuntimeError("torch.linalg.lstsq: input must have at least 2 dimensions.")
    if not b.ndim:
        raise RuntimeError("torch.linalg.lstsq: other must have at least 1 dimension.")
    if self.dtype is not b.dtype:
        raise RuntimeError(
            "torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's dtype "
            f"{self.dtype.scalar_type} and other's dtype {b.dtype.scalar_type}"
        )
    if not 0 <= self.ndim - b.ndim <= 1:
        raise RuntimeError(
            "torch.linalg.lstsq: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    place = -1 if _is_vector(self, b) else -2
    if b.shape[place] != self.shape[-2]:
        raise RuntimeError(f"torch.linalg.lstsq: input.size(-2) should match other.size({place})")
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise RuntimeError(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    if self.dtype.category < FLOATING or self.dtype.reduced:
        raise RuntimeError("This function doesn't handle types other than float and double")


@op(
    "linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> "
    "(Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)",
    variants="function",
    namespace="linalg",
    check=_check_lstsq,
    self__b=lambda grads, self, b, solution, needs: _lstsq_backward(grads, self, b, solution, needs),
    singular_values=None,
)
def linalg_lstsq(xp, self, b, rcond, driver):
    """The X for which A X is nearest to B; residuals of overdetermined systems of full rank, ranks, singular values."""
    m, n = self.shape[-2:]
    vector = _is_vector(self, b)
    sides = b[..., None] if vector else b
    driver = "gelsy" if driver is None else driver
    # PyTorch counts one dimension of `b` less than those of A as vectors, whatever it then takes them for.
    lead = broadcast_sizes([self.shape[:-2], b.shape[: -1 if self.ndim > b.ndim else -2]])
    sides = xp.broadcast_to(sides, (*lead, *sides.shape[-2:]))
    limit = 0 if driver == "gels" else np.finfo(self.dtype).eps * max(m, n) if rcond is None else rcond
    wrong = next((place for place, one in enumerate((self, b)) if xp.isnan(one).any()), None)
    if wrong is not None:
        argument = (5 if driver == "gels" else 4) + 2 * wrong
        raise RuntimeError(
            'false INTERNAL ASSERT FAILED at "/__w/pytorch/pytorch/aten/src/ATen/native/BatchLinearAlgebra.cpp":1613, please '
            f"report a bug to PyTorch. torch.linalg.lstsq: Argument {argument} has illegal value. Most certainly there "
            "is a bug in the implementation calling the backend library."
        )
    u, s, vh = xp.linalg.svd(self, full_matrices=False)
    kept = s > limit * s[..., :1] if s.size else s > 0
    rank = xp.asarray(kept.sum(axis=-1), np.int64)
    if xp is np and (driver == "gels" or (driver == "gelsy" and not (rcond is None and kept.all()))):
        found, ranks = _by_lapack(driver, np.broadcast_to(self, (*lead, m, n)), sides, limit)
        rank = ranks[(0,) * (len(lead) - rank.ndim)][tuple(slice(size) for size in rank.shape)]
    else:
        scale = xp.where(kept, 1 / xp.where(kept, s, 1), 0).astype(s.dtype)
        found = vh.conj().swapaxes(-1, -2) @ (scale[..., None] * (u.conj().swapaxes(-1, -2) @ sides))
    empty = xp.zeros((0,), s.dtype)
    full = m > n and (driver == "gels" or (driver != "gelsy" and (rank == n).all()))
    residuals = xp.sum(xp.abs(self @ found - sides) ** 2, axis=-2) if full else empty
    if full and driver == "gels":
        # It is done with a matrix of zeros before it looks at B.
        residuals = residuals * self.any(axis=(-2, -1))[..., None]
    with_rank = driver != "gels"
    values = s if driver in ("gelsd", "gelss") else empty
    found = found[..., 0] if vector else found
    # PyTorch solves in the memory of a copy of `b`: column by column, with room for the longer of the columns of `b` and X.
    rows = max(m, n, 1)
    batch = found.shape[:-1] if vector else found.shape[:-2]
    step = rows * (1 if vector else max(found.shape[-1], 1))
    steps = (1,) if vector else (1, rows)
    for size in reversed(batch):
        steps = (step, *steps)
        step *= max(size, 1)
    return (
        Laid(found, steps, step if found.size else 0),
        residuals,
        rank if with_rank else xp.zeros((0,), np.int64),
        values,
    )


def _by_lapack(driver, a, sides, limit):
    """The solutions that a driver of LAPACK's finds, and the ranks that gelsy sees: what its pivoted QR leaves below the limit
    counts as 0. Errors: LinAlgError for gels, which is for matrices of full rank alone.
    """
    from scipy.linalg import get_lapack_funcs

    m, n = a.shape[-2:]
    found = np.zeros((*a.shape[:-2], n, sides.shape[-1]), a.dtype)
    ranks, codes = np.zeros(a.shape[:-2], np.int64), np.zeros(a.shape[:-2], np.int32)
    solve, room = get_lapack_funcs((driver, f"{driver}_lwork"), (a, sides))
    more = (limit,) if driver == "gelsy" else ()
    for at in np.ndindex(a.shape[:-2]) if found.size and m else ():
        tall = np.zeros((max(m, n), sides.shape[-1]), a.dtype)
        tall[:m] = sides[at]
        size = int(np.real(room(m, n, tall.shape[1], *more)[0]))
        if more:
            _, x, _, ranks[at], _ = solve(a[at], tall, np.zeros(n, np.int32), limit, size)
        else:
            _, x, _ = solve(a[at], tall, lwork=size)
            codes[at] = _first_zero(a[at])
        found[at] = x[:n]
    check_codes(codes, "torch.linalg.lstsq")
    return found, ranks


def _first_zero(a):
    """The number of the first column that depends on those before it, or 0: PyTorch's LAPACK meets a zero there."""
    wide = a.astype(np.promote_types(a.dtype, np.float64))
    size = np.abs(np.diagonal(np.linalg.qr(wide if a.shape[0] >= a.shape[1] else wide.conj().T, mode="r")))
    dependent = size <= np.finfo(np.float64).eps * max(a.shape) * size.max(initial=0)
    return np.argmax(dependent) + 1 if dependent.any() and size.any() else 0

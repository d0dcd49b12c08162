"""The Cholesky factor, and what is solved with it."""

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.effects import broadcast_sizes
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._factors import batches, inverse_of, zero_pivot
from tensorcli.engine.ops._matrices import (
    check_codes,
    check_matrix,
    check_systems,
    columns,
    raise_for,
)
from tensorcli.engine.ops.solve import solved_triangle, triangle_of


def _cholesky_backward(grad, upper, factor):
    lower = factor.mH if upper else factor
    grad = grad.mH if upper else grad
    part = lower.mH.matmul(grad).tril()
    part = 0.5 * (part + part.tril(-1).mH)
    found = functions.linalg_solve_triangular(lower.mH, part, upper=True)
    return functions.linalg_solve_triangular(lower, found, upper=False, left=False)


def _cholesky_tangents(tangent, upper, factor):
    """All of the tangent counts, though the operator reads a triangle of its input."""
    lower = factor.mH if upper else factor
    inner = functions.linalg_solve_triangular(lower, tangent, upper=False)
    inner = functions.linalg_solve_triangular(lower.mH, inner, upper=True, left=False)
    found = lower.matmul(0.5 * (inner.tril() + inner.tril(-1)))
    return (found.mH if upper else found), None


@op(
    "linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
    variants="function",
    namespace="linalg",
    tangents=lambda self_t, upper, L: _cholesky_tangents(self_t, upper, L),
    self=lambda grad, upper, L: _cholesky_backward(grad, upper, L),
)
def linalg_cholesky_ex(xp, self, upper, check_errors):
    """Triangular matrices whose squares are the inputs, and which inputs are not positive-definite."""
    check_matrix(self, "linalg.cholesky")
    found, info = _factor(xp, self, upper)
    if check_errors:
        check_codes(info, "linalg.cholesky_ex")
    return found, info


def _factor(xp, self, upper):
    info = xp.zeros(self.shape[:-2], np.int32)
    matrices = (xp.triu(self).conj().swapaxes(-1, -2)) if upper else xp.tril(self)
    found = _all_at_once(xp, matrices)
    if found is None:
        found = xp.empty(self.shape, self.dtype)
        for at in batches(self):
            whole = _all_at_once(xp, matrices[at])
            found[at], info[at] = _column_by_column(xp, matrices[at]) if whole is None else (whole, 0)
    return columns(found.conj().swapaxes(-1, -2) if upper else found), info


def _all_at_once(xp, matrices):
    """The factors, or None where a matrix is not positive-definite (which the library does not see of one with nan)."""
    try:
        found = xp.linalg.cholesky(matrices)
    except np.linalg.LinAlgError:
        return None
    return None if xp.isnan(xp.diagonal(found, 0, -2, -1)).any() else found


def _column_by_column(xp, matrix):
    """What LAPACK's potf2 leaves of a lower triangle, and the order of the leading minor that it stops at (0: none)."""
    found = matrix.copy()
    for j in range(len(found)):
        before = found[j, :j].conj()
        pivot = found[j, j].real - (found[j, :j] @ before).real
        found[j, j] = pivot
        if not pivot > 0:
            return found, j + 1
        found[j, j] = xp.sqrt(pivot)
        found[j + 1 :, j] = (found[j + 1 :, j] - found[j + 1 :, :j] @ before) / found[j, j]
    return found, 0


@composite(
    "linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_cholesky(self, upper):
    """The triangular matrix whose square is the input."""
    found, info = functions.linalg_cholesky_ex(self, upper=upper)
    raise_for(info, "linalg.cholesky")
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
    if not self.size:
        return self.copy()
    check_matrix(self, "cholesky", floating=False)
    refuse(self, "cholesky_cpu", "biu")
    found, info = _factor(xp, self, upper)
    check_codes(info, "cholesky")
    return found


def _cholesky_inverse_backward(grad, factor, upper, inverse):
    common = inverse.matmul((grad + grad.mH).matmul(inverse))
    return -(factor.matmul(common) if upper else common.matmul(factor))


def _cholesky_inverse_tangent(factor, tangent, upper, inverse):
    """PyTorch's formula (torch/csrc/autograd/FunctionsManual.cpp, cholesky_inverse_jvp), which no small step agrees with."""
    factor, tangent = (factor, tangent) if upper else (factor.mH, tangent.mH)
    found = -inverse.matmul(tangent.mH).matmul(inverse).matmul(factor)
    return found + found.mH


@op(
    "cholesky_inverse(Tensor self, bool upper=False) -> Tensor",
    tangents=lambda self, self_t, upper, result: [_cholesky_inverse_tangent(self, self_t, upper, result)],
    self=lambda grad, self, upper, result: _cholesky_inverse_backward(grad, self, upper, result),
)
def cholesky_inverse(xp, self, upper):
    """The inverse of a matrix, from its Cholesky factor."""
    check_matrix(self, "cholesky_inverse", floating=False)
    refuse(self, "cholesky_inverse_out_cpu", "biu")
    kept = triangle_of(xp, self, upper, False)
    check_codes(zero_pivot(xp, kept), "cholesky_inverse")
    turned = kept.conj().swapaxes(-1, -2)
    return columns(inverse_of(xp, turned @ kept if upper else kept @ turned)[0])


def _cholesky_solve_backward(grad, factor, upper, result, needs):
    of_sides = functions.cholesky_solve(grad, factor, upper)
    if not needs[1]:
        return of_sides, None
    common = of_sides.matmul(result.mH)
    common = common + common.mH
    return of_sides, -(factor.matmul(common) if upper else common.matmul(factor))


@op(
    "cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor",
    self__input2=lambda grad, self, input2, upper, result, needs: _cholesky_solve_backward(
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
    broadcast_sizes([self.shape[:-2], input2.shape[:-2]])
    check_systems(self, input2, "cholesky_solve")
    kept = triangle_of(xp, input2, upper, False)
    turned = kept.conj().swapaxes(-1, -2)
    first, second = (turned, kept) if upper else (kept, turned)
    return columns(solved_triangle(xp, second, solved_triangle(xp, first, self, False), True))

"""The LU factors, and what is solved with them."""

from functools import reduce
from operator import add

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops._factors import by_factors, check_pivots, factorised, zero_pivot
from tensorcli.engine.ops._matrices import (
    check_codes,
    check_floating,
    check_matrix,
    check_sides,
    columns,
    raise_for,
    rows,
)
from tensorcli.engine.ops._shared import behind


def _lu_backward(grad_l, grad_u, p, lower, upper):
    """The gradient of A = P L U, by triangular solves (torch/csrc/autograd/FunctionsManual.cpp, linalg_lu_backward)."""
    m, n = lower.size(-2), upper.size(-1)
    if m == n:
        parts = [] if grad_l is None else [lower.mH.matmul(grad_l).tril(-1)]
        parts += [] if grad_u is None else [grad_u.matmul(upper.mH).triu()]
        found = _by_lower(lower, _by_upper(upper, reduce(add, parts)))
    elif m < n:
        found = _wide_backward(grad_l, grad_u, lower, upper)
    else:
        found = _tall_backward(grad_l, grad_u, lower, upper)
    return p.matmul(found)


def _wide_backward(grad_l, grad_u, lower, upper):
    m, rest = lower.size(-2), upper.size(-1) - lower.size(-2)
    part = None if grad_l is None else lower.mH.matmul(grad_l)
    if grad_u is not None:
        part = -grad_u.triu().matmul(upper.mH) if part is None else part - grad_u.triu().matmul(upper.mH)
    found = _by_upper(upper.narrow(-1, 0, m), part.tril(-1))
    if grad_u is None:
        return functions.cat([_by_lower(lower, found), functions.zeros_like(upper.narrow(-1, m, rest))], -1)
    square, beside = grad_u.narrow(-1, 0, m).triu(), grad_u.narrow(-1, m, rest)
    return _by_lower(lower, functions.cat([found + square, beside], -1))


def _tall_backward(grad_l, grad_u, lower, upper):
    n, rest = upper.size(-1), lower.size(-2) - upper.size(-1)
    part = None if grad_u is None else grad_u.matmul(upper.mH)
    if grad_l is not None:
        turned = lower.mH
        part = -turned.matmul(grad_l.tril(-1)) if part is None else part - turned.matmul(grad_l.tril(-1))
    found = _by_lower(lower.narrow(-2, 0, n), part.triu())
    if grad_l is None:
        return functions.cat([_by_upper(upper, found), functions.zeros_like(lower.narrow(-2, n, rest))], -2)
    square, below = grad_l.narrow(-2, 0, n).tril(-1), grad_l.narrow(-2, n, rest)
    return _by_upper(upper, functions.cat([found + square, below], -2))


def _by_upper(upper, part):
    """part U^-H."""
    return functions.linalg_solve_triangular(upper.mH, part, upper=False, left=False)


def _by_lower(lower, part):
    """L^-H part."""
    return functions.linalg_solve_triangular(lower.mH, part, upper=True, unitriangular=True)


def _unpacked(xp, lu, pivots):
    """(P, L, U) as arrays, from both factors in one and the pivots counted from 1."""
    m, n = lu.shape[-2:]
    k = min(m, n)
    p = xp.zeros((*lu.shape[:-2], m, m), lu.dtype)
    rows = behind(xp).row_order(pivots, m)
    xp.put_along_axis(p, rows[..., None, :], 1, -2)
    return p, xp.tril(lu[..., :k], -1) + xp.eye(m, k, dtype=lu.dtype), xp.triu(lu[..., :k, :])


_TOO_FEW = "{}: Expected tensor with 2 or more dimensions. Got size: {} instead"


def _check_pivoted(pivot):
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


@op(
    "linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)",
    variants="function",
    namespace="linalg",
    P=None,
    A=lambda grads, P, L, U, pivot: _lu_backward(grads[0], grads[1], P, L, U),
)
def linalg_lu(xp, A, pivot):
    """A permutation, a lower and an upper triangular matrix, whose product is the input."""
    if A.ndim < 2:
        raise RuntimeError(_TOO_FEW.format("linalg.lu", messages.numbers(A.shape)))
    _check_pivoted(pivot)
    return _unpacked(xp, *factorised(xp, A))


def _lu_factor_backward(grad, lu, pivots):
    p, lower, upper = functions.lu_unpack(lu, pivots)
    k = min(lu.size(-2), lu.size(-1))
    return _lu_backward(grad.narrow(-1, 0, k), grad.narrow(-2, 0, k), p, lower, upper)


@op(
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> "
    "(Tensor LU, Tensor pivots, Tensor info)",
    variants="function",
    namespace="linalg",
    A=lambda grad, LU, pivots, pivot: _lu_factor_backward(grad, LU, pivots),
)
def linalg_lu_factor_ex(xp, A, pivot, check_errors):
    """Both triangular factors in one matrix, the rows exchanged, and 0 or the number of the first zero pivot."""
    if A.ndim < 2:
        raise RuntimeError(
            f"torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: {messages.numbers(A.shape)} instead"
        )
    refuse(A, "lu_cpu", "biu")
    _check_pivoted(pivot)
    lu, pivots = factorised(xp, A)
    info = zero_pivot(xp, lu)
    if check_errors:
        check_codes(info, "torch.linalg.lu_factor_ex")
    return columns(lu), pivots, info


@composite(
    "linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_lu_factor(A, pivot):
    """Both triangular factors in one matrix, and the rows exchanged."""
    lu, pivots, info = functions.linalg_lu_factor_ex(A, pivot=pivot)
    raise_for(info, "torch.linalg.lu_factor")
    return lu, pivots


def _unpack_backward(grads, LU_data_argsize_minus_2, LU_data_argsize_minus_1):
    """After torch/csrc/autograd/FunctionsManual.cpp, lu_unpack_backward."""
    m, n = LU_data_argsize_minus_2, LU_data_argsize_minus_1
    k = min(m, n)
    grad_l, grad_u = grads
    if grad_l is None:
        found = grad_u.triu()
        return functions.cat([found, found.new_zeros((*found.shape[:-2], m - n, n))], -2) if m > n else found
    if grad_u is None:
        found = grad_l.tril(-1)
        return functions.cat([found, found.new_zeros((*found.shape[:-1], n - m))], -1) if n > m else found
    if m == n:
        return grad_l.tril(-1) + grad_u.triu()
    if m > n:
        return functions.cat(
            [grad_l.narrow(-2, 0, k).tril(-1) + grad_u.triu(), grad_l.narrow(-2, k, m - k)], -2
        )
    return functions.cat([grad_l.tril(-1) + grad_u.narrow(-1, 0, k).triu(), grad_u.narrow(-1, k, n - k)], -1)


@op(
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> "
    "(Tensor P, Tensor L, Tensor U)",
    variants="function",
    P=None,
    LU_data=_unpack_backward,
    LU_pivots=None,
)
def lu_unpack(xp, LU_data, LU_pivots, unpack_data, unpack_pivots):
    """The permutation and the triangular factors from what lu_factor returned."""
    if unpack_pivots and LU_pivots.dtype != np.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this function is "
            "intended to be used with the output produced by torch.linalg.lu_factor"
        )
    if LU_data.ndim < 2:
        raise RuntimeError(_TOO_FEW.format("torch.lu_unpack", messages.numbers(LU_data.shape)))
    known = LU_data.size and behind(xp).has_elements
    if known and ((LU_pivots < 1) | (LU_pivots > LU_data.shape[-2])).any():
        raise RuntimeError(
            "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive."
            "Did you properly pass the result of lu_factor?"
        )
    # PyTorch reads the pivots of each matrix where they would lie.
    swaps = xp.resize(LU_pivots, (*LU_data.shape[:-2], min(LU_data.shape[-2:])))
    p, lower, upper = _unpacked(xp, LU_data, swaps)
    empty = xp.zeros((0,), LU_data.dtype)
    return (p if unpack_pivots else empty), *((lower, upper) if unpack_data else (empty, empty.copy()))


def _lu_solve_backward(grad, lu, pivots, result, left, adjoint, needs):
    """After torch/csrc/autograd/FunctionsManual.cpp, linalg_lu_solve_LU."""
    of_lu = None
    if needs[0]:
        p, lower, upper = functions.lu_unpack(lu, pivots)
        if left != adjoint:
            product = -(grad if left else grad.mH).matmul(result.mH if left else result)
            inner = functions.linalg_solve_triangular(upper.mH, product, upper=False)
            of_lu = _by_lower(lower, inner.matmul(upper.mH)).tril(-1) + inner.triu()
        else:
            product = -p.mT.matmul(result if left else result.mH).matmul(grad.mH if left else grad).matmul(p)
            inner = functions.linalg_solve_triangular(
                lower.mH, product, upper=True, left=False, unitriangular=True
            )
            of_lu = inner.tril(-1) + _by_upper(upper, lower.mH.matmul(inner)).triu()
    of_sides = (
        functions.linalg_lu_solve(lu, pivots, grad, left=left, adjoint=not adjoint) if needs[1] else None
    )
    return of_lu, of_sides


@op(
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
    variants="function",
    namespace="linalg",
    LU__B=lambda grad, LU, pivots, result, left, adjoint, needs: _lu_solve_backward(
        grad, LU, pivots, result, left, adjoint, needs
    ),
    pivots=None,
)
def linalg_lu_solve(xp, LU, pivots, B, left, adjoint):
    """The solutions of systems whose matrix is given by lu_factor."""
    check_floating(LU, "torch.linalg.lu_solve")
    if LU.dtype != B.dtype:
        raise RuntimeError(
            f"linalg.lu_solve: Expected LU and B to have the same dtype, but found LU of type {kind_of(LU)} and B of type "
            f"{kind_of(B)} instead"
        )
    if pivots.dtype != np.int32:
        raise RuntimeError("linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32")
    check_matrix(LU, "torch.linalg.lu_solve")
    check_sides(LU, B, left, "linalg.lu_solve")
    if not pivots.ndim:
        raise messages.no_dimensions(-1)
    if LU.shape[-1] != pivots.shape[-1]:
        raise RuntimeError(
            "linalg.lu_solve: Number of pivots per batch should be same as the dimension of the matrix"
        )
    if LU.shape[:-1] != pivots.shape:
        raise RuntimeError(
            "linalg.lu_solve: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{messages.numbers(pivots.shape)} instead"
        )
    if LU.size and B.size:
        check_pivots(
            xp, pivots, LU.shape[-2], "lu", "be greater or equal to 1", "be smaller or equal to LU.size(-2)"
        )
    # X A = B is the transposed A^T X^T = B^T.
    lu, sides = (LU.conj() if adjoint else LU), (B if left else B.swapaxes(-1, -2))
    found = by_factors(xp, lu, pivots, sides, adjoint == left)
    return columns(found) if left else rows(found.swapaxes(-1, -2))


@composite("lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor", out=True)
def lu_solve(self, LU_data, LU_pivots):
    """The solutions of systems whose matrix is given by lu_factor."""
    messages.warn(
        "torch.lu_solve is deprecated in favor of torch.linalg.lu_solveand will be removed in a future PyTorch release.\n"
        "Note that torch.linalg.lu_solve has its arguments reversed.\nX = torch.lu_solve(B, LU, pivots)\nshould be replaced "
        "with\nX = torch.linalg.lu_solve(LU, pivots, B)",
        once=True,
    )
    return functions.linalg_lu_solve(LU_data, LU_pivots, self)

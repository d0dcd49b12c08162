"""Factorisations in the form that LAPACK keeps them in: reflectors, LU with its pivots, LDL; and triangular solutions."""

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.effects import broadcast_sizes
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops._factors import check_pivots
from tensorcli.engine.ops._matrices import check_codes, check_matrix, check_systems, columns, raise_for
from tensorcli.engine.ops._reflectors import reflectors_backward
from tensorcli.engine.ops._shared import behind, no_derivative
from tensorcli.engine.ops.solve import solved_triangle, triangle_of

# ---- reflectors


@op("geqrf(Tensor self) -> (Tensor a, Tensor tau)", self=no_derivative("geqrf"))
def geqrf(xp, self):
    """The R of a QR factorisation and, below it, the Householder reflectors of Q; and their factors."""
    if self.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    if not self.size:
        return columns(self.copy()), xp.zeros((*self.shape[:-2], min(self.shape[-2:])), self.dtype)
    turned, tau = xp.linalg.qr(self, mode="raw")
    return columns(turned.swapaxes(-1, -2)), tau


@op(
    "ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor",
    self__input2__input3=lambda grad, input2, input3, left, result, self, transpose, needs: _ormqr_backward(
        grad, self, input2, input3, left, transpose, result, needs
    ),
)
def ormqr(xp, self, input2, input3, left, transpose):
    """A matrix multiplied by the Q whose Householder reflectors are given."""
    _check_reflectors(self, input2, input3, left)
    count = input2.shape[-1]
    lower = xp.tril(self, -1)[..., :count] + xp.eye(self.shape[-2], count, dtype=self.dtype)
    result = input3
    for i in range(count) if left == transpose else range(count - 1, -1, -1):
        v = lower[..., i : i + 1]
        turned = v.conj().swapaxes(-1, -2)
        factor = input2[..., i : i + 1, None]
        factor = factor.conj() if transpose else factor
        result = result - factor * (v @ (turned @ result) if left else (result @ v) @ turned)
    return columns(result.copy() if result is input3 else result)


def _check_reflectors(a, tau, c, left):
    if a.ndim < 2:
        raise RuntimeError("torch.ormqr: input must have at least 2 dimensions.")
    if c.ndim < 2:
        raise RuntimeError("torch.ormqr: other must have at least 2 dimensions.")
    where, side = (-2, c.shape[-2]) if left else (-1, c.shape[-1])
    if side != a.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{where}] must be equal to input.shape[-2]")
    if tau.shape[-1] != min(side, a.shape[-1]):
        raise RuntimeError(
            f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{where}], input.shape[-1])"
        )
    if a.ndim - tau.ndim != 1:
        raise RuntimeError(
            "torch.ormqr: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{tau.ndim} and input.ndim is equal to {a.ndim}"
        )
    if a.ndim != c.ndim:
        raise RuntimeError(
            "torch.ormqr: Expected other to have the same number of dimensions as input, but got other.ndim equal to "
            f"{c.ndim} and input.ndim is equal to {a.ndim}"
        )
    for name, kind in (("tau", tau), ("other", c)):
        if kind.dtype != a.dtype:
            raise RuntimeError(
                f"torch.ormqr: Expected input and {name} to have the same dtype, but input has dtype{kind_of(a)} and "
                f"{name} has dtype {kind_of(kind)}"
            )


def _ormqr_backward(grad, self, input2, input3, left, transpose, result, needs):
    """The product is one of reflections: what is left of it is a product of the result and of the gradient."""
    of_reflectors = (None, None)
    if needs[0] or needs[1]:
        pair = (grad, result) if left else (grad.mH, result.mH)
        flip = left == transpose
        of_reflectors = reflectors_backward(*(pair[::-1] if flip else pair), self, input2, flip)
    of_other = functions.ormqr(self, input2, grad, left, not transpose) if needs[2] else None
    return (*of_reflectors, of_other)


# ---- LU


@composite(
    "_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor LU, Tensor pivots, Tensor info)"
)
def lu_with_info(self, pivot, check_errors):
    """Both triangular factors in one matrix, the rows exchanged, and which matrices are singular."""
    messages.warn(
        "torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex and will be removed in a "
        "future PyTorch release.\nLU, pivots = torch.lu(A, compute_pivots)\nshould be replaced with\nLU, pivots = "
        "torch.linalg.lu_factor(A, compute_pivots)\nand\nLU, pivots, info = torch.lu(A, compute_pivots, get_infos=True)\n"
        "should be replaced with\nLU, pivots, info = torch.linalg.lu_factor_ex(A, compute_pivots)",
        once=True,
    )
    return functions.linalg_lu_factor_ex(self, pivot=pivot)


@composite("lu(Tensor self, bool pivot=True, bool get_infos=False) -> Tensor[]")
def lu(self, pivot, get_infos):
    """Both triangular factors in one matrix, the rows exchanged, and, when asked, which matrices are singular."""
    found = functions._lu_with_info(self, pivot, not get_infos)
    return found if get_infos else found[:2]


# ---- triangular systems


@op(
    "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> "
    "(Tensor solution, Tensor cloned_coefficient)",
    tangents=lambda self_t, A, A_t, upper, transpose, unitriangular, solution: (
        functions.triangular_solve(self_t - A_t.matmul(solution), A, upper, transpose, unitriangular)[0],
        A_t,
    ),
    self__A=lambda grads, self, A, solution, upper, transpose, unitriangular, needs: _triangular_backward(
        grads, A, solution, upper, transpose, unitriangular, needs
    ),
)
def triangular_solve(xp, self, A, upper, transpose, unitriangular):
    """The X for which A X = B, where A is triangular, and a copy of A."""
    if self.ndim < 2:
        raise RuntimeError(
            f"torch.triangular_solve: Expected b to have at least 2 dimensions, but it has {self.ndim} dimensions instead"
        )
    if A.ndim < 2:
        raise RuntimeError(
            f"torch.triangular_solve: Expected A to have at least 2 dimensions, but it has {A.ndim} dimensions instead"
        )
    check_systems(self, A, "triangular_solve")
    refuse(self, "triangular_solve_cpu", "biu")
    messages.warn(
        "torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangularand will be removed in a future PyTorch "
        "release.\ntorch.linalg.solve_triangular has its arguments reversed and does not return a copy of one of the inputs.\n"
        "X = torch.triangular_solve(B, A).solution\nshould be replaced with\nX = torch.linalg.solve_triangular(A, B).",
        once=True,
    )
    lead = broadcast_sizes([self.shape[:-2], A.shape[:-2]])
    b = xp.broadcast_to(self, (*lead, *self.shape[-2:]))
    a = xp.broadcast_to(A, (*lead, *A.shape[-2:]))
    kept = triangle_of(xp, a, upper, unitriangular)
    turned = kept.swapaxes(-1, -2) if transpose else kept
    result = solved_triangle(xp, turned, b, upper != transpose) if b.size else b.copy()
    return columns(result), columns(a.copy())


def _triangular_backward(grads, a, solution, upper, transpose, unitriangular, needs):
    """After torch/csrc/autograd/FunctionsManual.cpp, triangular_solve_backward."""
    grad, of_copy = grads
    of_b = of_a = None
    if grad is not None:
        of_b = functions.triangular_solve(grad, a.conj(), upper, not transpose, unitriangular)[0]
        if needs[1]:
            of_a = -solution.conj().matmul(of_b.mT) if transpose else -of_b.matmul(solution.mH)
            of_a = of_a.triu(int(unitriangular)) if upper else of_a.tril(-int(unitriangular))
    if needs[1] and of_copy is not None:
        of_a = of_copy if of_a is None else of_a + of_copy
    return of_b if needs[0] else None, of_a


# ---- LDL


@op(
    "linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> "
    "(Tensor LD, Tensor pivots, Tensor info)",
    variants="function",
    namespace="linalg",
)
def linalg_ldl_factor_ex(xp, self, hermitian, check_errors):
    """The factors of symmetric matrices that need not be definite, the rows exchanged, and which are singular."""
    check_matrix(self, "torch.linalg.ldl_factor_ex")
    factored = xp.empty(self.shape, self.dtype)
    pivots = xp.zeros(self.shape[:-1], np.int32)
    info = xp.zeros(self.shape[:-2], np.int32)
    if self.size:
        run = behind(xp).lapack("hetrf" if hermitian and self.dtype.kind == "c" else "sytrf", self)
        for at in np.ndindex(*self.shape[:-2]):
            found, order, code = run(self[at], lower=1)
            factored[at], pivots[at], info[at] = xp.tril(found), order, code
    if check_errors:
        check_codes(info, "torch.linalg.ldl_factor_ex")
    return columns(factored), pivots, info


@composite(
    "linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)",
    variants="function",
    namespace="linalg",
    out=True,
)
def linalg_ldl_factor(self, hermitian):
    """The factors of symmetric matrices that need not be definite, and the rows exchanged."""
    factored, pivots, info = functions.linalg_ldl_factor_ex(self, hermitian=hermitian)
    raise_for(info, "torch.linalg.ldl_factor")
    return factored, pivots


@op(
    "linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor",
    variants="function",
    namespace="linalg",
)
def linalg_ldl_solve(xp, LD, pivots, B, hermitian):
    """The solutions of systems whose matrix is given by its LDL factors."""
    check_matrix(LD, "torch.linalg.ldl_solve")
    check_systems(B, LD, "torch.linalg.ldl_solve")
    if B.ndim < 2:
        raise RuntimeError(
            f"torch.linalg.ldl_solve: Expected B to have at least 2 dimensions, but it has {B.ndim} dimensions instead"
        )
    if LD.shape[:-1] != pivots.shape:
        raise RuntimeError(
            f"torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{messages.numbers(pivots.shape)} instead"
        )
    if pivots.dtype.kind not in "iu":
        raise RuntimeError(f"torch.linalg.ldl_solve: Expected pivots to be integers. Got {kind_of(pivots)}")
    lead = broadcast_sizes([B.shape[:-2], LD.shape[:-2]])
    result = xp.empty((*lead, *B.shape[-2:]), B.dtype)
    if LD.size:
        check_pivots(
            xp, abs(pivots), LD.shape[-2], "ldl", "satisfy |pivot| >= 1", "satisfy |pivot| <= LD.size(-2)"
        )
    if result.size and behind(xp).has_elements:
        run = behind(xp).lapack("hetrs" if hermitian and LD.dtype.kind == "c" else "sytrs", LD)
        a, b = xp.broadcast_to(LD, (*lead, *LD.shape[-2:])), xp.broadcast_to(B, result.shape)
        order = xp.broadcast_to(pivots, (*lead, pivots.shape[-1]))
        for at in np.ndindex(*lead):
            result[at] = run(a[at], order[at], b[at], lower=1)[0]
    return columns(result)

"""LU factors of matrices as arrays, and what is solved with them.

The steps are those of PyTorch's library where they are known (`_elimination.py`), and LAPACK's elsewhere. No operators are
declared here.
"""

import numpy as np

from tensorcli.engine.effects import broadcast_sizes
from tensorcli.engine.ops._elimination import by_reciprocals, eliminated, is_small, multiplied_onto
from tensorcli.engine.ops._shared import behind


def batches(a):
    """The places of the matrices in an array of them."""
    return np.ndindex(*a.shape[:-2])


def factorised(xp, a):
    """(LU, pivots counted from 1) of matrices."""
    if is_small(xp, a):
        return eliminated(a)
    lu = xp.empty(a.shape, a.dtype)
    pivots = xp.empty((*a.shape[:-2], min(a.shape[-2:])), np.int32)
    if a.size:
        factor = behind(xp).lu
        for at in batches(a):
            lu[at], pivots[at] = factor(a[at])
    return lu, pivots


def widened(xp, a):
    """Matrices whose factors solve systems best: large ones in double precision, so that what differs from PyTorch's solution is
    no more than PyTorch's own rounding.
    """
    return a if is_small(xp, a) or xp is not np else a.astype(np.result_type(a.dtype, np.float64))


def turned(a):
    """The matrices that PyTorch factorises for a system: transposed where that is the order in which LAPACK wants them."""
    return a.swapaxes(-1, -2) if a.flags.c_contiguous and a.dtype.kind != "c" else a


def determined(xp, a):
    """(what elimination leaves on the diagonal, the sign of the exchanges, LU, pivots) of square matrices."""
    lu, pivots = factorised(xp, turned(a))
    exchanges = (pivots != xp.arange(1, a.shape[-1] + 1)).sum(axis=-1)
    left = xp.diagonal(lu, axis1=-2, axis2=-1)
    return left, xp.where(exchanges % 2, -1, 1).astype(a.dtype), lu, pivots


def check_pivots(xp, pivots, rows, kind, lowest, highest):
    """Refuse the numbers of rows that are not there, which LAPACK would follow out of the memory of the matrices.

    Errors: RuntimeError with PyTorch's texts.
    """
    if not behind(xp).has_elements:
        return
    for wrong, asked in ((pivots < 1, lowest), (pivots > rows, highest)):
        if wrong.any():
            raise RuntimeError(
                f"Pivots given to {kind}_solve must all {asked}. Did you properly pass the result of {kind}_factor?"
            )


def zero_pivot(xp, lu):
    """For each LU factorisation the number of the first zero pivot, or 0."""
    zero = xp.diagonal(lu, axis1=-2, axis2=-1) == 0
    if not zero.shape[-1]:
        return xp.zeros(lu.shape[:-2], np.int32)
    return xp.asarray(xp.where(zero.any(axis=-1), zero.argmax(axis=-1) + 1, 0), np.int32)


def inverse_of(xp, a):
    """The inverses of matrices, and for each the number of its first zero pivot, or 0."""
    if not is_small(xp, a):
        try:
            return xp.linalg.inv(a), xp.zeros(a.shape[:-2], np.int32)
        except np.linalg.LinAlgError:
            pass
    lu, pivots = factorised(xp, a)
    sides = xp.broadcast_to(xp.eye(a.shape[-1], dtype=a.dtype), a.shape)
    return substituted(xp, lu, pivots, sides), zero_pivot(xp, lu)


def substituted(xp, lu, pivots, sides):
    """What LAPACK makes of right sides when it is not told that a pivot is zero: infinities and NaN, as far as they spread.

    `lu` (..., n, n) and `pivots` (..., n) as from `factorised`, `sides` (..., n, k), whose leading sizes are those of `lu`.
    """
    rows = xp.take_along_axis(sides, behind(xp).row_order(pivots, lu.shape[-1])[..., None], -2)
    lower = xp.tril(lu, -1) + xp.eye(lu.shape[-1], dtype=lu.dtype)
    inverts = by_reciprocals(sides)
    return by_substitution(xp, lu, by_substitution(xp, lower, rows, False, inverts), True, inverts)


def substituted_transposed(xp, lu, pivots, sides):
    """The same for the transposed matrices, whose factors are `lu` still."""
    inverts = by_reciprocals(sides)
    upper = by_substitution(xp, lu.swapaxes(-1, -2), sides, False, inverts)
    lower = xp.tril(lu, -1) + xp.eye(lu.shape[-1], dtype=lu.dtype)
    rows = by_substitution(xp, lower.swapaxes(-1, -2), upper, True, inverts)
    found = xp.empty_like(rows)
    order = xp.broadcast_to(behind(xp).row_order(pivots, lu.shape[-1])[..., None], rows.shape)
    xp.put_along_axis(found, order, rows, -2)
    return found


def by_factors(xp, lu, pivots, sides, transposed):
    """The solutions of systems, or of the transposed ones, by the factors of their matrices. Zero pivots divide."""
    lead = broadcast_sizes([sides.shape[:-2], lu.shape[:-2]])
    lu, pivots, sides = (
        xp.broadcast_to(one, (*lead, *one.shape[own:])) for one, own in ((lu, -2), (pivots, -1), (sides, -2))
    )
    if is_small(xp, lu):
        return (substituted_transposed if transposed else substituted)(xp, lu, pivots, sides)
    found = xp.empty(sides.shape, sides.dtype)
    if found.size:
        solve = behind(xp).lu_solve
        for at in batches(found):
            found[at] = solve(lu[at], pivots[at], sides[at], transposed)
    return found


def by_substitution(xp, a, b, upper, inverts=False):
    """The X for which a X = b, where a is triangular (its other half is not read); zeros on its diagonal divide, which `inverts`
    makes a product with the reciprocal.

    The leading sizes of `a` and `b` are the same.
    """
    found, n = b.copy(), a.shape[-1]
    with np.errstate(all="ignore"):
        for i in range(n - 1, -1, -1) if upper else range(n):
            rest = slice(0, i) if upper else slice(i + 1, n)
            pivot = a[..., i, i, None]
            found[..., i, :] = found[..., i, :] * (1 / pivot) if inverts else found[..., i, :] / pivot
            taken, row = a[..., rest, i : i + 1], found[..., i : i + 1, :]
            if xp is np:
                found[..., rest, :] = multiplied_onto(found[..., rest, :], -taken, row)
            else:
                found[..., rest, :] -= taken * row
    return found

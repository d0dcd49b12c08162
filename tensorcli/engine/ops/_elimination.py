"""Gaussian elimination of small matrices with the roundings of PyTorch's library.

MKL eliminates small matrices step by step, with fused multiply-add, and multiplies by a pivot's reciprocal; only the last step
of square ones up to four rows divides. Up to which size that holds was measured. Whether a pivot becomes zero, and whether a
determinant is a whole number, hangs on it.
"""

import numpy as np

from tensorcli.engine.fused import fused, fused64

LARGEST = 16
DIVIDED = 4


def is_small(xp, a):
    """Whether the steps here are those of PyTorch's library."""
    return xp is np and a.dtype in (np.float32, np.float64) and 0 < max(a.shape[-2:]) <= LARGEST and a.size


def eliminated(a):
    """(LU, pivots counted from 1) of small matrices."""
    m, n = a.shape[-2:]
    lu = np.array(a, order="C").reshape(-1, m, n)
    pivots = np.empty((len(lu), min(m, n)), np.int32)
    each = np.arange(len(lu))
    with np.errstate(all="ignore"):
        for k in range(min(m, n)):
            at = k + np.abs(lu[:, k:, k]).argmax(axis=1)
            pivots[:, k] = at + 1
            lu[each, k], lu[each, at] = lu[each, at], lu[each, k]
            pivot = lu[:, k, k, None]
            pivot = np.where(pivot == 0, lu.dtype.type(1), pivot)
            below = lu[:, k + 1 :, k]
            divides = m == n <= DIVIDED and k == n - 2
            below = lu[:, k + 1 :, k] = below / pivot if divides else below * (1 / pivot)
            rest = lu[:, k + 1 :, k + 1 :]
            rest[:] = multiplied_onto(rest, -below[:, :, None], lu[:, k, None, k + 1 :])
    return lu.reshape(a.shape), pivots.reshape(*a.shape[:-2], -1)


def by_reciprocals(sides):
    """Whether MKL multiplies by the reciprocals of pivots where it substitutes: of the sizes that were measured."""
    return sides.shape[-2] == 2 or (sides.shape[-2] == 16 and sides.shape[-1] > 1)


def multiplied_onto(z, x, y):
    """z + x * y, rounded once where numbers are float32 or float64."""
    if z.dtype == np.float32:
        return fused(x, y, z)
    return fused64(x, y, z) if z.dtype == np.float64 else z + x * y


def product(factors):
    """The products along the last axis, from the first to the last."""
    if not factors.shape[-1]:
        return factors.prod(axis=-1)
    found = factors[..., 0]
    for i in range(1, factors.shape[-1]):
        found = found * factors[..., i]
    return found

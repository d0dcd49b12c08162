"""Products of small matrices in the order in which PyTorch's library adds them up.

MKL multiplies small matrices with plain loops where it has no kernels for the processor: product by product, each rounded,
from the first to the last. Larger ones go to numpy's library, which adds up in blocks as MKL's large ones do, though not
always in the same; so do those that MKL takes in another order. How small a product has to be was measured.
"""

import numpy as np

LONGEST = 7
WIDEST = 8
NARROW = 3
WORK = 1 << 20
"""Up to how many products the order is followed for float16."""


def product(xp, a, b):
    """a @ b."""
    return _added(a, b) if _in_order(xp, a, b) else xp.matmul(a, b)


def of_halves(a, b):
    """a @ b of float16, added up in float32: in four sums where both lie by rows or both by columns
    (aten/src/ATen/native/cpu/BlasKernel.cpp).
    """
    wide_a, wide_b = a.astype(np.float32), b.astype(np.float32)
    inner, work = a.shape[-1], a.size * b.shape[-1]
    if _by_columns(a) != _by_columns(b) or inner < 4 or work > WORK:
        return np.matmul(wide_a, wide_b).astype(np.float16)
    whole = inner - inner % 4
    sums = [_added(wide_a[..., k:whole:4], wide_b[..., k:whole:4, :]) for k in range(4)]
    if whole < inner:
        sums[0] = _added(wide_a[..., whole:], wide_b[..., whole:, :], sums[0])
    return (sums[0] + sums[1] + sums[2] + sums[3]).astype(np.float16)


def onto(xp, base, a, b):
    """base + a @ b. Where b is read row by row the products are added to base one by one."""
    if _in_order(xp, a, b) and ((b.shape[-1] > 1 and not _by_columns(b)) or a.shape[0] == b.shape[-1] == 1):
        return _added(a, b, base)
    return xp.add(base, product(xp, a, b))


def dot(xp, a, b):
    """The sum of the products of two vectors."""
    return _added(a[None], b[:, None])[0, 0] if 0 < a.size <= 3 and _is_plain(xp, a) else xp.dot(a, b)


def vector(xp, mat, vec):
    """mat @ vec."""
    if 0 < vec.size <= 4 and _is_plain(xp, mat):
        return _added(mat, vec[:, None])[:, 0]
    return xp.matmul(mat, vec)


def _is_plain(xp, array):
    return xp is np and array.dtype.kind == "f" and array.dtype.itemsize >= 4


def _by_columns(matrix):
    down, across = matrix.strides[-2:]
    return down == matrix.itemsize and across > down


def _in_order(xp, a, b):
    (rows, inner), columns = a.shape[-2:], b.shape[-1]
    if not (_is_plain(xp, a) and inner and (columns <= WIDEST or rows <= NARROW)):
        return False
    if inner <= 3:
        return True
    if columns == 1 or b.ndim == 3:
        return inner <= 4 or (b.ndim == 3 and inner <= LONGEST)
    return inner <= LONGEST and (columns <= NARROW or not _by_columns(b))


def _added(a, b, base=None):
    """The products added up one after the other, to 0 or to base."""
    first = a[..., :1] * b[..., :1, :]
    found = (0 if base is None else base) + first
    for k in range(1, a.shape[-1]):
        found = found + a[..., k : k + 1] * b[..., k : k + 1, :]
    return found

"""The signs (phases) of the eigenvectors of symmetric matrices that PyTorch's library gives.

LAPACK makes a matrix tridiagonal, and diagonal by rotations. Which sign a rotation has was chosen anew in LAPACK 3.10, which
numpy has; PyTorch's MKL has the older choice, and other eigenvectors by a sign. Here the steps are taken with that choice
(dsytd2, dsteqr, dlaev2, dlartg of LAPACK 3.9), which says what to multiply numpy's vectors by. From 26 rows on LAPACK divides
matrices before.
"""

from math import hypot, sqrt

import numpy as np

_ROWS = 25
_ELEMENTS = 4096
"""How large a batch may be: each step is Python's."""


def signed(vectors, matrices, upper):
    """The eigenvectors (..., n, n) of matrices of which one triangle counts, with PyTorch's signs."""
    n = matrices.shape[-1]
    if not 2 < n <= _ROWS or matrices.size > _ELEMENTS:
        return vectors
    flat = vectors.reshape(-1, n, n).copy()
    for found, matrix in zip(flat, matrices.reshape(-1, n, n), strict=True):
        like = _vectors(matrix, upper)
        along = (found.conj() * like).sum(axis=0)
        size = np.abs(along)
        known = size > 0.5
        found *= np.where(known, along / np.where(known, size, 1), 1).astype(found.dtype)
    return flat.reshape(vectors.shape)


def _vectors(matrix, upper):
    diagonal, beside, turned = _tridiagonal(matrix, upper)
    kind = matrix.real.dtype
    return turned @ _rotated(diagonal.astype(kind), beside.astype(kind))


def _tridiagonal(matrix, upper):
    """The diagonal, what stands beside it, and the matrix that reflections turned by."""
    n = len(matrix)
    matrix = matrix.astype(np.complex128 if matrix.dtype.kind == "c" else np.float64)
    half = np.triu(matrix, 1) if upper else np.tril(matrix, -1)
    matrix = half + half.conj().T + np.diag(matrix.diagonal().real)
    turned, beside = np.eye(n, dtype=matrix.dtype), np.zeros(n - 1)
    for i in reversed(range(n - 1)) if upper else range(n - 1):
        pivot, rest = (i, slice(0, i)) if upper else (i + 1, slice(i + 2, n))
        column = matrix[:, i + 1] if upper else matrix[:, i]
        beside[i], mirror = _reflection(column, pivot, rest)
        matrix = mirror.conj().T @ matrix @ mirror
        turned = turned @ mirror
    return matrix.diagonal().real.copy(), beside, turned


def _reflection(column, pivot, rest):
    """What is left at the pivot of a column, and the reflection that makes the rest zero."""
    mirror = np.eye(len(column), dtype=column.dtype)
    alpha, others = column[pivot], np.linalg.norm(column[rest])
    if not others and not alpha.imag:
        return alpha.real, mirror
    left = -_like(alpha.real, hypot(abs(alpha), others))
    axis = np.zeros_like(column)
    axis[pivot], axis[rest] = 1, column[rest] / (alpha - left)
    return left, mirror - (left - alpha) / left * np.outer(axis, axis.conj())


def _rotated(diagonal, beside):
    """The eigenvectors of a tridiagonal matrix, by ascending eigenvalues. Both arrays are written."""
    n, limits = len(diagonal), np.finfo(diagonal.dtype)
    vectors = np.eye(n, dtype=diagonal.dtype)
    start = 0
    while start < n:
        end = start
        while end < n - 1 and abs(beside[end]) > _root(diagonal[end]) * _root(diagonal[end + 1]) * (
            limits.eps / 2
        ):
            end += 1
        block = diagonal[start : end + 1], beside[start:end], vectors[:, start : end + 1]
        # From the smaller end on.
        if abs(diagonal[end]) < abs(diagonal[start]):
            _diagonalise(*(one[..., ::-1] for one in block), mirrored=True)
        else:
            _diagonalise(*block, mirrored=False)
        start = end + 1
    for i in range(n - 1):
        least = i + int(np.argmin(diagonal[i:]))
        diagonal[[i, least]] = diagonal[[least, i]]
        vectors[:, [i, least]] = vectors[:, [least, i]]
    return vectors


def _like(number, size):
    """A size with the sign of a number; MKL's compiler takes -0.0 for positive."""
    return -size if number < 0 else size


def _root(number):
    return number.dtype.type(sqrt(abs(number)))


def _diagonalise(diagonal, beside, vectors, mirrored):
    """Turn a block until it is diagonal, and vectors with it."""
    limits, kind = np.finfo(diagonal.dtype), diagonal.dtype.type
    small = kind(limits.eps / 2) ** 2
    at, last, sweeps = 0, len(diagonal) - 1, 0
    while at <= last and sweeps <= 30 * len(diagonal):
        end = at
        while (
            end < last
            and abs(beside[end]) ** 2 > small * abs(diagonal[end]) * abs(diagonal[end + 1]) + limits.tiny
        ):
            end += 1
        if end < last:
            beside[end] = 0
        if end == at:
            at += 1
        elif end == at + 1:
            pair = [end, at] if mirrored else [at, end]
            *values, c, s = _of_two(diagonal[pair[0]], beside[at], diagonal[pair[1]])
            diagonal[pair] = values
            beside[at] = 0
            _rotate(vectors, pair[0], pair[1], c, s)
            at += 2
        else:
            _sweep(diagonal, beside, vectors, at, end)
            sweeps += 1


def _sweep(diagonal, beside, vectors, at, end):
    """Rotations from the end of a block up to its start, with a shift by an eigenvalue of the two rows there."""
    kind = diagonal.dtype.type
    g = (diagonal[at + 1] - diagonal[at]) / (2 * beside[at])
    g = diagonal[end] - diagonal[at] + beside[at] / (g + _like(g, kind(hypot(g, 1))))
    s, c, shift = kind(1), kind(1), kind(0)
    for i in range(end - 1, at - 1, -1):
        f, b = s * beside[i], c * beside[i]
        c, s, r = _rotation(g, f)
        if i != end - 1:
            beside[i + 1] = r
        g = diagonal[i + 1] - shift
        r = (diagonal[i] - g) * s + 2 * c * b
        shift = s * r
        diagonal[i + 1] = g + shift
        g = c * r - b
        _rotate(vectors, i, i + 1, c, -s)
    diagonal[at] -= shift
    beside[at] = g


def _rotation(f, g):
    """The cosine and the sine that turn (f, g) to (r, 0), and r: the cosine is positive only where f is the larger."""
    kind = f.dtype.type
    if g == 0:
        return kind(1), kind(0), f
    if f == 0:
        return kind(0), kind(1), g
    r = kind(sqrt(f * f + g * g))
    r = -r if abs(f) > abs(g) and f < 0 else r
    return f / r, g / r, r


def _rotate(vectors, i, j, c, s):
    first, second = vectors[:, i].copy(), vectors[:, j].copy()
    vectors[:, j] = c * second - s * first
    vectors[:, i] = s * second + c * first


def _of_two(a, b, c):
    """The eigenvalues of ((a, b), (b, c)), the larger in size first, and the cosine and sine of its vector."""
    kind = a.dtype.type
    total, apart, twice = a + c, a - c, b + b
    larger, smaller = (a, c) if abs(a) > abs(c) else (c, a)
    root = kind(hypot(apart, twice))
    sign = -1 if total < 0 else 1
    if total:
        first = kind(0.5) * (total + sign * root)
        second = (larger / first) * smaller - (b / first) * b
    else:
        first, second = kind(0.5) * root, kind(-0.5) * root
    side = 1 if apart >= 0 else -1
    most = apart + side * root
    if abs(most) > abs(twice):
        ratio = -twice / most
        sine = 1 / kind(sqrt(1 + ratio * ratio))
        cosine = ratio * sine
    elif not twice:
        cosine, sine = kind(1), kind(0)
    else:
        ratio = -most / twice
        cosine = 1 / kind(sqrt(1 + ratio * ratio))
        sine = ratio * cosine
    return (first, second, -sine, cosine) if sign == side else (first, second, cosine, sine)

"""Exponentials of matrices by the Taylor polynomials that PyTorch takes (Bader, Blanes and Casas, Mathematics 7, 2019, 1174).

One matrix gets the lowest degree that its norm allows; a batch gets degree 18, scaled and squared. Products and sums are
rounded in the matrices' own dtype. PyTorch keeps the coefficients for all dtypes but float32 as doubles, and lets kernels for
float16 and bfloat16 read that memory as theirs: what comes of it, mostly nan, is what users see there.
"""

from functools import reduce
from math import isfinite

import numpy as np

from tensorcli.engine.dtypes import is_reduced
from tensorcli.engine.ops import _arithmetic, _cascade, _products
from tensorcli.engine.ops._moments import widened

_LARGEST = {
    np.float32: (1.192092800768788e-07, 5.978858893805233e-04, 5.116619363445086e-02, 5.800524627688768e-01,
                 1.461661507209034e00, 3.010066362817634e00),
    np.float64: (2.220446049250313e-16, 2.580956802971767e-08, 3.397168839976962e-04, 4.991228871115323e-02,
                 2.996158913811580e-01, 1.090863719290036e00),
}  # fmt: skip
"""Up to which norm the polynomials of degree 1, 2, 4, 8, 12 and 18 are taken, by what the coefficients are kept in."""

_ROOT = 0.1330413469565007072504e2
_THIRDS = 2 / 3
_DEGREE_8 = (
    (_THIRDS * ((1 + _ROOT) / 88), _THIRDS * ((1 + _ROOT) / 352)),
    (_THIRDS, 1),
    (
        (-271 + 29 * _ROOT) / (315 * _THIRDS),
        (-11 + 11 * _ROOT) / (1260 * _THIRDS),
        (-99 + 11 * _ROOT) / (5040 * _THIRDS),
        (89 - _ROOT) / (5040 * _THIRDS),
    ),
    (1, 1, (857 - 58 * _ROOT) / 630, 0, 1),
)
_DEGREE_12 = (
    (9.0198e-16, 0.46932117595418237389, -0.20099424927047284052, -0.04623946134063071740),
    (5.31597895759871264183, 1.19926790417132231573, 0.01179296240992997031, 0.01108844528519167989),
    (0.18188869982170434744, 0.05502798439925399070, 0.09351590770535414968, 0.00610700528898058230),
    (-2.0861320e-13, -0.13181061013830184015, -0.02027855540589259079, -0.00675951846863086359),
)
_DEGREE_18 = (
    (0, -1.00365581030144618291e-01, -8.02924648241156932449e-03, -8.92138498045729985177e-04, 0),
    (0, 3.97849749499645077844e-01, 1.36783778460411720168e00, 4.98289622525382669416e-01, -6.37898194594723280150e-04),
    (-1.09676396052962061844e01, 1.68015813878906206114e00, 5.71779846478865511061e-02, -6.98210122488052056106e-03,
     3.34975017086070470649e-05),
    (-9.04316832390810593223e-02, -6.76404519071381882256e-02, 6.75961301770459654925e-02, 2.95552570429315521194e-02,
     -1.39180257516060693404e-05),
    (0, 0, -9.23364619367118555360e-02, -1.69364939002081722752e-02, -1.40086798182036094347e-05),
)  # fmt: skip


def exponentials(xp, matrices):
    """The exponentials of a batch of square matrices, in their dtype."""
    kind = matrices.real.dtype
    kept = np.float32 if kind == np.float32 else np.float64
    limits = np.array(_LARGEST[kept], kept)
    norms = _norms(xp, matrices)
    if len(matrices) == 1:
        if norms[0] != norms[0]:
            return xp.full_like(matrices, xp.nan)
        degrees = (_degree_1, _degree_2, _degree_4, _degree_8, _degree_12)
        below = (norms[0] <= limit for limit in limits[:-2].astype(kind))
        compute = next((f for f, holds in zip(degrees, below, strict=False) if holds), None)
        if compute is None and norms[0] < limits[-2].astype(kind):
            compute = _degree_12
        if compute is not None:
            return compute(xp, matrices, kept)
    (wide,) = widened(norms)
    ratios = (wide / wide.dtype.type(limits[-1])).astype(kind)
    (logs,) = widened(_arithmetic.widely(xp.log2, *widened(ratios)).astype(kind))
    steps = xp.maximum(xp.ceil(logs), 0)
    scales = xp.exp2(-steps).astype(kind)
    return _squared(xp, _degree_18(xp, matrices * scales[:, None, None], kept), steps.tolist())


def _norms(xp, matrices):
    (sizes,) = widened(xp.abs(matrices))
    return _cascade.total(xp, sizes, (1,)).astype(matrices.real.dtype).max(axis=-1)


def _squared(xp, found, steps):
    """Each matrix multiplied by itself as often as its step says, and one whose step is not a number as often as the others."""
    times, most = [0] * len(steps), 0
    for i in sorted(range(len(steps)), key=lambda i: (steps[i] != steps[i], steps[i])):
        most = max(most, int(steps[i]) if isfinite(steps[i]) else 0)
        times[i] = most
    for step in range(most):
        rest = [i for i, count in enumerate(times) if count > step]
        found[rest] = _multiplied(xp, found[rest], found[rest])
    return found


def _multiplied(xp, a, b):
    if a.dtype == np.float16:
        return _products.of_halves(xp, a, b, a.shape[1] ** 3 < 400)
    if is_reduced(a.dtype):
        return _products.batched(xp, *widened(a, b)).astype(a.dtype)
    return _products.batched(xp, a, b)


def _powers(xp, matrices, count):
    """I, A, A², A³, A⁶: the first of these."""
    found = [xp.broadcast_to(xp.eye(matrices.shape[-1], dtype=matrices.dtype), matrices.shape), matrices]
    for left, right in ((1, 1), (1, 2), (3, 3))[: count - 2]:
        found.append(_multiplied(xp, found[left], found[right]))
    return found


def _combined(terms, numbers):
    """The sum of the terms times their numbers, rounded after each step."""
    kind = terms[0].real.dtype
    return reduce(
        lambda found, pair: found + pair[0] * pair[1], zip(terms, numbers, strict=True), kind.type(0)
    )


def _summed(xp, terms):
    (wide,) = widened(xp.stack(terms))
    return _cascade.total(xp, wide, (0,)).astype(terms[0].dtype)


def _read(matrices, kept, numbers):
    """Numbers as a kernel for the matrices reads them where PyTorch keeps them."""
    kind = matrices.real.dtype
    numbers = np.array(numbers, kept)
    if not is_reduced(kind):
        return numbers
    return numbers.reshape(-1).view(kind)[: numbers.size].reshape(numbers.shape)


def _degree_1(xp, matrices, kept):
    return _summed(xp, _powers(xp, matrices, 2))


def _degree_2(xp, matrices, kept):
    one, first, second = _powers(xp, matrices, 3)
    return _summed(xp, [one, first, second / second.real.dtype.type(2)])


def _degree_4(xp, matrices, kept):
    powers = _powers(xp, matrices, 3)
    inner = _combined(powers, _read(matrices, kept, (1 / 2, 1 / 6, 1 / 24)))
    powers.append(_multiplied(xp, powers[2], inner))
    return _combined(powers, _read(matrices, kept, (1, 1, 0, 1)))


def _degree_8(xp, matrices, kept):
    inner, left, right, last = (_read(matrices, kept, numbers) for numbers in _DEGREE_8)
    powers = _powers(xp, matrices, 3)
    powers.append(_multiplied(xp, powers[2], _combined(powers[1:], inner)))
    powers.append(_multiplied(xp, _combined(powers[2:], left), _combined(powers, right)))
    return _combined(powers, last)


def _degree_12(xp, matrices, kept):
    powers = _powers(xp, matrices, 4)
    first, second, third, fourth = (_combined(powers, row) for row in _read(matrices, kept, _DEGREE_12))
    third = third + _multiplied(xp, fourth, fourth)
    return first + _multiplied(xp, second + third, third)


def _degree_18(xp, matrices, kept):
    powers = _powers(xp, matrices, 5)
    first, second, third, fourth, fifth = (
        _combined(powers, row) for row in _read(matrices, kept, _DEGREE_18)
    )
    fourth = fourth + _multiplied(xp, first, fifth)
    return second + _multiplied(xp, third + fourth, fourth)

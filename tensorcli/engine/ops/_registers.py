"""What PyTorch computes in vector registers of 32 bytes (AVX2), where that shows in the last bits of float32.

In registers its exponentials and logarithms are SLEEF's, within one unit in the last place; elements that do not fill the
registers of a step, and those that do not lie side by side, go through the C library, whose exponential is all but always
rounded correctly. Sources: sleef's src/libm/sleefsimdsp.c (xexpf, xlogf_u1), ATen/cpu/vec/functional_base.h (reduce_all).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.fused import fused

LANES = 8
_REGISTER = 32
THREADS = 2
"""Among how many threads PyTorch is taken to divide work that it divides even where there is little."""
STEP = 2 * LANES
"""How many elements a step of an element-wise loop takes."""
MOST = 16384
"""Up to how many elements the order and the rounding of PyTorch are followed: beyond it, speed counts more."""
_SMALLEST_NORMAL = np.float32(np.finfo(np.float32).tiny)
_EXP = (
    0.00139304355252534151077271,
    0.00833336077630519866943359,
    0.0416664853692054748535156,
    0.166666671633720397949219,
)


def is_small_single(xp, array):
    """Whether PyTorch's rounding is followed for an array."""
    return xp is np and type(array) is np.ndarray and array.dtype == np.float32 and array.size <= MOST


def is_reduced(array):
    """Whether an array of numpy's has the elements of float16 or bfloat16."""
    return dtypes.is_reduced(array.dtype) and isinstance(array, np.ndarray | np.generic)


def exp(x):
    """SLEEF's exponential of float32: x = q ln 2 + s, and a polynomial of s."""
    with np.errstate(all="ignore"):
        inside = np.where(np.abs(x) < 128, x, np.float32(0))
        q = np.rint(inside * np.float32(1.4426950408889634))
        s = fused(q, np.float32(-1.428606765330187045e-06), fused(q, np.float32(-0.693145751953125), inside))
        u = np.full_like(s, 0.000198527617612853646278381)
        for c in (*_EXP, 0.5):
            u = fused(u, s, np.float32(c))
        u = np.ldexp(1 + fused(s * s, u, s), q.astype(np.int32)).astype(np.float32)
        return np.where(
            x > 100, np.float32(np.inf), np.where(x < -104, np.float32(0), np.where(np.isnan(x), x, u))
        )


_ROUGH = (-0.079204240219773236, -0.22433836478672356, 0.30354260500649682, 0.00010703434948458272)


def rough_exp(x):
    """exp of float32 to some 12 bits: what it is the power of 2 of is written into the bits of a number, its fraction corrected
    by a polynomial (Malossi et al., Fast Exponential Computation on SIMD Architectures, 2015).
    """
    power = x * np.float32(1.44269502)
    fraction = power - np.floor(power)
    correction = np.float32(_ROUGH[0])
    for c in _ROUGH[1:]:
        correction = fused(fraction, correction, np.float32(c))
    bits = fused(np.float32(2.0**23), power - correction, np.float32(127 * 2.0**23))
    inside = (x >= np.float32(-87.3365479)) & (x <= np.float32(88.7228394))
    found = np.where(inside, bits, 0).astype(np.int32).view(np.float32)
    return np.where(x > 0, np.where(inside, found, np.float32(np.inf)), found)


def erf(x):
    """The error function of float32 by a polynomial of 1 / (1 + p |x|) (Abramowitz and Stegun, 7.1.26), off by up to 1e-7."""
    size = np.abs(x)
    t = np.float32(1) / fused(np.float32(0.3275911), size, np.float32(1))
    polynomial = np.float32(1.061405429)
    for c in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        polynomial = fused(polynomial, t, np.float32(c))
    return np.copysign(fused(-exp(-(x * x)) * t, polynomial, np.float32(1)), x)


def tanh(x):
    """SLEEF's hyperbolic tangent of float32, which is 1 from where it is within half a unit in the last place of it."""
    exactly = np.tanh(x.astype(np.float64)).astype(np.float32)
    return np.where(np.abs(x) > np.float32(8.664339742), np.copysign(np.float32(1), x), exactly)


def log(x):
    """SLEEF's logarithm of float32: of the mantissa by a series in (m - 1) / (m + 1), in double-float arithmetic."""
    with np.errstate(all="ignore"):
        small = x < _SMALLEST_NORMAL
        scaled = np.where(small, x * np.float32(2.0**64), x)
        exponent = np.frexp(scaled * np.float32(1 / 0.75))[1] - 1
        found = _series(
            np.ldexp(scaled, -exponent).astype(np.float64) - 1, np.where(small, exponent - 64, exponent)
        )
        found = np.where(x == np.inf, x, np.where(np.isnan(x) | (x < 0), np.float32(np.nan), found))
        return np.where(x == 0, np.float32(-np.inf), found)


def log1p(x):
    """SLEEF's logarithm of 1 + x of float32, for numbers that are not negative."""
    with np.errstate(all="ignore"):
        exponent = np.frexp((1 + x) * np.float32(1 / 0.75))[1] - 1
        scale = np.ldexp(np.float32(1), -exponent)
        found = _series(fused(x, scale, scale - 1).astype(np.float64), exponent)
        return np.where(x == np.inf, x, found)


def _series(above_one, exponent):
    """The logarithm of (1 + above_one) 2^exponent."""
    ratio = above_one / (above_one + 2)
    # The high half of the quotient is a product with the divisor's reciprocal.
    high = above_one.astype(np.float32) * (1 / (above_one + 2).astype(np.float32))
    ratio = np.where(high == 0, 0, ratio)
    square = high * high
    t = fused(np.float32(0.3027294874), square, np.float32(0.3996108174))
    t = fused(t, square, np.float32(0.6666694880))
    return (exponent * 0.6931471805599453 + 2 * ratio + (square * high * t).astype(np.float64)).astype(
        np.float32
    )


def divided(outer, inner, lanes=LANES):
    """Which elements of rows are computed in registers, where threads take equal parts of all rows: (outer, inner) of bool."""
    part = -(-outer * inner // THREADS)
    places = np.arange(outer * inner).reshape(outer, inner)
    column, owner = places % inner, places // part
    start = np.maximum(owner * part - (places - column), 0)
    end = np.minimum((owner + 1) * part - (places - column), inner)
    return column - start < (end - start) // lanes * lanes


def steps(array, in_registers, one_by_one):
    """An element-wise loop: whole steps of what lies side by side in registers, the rest of it one by one."""
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        return one_by_one(array)
    flat = array.reshape(-1, order="A")
    whole = flat.size - flat.size % STEP
    found = (
        np.concatenate([in_registers(flat[:whole]), one_by_one(flat[whole:])]) if whole else one_by_one(flat)
    )
    return found.reshape(array.shape, order="C" if array.flags.c_contiguous else "F")


def in_registers(*arrays):
    """Which elements of arrays that broadcast an element-wise loop computes in registers: of each run that lies side by side in
    all of them (one may stand still) the whole steps, in the first one's order of dimensions
    (aten/src/ATen/native/cpu/Loops.h, vectorized_loop2d). None of them where the runs are shorter.
    """
    shape, order, run, whole = runs(arrays)
    return _in_order(lambda place: place % run < whole, shape, order) if whole else np.zeros(shape, bool)


def unpaired(*arrays):
    """Which elements a loop that takes what is not in registers in pairs is left with: the last of each run, where it has none."""
    shape, order, run, whole = runs(arrays)
    if (run - whole) % 2 == 0:
        return np.zeros(shape, bool)
    return _in_order(lambda place: place % run == run - 1, shape, order)


def runs(arrays: Sequence[Any]) -> tuple[tuple[int, ...], list[int], int, int]:
    """The shape that arrays broadcast to, their dimensions in the order of memory, how many elements a loop takes at once, and how
    many of those in registers.
    """
    arrays = np.broadcast_arrays(*arrays)
    first, size = arrays[0], arrays[0].itemsize
    order = sorted(range(first.ndim), key=lambda d: -abs(first.strides[d]) if first.shape[d] > 1 else 0)
    run, steps = 1, [size] * len(arrays)
    for d in reversed(order):
        strides = [one.strides[d] for one in arrays]
        if first.shape[d] == 1:
            continue
        if run == 1:
            steps = strides
        elif any(own != run * step for own, step in zip(strides, steps, strict=True)):
            break
        run *= first.shape[d]
    together = all(step in (0, size) for step in steps) and steps.count(0) < 2
    return first.shape, order, run, run - run % (2 * _REGISTER // size) if together else 0


def _in_order(holds, shape, order):
    """Where something holds of the places that elements have in the order of memory."""
    size = int(np.prod(shape))
    found = holds(np.arange(size)).reshape([shape[d] for d in order])
    return found.transpose(np.argsort(order)) if order else found


def by_place(function, *arrays):
    """An element-wise loop whose rounding depends on the place: `function` of arrays and whether they are in registers."""
    inside = in_registers(*arrays) if arrays[0].size <= MOST else np.True_
    if inside.all():
        return function(*arrays, True)
    return np.where(inside, function(*arrays, True), function(*arrays, False))


def reduced(array):
    """Sums over the last dimension, which lies side by side: lane by lane, then the halves of the register."""
    return _reduced(array, lambda rest, sums: sums + array[..., array.shape[-1] - rest :])


def reduced_products(a, b):
    """The sums of the products of two arrays, of which those that fill no register are fused with the addition."""

    def fuse(rest, sums):
        places = slice(a.shape[-1] - rest, None)
        return fused(a[..., places], b[..., places], sums)

    return _reduced(a * b, fuse)


def _reduced(array, add_rest):
    size = array.shape[-1]
    if size < LANES:
        return np.add.accumulate(array, axis=-1)[..., -1]
    sums = array[..., :LANES].copy()
    for start in range(LANES, size - size % LANES, LANES):
        sums = sums + array[..., start : start + LANES]
    rest = size % LANES
    if rest:
        sums[..., :rest] = add_rest(rest, sums[..., :rest])
    for half in (4, 2, 1):
        sums = sums[..., :half] + sums[..., half : 2 * half]
    return sums[..., 0]

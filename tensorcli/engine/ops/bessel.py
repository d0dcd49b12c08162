"""Bessel and Airy functions."""

from typing import Any

import numpy as np

from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.dtypes import INT_TO_FLOAT, REDUCED
from tensorcli.engine.ops import _arithmetic, _registers
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops.special import from_scipy


@op(
    "i0(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * functions.special_i1(self),
)
def i0(xp, self):
    """The modified Bessel function of order 0."""
    if self.dtype != np.float32:
        return from_scipy(xp, "i0", self, refusal="i0_vml_cpu")
    return xp.exp(xp.abs(self).astype(np.float64)).astype(np.float32) * _without_growth(xp, self)


@op(
    "special_i0e(Tensor self) -> Tensor",
    stepwise=REDUCED,
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad, self, result: grad * (functions.special_i1e(self) - self.sgn() * result),
)
def i0e(xp, self):
    """The modified Bessel function of order 0 without its growth."""
    if _registers.is_reduced(self):
        return _registers.by_place(_reduced_without_growth, self)
    (self,) = widened(self)
    if self.dtype != np.float32:
        return from_scipy(xp, "i0e", self, refusal="i0e_cpu")
    return _without_growth(xp, self)


# Chebyshev coefficients of exp(-x) I0(x), up to 8 and (times the root of x) above, from Cephes (aten/src/ATen/native/Math.h).
_UP_TO_8 = tuple(
    map(
        float,
        """
    -4.4153416464793395e-18 3.3307945188222384e-17 -2.431279846547955e-16 1.715391285555133e-15
    -1.1685332877993451e-14 7.676185498604936e-14 -4.856446783111929e-13 2.95505266312964e-12
    -1.726826291441556e-11 9.675809035373237e-11 -5.189795601635263e-10 2.6598237246823866e-09
    -1.300025009986248e-08 6.046995022541919e-08 -2.670793853940612e-07 1.1173875391201037e-06
    -4.4167383584587505e-06 1.6448448070728896e-05 -5.754195010082104e-05 0.00018850288509584165
    -0.0005763755745385824 0.0016394756169413357 -0.004324309995050576 0.010546460394594998
    -0.02373741480589947 0.04930528423967071 -0.09490109704804764 0.17162090152220877
    -0.3046826723431984 0.6767952744094761
        """.split(),
    )
)
_ABOVE_8 = tuple(
    map(
        float,
        """
    -7.233180487874754e-18 -4.830504485944182e-18 4.46562142029676e-17 3.461222867697461e-17
    -2.8276239805165836e-16 -3.425485619677219e-16 1.7725601330565263e-15 3.8116806693526224e-15
    -9.554846698828307e-15 -4.150569347287222e-14 1.54008621752141e-14 3.8527783827421426e-13
    7.180124451383666e-13 -1.7941785315068062e-12 -1.3215811840447713e-11 -3.1499165279632416e-11
    1.1889147107846439e-11 4.94060238822497e-10 3.3962320257083865e-09 2.266668990498178e-08
    2.0489185894690638e-07 2.8913705208347567e-06 6.889758346916825e-05 0.0033691164782556943
    0.8044904110141088
        """.split(),
    )
)


def _without_growth(xp, x):
    """exp(-|x|) I0(x) step by step in single precision, as PyTorch computes it: at 0 it gives 0.99999994."""
    x, single = xp.abs(x), np.float32
    small = _chebyshev(xp, x / single(2) - single(2), _UP_TO_8)
    large = _chebyshev(xp, single(32) / x - single(2), _ABOVE_8) / xp.sqrt(x)
    return xp.where(x <= 8, small, large)


def _reduced_without_growth(x, is_register):
    """The same of a reduced dtype, in which PyTorch takes every step outside of registers."""
    if is_register:
        return _without_growth(np, x.astype(np.float32)).astype(x.dtype)
    x, own = np.abs(x), x.dtype.type

    def chebyshev(x, coefficients):
        now, before, last = own(coefficients[0]), own(0), own(0)
        for coefficient in coefficients[1:]:
            now, before, last = x * now - before + own(coefficient), now, before
        return own(0.5) * (now - last)

    small = chebyshev(x / own(2) - own(2), _UP_TO_8)
    (divided,) = widened(chebyshev(own(32) / x - own(2), _ABOVE_8))
    large = (divided / np.sqrt(x.astype(np.float32))).astype(x.dtype)
    return np.where(x <= own(8), small, large)


def _chebyshev(xp, x, coefficients):
    """A Chebyshev series in single precision, each product added before it is rounded."""
    wide = x.astype(np.float64)
    now = xp.full_like(x, coefficients[0])
    before = last = xp.zeros_like(x)
    for coefficient in coefficients[1:]:
        last, before = before, now
        now = (wide * before - last).astype(np.float32) + np.float32(coefficient)
    return np.float32(0.5) * (now - last)


def _away_from_zero(self):
    """Where |x| is large enough to divide by, and x with the rest replaced."""
    tiny = {"float64": 2.220446049250313e-16, "float32": 1.1920928955078125e-07}.get(self.dtype.name, 1e-3)
    far = self.abs() > tiny
    return far, functions.where(far, self, functions.full((), tiny, dtype=self.dtype, device=self.device))


def _i1_gradient(grad, self, result):
    far, safe = _away_from_zero(self)
    slope = functions.i0(safe) - result * safe.reciprocal()
    return grad * functions.where(far, slope, functions.full((), 0.5, dtype=self.dtype, device=self.device))


def _i1e_gradient(grad, self, result):
    far, safe = _away_from_zero(self)
    slope = functions.special_i0e(safe) - result * (safe.sgn() + safe.reciprocal())
    return grad * functions.where(far, slope, functions.full((), 0.5, dtype=self.dtype, device=self.device))


@op("special_i1(Tensor self) -> Tensor", dtype=INT_TO_FLOAT, namespace="special", self=_i1_gradient)
def i1(xp, self):
    """The modified Bessel function of order 1."""
    return from_scipy(xp, "i1", self, refusal="i1_cpu")


@op("special_i1e(Tensor self) -> Tensor", dtype=INT_TO_FLOAT, namespace="special", self=_i1e_gradient)
def i1e(xp, self):
    """The modified Bessel function of order 1 without its growth."""
    return from_scipy(xp, "i1e", self, refusal="i1e_cpu")


def _unary(name, function, description, argument="self"):
    def kernel(xp, x):
        return (
            from_scipy(xp, function, x, refusal=f"{name}_cpu")
            if isinstance(function, str)
            else _arithmetic.widely(lambda values: function(xp, values), x)
        )

    kernel.__doc__ = description
    formulas: dict[str, Any] = {argument: None}
    op(f"special_{name}(Tensor {argument}) -> Tensor", dtype=INT_TO_FLOAT, namespace="special", **formulas)(
        kernel
    )


def _airy(xp, x):
    return behind(xp).special.airy(x)[0]


def _spherical(xp, x):
    return xp.where(xp.isinf(x), 0, xp.where(x == 0, 1, xp.sin(x) / xp.where(x == 0, 1, x)))


_unary("bessel_j0", "j0", "The Bessel function of the first kind of order 0.")


_unary("bessel_j1", "j1", "The Bessel function of the first kind of order 1.")


_unary("bessel_y0", "y0", "The Bessel function of the second kind of order 0.")


_unary("bessel_y1", "y1", "The Bessel function of the second kind of order 1.")


_unary("modified_bessel_i0", "i0", "The modified Bessel function of the first kind of order 0.")


_unary("modified_bessel_i1", "i1", "The modified Bessel function of the first kind of order 1.")


_unary("modified_bessel_k0", "k0", "The modified Bessel function of the second kind of order 0.")


_unary("modified_bessel_k1", "k1", "The modified Bessel function of the second kind of order 1.")


_unary("scaled_modified_bessel_k0", "k0e", "modified_bessel_k0 without its decay.", "x")


_unary("scaled_modified_bessel_k1", "k1e", "modified_bessel_k1 without its decay.", "x")


_unary("airy_ai", _airy, "The Airy function Ai.", "x")


_unary("spherical_bessel_j0", _spherical, "The spherical Bessel function of the first kind of order 0.", "x")

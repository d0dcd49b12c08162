"""Bessel and Airy functions."""

from typing import Any

import numpy as np

from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.dtypes import INT_TO_FLOAT, REDUCED
from tensorcli.engine.ops import _bessel, _registers
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._moments import widened
from tensorcli.engine.ops._shared import behind


def _own(compute, name):
    """A kernel of a function that is computed in the dtype itself. Errors: NotImplementedError for complex arrays."""

    def kernel(xp, x):
        refuse(x, f"{name}_cpu", "c")
        return compute(xp, x) if behind(xp).has_elements else x

    return kernel


@op(
    "i0(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * functions.special_i1(self),
)
def i0(xp, self):
    """The modified Bessel function of order 0."""
    return _own(_bessel.i0, "i0_vml")(xp, self)


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
    return _own(_bessel.i0e, "i0e")(xp, *widened(self))


def _reduced_without_growth(x, is_register):
    """The same of a reduced dtype, in which PyTorch takes every step outside of registers."""
    if is_register:
        return _bessel.i0e(np, x.astype(np.float32)).astype(x.dtype)
    x, own = np.abs(x), x.dtype.type

    def chebyshev(x, coefficients):
        now, before, last = own(coefficients[0]), own(0), own(0)
        for coefficient in coefficients[1:]:
            now, before, last = x * now - before + own(coefficient), now, before
        return own(0.5) * (now - last)

    small = chebyshev(x / own(2) - own(2), _bessel.I0[0])
    (divided,) = widened(chebyshev(own(32) / x - own(2), _bessel.I0[1]))
    large = (divided / np.sqrt(x.astype(np.float32))).astype(x.dtype)
    return np.where(x <= own(8), small, large)


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


def _modified(name, compute, description, formula):
    kernel = _own(compute, name)
    kernel.__doc__ = description
    op(f"special_{name}(Tensor self) -> Tensor", dtype=INT_TO_FLOAT, namespace="special", self=formula)(
        kernel
    )


_modified("i1", _bessel.i1, "The modified Bessel function of order 1.", _i1_gradient)
_modified("i1e", _bessel.i1e, "The modified Bessel function of order 1 without its growth.", _i1e_gradient)


def _unary(name, compute, description, argument="self"):
    kernel = _own(compute, name)
    kernel.__doc__ = description
    formulas: dict[str, Any] = {argument: None}
    op(f"special_{name}(Tensor {argument}) -> Tensor", dtype=INT_TO_FLOAT, namespace="special", **formulas)(
        kernel
    )


_unary("bessel_j0", _bessel.j0, "The Bessel function of the first kind of order 0.")
_unary("bessel_j1", _bessel.j1, "The Bessel function of the first kind of order 1.")
_unary("bessel_y0", _bessel.y0, "The Bessel function of the second kind of order 0.")
_unary("bessel_y1", _bessel.y1, "The Bessel function of the second kind of order 1.")
_unary("modified_bessel_i0", _bessel.i0, "The modified Bessel function of the first kind of order 0.")
_unary(
    "modified_bessel_i1", _bessel.modified_i1, "The modified Bessel function of the first kind of order 1."
)
_unary("modified_bessel_k0", _bessel.k0, "The modified Bessel function of the second kind of order 0.")
_unary("modified_bessel_k1", _bessel.k1, "The modified Bessel function of the second kind of order 1.")
_unary("scaled_modified_bessel_k0", _bessel.k0e, "modified_bessel_k0 without its decay.", "x")
_unary("scaled_modified_bessel_k1", _bessel.k1e, "modified_bessel_k1 without its decay.", "x")
_unary("airy_ai", _bessel.airy, "The Airy function Ai.", "x")
_unary(
    "spherical_bessel_j0",
    _bessel.spherical,
    "The spherical Bessel function of the first kind of order 0.",
    "x",
)

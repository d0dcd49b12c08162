"""Bessel and Airy functions."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import INT_TO_FLOAT
from tensorcli.engine.op import op
from tensorcli.engine.ops import numeric
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
    return from_scipy(xp, "i0", self, refusal="i0_vml_cpu")


@op(
    "special_i0e(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad, self, result: grad * (functions.special_i1e(self) - self.sgn() * result),
)
def i0e(xp, self):
    """The modified Bessel function of order 0 without its growth."""
    return from_scipy(xp, "i0e", self, refusal="i0e_cpu")


def _away_from_zero(self):
    """Where |x| is too small to divide by, and x with that replaced."""
    tiny = {"float64": 2.220446049250313e-16, "float32": 1.1920928955078125e-07}.get(self.dtype.name, 1e-3)
    near = self.abs() <= tiny
    return near, functions.where(near, functions.full((), tiny, dtype=self.dtype, device=self.device), self)


def _i1_gradient(grad, self, result):
    near, safe = _away_from_zero(self)
    slope = functions.i0(safe) - result * safe.reciprocal()
    return grad * functions.where(near, functions.full((), 0.5, dtype=self.dtype, device=self.device), slope)


def _i1e_gradient(grad, self, result):
    near, safe = _away_from_zero(self)
    slope = functions.special_i0e(safe) - result * (safe.sgn() + safe.reciprocal())
    return grad * functions.where(near, functions.full((), 0.5, dtype=self.dtype, device=self.device), slope)


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
            else numeric.widely(lambda values: function(xp, values), x)
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

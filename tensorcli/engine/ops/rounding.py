"""Signs and rounding, element by element."""

import math

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import alias, composite, op
from tensorcli.engine.dtypes import BOOL, EXACT, INT_TO_FLOAT, INT_TO_REAL, PROMOTE, TO_REAL, complex32
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import preserved_strides
from tensorcli.engine.ops import _arithmetic, _registers
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops._shared import own_geometry, zero, zeros


def _no_bool_sign(self):
    if self.dtype.category == BOOL:
        raise RuntimeError(messages.BOOL_NEGATION)


@op(
    "neg(Tensor self) -> Tensor",
    dtype=PROMOTE,
    stepwise=(complex32,),
    inplace=True,
    check=_no_bool_sign,
    self=lambda grad: grad.neg(),
)
def neg(xp, self):
    """Change the sign of each element."""
    if self.dtype.kind == "c" and xp is np and self.size <= _registers.MOST:
        # In registers PyTorch takes complex numbers from 0, which has no negative zeros.
        return _registers.by_place(lambda x, inside: x.dtype.type(0) - x if inside else -x, self)
    return xp.negative(self)


@composite("positive(Tensor(a) self) -> Tensor(a)")
def positive(self):
    """The tensor itself."""
    if self.dtype.category == BOOL:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return self


def _no_complex_abs(self):
    if self.dtype.is_complex:
        raise RuntimeError("In-place abs is not supported for complex tensors.")


@op(
    "abs(Tensor self) -> Tensor",
    dtype=TO_REAL,
    inplace={"check": _no_complex_abs},
    self=lambda grad, self: grad * self.sgn(),
)
def absolute(xp, self):
    """The absolute value of each element."""
    refuse(self, "abs_cpu", "b")
    return xp.abs(self)


def _no_complex_sign(self):
    if self.dtype.is_complex:
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )


@op("sign(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, check=_no_complex_sign, self=zeros)
def sign(xp, self):
    """-1, 0 or 1, by the sign of each element."""
    return _arithmetic.sign(self)


def _sgn_gradient(grad, self, result):
    if not self.dtype.is_complex:
        return functions.zeros(tuple(result.shape), dtype=result.dtype, device=result.device)
    size = self.abs()
    return ((grad - (result * result) * grad.conj()) / (2.0 * size)).masked_fill_(size == 0.0, 0.0)


@op("sgn(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, self=_sgn_gradient)
def sgn(xp, self):
    """-1, 0 or 1, by the sign of each element; of a complex number the point on the unit circle."""
    return _arithmetic.sign(self)


def _rounding(name, function, description, complex_reaches_kernel=False):
    def check(self):
        if self.dtype.is_complex and not complex_reaches_kernel:
            raise NotImplementedError(f"{name} is not supported for complex inputs")

    def kernel(xp, self):
        refuse(self, f"{name}_vml_cpu", "bc")
        return xp.array(self) if self.dtype.kind in "iu" else getattr(xp, function)(self)

    kernel.__doc__ = description
    op(f"{name}(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, check=check, self=zeros)(kernel)


_rounding("floor", "floor", "The largest whole number that is not above each element.")
_rounding("ceil", "ceil", "The smallest whole number that is not below each element.")
_rounding("trunc", "trunc", "Each element without its fraction.")
_rounding("round", "rint", "The nearest whole number to each element; halves go to the even one.", True)


@op("round.decimals(Tensor self, *, int decimals) -> Tensor", dtype=PROMOTE, inplace=True, node=1, self=zeros)
def round_decimals(xp, self, decimals):
    """Each element rounded to a number of decimals."""
    if self.dtype.kind != "f":
        raise messages.not_implemented("round_cpu" if decimals else "round_vml_cpu", kind_of(self))
    return _arithmetic.round_decimals(self, decimals)


@op("frac(Tensor self) -> Tensor", dtype=PROMOTE, inplace=True, self=lambda grad: grad)
def frac(xp, self):
    """The fraction of each element, with its sign."""
    if self.dtype.kind != "f":
        raise messages.not_implemented("frac_cpu", kind_of(self))
    return self - xp.trunc(self)


def _copysign_gradient(grad, self, result):
    ratio = result / self
    ratio.masked_fill_(self == 0, 0)
    return grad * ratio


def _copysign(xp, self, other):
    """The size of self with the sign of other."""
    _arithmetic.no_complex("copysign_cpu", self)
    return xp.copysign(self, other)


op(
    "copysign.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=_copysign_gradient,
    other=lambda grad, other_geometry: grad.new_zeros(other_geometry.sizes),
)(_copysign)
op(
    "copysign.Scalar(Tensor self, Scalar other) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    node=1,
    self=_copysign_gradient,
)(_copysign)


@op(
    "nextafter(Tensor self, Tensor other) -> Tensor",
    dtype=EXACT,
    inplace=True,
    self=lambda grad, self, other: functions.where(self != other, grad, 0),
    other=lambda grad, other: functions.zeros_like(other),
)
def nextafter(xp, self, other):
    """The next number of the dtype after self in the direction of other."""
    refuse(self, "nextafter_cpu", "biuc")
    # Of zeros of both signs C++ gives the second one, numpy's halves the first.
    return xp.where(self == other, other, xp.nextafter(self, other))


@op(
    "nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
    dtype=EXACT,
    inplace=True,
    self=lambda grad, self: grad * functions.isfinite(self),
)
def nan_to_num(xp, self, nan, posinf, neginf):
    """Replace NaN by 0 and the infinities by the dtype's limits, or by the numbers given."""
    if self.dtype.name == "complex32":
        raise messages.not_implemented("nan_to_num", kind_of(self))
    return _arithmetic.nan_to_number(self, nan, posinf, neginf)


def _angle_gradient(grad, self):
    if not self.dtype.is_complex:
        return functions.zeros_like(self)
    return functions.where(self == 0.0, zero(self), grad * self / self.abs().pow(2) * 1j)


@op(
    "angle(Tensor self) -> Tensor",
    dtype=INT_TO_REAL,
    row_major=lambda self: self.dtype.is_complex,
    self=_angle_gradient,
)
def angle(xp, self):
    """The angle of a complex number; of a real one 0 or pi."""
    if self.dtype.kind == "c":
        return xp.array(_arithmetic.widely(lambda v: xp.angle(v).astype(v.dtype), self).real)
    return xp.where(xp.isnan(self), self, xp.where(self < 0, self.dtype.type(math.pi), self.dtype.type(0)))


@op(
    "frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)",
    self=lambda grad, exponent: grad / exponent.exp2(),
)
def frexp(xp, self):
    """Split each element into a fraction between 1/2 and 1 and a power of 2."""
    if self.dtype.kind != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    mantissa, exponent = xp.frexp(self)
    strides = preserved_strides(own_geometry(self))
    return Laid(mantissa, strides), Laid(xp.asarray(exponent, xp.int32), strides)


def _same_dtype(self, values):
    if self.dtype.is_complex or values.dtype.is_complex:
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if self.dtype is not values.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")


@op("heaviside(Tensor self, Tensor values) -> Tensor", dtype=PROMOTE, inplace=True, check=_same_dtype)
def heaviside(xp, self, values):
    """0 below zero, 1 above it, and values where self is zero."""
    return xp.where(self == 0, values, (self > 0).astype(self.dtype))


# ---- other names

for _name, _origin in {
    "absolute": "abs",
    "negative": "neg",
    "fix": "trunc",
}.items():
    alias(_name, _origin)

"""Error functions, entropies and logarithms."""

import math

import numpy as np

from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import INT_TO_FLOAT, REDUCED
from tensorcli.engine.ops import _arithmetic, _registers
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._shared import behind, times


def from_scipy(xp, name, *arrays, refusal=""):
    """A function that scipy.special has, in float64 where the arrays are small. Errors: NotImplementedError for complex ones."""
    refuse(arrays[0], refusal, "c")
    return _arithmetic.widely(getattr(behind(xp).special, name), *arrays)


# ---- error functions


@op(
    "erf(Tensor self) -> Tensor",
    stepwise=REDUCED,
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: 2.0 / math.sqrt(math.pi) * functions.exp(-(self.pow(2))) * grad,
)
def erf(xp, self):
    """The error function of each element."""
    if _registers.is_reduced(self):
        return _registers.erf(self.astype(np.float32)).astype(self.dtype)
    return from_scipy(xp, "erf", self, refusal="erf_vml_cpu")


@op(
    "erfc(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: -2.0 / math.sqrt(math.pi) * functions.exp(-(self.pow(2))) * grad,
)
def erfc(xp, self):
    """1 minus the error function of each element."""
    return from_scipy(xp, "erfc", self, refusal="erfc_vml_cpu")


@op(
    "erfinv(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: 0.5 * math.sqrt(math.pi) * functions.exp(self.erfinv().pow(2)) * grad,
)
def erfinv(xp, self):
    """The inverse of the error function."""
    found = from_scipy(xp, "erfinv", self, refusal="erfinv_vml_cpu")
    return xp.copysign(found, self) if self.dtype.kind == "f" else found


@op(
    "special_erfcx(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad, self, result: (2.0 * self * result - 2.0 / math.sqrt(math.pi)) * grad,
)
def erfcx(xp, self):
    """exp(x^2) erfc(x): the error function without its decay."""
    return from_scipy(xp, "erfcx", self, refusal="erfcx_vml_cpu")


@composite("special_ndtr(Tensor self) -> Tensor", namespace="special", out=True)
def ndtr(self):
    """The normal distribution function of each element."""
    return times(direct("_add.Scalar", functions.erf(times(self, math.sqrt(0.5))), 1), 0.5)


@op(
    "special_log_ndtr(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad, self, result: grad / math.sqrt(2 * math.pi) * (result + self.pow(2) / 2).neg().exp(),
)
def log_ndtr(xp, self):
    """The logarithm of the normal distribution function."""
    return from_scipy(xp, "log_ndtr", self, refusal="log_ndtr_cpu")


@op(
    "special_ndtri(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad, result: grad * math.sqrt(2 * math.pi) * (result.square() / 2).exp(),
)
def ndtri(xp, self):
    """The inverse of the normal distribution function."""
    return from_scipy(xp, "ndtri", self, refusal="ndtri_cpu")


# ---- entropy and logarithms


@op(
    "special_entr(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    stepwise=REDUCED,
    namespace="special",
    self=lambda grad, self: grad * (-(1 + self.log())),
)
def entr(xp, self):
    """-x log(x) of each element: its share of an entropy."""
    _arithmetic.no_complex("entr_cpu", self)
    share = -self * _arithmetic.widely(xp.log, self)
    return xp.where(
        self > 0, share, xp.where(self == 0, xp.zeros_like(self), xp.where(self < 0, -math.inf, self))
    )


def arrays_like(xp, *values):
    """Numbers as arrays of the dtype that the other operand has."""
    kind = next(value.dtype for value in values if isinstance(value, xp.ndarray))
    return [xp.asarray(value, kind) for value in values]


def _product_with_log(xp, self, other, logarithm):
    factor = _arithmetic.widely(logarithm, other)
    return xp.where(xp.isnan(other), other, xp.where(self == 0, self.dtype.type(0), self * factor))


def _xlogy(xp, self, other):
    """self times log(other); 0 where self is 0."""
    self, other = arrays_like(xp, self, other)
    _arithmetic.no_complex("xlogy_cpu", self, other)
    return _product_with_log(xp, self, other, xp.log)


def _xlog1py(xp, self, other):
    """self times log(1 + other); 0 where self is 0."""
    self, other = arrays_like(xp, self, other)
    _arithmetic.no_complex("xlog1py_cpu", self, other)
    return _product_with_log(xp, self, other, xp.log1p)


def _at_zero(of, self, other, least):
    return of.masked_fill(functions.logical_and(self == 0.0, other <= least), 0.0)


op(
    "xlogy.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    stepwise=REDUCED,
    inplace=True,
    self=lambda grad, self, other: _at_zero(functions.xlogy(grad, other), self, other, 0.0),
    other=lambda grad, self, other: grad * self / other,
)(_xlogy)


op(
    "xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    stepwise=REDUCED,
    variants="function",
    node=1,
    other=lambda grad, self, other: grad * self / other,
)(_xlogy)


op(
    "xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor",
    dtype=INT_TO_FLOAT,
    stepwise=REDUCED,
    inplace=True,
    node=2,
    self=lambda grad, self, other: (
        functions.xlogy(grad, other)
        if other > 0
        else functions.xlogy(grad, other).masked_fill(self == 0.0, 0.0)
    ),
)(_xlogy)


op(
    "special_xlog1py(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    stepwise=REDUCED,
    namespace="special",
    self=lambda grad, self, other: _at_zero(functions.special_xlog1py(grad, other), self, other, -1.0),
    other=lambda grad, self, other: grad * self / (other + 1),
)(_xlog1py)


op(
    "special_xlog1py.self_scalar(Scalar self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    stepwise=REDUCED,
    namespace="special",
    node=1,
    other=lambda grad, self, other: grad * self / (other + 1),
)(_xlog1py)


op(
    "special_xlog1py.other_scalar(Tensor self, Scalar other) -> Tensor",
    dtype=INT_TO_FLOAT,
    stepwise=REDUCED,
    namespace="special",
    node=2,
    self=lambda grad, self, other: (
        functions.special_xlog1py(grad, other)
        if other > -1
        else functions.special_xlog1py(grad, other).masked_fill(self == 0.0, 0.0)
    ),
)(_xlog1py)

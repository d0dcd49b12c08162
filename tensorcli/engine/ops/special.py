"""Special functions: error, gamma, Bessel and zeta functions, orthogonal polynomials. scipy computes them."""

import math
from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import INT_TO_FLOAT, PROMOTE, STEPWISE
from tensorcli.engine.op import alias, composite, op
from tensorcli.engine.ops import numeric
from tensorcli.engine.ops._shared import behind, times
from tensorcli.engine.tensor import Tensor


def _scipy(xp, name, *arrays, refusal=""):
    """A function that scipy.special has, in float64 where the arrays are small. Errors: NotImplementedError for complex ones."""
    if arrays[0].dtype.kind == "c":
        raise numeric.refuse(refusal, arrays[0])
    return numeric.widely(getattr(behind(xp).special, name), *arrays)


# ---- error functions


@op(
    "erf(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: 2.0 / math.sqrt(math.pi) * functions.exp(-(self.pow(2))) * grad,
)
def erf(xp, self):
    """The error function of each element."""
    return _scipy(xp, "erf", self, refusal="erf_vml_cpu")


@op(
    "erfc(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: -2.0 / math.sqrt(math.pi) * functions.exp(-(self.pow(2))) * grad,
)
def erfc(xp, self):
    """1 minus the error function of each element."""
    return _scipy(xp, "erfc", self, refusal="erfc_vml_cpu")


@op(
    "erfinv(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: 0.5 * math.sqrt(math.pi) * functions.exp(self.erfinv().pow(2)) * grad,
)
def erfinv(xp, self):
    """The inverse of the error function."""
    return _scipy(xp, "erfinv", self, refusal="erfinv_vml_cpu")


@op(
    "special_erfcx(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad, self, result: (2.0 * self * result - 2.0 / math.sqrt(math.pi)) * grad,
)
def erfcx(xp, self):
    """exp(x^2) erfc(x): the error function without its decay."""
    return _scipy(xp, "erfcx", self, refusal="erfcx_vml_cpu")


@composite("special_ndtr(Tensor self) -> Tensor", namespace="special", out=True)
def ndtr(self):
    """The normal distribution function of each element."""
    return times(1 + functions.erf(times(self, math.sqrt(0.5))), 0.5)


@op(
    "special_log_ndtr(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad, self, result: grad / math.sqrt(2 * math.pi) * (result + self.pow(2) / 2).neg().exp(),
)
def log_ndtr(xp, self):
    """The logarithm of the normal distribution function."""
    return _scipy(xp, "log_ndtr", self, refusal="log_ndtr_cpu")


@op(
    "special_ndtri(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad, result: grad * math.sqrt(2 * math.pi) * (result.square() / 2).exp(),
)
def ndtri(xp, self):
    """The inverse of the normal distribution function."""
    return _scipy(xp, "ndtri", self, refusal="ndtri_cpu")


# ---- gamma functions


@op(
    "lgamma(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * functions.digamma(self),
)
def lgamma(xp, self):
    """The logarithm of the size of the gamma function."""
    return xp.where(xp.isinf(self), xp.abs(self), _scipy(xp, "gammaln", self, refusal="lgamma_vml_cpu"))


@op(
    "digamma(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * functions.polygamma(1, self),
)
def digamma(xp, self):
    """The derivative of the logarithm of the gamma function."""
    result = _scipy(xp, "digamma", self, refusal="digamma")
    return xp.where(self == 0, xp.copysign(self.dtype.type(math.inf), -self), result)


def _known_order(*values):
    n = next(v for v in values if not isinstance(v, Tensor))
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")


@op(
    "polygamma(int n, Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    check=_known_order,
    self=lambda grad, n, self: grad * functions.polygamma(n + 1, self),
)
def polygamma(xp, n, self):
    """The derivative of order n of digamma."""
    if self.dtype.kind == "c":
        raise numeric.refuse("digamma" if n == 0 else "trigamma" if n == 1 else "polygamma", self)
    if n == 0:
        return digamma(xp, self)
    if n == 1:
        return numeric.widely(lambda x: _trigamma(xp, x), self)
    return numeric.widely(
        lambda x: (-1.0) ** (n + 1) * math.factorial(n) * behind(xp).special.zeta(n + 1.0, x), self
    )


def _trigamma(xp, x):
    """polygamma(1, x), negative arguments by reflection."""
    below = x < 0.5
    right = behind(xp).special.zeta(2.0, xp.where(below, 1 - x, x))
    return xp.where(below, -right + (math.pi / xp.sin(math.pi * x)) ** 2, right)


@op(
    "polygamma_(Tensor(a!) self, int n) -> Tensor(a!)",
    node=1,
    self=lambda grad, self, n: grad * functions.polygamma(n + 1, self),
)
def polygamma_in_place(xp, self, n):
    """The derivative of order n of digamma, in place."""
    _known_order(n)
    self[...] = polygamma(xp, n, self)


def _mvlgamma_gradient(grad, self, p):
    arguments = functions.arange(
        -p / 2.0 + 0.5, 0.5, 0.5, dtype=self.dtype, device=self.device
    ) + self.unsqueeze(-1)
    return grad * arguments.digamma_().sum(-1)


def _enough_dimensions(self, p):
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")


@op(
    "mvlgamma(Tensor self, int p) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    check=_enough_dimensions,
    self=_mvlgamma_gradient,
)
def mvlgamma(xp, self, p):
    """The logarithm of the gamma function in p dimensions."""

    def total(x):
        steps = x[..., None] + xp.arange(-p / 2 + 0.5, 0.5, 0.5)
        return behind(xp).special.gammaln(steps).sum(-1) + p * (p - 1) / 4 * math.log(math.pi)

    return numeric.widely(total, self)


@op(
    "igamma(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad: _unknown("igamma: input"),
    other=lambda grad, self, other: (
        grad * functions.exp((self - 1) * functions.log(other) - other - functions.lgamma(self))
    ),
)
def igamma(xp, self, other):
    """The regularised lower incomplete gamma function."""
    if self.dtype.kind != "f":
        raise numeric.refuse("igamma", self)
    return _scipy(xp, "gammainc", self, other)


@op(
    "igammac(Tensor self, Tensor other) -> Tensor",
    dtype=PROMOTE,
    inplace=True,
    self=lambda grad: _unknown("igammac: input"),
    other=lambda grad, self, other: (
        -grad * functions.exp((self - 1) * functions.log(other) - other - functions.lgamma(self))
    ),
)
def igammac(xp, self, other):
    """The regularised upper incomplete gamma function."""
    if self.dtype.kind != "f":
        raise numeric.refuse("igammac", self)
    return _scipy(xp, "gammaincc", self, other)


def _unknown(name):
    raise NotImplementedError(f"the derivative for '{name}' is not implemented.")


# ---- Bessel functions


@op(
    "i0(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    inplace=True,
    self=lambda grad, self: grad * functions.special_i1(self),
)
def i0(xp, self):
    """The modified Bessel function of order 0."""
    return _scipy(xp, "i0", self, refusal="i0_vml_cpu")


@op(
    "special_i0e(Tensor self) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad, self, result: grad * (functions.special_i1e(self) - self.sgn() * result),
)
def i0e(xp, self):
    """The modified Bessel function of order 0 without its growth."""
    return _scipy(xp, "i0e", self, refusal="i0e_vml_cpu")


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
    return _scipy(xp, "i1", self, refusal="i1_vml_cpu")


@op("special_i1e(Tensor self) -> Tensor", dtype=INT_TO_FLOAT, namespace="special", self=_i1e_gradient)
def i1e(xp, self):
    """The modified Bessel function of order 1 without its growth."""
    return _scipy(xp, "i1e", self, refusal="i1e_vml_cpu")


def _unary(name, function, description, argument="self"):
    def kernel(xp, x):
        return (
            _scipy(xp, function, x, refusal=f"{name}_cpu")
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


# ---- entropy and logarithms


@op(
    "special_entr(Tensor self) -> Tensor",
    dtype=STEPWISE,
    namespace="special",
    self=lambda grad, self: grad * (-(1 + self.log())),
)
def entr(xp, self):
    """-x log(x) of each element: its share of an entropy."""
    numeric.no_complex("entr", self)
    share = -self * numeric.widely(xp.log, self)
    return xp.where(
        self > 0, share, xp.where(self == 0, xp.zeros_like(self), xp.where(self < 0, -math.inf, self))
    )


def _arrays(xp, *values):
    """Numbers as arrays of the dtype that the other operand has."""
    kind = next(value.dtype for value in values if isinstance(value, xp.ndarray))
    return [xp.asarray(value, kind) for value in values]


def _product_with_log(xp, self, other, logarithm):
    factor = numeric.widely(logarithm, other)
    return xp.where(xp.isnan(other), other, xp.where(self == 0, self.dtype.type(0), self * factor))


def _xlogy(xp, self, other):
    """self times log(other); 0 where self is 0."""
    self, other = _arrays(xp, self, other)
    numeric.no_complex("xlogy_cpu", self, other)
    return _product_with_log(xp, self, other, xp.log)


def _xlog1py(xp, self, other):
    """self times log(1 + other); 0 where self is 0."""
    self, other = _arrays(xp, self, other)
    numeric.no_complex("xlog1py_cpu", self, other)
    return _product_with_log(xp, self, other, xp.log1p)


def _at_zero(of, self, other, least):
    return of.masked_fill(functions.logical_and(self == 0.0, other <= least), 0.0)


op(
    "xlogy.Tensor(Tensor self, Tensor other) -> Tensor",
    dtype=STEPWISE,
    inplace=True,
    self=lambda grad, self, other: _at_zero(functions.xlogy(grad, other), self, other, 0.0),
    other=lambda grad, self, other: grad * self / other,
)(_xlogy)
op(
    "xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor",
    dtype=STEPWISE,
    variants="function",
    node=1,
    other=lambda grad, self, other: grad * self / other,
)(_xlogy)
op(
    "xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor",
    dtype=STEPWISE,
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
    dtype=STEPWISE,
    namespace="special",
    self=lambda grad, self, other: _at_zero(functions.special_xlog1py(grad, other), self, other, -1.0),
    other=lambda grad, self, other: grad * self / (other + 1),
)(_xlog1py)
op(
    "special_xlog1py.self_scalar(Scalar self, Tensor other) -> Tensor",
    dtype=STEPWISE,
    namespace="special",
    node=1,
    other=lambda grad, self, other: grad * self / (other + 1),
)(_xlog1py)
op(
    "special_xlog1py.other_scalar(Tensor self, Scalar other) -> Tensor",
    dtype=STEPWISE,
    namespace="special",
    node=2,
    self=lambda grad, self, other: (
        functions.special_xlog1py(grad, other)
        if other > -1
        else functions.special_xlog1py(grad, other).masked_fill(self == 0.0, 0.0)
    ),
)(_xlog1py)


# ---- zeta and the orthogonal polynomials


def _zeta(xp, self, other):
    """The Hurwitz zeta function."""
    self, other = _arrays(xp, self, other)
    numeric.no_complex("zeta", self, other)
    return numeric.widely(behind(xp).special.zeta, self, other)


op(
    "special_zeta(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad: _unknown("zeta"),
    other=lambda grad, self, other: grad * -self * functions.special_zeta(self + 1.0, other),
)(_zeta)
op(
    "special_zeta.self_scalar(Scalar self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    node=1,
    other=lambda grad, self, other: grad * -self * functions.special_zeta(self + 1.0, other),
)(_zeta)
op(
    "special_zeta.other_scalar(Tensor self, Scalar other) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    node=2,
    self=lambda grad: _unknown("zeta"),
)(_zeta)


def _recurrence(start, step):
    """The kernel of polynomials given by P_0 = 1, P_1 = start(x) and P_(k+1) = step(k, x, P_k, P_(k-1))."""

    def kernel(xp, x, n):
        x, n = _arrays(xp, x, n)
        numeric.no_complex("polynomial_cpu", x, n)
        x, degree = xp.broadcast_arrays(x, xp.trunc(n))
        before, current = xp.ones_like(x), start(x)
        result = xp.where(degree < 0, 0, xp.where(degree == 0, before, current))
        most = max(int(degree.max()), 0) if degree.size else 0
        for k in range(1, most):
            before, current = current, step(k, x, current, before)
            result = xp.where(degree == k + 1, current, result)
        return result.astype(x.dtype)

    return kernel


def _polynomial(name, description, start, step):
    kernel = _recurrence(start, step)
    kernel.__doc__ = description
    lines: tuple[tuple[str, dict[str, Any]], ...] = (
        ("(Tensor x, Tensor n)", {"x": None, "n": None}),
        (".x_scalar(Scalar x, Tensor n)", {"n": None}),
        (".n_scalar(Tensor x, Scalar n)", {"x": None}),
    )
    for line, formulas in lines:
        op(f"special_{name}{line} -> Tensor", dtype=INT_TO_FLOAT, namespace="special", **formulas)(kernel)


def _chebyshev_step(k, x, current, before):
    return 2 * x * current - before


def _shifted_step(k, x, current, before):
    return 2 * (2 * x - 1) * current - before


_polynomial(
    "chebyshev_polynomial_t", "The Chebyshev polynomial of the first kind.", lambda x: x, _chebyshev_step
)
_polynomial(
    "chebyshev_polynomial_u", "The Chebyshev polynomial of the second kind.", lambda x: 2 * x, _chebyshev_step
)
_polynomial(
    "chebyshev_polynomial_v",
    "The Chebyshev polynomial of the third kind.",
    lambda x: 2 * x - 1,
    _chebyshev_step,
)
_polynomial(
    "chebyshev_polynomial_w",
    "The Chebyshev polynomial of the fourth kind.",
    lambda x: 2 * x + 1,
    _chebyshev_step,
)
_polynomial(
    "hermite_polynomial_h", "The physicist's Hermite polynomial.", lambda x: 2 * x,
    lambda k, x, current, before: 2 * x * current - 2 * k * before,
)  # fmt: skip
_polynomial(
    "hermite_polynomial_he", "The probabilist's Hermite polynomial.", lambda x: x,
    lambda k, x, current, before: x * current - k * before,
)  # fmt: skip
_polynomial(
    "laguerre_polynomial_l", "The Laguerre polynomial.", lambda x: 1 - x,
    lambda k, x, current, before: ((2 * k + 1 - x) * current - k * before) / (k + 1),
)  # fmt: skip
_polynomial(
    "legendre_polynomial_p", "The Legendre polynomial.", lambda x: x,
    lambda k, x, current, before: ((2 * k + 1) * x * current - k * before) / (k + 1),
)  # fmt: skip
_polynomial(
    "shifted_chebyshev_polynomial_t", "The shifted Chebyshev polynomial of the first kind.", lambda x: 2 * x - 1,
    _shifted_step,
)  # fmt: skip
_polynomial(
    "shifted_chebyshev_polynomial_u", "The shifted Chebyshev polynomial of the second kind.",
    lambda x: 2 * (2 * x - 1), _shifted_step,
)  # fmt: skip
_polynomial(
    "shifted_chebyshev_polynomial_v", "The shifted Chebyshev polynomial of the third kind.",
    lambda x: 2 * (2 * x - 1) - 1, _shifted_step,
)  # fmt: skip
_polynomial(
    "shifted_chebyshev_polynomial_w", "The shifted Chebyshev polynomial of the fourth kind.",
    lambda x: 2 * (2 * x - 1) + 1, _shifted_step,
)  # fmt: skip


# ---- other names

for _name, _origin in {
    "special_digamma": "digamma",
    "special_erf": "erf",
    "special_erfc": "erfc",
    "special_erfinv": "erfinv",
    "special_exp2": "exp2",
    "special_expit": "sigmoid",
    "special_expm1": "expm1",
    "special_gammainc": "igamma",
    "special_gammaincc": "igammac",
    "special_gammaln": "lgamma",
    "special_i0": "i0",
    "special_log1p": "log1p",
    "special_logit": "logit",
    "special_multigammaln": "mvlgamma",
    "special_polygamma": "polygamma",
    "special_psi": "digamma",
    "special_sinc": "sinc",
}.items():
    alias(_name, _origin, namespace="special", twin=False)
alias(
    "special_xlogy",
    "xlogy",
    namespace="special",
    twin=False,
    renamed={"Tensor": "", "Scalar_Self": "self_scalar", "Scalar_Other": "other_scalar"},
)


@composite("special_round(Tensor self, *, int decimals=0) -> Tensor", namespace="special", out=True)
def special_round(self, decimals):
    """Each element rounded to so many decimals."""
    return functions.round(self, decimals=decimals)


@composite("special_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", namespace="special")
def special_softmax(self, dim, dtype):
    """Exponentials along a dimension, divided by their sum."""
    return functions.softmax(self, dim, dtype)


@composite(
    "special_log_softmax(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", namespace="special"
)
def special_log_softmax(self, dim, dtype):
    """The logarithm of softmax."""
    return functions.log_softmax(self, dim, dtype)


@composite(
    "special_logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", namespace="special", out=True
)
def special_logsumexp(self, dim, keepdim):
    """The logarithm of the sum of the exponentials along some dimensions."""
    return functions.logsumexp(self, dim, keepdim)

"""Zeta and the orthogonal polynomials; special functions by their other names."""

from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.declare import alias, composite, op
from tensorcli.engine.dtypes import INT_TO_FLOAT
from tensorcli.engine.ops import _arithmetic
from tensorcli.engine.ops.gamma import hurwitz, unknown_derivative
from tensorcli.engine.ops.special import arrays_like

# ---- zeta and the orthogonal polynomials


def _zeta(xp, self, other):
    """The Hurwitz zeta function."""
    self, other = arrays_like(xp, self, other)
    _arithmetic.no_complex("zeta", self, other)
    return hurwitz(xp, self, other)


op(
    "special_zeta(Tensor self, Tensor other) -> Tensor",
    dtype=INT_TO_FLOAT,
    namespace="special",
    self=lambda grad: unknown_derivative("zeta"),
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
    self=lambda grad: unknown_derivative("zeta"),
)(_zeta)


def _recurrence(start, step):
    """The kernel of polynomials given by P_0 = 1, P_1 = start(x) and P_(k+1) = step(k, x, P_k, P_(k-1))."""

    def kernel(xp, x, n):
        x, n = arrays_like(xp, x, n)
        _arithmetic.no_complex("polynomial_cpu", x, n)
        x, degree = xp.broadcast_arrays(x, xp.trunc(n))
        before, current = xp.ones_like(x), start(x)
        result = xp.where(degree < 0, 0, xp.where(degree == 0, before, current))
        most = max(int(degree.max()), 0) if degree.size else 0
        for k in range(1, most):
            before, current = current, step(k, x, current, before)
            result = xp.where(degree == k + 1, current, result)
            if k & 63 == 0 and xp.isnan(current[degree > k]).all():
                return xp.where(degree > k, xp.nan, result).astype(x.dtype)  # as PyTorch stops
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
    """Each element rounded to a number of decimals."""
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

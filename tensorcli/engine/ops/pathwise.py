"""Gamma and Dirichlet variables, and the implicit gradients of what was drawn.

A sample moves with its parameter so that its probability stays: its derivative is -(∂F/∂α) / f, F the cumulative distribution
and f the density. Where PyTorch approximates, so do these: M. Jankowiak and F. Obermeyer, "Pathwise derivatives beyond the
reparameterization trick" (2018), with PyTorch's coefficients (aten/src/ATen/native/Distributions.h).
"""

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import op
from tensorcli.engine.ops._draws import on_host, stream
from tensorcli.engine.ops._shared import no_derivative


def _check_gamma(self, generator):
    if not self.dtype.is_floating_point or self.dtype.itemsize < 4:
        raise messages.not_implemented("gamma_cpu", self.dtype.scalar_type)


@op(
    "_standard_gamma(Tensor self, Generator? generator=None) -> Tensor",
    variants="function",
    out=False,
    check=_check_gamma,
    self=lambda grad, self, result: grad * functions._standard_gamma_grad(self, result),
)
def _standard_gamma(xp, self, generator):
    """Draws of the gamma distribution, each of the shape that its element of self says."""
    from tensorcli.engine.random.rejection import gamma

    return gamma(stream(generator), on_host(self))


def _check_dirichlet(self, generator):
    if not self.dtype.is_floating_point or self.dtype.itemsize < 4:
        raise messages.not_implemented("dirichlet", self.dtype.scalar_type)


@op(
    "_sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor",
    variants="function",
    out=False,
    check=_check_dirichlet,
)
def _sample_dirichlet(xp, self, generator):
    """Shares of a whole: gamma variables over their sum along the last dimension."""
    from tensorcli.engine.random.rejection import gamma

    array = on_host(self)
    drawn = gamma(stream(generator), array.astype(np.float64))
    limits = np.finfo(array.dtype)
    shares = (drawn / drawn.sum(-1, keepdims=True)).astype(array.dtype)
    return np.clip(shares, limits.tiny, np.nextafter(array.dtype.type(1), array.dtype.type(0)))


@op(
    "_standard_gamma_grad(Tensor self, Tensor output) -> Tensor",
    variants="function",
    out=False,
    self=no_derivative("_standard_gamma_grad"),
)
def _standard_gamma_grad(xp, self, output):
    """How draws of the gamma distribution move with their shape."""
    alpha, x = (np.broadcast_to(on_host(one), self.shape).astype(np.float64) for one in (self, output))
    with np.errstate(all="ignore"):
        found = np.where(
            x < 0.8,
            _gamma_by_series(alpha, x),
            np.where(alpha > 8, _gamma_by_saddle_point(alpha, x), _gamma_by_fit(alpha, x)),
        )
    return found.astype(self.dtype)


def _gamma_by_series(alpha, x):
    """For small x: Taylor series of the incomplete gamma function and of its derivative."""
    term, bottom = np.ones_like(x), alpha.copy()
    first, second = 1 / bottom, 1 / bottom**2
    for i in range(1, 6):
        term = term * (-x / i)
        bottom = bottom + 1
        first = first + term / bottom
        second = second + term / bottom**2
    power = x**alpha
    moved = (np.log(x) - _digamma(alpha)) * (power * first) - power * second
    found = -moved / (x ** (alpha - 1) * np.exp(-x))
    return np.where(np.isnan(found), 0.0, found)


def _gamma_by_saddle_point(alpha, x):
    """For a large shape: Rice's expansion, and its limit around the mean."""
    near = (1 + 24 * alpha * (1 + 12 * alpha)) * (
        1440 * alpha**2 + 6 * x * (53 - 120 * x) - 65 * x**2 / alpha + alpha * (107 + 3600 * x)
    )
    near = near / (1244160 * alpha**4)
    root, off = np.sqrt(8 * alpha), alpha - x
    bent = (x - alpha - alpha * np.log(x / alpha)) ** -1.5
    slope = np.log(x / alpha) * (root / off + np.where(x < alpha, -bent, bent))
    slope = slope - np.sqrt(2 / alpha) * (alpha + x) / off**2
    stirling = 1 + 1 / (12 * alpha) * (1 + 1 / (24 * alpha))
    far = -stirling * x * slope / root
    return np.where((0.9 * alpha <= x) & (x <= 1.1 * alpha), near, far)


_GAMMA_FIT = np.array(
    [
        [
            [0.16009398, -0.094634809, 0.025146376, -0.0030648343],
            [0.53487893, 0.1298071, 0.065735949, -0.0015649758],
            [0.040121004, -0.0065914022, -0.0026286047, -0.0013441777],
        ],
        [
            [1, 0.32668115, 0.10406089, 0.0014179084],
            [0.16639465, 0.020070113, -0.0035938915, -0.00058392623],
            [0.017050642, -0.0021309326, 0.00085092367, -1.5247877e-07],
        ],
    ]
)


def _gamma_by_fit(alpha, x):
    """Elsewhere: a rational function of log(x / alpha) and log(alpha)."""
    powers = (
        np.stack([one**k for k in range(count)])
        for one, count in ((np.log(x / alpha), 3), (np.log(alpha), 4))
    )
    top, bottom = np.einsum("nij,i...,j...->n...", _GAMMA_FIT, *powers)
    return np.exp(top / bottom)


@op("_dirichlet_grad(Tensor x, Tensor alpha, Tensor total) -> Tensor", variants="function", out=False)
def _dirichlet_grad(xp, x, alpha, total):
    """How shares move with their concentration, up to a factor that the other shares have in common."""
    own, mine, whole = (np.asarray(on_host(one), np.float64) for one in (x, alpha, total))
    rest = whole - mine
    edge = whole * own * (1 - own)
    with np.errstate(all="ignore"):
        found = np.select(
            [
                (own <= 0.5) & (edge < 2.5),
                (own >= 0.5) & (edge < 0.75),
                (mine > 6) & (rest > 6),
            ],
            [
                _beta_near_zero(own, mine, rest),
                -_beta_near_one(1 - own, rest, mine),
                _beta_by_saddle_point(own, mine, rest),
            ],
            _beta_by_fit(own, mine, whole),
        )
    return found.astype(x.dtype)


def _beta_near_zero(x, alpha, beta):
    """The derivative by alpha, by a Taylor series in x."""
    factor = _digamma(alpha) - _digamma(alpha + beta) - np.log(x)
    term = np.ones_like(x)
    series = (factor + 1 / alpha) / alpha
    for i in range(1, 11):
        term = term * (i - beta) * x / i
        series = series + term / (alpha + i) * (factor + 1 / (alpha + i))
    found = x * (1 - x) ** -beta * series
    return np.where(np.isnan(found), 0.0, found)


def _beta_near_one(x, alpha, beta):
    """The derivative by beta, by a Taylor series in x."""
    factor = _digamma(alpha + beta) - _digamma(beta)
    term, product, slope = np.ones_like(x), np.ones_like(x), np.zeros_like(x)
    series = factor / alpha
    for i in range(1, 9):
        term = term * -x / i
        slope = slope * (beta - i) + product
        product = product * (beta - i)
        series = series + term / (alpha + i) * (slope + factor * product)
    found = -((1 - x) ** (1 - beta)) * series
    return np.where(np.isnan(found), 0.0, found)


def _beta_by_saddle_point(x, alpha, beta):
    """For large concentrations: Rice's expansion, and its limit around the mean."""
    total = alpha + beta
    mean = alpha / total
    spread = np.sqrt(alpha * beta / (total + 1)) / total
    inner = 8 * (1 - x) * (135 * beta - 11)
    inner = (453 + 1620 * beta * (1 - x) - 455 * x) * beta + alpha * inner
    inner = 3 * (59 + 180 * beta - 90 * x) * beta**2 + alpha * inner
    inner = (43 + 20 * (16 + 27 * beta) * x) * beta**3 + alpha * inner
    inner = 47 * x * beta**4 + alpha * inner
    near = (1 + 12 * alpha) * (1 + 12 * beta) / total**2 / (1 - x) * inner
    near = near / (12960 * alpha**3 * beta**2 * (1 + 12 * total))
    stirling = _stirling(alpha) * _stirling(beta) / _stirling(total)
    off = alpha * (x - 1) + beta * x
    first = 2 * alpha**2 * (x - 1) + alpha * beta * (x - 1) - x * beta**2
    first = first / (np.sqrt(2 * alpha / beta) * total**1.5 * off**2)
    bent = beta * np.log(beta / (total * (1 - x))) + alpha * np.log(alpha / (total * x))
    bent = np.where(x < mean, 1.0, -1.0) * bent**-1.5
    slope = first + 0.5 * np.log(alpha / (total * x)) * (np.sqrt(8 * alpha * beta / total) / off + bent)
    far = stirling * (-x / np.sqrt(2 * alpha * beta / total)) * slope
    return np.where((mean - 0.1 * spread <= x) & (x <= mean + 0.1 * spread), near, far)


def _stirling(x):
    return 1 + 1 / (12 * x) + 1 / (288 * x * x)


_BETA_FIT = np.array(
    [
        [
            [
                [1.003668233, -0.01061107488, -0.0657888334, 0.01201642863],
                [0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033],
                [-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013],
            ],
            [
                [0.221950385, -0.3187676331, 0.01799915743, 0.01074823814],
                [-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057],
                [0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05],
            ],
            [
                [-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565],
                [0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181],
                [0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05],
            ],
        ],
        [
            [
                [1, -0.02924021934, -0.04438342661, 0.007285809825],
                [0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521],
                [-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149],
            ],
            [
                [0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273],
                [0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956],
                [-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05],
            ],
            [
                [0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05],
                [0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05],
                [-0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06],
            ],
        ],
    ]
)


def _beta_by_fit(x, alpha, total):
    """Elsewhere: an analytic approximation, times a rational function of log(x), log(alpha / x) and log(total x / alpha)."""
    u = np.log(x)
    a = np.log(alpha) - u
    b = np.log(total) - a
    powers = (np.stack([one**k for k in range(count)]) for one, count in ((u, 3), (a, 3), (b, 4)))
    top, bottom = np.einsum("nijk,i...,j...,k...->n...", _BETA_FIT, *powers)
    return top / bottom * (x * (_digamma(total) - _digamma(alpha)) / (total - alpha))


def _digamma(x):
    from scipy.special import digamma

    return digamma(x)

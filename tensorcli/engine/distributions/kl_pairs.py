"""The divergence of distributions of two kinds."""

import math
from typing import Any

from tensorcli.engine.callers import functions
from tensorcli.engine.distributions.continuous import Exponential, Laplace, Normal, Uniform
from tensorcli.engine.distributions.continuous_bernoulli import ContinuousBernoulli
from tensorcli.engine.distributions.discrete import Bernoulli, Binomial, Poisson
from tensorcli.engine.distributions.distribution import EULER
from tensorcli.engine.distributions.formulas import Formula, register_kl
from tensorcli.engine.distributions.gamma import Beta, Gamma
from tensorcli.engine.distributions.transformed import Gumbel, Pareto


def _infinite(name: str) -> Formula:
    return lambda p, q: functions.full_like(getattr(p, name), math.inf)


_BOUNDED = (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform)
_NARROWER: dict[type, tuple[str, tuple[type, ...]]] = {
    Beta: ("concentration1", (Pareto,)),
    ContinuousBernoulli: ("probs", (Pareto,)),
    Exponential: ("rate", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    Gamma: ("concentration", (Beta, ContinuousBernoulli, Pareto, Uniform)),
    Gumbel: ("loc", _BOUNDED),
    Laplace: ("loc", _BOUNDED),
    Normal: ("loc", _BOUNDED),
    Pareto: ("scale", (Beta, ContinuousBernoulli, Uniform)),
    Poisson: ("rate", (Bernoulli, Binomial)),
}
"""Families beside which others have no chance of some of their values: a parameter of theirs, and the others."""
for _kind, (_name, _others) in _NARROWER.items():
    for _other in _others:
        register_kl(_kind, _other)(_infinite(_name))


def _gamma_norm(q: Any) -> Any:
    """The logarithm of a gamma density's integral without its constant."""
    return q.concentration.lgamma() - q.concentration * q.rate.log()


def _infinite_where(one: Any, other: Any, found: Any) -> Any:
    return functions.where(functions.max(one, other), functions.ones_like(found) * math.inf, found)


def _x_log_x(x: Any) -> Any:
    return functions.xlogy(x, x)


@register_kl(Bernoulli, Poisson)
def _bernoulli_poisson(p: Any, q: Any) -> Any:
    return -p.entropy() - (p.probs * q.rate.log() - q.rate)


@register_kl(Beta, Exponential)
def _beta_exponential(p: Any, q: Any) -> Any:
    mean = p.concentration1 / (p.concentration1 + p.concentration0)
    return -p.entropy() - q.rate.log() + q.rate * mean


@register_kl(Beta, ContinuousBernoulli)
def _bounded_continuous_bernoulli(p: Any, q: Any) -> Any:
    return -p.entropy() - p.mean * q.logits - functions.log1p(-q.probs) - q._log_norm()


@register_kl(Beta, Gamma)
def _beta_gamma(p: Any, q: Any) -> Any:
    total = p.concentration1 + p.concentration0
    slope = (q.concentration - 1) * (p.concentration1.digamma() - total.digamma())
    return -p.entropy() + _gamma_norm(q) - slope + q.rate * p.concentration1 / total


@register_kl(Beta, Normal)
def _beta_normal(p: Any, q: Any) -> Any:
    total = p.concentration1 + p.concentration0
    mean, variance = p.concentration1 / total, q.scale.pow(2)
    spread = (mean * (1 - mean) / (total + 1) + mean.pow(2)) * 0.5
    norm = 0.5 * (variance * 2 * math.pi).log()
    return -p.entropy() + norm + (spread - q.loc * mean + q.loc.pow(2) * 0.5) / variance


@register_kl(Beta, Uniform)
def _beta_uniform(p: Any, q: Any) -> Any:
    found = -p.entropy() + (q.high - q.low).log()
    found[(q.low > 0.0) | (q.high < 1.0)] = math.inf
    return found


@register_kl(Exponential, Gamma)
def _exponential_gamma(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    first = -q.concentration * functions.log(ratio)
    return first + ratio + q.concentration.lgamma() + q.concentration * EULER - (1 + EULER)


@register_kl(Exponential, Gumbel)
def _exponential_gumbel(p: Any, q: Any) -> Any:
    product, ratio = p.rate * q.scale, q.loc / q.scale
    tail = functions.exp(ratio) * product / (product + 1)
    return product.log() - 1 - ratio + tail + product.reciprocal()


@register_kl(Exponential, Normal)
def _exponential_normal(p: Any, q: Any) -> Any:
    variance, square = q.scale.pow(2), p.rate.pow(2)
    norm = 0.5 * functions.log(square * variance * 2 * math.pi)
    return norm - 1 + (square.reciprocal() - q.loc / p.rate + q.loc.pow(2) * 0.5) / variance


@register_kl(Gamma, Exponential)
def _gamma_exponential(p: Any, q: Any) -> Any:
    return -p.entropy() - q.rate.log() + q.rate * p.concentration / p.rate


@register_kl(Gamma, Gumbel)
def _gamma_gumbel(p: Any, q: Any) -> Any:
    product, ratio = p.rate * q.scale, q.loc / q.scale
    own = (p.concentration - 1) * p.concentration.digamma() - p.concentration.lgamma() - p.concentration
    tail = functions.exp(ratio) * (1 + product.reciprocal()).pow(-p.concentration) - ratio
    return own + (product.log() + p.concentration / product) + tail


@register_kl(Gamma, Normal)
def _gamma_normal(p: Any, q: Any) -> Any:
    variance, square = q.scale.pow(2), p.rate.pow(2)
    norm = 0.5 * functions.log(square * variance * 2 * math.pi) - p.concentration - p.concentration.lgamma()
    spread = 0.5 * (p.concentration.pow(2) + p.concentration) / square
    apart = spread - q.loc * p.concentration / p.rate + 0.5 * q.loc.pow(2)
    return norm + (p.concentration - 1) * p.concentration.digamma() + apart / variance


@register_kl(Gumbel, Normal)
def _gumbel_normal(p: Any, q: Any) -> Any:
    ratio = p.scale / q.scale
    norm = (ratio / math.sqrt(2 * math.pi)).log()
    spread = (math.pi * ratio * 0.5).pow(2) / 3
    apart = ((p.loc + p.scale * EULER - q.loc) / q.scale).pow(2) * 0.5
    return -norm + spread + apart - (EULER + 1)


@register_kl(Laplace, Normal)
def _laplace_normal(p: Any, q: Any) -> Any:
    variance = q.scale.pow(2)
    ratio = p.scale.pow(2) / variance
    apart = 0.5 * p.loc.pow(2) - p.loc * q.loc + 0.5 * q.loc.pow(2)
    return -(0.5 * functions.log(2 * ratio / math.pi)) + ratio + apart / variance - 1


@register_kl(Normal, Gumbel)
def _normal_gumbel(p: Any, q: Any) -> Any:
    own, square, other = p.loc / q.scale, (p.scale / q.scale).pow(2), q.loc / q.scale
    tail = functions.exp(-own + 0.5 * square + other)
    return -(square.log() * 0.5) + (own - other) + tail - (0.5 * (1 + math.log(2 * math.pi)))


@register_kl(Normal, Laplace)
def _normal_laplace(p: Any, q: Any) -> Any:
    apart = p.loc - q.loc
    scaled = apart / p.scale
    near = math.sqrt(2 / math.pi) * p.scale * functions.exp(-0.5 * scaled.pow(2))
    far = apart * functions.erf(math.sqrt(0.5) * scaled)
    return -functions.log(p.scale / q.scale) + (near + far) / q.scale - 0.5 * (1 + math.log(0.5 * math.pi))


@register_kl(Pareto, Exponential)
def _pareto_exponential(p: Any, q: Any) -> Any:
    product = p.scale * q.rate
    mean = p.alpha * product / (p.alpha - 1)
    found = (p.alpha / product).log() - p.alpha.reciprocal() + mean - 1
    found[p.alpha <= 1] = math.inf
    return found


@register_kl(Pareto, Gamma)
def _pareto_gamma(p: Any, q: Any) -> Any:
    logarithm = p.scale.log() + p.alpha.reciprocal()
    mean = q.rate * p.alpha * p.scale / (p.alpha - 1)
    found = p.alpha.log() - logarithm + _gamma_norm(q) + (1 - q.concentration) * logarithm + mean - 1
    found[p.alpha <= 1] = math.inf
    return found


@register_kl(Pareto, Normal)
def _pareto_normal(p: Any, q: Any) -> Any:
    part = p.scale / (p.alpha - 1)
    norm = (math.sqrt(2 * math.pi) * q.scale * p.alpha / p.scale).log()
    spread = p.alpha * part.pow(2) / (p.alpha - 2)
    apart = (p.alpha * part - q.loc).pow(2)
    found = norm - p.alpha.reciprocal() + (spread + apart) / (2 * q.scale.pow(2)) - 1
    found[p.alpha <= 2] = math.inf
    return found


@register_kl(ContinuousBernoulli, Exponential)
def _continuous_bernoulli_exponential(p: Any, q: Any) -> Any:
    return -p.entropy() - functions.log(q.rate) + q.rate * p.mean


@register_kl(ContinuousBernoulli, Normal)
def _continuous_bernoulli_normal(p: Any, q: Any) -> Any:
    norm = 0.5 * (math.log(2.0 * math.pi) + functions.square(q.loc / q.scale)) + functions.log(q.scale)
    spread = p.variance + functions.square(p.mean) - 2.0 * q.loc * p.mean
    return -p.entropy() + norm + spread / (2.0 * functions.square(q.scale))


@register_kl(ContinuousBernoulli, Uniform)
def _continuous_bernoulli_uniform(p: Any, q: Any) -> Any:
    found = -p.entropy() + (q.high - q.low).log()
    return _infinite_where(functions.ge(q.low, 0.0), functions.le(q.high, 1.0), found)


@register_kl(Uniform, Beta)
def _uniform_beta(p: Any, q: Any) -> Any:
    width = p.high - p.low
    ones = (q.concentration1 - 1) * (_x_log_x(p.high) - _x_log_x(p.low) - width) / width
    zeros = (q.concentration0 - 1) * (_x_log_x(1 - p.high) - _x_log_x(1 - p.low) + width) / width
    norm = (
        q.concentration1.lgamma() + q.concentration0.lgamma() - (q.concentration1 + q.concentration0).lgamma()
    )
    found = zeros + norm - functions.log(width) - ones
    found[(p.high > 1.0) | (p.low < 0.0)] = math.inf
    return found


@register_kl(Uniform, ContinuousBernoulli)
def _uniform_continuous_bernoulli(p: Any, q: Any) -> Any:
    found = _bounded_continuous_bernoulli(p, q)
    return _infinite_where(functions.ge(p.high, 1.0), functions.le(p.low, 0.0), found)


@register_kl(Uniform, Gamma)
def _uniform_gamma(p: Any, q: Any) -> Any:
    width = p.high - p.low
    slope = (1 - q.concentration) * (_x_log_x(p.high) - _x_log_x(p.low) - width) / width
    found = -width.log() + _gamma_norm(q) + slope + q.rate * (p.high + p.low) / 2
    found[p.low < 0.0] = math.inf
    return found


@register_kl(Uniform, Gumbel)
def _uniform_gumbel(p: Any, q: Any) -> Any:
    ratio = q.scale / (p.high - p.low)
    high, low = (p.high - q.loc) / q.scale, (p.low - q.loc) / q.scale
    return ratio.log() + 0.5 * (high + low) - ratio * (functions.exp(-high) - functions.exp(-low))


@register_kl(Uniform, Pareto)
def _uniform_pareto(p: Any, q: Any) -> Any:
    width = p.high - p.low
    norm = (q.alpha * q.scale.pow(q.alpha) * width).log()
    found = (_x_log_x(p.high) - _x_log_x(p.low) - width) / width * (q.alpha + 1) - norm
    found[p.low < q.scale] = math.inf
    return found


@register_kl(Uniform, Normal)
def _uniform_normal(p: Any, q: Any) -> Any:
    width = p.high - p.low
    norm = (math.sqrt(math.pi * 2) * q.scale / width).log()
    apart = ((p.high + p.low - 2 * q.loc) / 2).pow(2)
    return norm + 0.5 * (width.pow(2) / 12 + apart) / q.scale.pow(2)


@register_kl(Uniform, Exponential)
def _uniform_exponential(p: Any, q: Any) -> Any:
    found = q.rate * (p.high + p.low) / 2 - ((p.high - p.low) * q.rate).log()
    found[p.low < 0.0] = math.inf
    return found

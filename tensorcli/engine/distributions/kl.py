"""`torch.distributions.kl`: the divergence of distributions of one kind; other modules have those of two kinds."""

import math
from typing import Any

from tensorcli.engine import process
from tensorcli.engine.callers import functions
from tensorcli.engine.distributions import kl_pairs, kl_vectors  # noqa: F401 (they register their formulas)
from tensorcli.engine.distributions.categorical import Categorical, OneHotCategorical
from tensorcli.engine.distributions.combined import Independent, TransformedDistribution
from tensorcli.engine.distributions.continuous import Cauchy, Exponential, Laplace, Normal, Uniform
from tensorcli.engine.distributions.continuous_bernoulli import ContinuousBernoulli
from tensorcli.engine.distributions.discrete import Bernoulli, Binomial, Geometric, Poisson
from tensorcli.engine.distributions.distribution import EULER, sum_rightmost
from tensorcli.engine.distributions.family import ExponentialFamily
from tensorcli.engine.distributions.formulas import _KL_REGISTRY, kl_divergence, register_kl
from tensorcli.engine.distributions.gamma import Beta, Dirichlet, Gamma
from tensorcli.engine.distributions.transformed import Gumbel, HalfNormal, Pareto
from tensorcli.engine.nn import functional

__all__ = [
    "kl_divergence",
    "register_kl",
]


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p: Any, q: Any) -> Any:
    yes = p.probs * (functional.softplus(-q.logits) - functional.softplus(-p.logits))
    yes[q.probs == 0] = math.inf
    yes[p.probs == 0] = 0
    no = (1 - p.probs) * (functional.softplus(q.logits) - functional.softplus(p.logits))
    no[q.probs == 1] = math.inf
    no[p.probs == 1] = 0
    return yes + no


@register_kl(Beta, Beta)
def _beta(p: Any, q: Any) -> Any:
    total_p, total_q = p.concentration1 + p.concentration0, q.concentration1 + q.concentration0
    first = q.concentration1.lgamma() + q.concentration0.lgamma() + total_p.lgamma()
    second = p.concentration1.lgamma() + p.concentration0.lgamma() + total_q.lgamma()
    ones = (p.concentration1 - q.concentration1) * functions.digamma(p.concentration1)
    zeros = (p.concentration0 - q.concentration0) * functions.digamma(p.concentration0)
    return first - second + ones + zeros + (total_q - total_p) * functions.digamma(total_p)


@register_kl(Binomial, Binomial)
def _binomial(p: Any, q: Any) -> Any:
    if (p.total_count < q.total_count).any():
        raise NotImplementedError(
            "KL between Binomials where q.total_count > p.total_count is not implemented"
        )
    found = p.total_count * (p.probs * (p.logits - q.logits) + (-p.probs).log1p() - (-q.probs).log1p())
    more = p.total_count > q.total_count
    found[more] = functions.full_like(found[more], math.inf)
    return found


@register_kl(Categorical, Categorical)
def _categorical(p: Any, q: Any) -> Any:
    found = p.probs * (p.logits - q.logits)
    found[(q.probs == 0).expand_as(found)] = math.inf
    found[(p.probs == 0).expand_as(found)] = 0
    return found.sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p: Any, q: Any) -> Any:
    return _categorical(p._categorical, q._categorical)


@register_kl(Cauchy, Cauchy)
def _cauchy(p: Any, q: Any) -> Any:
    apart = ((p.scale + q.scale).pow(2) + (p.loc - q.loc).pow(2)).log()
    return apart - (4 * p.scale * q.scale).log()


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p: Any, q: Any) -> Any:
    total_p, total_q = p.concentration.sum(-1), q.concentration.sum(-1)
    first = total_p.lgamma() - total_q.lgamma()
    second = (p.concentration.lgamma() - q.concentration.lgamma()).sum(-1)
    apart = p.concentration - q.concentration
    slope = p.concentration.digamma() - total_p.digamma().unsqueeze(-1)
    return first - second + (apart * slope).sum(-1)


@register_kl(Exponential, Exponential)
def _exponential(p: Any, q: Any) -> Any:
    ratio = q.rate / p.rate
    return -ratio.log() + ratio - 1


@register_kl(Gamma, Gamma)
def _gamma(p: Any, q: Any) -> Any:
    first = q.concentration * (p.rate / q.rate).log()
    second = functions.lgamma(q.concentration) - functions.lgamma(p.concentration)
    third = (p.concentration - q.concentration) * functions.digamma(p.concentration)
    return first + second + third + (q.rate - p.rate) * (p.concentration / p.rate)


@register_kl(Geometric, Geometric)
def _geometric(p: Any, q: Any) -> Any:
    return -p.entropy() - functions.log1p(-q.probs) / p.probs - q.logits


@register_kl(Gumbel, Gumbel)
def _gumbel(p: Any, q: Any) -> Any:
    ratio, own, other = p.scale / q.scale, q.loc / q.scale, p.loc / q.scale
    first = -ratio.log() - own + other
    return first + ratio * EULER + functions.exp(own + (1 + ratio).lgamma() - other) - (1 + EULER)


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p: Any, q: Any) -> Any:
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p: Any, q: Any) -> Any:
    ratio, apart = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + apart / q.scale + ratio * functions.exp(-apart / p.scale) - 1


@register_kl(Normal, Normal)
def _normal(p: Any, q: Any) -> Any:
    ratio = (p.scale / q.scale).pow(2)
    apart = ((p.loc - q.loc) / q.scale).pow(2)
    return 0.5 * (ratio + apart - 1 - ratio.log())


@register_kl(Pareto, Pareto)
def _pareto(p: Any, q: Any) -> Any:
    ratio = q.alpha / p.alpha
    found = q.alpha * (p.scale / q.scale).log() + -ratio.log() + ratio - 1
    found[p.scale < q.scale] = math.inf
    return found


@register_kl(Poisson, Poisson)
def _poisson(p: Any, q: Any) -> Any:
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


@register_kl(Uniform, Uniform)
def _uniform(p: Any, q: Any) -> Any:
    found = ((q.high - q.low) / (p.high - p.low)).log()
    found[(q.low > p.low) | (q.high < p.high)] = math.inf
    return found


@register_kl(Independent, Independent)
def _independent(p: Any, q: Any) -> Any:
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p: Any, q: Any) -> Any:
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError
    return kl_divergence(p.base_dist, q.base_dist)


@register_kl(ExponentialFamily, ExponentialFamily)
def _families(p: Any, q: Any) -> Any:
    if type(p) is not type(q):
        raise NotImplementedError(
            "The cross KL-divergence between different exponential families cannot                             be "
            "computed using Bregman divergences"
        )
    leaves, normalizer, slopes = p._slopes()
    result = q._log_normalizer(*q._natural_params) - normalizer
    for leaf, other, slope in zip(leaves, q._natural_params, slopes, strict=True):
        result -= sum_rightmost((other - leaf) * slope, len(q.event_shape))
    return result


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _continuous_bernoulli(p: Any, q: Any) -> Any:
    own = p._log_norm() + functions.log1p(-p.probs)
    other = -q._log_norm() - functions.log1p(-q.probs)
    return p.mean * (p.logits - q.logits) + own + other


process.keep_contents(_KL_REGISTRY)

"""`torch.distributions`: distributions whose samples, densities and divergences are tensor operations.

`rsample` keeps the graph to the parameters, `sample` does not.
"""

from importlib import import_module
from typing import Any

_SUBMODULES = ("constraint_registry", "constraints", "kl", "transforms", "utils")
_WHERE = {
    name: place
    for place, names in {
        "distribution": "Distribution",
        "family": "ExponentialFamily",
        "continuous": "Cauchy Exponential GeneralizedPareto Laplace Normal StudentT Uniform",
        "gamma": "Beta Chi2 Dirichlet FisherSnedecor Gamma",
        "discrete": "Bernoulli Binomial Geometric NegativeBinomial Poisson",
        "categorical": "Categorical Multinomial OneHotCategorical OneHotCategoricalStraightThrough",
        "continuous_bernoulli": "ContinuousBernoulli",
        "circular": "VonMises",
        "multivariate": "MultivariateNormal",
        "lowrank": "LowRankMultivariateNormal",
        "matrices": "LKJCholesky Wishart",
        "combined": "Independent MixtureSameFamily TransformedDistribution",
        "transformed": "Gumbel HalfCauchy HalfNormal InverseGamma Kumaraswamy LogNormal LogisticNormal Pareto "
        "RelaxedBernoulli RelaxedOneHotCategorical Weibull",
        "kl": "kl_divergence register_kl",
        "constraint_registry": "biject_to transform_to",
        "transforms": "AbsTransform AffineTransform CatTransform ComposeTransform CorrCholeskyTransform "
        "CumulativeDistributionTransform ExpTransform "
        "IndependentTransform LowerCholeskyTransform PositiveDefiniteTransform PowerTransform ReshapeTransform "
        "SigmoidTransform SoftmaxTransform SoftplusTransform StackTransform StickBreakingTransform TanhTransform Transform "
        "identity_transform",
    }.items()
    for name in names.split()
}
"""The module of each public name."""


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"tensorcli.engine.distributions.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'torch.distributions' has no attribute '{name}'")
    return getattr(import_module(f"tensorcli.engine.distributions.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted((*_SUBMODULES, *_WHERE))

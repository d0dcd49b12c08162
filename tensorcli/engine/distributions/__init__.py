"""`torch.distributions`: distributions whose samples, densities and divergences are tensor operations.

`rsample` keeps the graph to the parameters, `sample` does not.
"""

from tensorcli.engine.late import late as _late
from tensorcli.engine.late import listed as _listed

_MODULES = ("constraint_registry", "constraints", "kl", "transforms", "utils")
_WHERE = _listed(
    {
        "distributions.distribution": "Distribution",
        "distributions.family": "ExponentialFamily",
        "distributions.continuous": "Cauchy Exponential GeneralizedPareto Laplace Normal StudentT Uniform",
        "distributions.gamma": "Beta Chi2 Dirichlet FisherSnedecor Gamma",
        "distributions.discrete": "Bernoulli Binomial Geometric NegativeBinomial Poisson",
        "distributions.categorical": "Categorical Multinomial OneHotCategorical OneHotCategoricalStraightThrough",
        "distributions.continuous_bernoulli": "ContinuousBernoulli",
        "distributions.circular": "VonMises",
        "distributions.multivariate": "MultivariateNormal",
        "distributions.lowrank": "LowRankMultivariateNormal",
        "distributions.matrices": "LKJCholesky Wishart",
        "distributions.combined": "Independent MixtureSameFamily TransformedDistribution",
        "distributions.transformed": "Gumbel HalfCauchy HalfNormal InverseGamma Kumaraswamy LogNormal LogisticNormal Pareto "
        "Weibull",
        "distributions.relaxed": "RelaxedBernoulli RelaxedOneHotCategorical",
        "distributions.kl": "kl_divergence register_kl",
        "distributions.constraint_registry": "biject_to transform_to",
        "distributions.transforms": "AbsTransform AffineTransform CatTransform ComposeTransform CorrCholeskyTransform "
        "CumulativeDistributionTransform ExpTransform IndependentTransform LowerCholeskyTransform "
        "PositiveDefiniteTransform PowerTransform ReshapeTransform SigmoidTransform SoftmaxTransform "
        "SoftplusTransform StackTransform StickBreakingTransform TanhTransform Transform identity_transform",
    }
)
__getattr__, __dir__ = _late("distributions", _WHERE, _MODULES)

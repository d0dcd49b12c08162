"""`torch.distributions`: distributions whose samples, densities and divergences are tensor operations.

`rsample` keeps the graph to the parameters, `sample` does not.
"""

from tensorcli.engine.late import late as _late

_MODULES = ("constraint_registry", "constraints", "kl", "transforms", "utils")
_WHERE = {
    name: f"distributions.{place}"
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
        "Weibull",
        "relaxed": "RelaxedBernoulli RelaxedOneHotCategorical",
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
__getattr__, __dir__ = _late("distributions", _WHERE, _MODULES)

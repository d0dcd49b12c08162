"""Distributions made of gamma variables, whose samples have implicit gradients (`ops/pathwise`)."""

import math
from numbers import Number
from typing import Any, ClassVar

from tensorcli.engine.autograd.function import Function, once_differentiable
from tensorcli.engine.callers import functions
from tensorcli.engine.construct import as_tensor, tensor
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.distribution import Distribution, broadcast_all
from tensorcli.engine.distributions.family import ExponentialFamily
from tensorcli.engine.formats import contiguous_format
from tensorcli.engine.queries import finfo
from tensorcli.engine.tensor import Tensor


class Gamma(ExponentialFamily):
    """The time until a number of events (`concentration`) of a constant rate."""

    __module__ = "torch.distributions.gamma"
    arg_constraints: ClassVar[Any] = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True
    concentration: Any
    rate: Any

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        self._take(validate_args, concentration=concentration, rate=rate)

    @property
    def mean(self) -> Any:
        return self.concentration / self.rate

    @property
    def mode(self) -> Any:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Any:
        return self.concentration / self.rate.pow(2)

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        drawn = functions._standard_gamma(self.concentration.expand(shape)) / self.rate.expand(shape)
        drawn.detach().clamp_(min=finfo(drawn.dtype).tiny)
        return drawn

    def log_prob(self, value: Any) -> Any:
        return super().log_prob(as_tensor(value, dtype=self.rate.dtype, device=self.rate.device))

    def _log_prob(self, value: Any) -> Any:
        return (
            functions.xlogy(self.concentration, self.rate) + functions.xlogy(self.concentration - 1, value)
            - self.rate * value - functions.lgamma(self.concentration)
        )  # fmt: skip

    def _cdf(self, value: Any) -> Any:
        return functions.special_gammainc(self.concentration, self.rate * value)

    def entropy(self) -> Any:
        return (
            self.concentration - functions.log(self.rate) + functions.lgamma(self.concentration)
            + (1.0 - self.concentration) * functions.digamma(self.concentration)
        )  # fmt: skip


class Chi2(Gamma):
    """The sum of `df` squares of normal variables."""

    __module__ = "torch.distributions.chi2"
    arg_constraints: ClassVar[Any] = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)

    @property
    def df(self) -> Any:
        """The degrees of freedom."""
        return self.concentration * 2


class _Dirichlet(Function):
    """Samples of Dirichlet distributions, differentiable once."""

    @staticmethod
    def forward(ctx: Any, concentration: Any) -> Any:
        drawn = functions._sample_dirichlet(concentration)
        ctx.save_for_backward(drawn, concentration)
        return drawn

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Any) -> Any:
        drawn, concentration = ctx.saved_tensors
        total = concentration.sum(-1, True).expand_as(concentration)
        slope = functions._dirichlet_grad(drawn, concentration, total)
        return slope * (grad - (drawn * grad).sum(-1, True))


class Dirichlet(ExponentialFamily):
    """Shares of a whole: gamma variables over their sum."""

    __module__ = "torch.distributions.dirichlet"
    arg_constraints: ClassVar[Any] = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Any, validate_args: bool | None = None) -> None:
        if concentration.dim() < 1:
            raise ValueError("`concentration` parameter must be at least one-dimensional.")
        self.concentration = concentration
        super().__init__(concentration.shape[:-1], concentration.shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Any:
        return self.concentration / self.concentration.sum(-1, True)

    @property
    def mode(self) -> Any:
        above = (self.concentration - 1).clamp(min=0.0)
        found = above / above.sum(-1, True)
        corner = (self.concentration < 1).all(dim=-1)
        found[corner] = functions.one_hot(found[corner].argmax(dim=-1), above.shape[-1]).to(found)
        return found

    @property
    def variance(self) -> Any:
        total = self.concentration.sum(-1, True)
        return self.concentration * (total - self.concentration) / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return _Dirichlet.apply(self.concentration.expand(self._extended_shape(sample_shape)))

    def _log_prob(self, value: Any) -> Any:
        return (
            functions.xlogy(self.concentration - 1.0, value).sum(-1)
            + functions.lgamma(self.concentration.sum(-1))
            - functions.lgamma(self.concentration).sum(-1)
        )

    def entropy(self) -> Any:
        count, total = self.concentration.size(-1), self.concentration.sum(-1)
        return (
            functions.lgamma(self.concentration).sum(-1)
            - functions.lgamma(total)
            - (count - total) * functions.digamma(total)
            - ((self.concentration - 1.0) * functions.digamma(self.concentration)).sum(-1)
        )


class Beta(ExponentialFamily):
    """A share of a whole of two."""

    __module__ = "torch.distributions.beta"
    arg_constraints: ClassVar[Any] = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None) -> None:
        if isinstance(concentration1, Number) and isinstance(concentration0, Number):
            both: Any = tensor([float(concentration1), float(concentration0)])  # type: ignore[arg-type]
        else:
            both = functions.stack(broadcast_all(concentration1, concentration0), -1)
        self._dirichlet = Dirichlet(both, validate_args=validate_args)
        Distribution.__init__(self, self._dirichlet._batch_shape, validate_args=validate_args)

    @property
    def concentration1(self) -> Tensor:
        """What draws the share towards 1."""
        return self._dirichlet.concentration[..., 0]  # type: ignore[no-any-return]

    @property
    def concentration0(self) -> Tensor:
        """What draws the share towards 0."""
        return self._dirichlet.concentration[..., 1]  # type: ignore[no-any-return]

    @property
    def mean(self) -> Any:
        one: Any = self.concentration1
        return one / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Any:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Any:
        one: Any = self.concentration1
        total = one + self.concentration0
        return one * self.concentration0 / (total.pow(2) * (total + 1))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self._dirichlet.rsample(sample_shape).select(-1, 0)

    def _log_prob(self, value: Any) -> Any:
        return self._dirichlet.log_prob(functions.stack([value, 1.0 - value], -1))

    def entropy(self) -> Any:
        return self._dirichlet.entropy()


class FisherSnedecor(Distribution):
    """The ratio of two Chi2 variables, each over its degrees of freedom."""

    __module__ = "torch.distributions.fishersnedecor"
    arg_constraints: ClassVar[Any] = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True
    df1: Any
    df2: Any

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        over, under = broadcast_all(df1, df2)
        self._gamma1 = Gamma(over * 0.5, over)
        self._gamma2 = Gamma(under * 0.5, under)
        self._take(validate_args, df1=df1, df2=df2)

    def _df2_above(self, least: int) -> Any:
        """The second degrees of freedom, where there are enough of them."""
        found = self.df2.clone(memory_format=contiguous_format)
        found[found <= least] = math.nan
        return found

    @property
    def mean(self) -> Any:
        under = self._df2_above(2)
        return under / (under - 2)

    @property
    def mode(self) -> Any:
        found = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        found[self.df1 <= 2] = math.nan
        return found

    @property
    def variance(self) -> Any:
        under = self._df2_above(4)
        return 2 * under.pow(2) * (self.df1 + under - 2) / (self.df1 * (under - 2).pow(2) * (under - 4))

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        over = self._gamma1.rsample(sample_shape).view(shape)
        under = self._gamma2.rsample(sample_shape).view(shape)
        tiny = finfo(under.dtype).tiny
        under.clamp_(min=tiny)
        found = over / under
        found.clamp_(min=tiny)
        return found

    def _log_prob(self, value: Any) -> Any:
        one, two, ratio = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        constant = (one + two).lgamma() - one.lgamma() - two.lgamma()
        rise = one * ratio.log() + (one - 1) * functions.log(value)
        return constant + rise - (one + two) * functions.log1p(ratio * value)

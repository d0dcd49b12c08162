"""Distributions made of others: batches read as events, transformed values, mixtures."""

from typing import Any, ClassVar

from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.categorical import Categorical
from tensorcli.engine.distributions.distribution import Distribution, sum_rightmost
from tensorcli.engine.distributions.transforms import ComposeTransform, Transform
from tensorcli.engine.tensor import Size


class Independent(Distribution):
    """A distribution whose last batch dimensions belong to the event."""

    __module__ = "torch.distributions.independent"
    arg_constraints: ClassVar[Any] = {}

    def __init__(
        self,
        base_distribution: Distribution,
        reinterpreted_batch_ndims: int,
        validate_args: bool | None = None,
    ) -> None:
        batch = len(base_distribution.batch_shape)
        if reinterpreted_batch_ndims > batch:
            raise ValueError(
                f"Expected reinterpreted_batch_ndims <= len(base_distribution.batch_shape), actual "
                f"{reinterpreted_batch_ndims} vs {batch}"
            )
        shape = base_distribution.batch_shape + base_distribution.event_shape
        cut = batch - reinterpreted_batch_ndims
        self.base_dist = base_distribution
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims
        super().__init__(shape[:cut], shape[cut:], validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:
        return bool(self.base_dist.has_rsample)

    @property
    def has_enumerate_support(self) -> bool:
        return not self.reinterpreted_batch_ndims and bool(self.base_dist.has_enumerate_support)

    @constraints.dependent_property
    def support(self) -> Any:
        found = self.base_dist.support
        many = self.reinterpreted_batch_ndims
        return constraints.independent(found, many) if many else found

    @property
    def mean(self) -> Any:
        return self.base_dist.mean

    @property
    def mode(self) -> Any:
        return self.base_dist.mode

    @property
    def variance(self) -> Any:
        return self.base_dist.variance

    def sample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Any:
        return sum_rightmost(self.base_dist.log_prob(value), self.reinterpreted_batch_ndims)

    def entropy(self) -> Any:
        return sum_rightmost(self.base_dist.entropy(), self.reinterpreted_batch_ndims)

    def enumerate_support(self, expand: bool = True) -> Any:
        if self.reinterpreted_batch_ndims > 0:
            raise NotImplementedError("Enumeration over cartesian product is not implemented")
        return self.base_dist.enumerate_support(expand=expand)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_dist}, {self.reinterpreted_batch_ndims})"


class TransformedDistribution(Distribution):
    """What transforms make of the values of another distribution."""

    __module__ = "torch.distributions.transformed_distribution"
    arg_constraints: ClassVar[Any] = {}

    def __init__(
        self, base_distribution: Distribution, transforms: Any, validate_args: bool | None = None
    ) -> None:
        if isinstance(transforms, Transform):
            transforms = [transforms]
        elif not isinstance(transforms, list):
            raise ValueError(f"transforms must be a Transform or list, but was {transforms}")
        elif not all(isinstance(each, Transform) for each in transforms):
            raise ValueError("transforms must be a Transform or a list of Transforms")
        self.transforms = transforms
        chain = ComposeTransform(transforms)
        needed, given = chain.domain.event_dim, chain.codomain.event_dim
        shape = base_distribution.batch_shape + base_distribution.event_shape
        events = len(base_distribution.event_shape)
        if len(shape) < needed:
            raise ValueError(
                f"base_distribution needs to have shape with size at least {needed}, but got {shape}."
            )
        ahead = Size(chain.forward_shape(shape))
        wide = Size(chain.inverse_shape(ahead))
        if shape != wide:
            base_distribution = base_distribution.expand(wide[: len(wide) - events])
        if needed > events:
            base_distribution = Independent(base_distribution, needed - events)
        self.base_dist = base_distribution
        cut = len(ahead) - max(given, events + given - needed)
        super().__init__(ahead[:cut], ahead[cut:], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False)
    def support(self) -> Any:
        if not self.transforms:
            return self.base_dist.support
        found = self.transforms[-1].codomain
        more = len(self.event_shape) - found.event_dim
        return constraints.independent(found, more) if more > 0 else found

    @property
    def has_rsample(self) -> bool:
        return bool(self.base_dist.has_rsample)

    def _forth(self, value: Any) -> Any:
        for each in self.transforms:
            value = each(value)
        return value

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return self._forth(self.base_dist.sample(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Any:
        return self._forth(self.base_dist.rsample(sample_shape))

    def _log_prob(self, value: Any) -> Any:
        events = len(self.event_shape)
        found: Any = 0.0
        for each in reversed(self.transforms):
            before = each.inv(value)
            events += each.domain.event_dim - each.codomain.event_dim
            stretch = each.log_abs_det_jacobian(before, value)
            found = found - sum_rightmost(stretch, events - each.domain.event_dim)
            value = before
        return found + sum_rightmost(self.base_dist.log_prob(value), events - len(self.base_dist.event_shape))

    def _upright(self, probability: Any) -> Any:
        """A probability, turned around where the transforms together fall."""
        sign: Any = 1
        for each in self.transforms:
            sign = sign * each.sign
        return probability if isinstance(sign, int) and sign == 1 else sign * (probability - 0.5) + 0.5

    def cdf(self, value: Any) -> Any:
        for each in reversed(self.transforms):
            value = each.inv(value)
        if self._validate_args:
            self.base_dist._validate_sample(value)
        return self._upright(self.base_dist.cdf(value))

    def icdf(self, value: Any) -> Any:
        return self._forth(self.base_dist.icdf(self._upright(value)))


class MixtureSameFamily(Distribution):
    """A distribution chosen by another among the last dimension of a batch."""

    __module__ = "torch.distributions.mixture_same_family"
    arg_constraints: ClassVar[Any] = {}

    def __init__(
        self, mixture_distribution: Any, component_distribution: Any, validate_args: bool | None = None
    ) -> None:
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(
                " The Mixture distribution needs to be an  instance of torch.distributions.Categorical"
            )
        if not isinstance(component_distribution, Distribution):
            raise ValueError(
                "The Component distribution needs to be an instance of torch.distributions.Distribution"
            )
        self._mixture_distribution = mixture_distribution
        self._component_distribution = component_distribution
        chosen, batch = mixture_distribution.batch_shape, component_distribution.batch_shape[:-1]
        if any(1 not in (a, b) and a != b for a, b in zip(reversed(chosen), reversed(batch))):
            raise ValueError(
                f"`mixture_distribution.batch_shape` ({chosen}) is not compatible with "
                f"`component_distribution.batch_shape`({batch})"
            )
        choices, components = mixture_distribution.logits.shape[-1], component_distribution.batch_shape[-1]
        if choices != components:
            raise ValueError(
                f"`mixture_distribution component` ({choices}) does not equal `component_distribution.batch_shape[-1]` "
                f"({components})"
            )
        self._event_ndims = len(component_distribution.event_shape)
        super().__init__(batch, component_distribution.event_shape, validate_args=validate_args)

    @property
    def mixture_distribution(self) -> Any:
        """What chooses."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """What is chosen among."""
        return self._component_distribution

    @constraints.dependent_property
    def support(self) -> Any:
        return constraints.MixtureSameFamilyConstraint(self._component_distribution.support)

    def _weights(self) -> Any:
        probs = self._mixture_distribution.probs
        batch = len(self._mixture_distribution.batch_shape)
        more = 0 if batch == 1 else len(self.batch_shape) - batch
        return probs.reshape((*probs.shape[:-1], *[1] * more, probs.shape[-1], *[1] * self._event_ndims))

    def _averaged(self, value: Any) -> Any:
        return functions.sum(self._weights() * value, dim=-1 - self._event_ndims)

    @property
    def mean(self) -> Any:
        return self._averaged(self._component_distribution.mean)

    @property
    def variance(self) -> Any:
        within = self._averaged(self._component_distribution.variance)
        return within + self._averaged((self._component_distribution.mean - self._padded(self.mean)).pow(2.0))

    def _padded(self, value: Any) -> Any:
        return value.unsqueeze(-1 - self._event_ndims)

    def cdf(self, x: Any) -> Any:
        found = self._component_distribution.cdf(self._padded(x))
        return functions.sum(found * self._mixture_distribution.probs, dim=-1)

    def _log_prob(self, value: Any) -> Any:
        found = self._component_distribution.log_prob(self._padded(value))
        return functions.logsumexp(found + functions.log_softmax(self._mixture_distribution.logits, -1), -1)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            place = len(sample_shape) + len(self.batch_shape)
            chosen = self._mixture_distribution.sample(sample_shape)
            drawn = self._component_distribution.sample(sample_shape)
            wide = chosen.reshape((*chosen.shape, *[1] * (self._event_ndims + 1)))
            wide = wide.repeat((*[1] * chosen.dim(), 1, *self.event_shape))
            return functions.gather(drawn, place, wide).squeeze(place)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self._mixture_distribution},\n  {self._component_distribution})"

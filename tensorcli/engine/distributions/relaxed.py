"""Relaxed distributions: continuous samples in the place of discrete ones, which gradients flow through."""

from typing import Any, ClassVar

from tensorcli.engine.callers import functions
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.categorical import Categorical
from tensorcli.engine.distributions.combined import TransformedDistribution
from tensorcli.engine.distributions.discrete import Chance
from tensorcli.engine.distributions.distribution import Distribution, broadcast_all, clamp_probs
from tensorcli.engine.distributions.transforms import ExpTransform, SigmoidTransform


class LogitRelaxedBernoulli(Chance):
    """The log-odds of a relaxed Bernoulli variable."""

    __module__ = "torch.distributions.relaxed_bernoulli"
    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.real
    _kept = frozenset({"temperature"})

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        self._take_chance(probs, logits, validate_args)

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        drawn = clamp_probs(functions.rand(shape, dtype=probs.dtype, device=probs.device))
        return (drawn.log() - (-drawn).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def _log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, value)
        off = logits - value.mul(self.temperature)
        return self.temperature.log() + off - 2 * off.exp().log1p()


class _Relaxed(TransformedDistribution):
    """A discrete variable spread over a continuum: what it has of its base."""

    @property
    def temperature(self) -> Any:
        """How far it is spread."""
        return self.base_dist.temperature  # type: ignore[attr-defined]

    @property
    def logits(self) -> Any:
        """The log-odds, or the logarithms of the probabilities."""
        return self.base_dist.logits  # type: ignore[attr-defined]

    @property
    def probs(self) -> Any:
        """The probabilities."""
        return self.base_dist.probs  # type: ignore[attr-defined]


class RelaxedBernoulli(_Relaxed):
    """A Bernoulli variable spread between 0 and 1, the more so the higher the temperature."""

    __module__ = "torch.distributions.relaxed_bernoulli"
    arg_constraints: ClassVar[Any] = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)


class ExpRelaxedCategorical(Distribution):
    """The logarithms of a relaxed choice."""

    __module__ = "torch.distributions.relaxed_categorical"
    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.real_vector
    has_rsample = True
    _kept = frozenset({"temperature"})

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits)
        self.temperature = temperature
        super().__init__(
            self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args
        )

    @property
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def probs(self) -> Any:
        """The probabilities."""
        return self._categorical.probs

    def rsample(self, sample_shape: Any = ()) -> Any:
        shape = self._extended_shape(sample_shape)
        drawn = clamp_probs(functions.rand(shape, dtype=self.logits.dtype, device=self.logits.device))
        scores = (self.logits + -(-drawn.log()).log()) / self.temperature
        return scores - scores.logsumexp(dim=-1, keepdim=True)

    def _log_prob(self, value: Any) -> Any:
        count = self._categorical._num_events
        logits, value = broadcast_all(self.logits, value)
        whole = functions.full_like(self.temperature, float(count)).lgamma()
        whole = whole - self.temperature.log().mul(-(count - 1))
        score = logits - value.mul(self.temperature)
        return (score - score.logsumexp(dim=-1, keepdim=True)).sum(-1) + whole


class RelaxedOneHotCategorical(_Relaxed):
    """A choice as a vector, spread over the others, the more so the higher the temperature."""

    __module__ = "torch.distributions.relaxed_categorical"
    arg_constraints: ClassVar[Any] = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args=validate_args)
        super().__init__(base, ExpTransform(), validate_args=validate_args)

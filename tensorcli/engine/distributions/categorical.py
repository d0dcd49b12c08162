"""Distributions of one choice among several, and of counts of choices."""

import math
from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.construct import tensor
from tensorcli.engine.distributions import constraints
from tensorcli.engine.distributions.discrete import Binomial
from tensorcli.engine.distributions.distribution import (
    Distribution,
    broadcast_all,
    filled,
    lazy,
    logits_of,
    one_of,
    probs_of,
)
from tensorcli.engine.queries import finfo
from tensorcli.engine.tensor import Size

_CHOICES = {"probs": constraints.simplex, "logits": constraints.real_vector}


class Categorical(Distribution):
    """The number of a choice; `probs` need not add up to 1."""

    __module__ = "torch.distributions.categorical"
    arg_constraints = _CHOICES
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._given = one_of(probs, logits)
        given = logits if probs is None else probs
        if given.dim() < 1:
            raise ValueError(f"`{self._given}` parameter must be at least one-dimensional.")
        if probs is not None:
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            self.logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        self._num_events = self._param.size()[-1]
        super().__init__(self._param.shape[:-1], validate_args=validate_args)

    @property
    def _param(self) -> Any:
        return getattr(self, self._given)

    @lazy
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return logits_of(self.probs)

    @lazy
    def probs(self) -> Any:
        """The probabilities."""
        return probs_of(self.logits)

    @property
    def param_shape(self) -> Any:
        """The shape of the probabilities."""
        return self._param.size()

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Any:
        return filled(self, math.nan, self.probs)

    @property
    def mode(self) -> Any:
        return self.probs.argmax(dim=-1)

    @property
    def variance(self) -> Any:
        return filled(self, math.nan, self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = Size(sample_shape)
        rows = self.probs.reshape(-1, self._num_events)
        drawn = functions.multinomial(rows, shape.numel(), True).T
        return drawn.reshape(self._extended_shape(shape))

    def _log_prob(self, value: Any) -> Any:
        value, logits = broadcast_all(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        logits = functions.clamp(self.logits, min=finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        values = functions.arange(self._num_events, dtype=dtypes.int64, device=self._param.device)
        return self._enumerated(values, expand)


class _OfChoices(Distribution):
    """A distribution over vectors with a place for each choice."""

    _categorical: Categorical

    def _take_choices(self, probs: Any, logits: Any, validate_args: bool | None) -> None:
        self._categorical = Categorical(probs=probs, logits=logits)
        Distribution.__init__(
            self,
            self._categorical.batch_shape,
            self._categorical.param_shape[-1:],
            validate_args=validate_args,
        )

    @property
    def _param(self) -> Any:
        return self._categorical._param

    @property
    def probs(self) -> Any:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> Any:
        """The shape of the probabilities."""
        return self._categorical.param_shape


class OneHotCategorical(_OfChoices):
    """A choice as a vector of zeros with a one."""

    __module__ = "torch.distributions.one_hot_categorical"
    arg_constraints = _CHOICES
    support: Any = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._take_choices(probs, logits, validate_args)

    @property
    def mean(self) -> Any:
        return self.probs

    @property
    def mode(self) -> Any:
        probs = self.probs
        return functions.one_hot(probs.argmax(dim=-1), probs.shape[-1]).to(probs)

    @property
    def variance(self) -> Any:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        chosen = self._categorical.sample(sample_shape)
        return functions.one_hot(chosen, self._categorical._num_events).to(self.probs)

    def _log_prob(self, value: Any) -> Any:
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self) -> Any:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Any:
        count = self.event_shape[0]
        values = functions.eye(count, dtype=self._param.dtype, device=self._param.device)
        values = values.view((count,) + (1,) * len(self.batch_shape) + (count,))
        return values.expand((count, *self.batch_shape, count)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """A choice as a vector, whose gradient is that of the probabilities."""

    __module__ = "torch.distributions.one_hot_categorical"
    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Any:
        probs = self.probs
        return self.sample(sample_shape) + (probs - probs.detach())


class Multinomial(_OfChoices):
    """How often each choice was made in a number of draws."""

    __module__ = "torch.distributions.multinomial"
    arg_constraints = _CHOICES

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._take_choices(probs, logits, validate_args)
        # PyTorch keeps one, which has the count checked.
        Binomial(total_count, probs=self.probs)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Any:
        return self.probs * self.total_count

    @property
    def variance(self) -> Any:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Any:
        shape = Size(sample_shape)
        with no_grad():
            chosen = self._categorical.sample((self.total_count, *shape)).movedim(0, -1)
            counts = functions.zeros(self._extended_shape(shape), dtype=chosen.dtype, device=chosen.device)
            return counts.scatter_add_(-1, chosen, functions.ones_like(chosen)).type_as(self.probs)

    def _log_prob(self, value: Any) -> Any:
        logits, value = broadcast_all(self.logits, value)
        logits = logits.clone()
        whole = functions.lgamma(value.sum(-1) + 1)
        each = functions.lgamma(value + 1).sum(-1)
        logits[(value == 0) & (logits == -math.inf)] = 0
        return whole - each + (logits * value).sum(-1)

    def entropy(self) -> Any:
        count: Any = tensor(self.total_count)
        first = count * self._categorical.entropy() - functions.lgamma(count + 1)
        hits = Binomial(self.total_count, probs=self.probs)
        values = hits.enumerate_support(expand=False)[1:]
        second = (functions.exp(hits.log_prob(values)) * functions.lgamma(values + 1)).sum([0, -1])
        return first + second

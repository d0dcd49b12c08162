"""Distribution: batches of events, arguments and values that are checked, and what follows from a density and a sampler.

A subclass keeps its parameters as attributes of the shape `batch_shape + …`: `expand` and the repr find them there. It defines
`_log_prob`, `_cdf`, `rsample` or `sample`, as far as it has them.
"""

from collections.abc import Callable
from numbers import Number
from typing import Any, ClassVar

from tensorcli.engine import dtypes, messages, process
from tensorcli.engine.autograd.modes import enable_grad, no_grad
from tensorcli.engine.batch.layer import whole
from tensorcli.engine.callers import functions
from tensorcli.engine.construct import tensor
from tensorcli.engine.distributions import constraints
from tensorcli.engine.pickles import Pickled
from tensorcli.engine.queries import finfo
from tensorcli.engine.tensor import Size, Tensor
from tensorcli.engine.variadic import broadcast_tensors

EULER = 0.5772156649015329


class lazy:  # noqa: N801 (used as a decorator)
    """An attribute that is computed when it is first asked for, in grad mode, and kept."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute = compute
        self.__doc__ = compute.__doc__

    def __get__(self, instance: Any, kind: type) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.compute(instance)
        setattr(instance, self.compute.__name__, value)
        return value


_NONE = Size()


def _undefined(self: Any) -> Any:
    """What a distribution says of itself, where its class does not. Errors: NotImplementedError."""
    raise NotImplementedError


class Distribution(Pickled):
    """The base of all distributions. Errors: ValueError for arguments and values outside of what the distribution takes."""

    __module__ = "torch.distributions.distribution"
    has_rsample: Any = False
    has_enumerate_support: Any = False
    arg_constraints: ClassVar[Any] = property(_undefined)
    support: Any = property(_undefined)
    _validate_args = True
    _kept: ClassVar[frozenset[str]] = frozenset()
    """Tensors that are no part of a batch: `expand` leaves them."""

    def __init__(
        self, batch_shape: Any = _NONE, event_shape: Any = _NONE, validate_args: bool | None = None
    ) -> None:
        self._batch_shape = batch_shape
        self._event_shape = event_shape
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._check_arguments()

    def _check_arguments(self) -> None:
        try:
            found = self.arg_constraints
        except NotImplementedError:
            messages.warn(
                f"{type(self)} does not define `arg_constraints`. Please set `arg_constraints = {{}}` or initialize the "
                "distribution with `validate_args=False` to turn off validation."
            )
            return
        for name, constraint in found.items():
            if constraints.is_dependent(constraint):
                continue
            if name not in vars(self) and isinstance(getattr(type(self), name), lazy):
                continue
            value = getattr(self, name)
            if not _all_true(constraint.check(value)):
                raise ValueError(
                    f"Expected parameter {name} ({type(value).__name__} of shape {tuple(value.shape)}) of distribution "
                    f"{self!r} to satisfy the constraint {constraint!r}, but found invalid values:\n{value}"
                )

    def _take(self, validate_args: bool | None, **parameters: Any) -> None:
        """Keep parameters of one shape; numbers alone make no batch."""
        found = broadcast_all(*parameters.values())
        vars(self).update(zip(parameters, found, strict=True))
        alone = all(isinstance(one, Number) for one in parameters.values())
        Distribution.__init__(self, Size() if alone else found[0].shape, validate_args=validate_args)

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions made from here on check what they are given."""
        if value not in (True, False):
            raise ValueError
        Distribution._validate_args = value

    # ---- shapes

    @property
    def batch_shape(self) -> Any:
        """The shape of independent distributions of one kind."""
        return self._batch_shape

    @property
    def event_shape(self) -> Any:
        """The shape of one sample of one of them."""
        return self._event_shape

    def _extended_shape(self, sample_shape: Any = ()) -> Any:
        return Size(sample_shape) + self._batch_shape + self._event_shape

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The distribution with a larger batch: its parameters are expanded, in the same memory."""
        shape = Size(batch_shape)
        known = len(self._batch_shape)
        family = next(one for one in type(self).__mro__ if one.__module__.startswith("torch.distributions"))
        if family.__name__ in ("Distribution", "ExponentialFamily"):
            raise NotImplementedError
        new = self._get_checked_instance(family, _instance)
        for name, value in vars(self).items():
            if isinstance(value, Distribution):
                value = value.expand(shape + value._batch_shape[known:])
            elif isinstance(value, Tensor) and name not in self._kept:
                value = value.expand(shape + tuple(value.shape)[known:])
            setattr(new, name, value)
        new._batch_shape = shape
        return new

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """An instance to fill. Errors: NotImplementedError for a class of a script's whose `__init__` may have set more."""
        own = type(self)
        if _instance is None and own.__init__ is not cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(
                f"Subclass {own.__name__} of {cls.__name__} that defines a custom __init__ method must also define a "
                "custom .expand() method."
            )
        return own.__new__(own) if _instance is None else _instance

    # ---- moments

    @property
    def mean(self) -> Any:
        """The mean."""
        raise NotImplementedError

    @property
    def mode(self) -> Any:
        """The most probable value."""
        raise NotImplementedError(f"{type(self)} does not implement mode")

    @property
    def variance(self) -> Any:
        """The variance."""
        raise NotImplementedError

    @property
    def stddev(self) -> Any:
        """The standard deviation."""
        return self.variance.sqrt()

    # ---- samples

    def sample(self, sample_shape: Any = ()) -> Any:
        """Samples, cut off from the parameters."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Samples as a function of the parameters, through which gradients flow."""
        raise NotImplementedError

    def sample_n(self, n: int) -> Any:
        """`sample((n,))`."""
        messages.warn("`sample_n(n)` will be deprecated. Use `sample((n,))` instead.", FutureWarning)
        return self.sample((n,))

    def enumerate_support(self, expand: bool = True) -> Any:
        """All values of a discrete distribution."""
        raise NotImplementedError

    def _enumerated(self, values: Any, expand: bool) -> Any:
        values = values.view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1, *self._batch_shape)) if expand else values

    # ---- densities

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, or of the probability, of a value."""
        if self._validate_args and type(self)._log_prob is not Distribution._log_prob:
            self._validate_sample(value)
        return self._log_prob(value)

    def _log_prob(self, value: Any) -> Any:
        raise NotImplementedError

    def cdf(self, value: Any) -> Any:
        """The probability of a value not above this one. Errors: NotImplementedError where no formula is known."""
        if self._validate_args and type(self)._cdf is not Distribution._cdf:
            self._validate_sample(value)
        return self._cdf(value)

    def _cdf(self, value: Any) -> Any:
        raise NotImplementedError

    def icdf(self, value: Any) -> Any:
        """The value that has this probability not above it."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """The entropy of each distribution of the batch."""
        raise NotImplementedError

    def perplexity(self) -> Any:
        """The exponential of the entropy."""
        return functions.exp(self.entropy())

    def _validate_sample(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError("The value argument to log_prob must be a Tensor")
        sizes, events = value.shape, self._event_shape
        if tuple(sizes)[len(sizes) - len(events) :] != tuple(events):
            raise ValueError(f"The right-most size of value must match event_shape: {sizes} vs {events}.")
        expected = self._batch_shape + events
        for own, want in zip(reversed(sizes), reversed(expected)):
            if own != 1 and want != 1 and own != want:
                raise ValueError(
                    f"Value is not broadcastable with batch_shape+event_shape: {sizes} vs {expected}."
                )
        try:
            support = self.support
        except NotImplementedError:
            messages.warn(
                f"{type(self)} does not define `support` to enable sample validation. Please initialize the distribution "
                "with `validate_args=False` to turn off validation."
            )
            return
        if not _all_true(support.check(value)):
            raise ValueError(
                f"Expected value argument ({type(value).__name__} of shape {tuple(sizes)}) to be within the support "
                f"({support!r}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        found = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        shown = (f"{name}: {value if value.numel() == 1 else value.size()}" for name, value in found.items())
        return f"{type(self).__name__}({', '.join(shown)})"


# ---- for subclasses


def _all_true(valid: Tensor) -> bool:
    """Whether all elements are true: of all examples, where a vmap runs, so that what is given there can be checked."""
    return bool(valid.all() if valid.batch is None else whole(valid).array.all())


def broadcast_all(*values: Any) -> Any:
    """Numbers and tensors as tensors of one shape; numbers take the dtype of the first tensor. Errors: ValueError."""
    if not all(isinstance(one, (Tensor, Number)) for one in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    first = next((one for one in values if isinstance(one, Tensor)), None)
    kind = dtypes.default.floating if first is None else first.dtype
    place = None if first is None else first.device
    return broadcast_tensors(
        *(one if isinstance(one, Tensor) else tensor(one, dtype=kind, device=place) for one in values)
    )


def standard_normal(shape: Any, like: Tensor) -> Any:
    """Draws of the standard normal distribution, in another tensor's dtype."""
    return functions.empty(shape, dtype=like.dtype, device=like.device).normal_()


def sum_rightmost(value: Any, dims: int) -> Any:
    """The sum over the last `dims` dimensions."""
    return value if not dims else value.reshape((*value.shape[:-dims], -1)).sum(-1)


def clamp_probs(probs: Any) -> Any:
    """Probabilities kept off 0 and 1."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_of(probs: Any, binary: bool = False) -> Any:
    """Log-odds of probabilities, or their logarithms."""
    clamped = clamp_probs(probs)
    logarithm = functions.log(clamped)
    return logarithm - functions.log1p(-clamped) if binary else logarithm


def probs_of(logits: Any, binary: bool = False) -> Any:
    """Probabilities of log-odds, or of logarithms up to a constant."""
    return functions.sigmoid(logits) if binary else functions.softmax(logits, -1)


def one_of(probs: Any, logits: Any) -> str:
    """Which of the two was given. Errors: ValueError unless exactly one was."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
    return "logits" if probs is None else "probs"


def filled(distribution: Distribution, value: float, like: Tensor) -> Any:
    """A constant of the distribution's shape."""
    return functions.full(distribution._extended_shape(), value, dtype=like.dtype, device=like.device)


process.keep_attributes(Distribution, "_validate_args")

"""Dropout: of elements, of channels, and so that mean and variance stay."""

from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite


def _dropped(input, p, train, noise_of, in_place, drop):
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
    if p == 0 or not train or not input.numel():
        return input
    mul = input.mul_ if in_place else input.mul
    return mul(input.new_zeros(())) if p == 1 else drop(mul, noise_of(input), p)


def _scaled(mul, noise, p):
    return mul(noise.bernoulli_(1 - p).div_(1 - p))


def _keeping_moments(mul, noise, p):
    """What is dropped becomes what SELUs saturate at; then all is scaled and moved (Klambauer and others, 2017)."""
    alpha = 1.7580993408473766
    a = 1.0 / ((alpha * alpha * p + 1) * (1 - p)) ** 0.5
    noise = noise.bernoulli_(1 - p)
    b = noise.add(-1).mul_(alpha * a).add_(alpha * a * p)
    return mul(noise.mul_(a)).add_(b)


def _whole(input):
    return functions.empty_like(input)


def _channels(input):
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return input.new_empty(input.geometry.sizes[:2] + (1,) * (input.ndim - 2))


@composite("dropout(Tensor input, float p, bool train) -> Tensor", variants="function")
def dropout(input, p, train):
    """In training, zero each element with probability p and scale the others up."""
    return _dropped(input, p, train, _whole, False, _scaled)


@composite("dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", variants="function")
def dropout_(self, p, train):
    """Dropout, written into the input."""
    return _dropped(self, p, train, _whole, True, _scaled)


@composite("feature_dropout(Tensor input, float p, bool train) -> Tensor", variants="function")
def feature_dropout(input, p, train):
    """In training, zero whole channels with probability p and scale the others up."""
    return _dropped(input, p, train, _channels, False, _scaled)


@composite("feature_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", variants="function")
def feature_dropout_(self, p, train):
    """Dropout of whole channels, written into the input."""
    return _dropped(self, p, train, _channels, True, _scaled)


@composite("alpha_dropout(Tensor input, float p, bool train) -> Tensor", variants="function")
def alpha_dropout(input, p, train):
    """Dropout that keeps mean and variance, for networks of SELUs."""
    return _dropped(input, p, train, _whole, False, _keeping_moments)


@composite("alpha_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", variants="function")
def alpha_dropout_(self, p, train):
    """Alpha dropout, written into the input."""
    return _dropped(self, p, train, _whole, True, _keeping_moments)


@composite("feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor", variants="function")
def feature_alpha_dropout(input, p, train):
    """Alpha dropout of whole channels."""
    return _dropped(input, p, train, _channels, False, _keeping_moments)


@composite("feature_alpha_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)", variants="function")
def feature_alpha_dropout_(self, p, train):
    """Alpha dropout of whole channels, written into the input."""
    return _dropped(self, p, train, _channels, True, _keeping_moments)

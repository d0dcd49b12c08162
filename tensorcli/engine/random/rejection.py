"""Samples that are drawn by rejection: a number is proposed, and drawn again until it is accepted.

How many random words one takes depends on the numbers, so these run element by element. The methods are those
that PyTorch's CPU kernels use; a draw leaves PyTorch's state. Arrays in, arrays out; no tensors.
"""

import math
from typing import Any

import numpy as np

from tensorcli.engine.random.generator import Generator

_DIGITS = 2**53 - 1
_WHOLE = 2**63


def poisson(stream: Generator, rates: Any) -> Any:
    """For each rate a count of events, in the rates' dtype. Errors: RuntimeError for a rate below zero."""
    counts = [_poisson(stream, rate) for rate in rates.reshape(-1).astype(np.float64).tolist()]
    return np.array(counts, np.float64).reshape(rates.shape).astype(rates.dtype)


def binomial(stream: Generator, trials: Any, chances: Any) -> Any:
    """For each number of trials and chance of success a count of successes, in their dtype."""
    kind = trials.dtype.type
    pairs = zip(trials.reshape(-1), np.broadcast_to(chances, trials.shape).reshape(-1), strict=True)
    return np.array([_binomial(stream, kind(n), kind(p)) for n, p in pairs], kind).reshape(trials.shape)


def gamma(stream: Generator, shapes: Any) -> Any:
    """For each shape a draw of the standard gamma distribution, in the shapes' dtype, never 0."""
    kind = shapes.dtype.type
    least = np.finfo(shapes.dtype).tiny
    drawn = [max(least, kind(_gamma(stream, shape))) for shape in shapes.reshape(-1)]
    return np.array(drawn, kind).reshape(shapes.shape)


def _gamma(stream: Generator, shape: Any) -> float:
    """G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000).

    Sums with the shape are rounded to its dtype, as PyTorch's are.
    """
    kind = type(shape)
    scale = 1.0
    if shape < 1:
        if shape == 0:
            return 0.0
        scale = (1 - _uniform(stream)) ** float(kind(1) / shape)
        shape = shape + kind(1)
    d = float(shape - kind(_THIRD))
    c = 1 / math.sqrt(9 * d) if d > 0 else math.nan  # as C has it: of a negative shape there is no draw
    while True:
        x = float(stream.normal(1, "float64")[0])
        y = 1 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - _uniform(stream)
        square = x * x
        if u < 1 - _SQUEEZE * square * square:
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1 - v + math.log(v)):
            return scale * d * v


_THIRD, _SQUEEZE = np.float32(1 / 3), float(np.float32(0.0331))


def _uniform(stream: Generator) -> float:
    return (stream.random64() & _DIGITS) * 2.0**-53


def _poisson(stream: Generator, rate: float) -> int:
    if not rate >= 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if rate == 0:
        return 0
    if rate < 10:
        # Uniform factors until their product falls below e**-rate.
        least, product, count = math.exp(-rate), _uniform(stream), 0
        while product > least:
            product *= _uniform(stream)
            count += 1
        return count
    # Transformed rejection: W. Hoermann, "The transformed rejection method for generating Poisson random
    # variables",
    # Insurance: Mathematics and Economics 12 (1993), algorithm PTRS.
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accepted = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = _uniform(stream) - 0.5, _uniform(stream)
        us = 0.5 - abs(u)
        proposed = (2 * a / us + b) * u + rate + 0.43
        # PyTorch's cast to a whole number gives the least one where the number is too large.
        count = math.floor(proposed) if abs(proposed) < _WHOLE else -_WHOLE
        if us >= 0.07 and v <= accepted:
            return count
        if count < 0 or (us < 0.013 and v > us):
            continue
        density = -rate + count * math.log(rate) - math.lgamma(count + 1.0)
        if math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b) <= density:
            return count


def _binomial(stream: Generator, trials: Any, chance: Any) -> Any:
    kind = type(trials)
    if trials <= 0 or chance <= 0:
        return kind(0)
    if chance >= 1:
        return trials
    if chance != chance:
        return kind(math.nan)
    fewer = chance if chance <= 0.5 else kind(1) - chance
    draw = _by_rejection if trials * fewer >= 10 else _by_gaps
    drawn = draw(stream, trials, fewer)
    return drawn if chance <= 0.5 else trials - drawn


def _by_gaps(stream: Generator, trials: Any, chance: Any) -> Any:
    """Count successes by the geometric gaps between them."""
    kind = type(trials)
    logarithm = float(kind(math.log1p(-float(chance))))
    position, count = 0.0, 0
    while True:
        position += math.ceil(math.log(_uniform(stream)) / logarithm)
        if position > trials:
            return kind(count)
        count += 1


def _by_rejection(stream: Generator, trials: Any, chance: Any) -> Any:
    """W. Hoermann, "The generation of binomial random variates", J. Stat. Comput. Simul. 46 (1993), algorithm
    BTRS.

    Products of trials and chance are rounded to their dtype, as PyTorch's are.
    """
    kind = type(trials)
    n, p = float(trials), float(chance)
    spread = float(np.sqrt(trials * chance * (kind(1) - chance)))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    centre = float(trials * chance) + 0.5
    accepted = 0.92 - 4.2 / b
    odds = float(chance / (kind(1) - chance))
    alpha = (2.83 + 5.1 / b) * spread
    mode = float(np.floor((trials + kind(1)) * chance))
    while True:
        u, v = _uniform(stream) - 0.5, _uniform(stream)
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + centre)
        if k < 0 or k > n:
            continue
        if us >= 0.07 and v <= accepted:
            return kind(k)
        bound = (
            (mode + 0.5) * math.log((mode + 1) / (odds * (n - mode + 1)))
            + (n + 1) * math.log((n - mode + 1) / (n - k + 1))
            + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
            + _tail(mode)
            + _tail(n - mode)
            - _tail(k)
            - _tail(n - k)
        )
        if math.log(v * alpha / (a / (us * us) + b)) <= bound:
            return kind(k)


def _tail(k: float) -> float:
    """What Stirling's formula lacks at k: log(k!) less the formula."""
    if k < 10:
        return math.lgamma(k + 1) - ((k + 0.5) * math.log(k + 1) - (k + 1) + 0.5 * math.log(2 * math.pi))
    square = (k + 1) ** 2
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)

"""The divergence of one distribution from another, by formulas for pairs of families.

A pair without a formula of its own takes the one of the nearest base classes.
"""

from collections.abc import Callable
from typing import Any

from tensorcli.engine import messages
from tensorcli.engine.distributions.distribution import Distribution

Formula = Callable[[Any, Any], Any]
_KL_REGISTRY: dict[tuple[type, type], Formula] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Formula], Formula]:
    """Make a function the formula for two families. Errors: TypeError for what is not a class, as issubclass finds."""
    for one in (type_p, type_q):
        isinstance(one, type) or issubclass(one, Distribution)

    def register(function: Formula) -> Formula:
        _KL_REGISTRY[type_p, type_q] = function
        return function

    return register


def kl_divergence(p: Distribution, q: Distribution) -> Any:
    """KL(p || q), for each distribution of the batch. Errors: NotImplementedError for a pair without a formula."""
    return _formula(type(p), type(q))(p, q)


def _formula(p: type, q: type) -> Formula:
    fitting = [(a, b) for a, b in _KL_REGISTRY if issubclass(p, a) and issubclass(q, b)]
    if not fitting:
        raise NotImplementedError(
            f"No KL(p || q) is implemented for p type {p.__name__} and q type {q.__name__}"
        )
    left = min(fitting, key=lambda pair: (p.__mro__.index(pair[0]), q.__mro__.index(pair[1])))
    right = min(fitting, key=lambda pair: (q.__mro__.index(pair[1]), p.__mro__.index(pair[0])))
    if _KL_REGISTRY[left] is not _KL_REGISTRY[right]:
        messages.warn(
            f"Ambiguous kl_divergence({p.__name__}, {q.__name__}). Please register_kl({left[0].__name__}, "
            f"{right[1].__name__})",
            RuntimeWarning,
        )
    return _KL_REGISTRY[left]

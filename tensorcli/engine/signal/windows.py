"""`torch.signal.windows`: bell-shaped weights of a length, symmetric or (`sym=False`) periodic.

Each returns `M` weights, a one-dimensional tensor of float32 or float64 (the default dtype unless one is named). Errors:
ValueError for a negative length, another dtype or layout, and where said; `options` are dtype, layout, device and
requires_grad.
"""

import math
from collections.abc import Iterable
from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.callers import functions
from tensorcli.engine.formats import strided
from tensorcli.engine.tensor import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]


def _check_names(name: str, options: dict[str, Any]) -> None:
    for given in options:
        if given not in ("dtype", "layout", "device", "requires_grad"):
            raise TypeError(f"{name}() got an unexpected keyword argument '{given}'")


class _Options:
    """How the tensor of a window is made. Errors: ValueError."""

    def __init__(self, name: str, M: int, sym: bool, options: dict[str, Any]) -> None:
        _check_names(name, options)
        kind: dtypes.dtype | None = options.get("dtype")
        kind = dtypes.default.floating if kind is None else kind
        layout = options.get("layout", strided)
        if M < 0:
            raise ValueError(f"{name} requires non-negative window length, got M={M}")
        if layout is not strided:
            raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
        if kind not in (dtypes.float32, dtypes.float64):
            raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
        self.length, self.sym = M, sym
        self.made = {
            "dtype": kind,
            "layout": strided,
            "device": options.get("device"),
            "requires_grad": options.get("requires_grad", False),
        }

    def ones(self) -> Tensor:
        """A window that needs no formula: of no weight or of one."""
        return functions.ones((self.length,), **self.made)  # type: ignore[no-any-return]

    @property
    def period(self) -> int:
        """In how many steps a window that starts and ends low returns to its start."""
        return self.length - 1 if self.sym else self.length

    def points(self, first: Any, last: Any) -> Any:
        return functions.linspace(start=first, end=last, steps=self.length, **self.made)


def _around(options: _Options, center: float, step: float) -> Any:
    """The places of the weights, counted from a centre in units of `1 / step`."""
    return options.points(-center * step, (-center + (options.length - 1)) * step)


def _middle(options: _Options) -> float:
    """The centre of a window; that of a periodic one lies half a place further."""
    return (options.length if not options.sym and options.length > 1 else options.length - 1) / 2.0


def exponential(
    M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, **options: Any
) -> Any:
    """Weights that decay exponentially from the centre. Errors: ValueError for a tau that is not positive."""
    made = _Options("exponential", M, sym, options)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return made.ones()
    distance = _around(made, _middle(made) if center is None else center, 1 / tau)
    return functions.exp(-functions.abs(distance))


def cosine(M: int, *, sym: bool = True, **options: Any) -> Any:
    """Half a wave of the sine."""
    made = _Options("cosine", M, sym, options)
    if M == 0:
        return made.ones()
    step = math.pi / (M + 1 if not sym and M > 1 else M)
    return functions.sin(_around(made, -0.5, step))


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, **options: Any) -> Any:
    """The density of a normal distribution. Errors: ValueError for a deviation that is not positive."""
    made = _Options("gaussian", M, sym, options)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return made.ones()
    return functions.exp(-(_around(made, _middle(made), 1 / (std * math.sqrt(2))) ** 2))


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, **options: Any) -> Any:
    """The window of Bessel functions; `beta` says how narrow. Errors: ValueError for a negative beta."""
    made = _Options("kaiser", M, sym, options)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M <= 1:
        return made.ones()
    from tensorcli.engine.construct import tensor

    width: Any = tensor(beta, dtype=made.made["dtype"], device=made.made["device"])
    step = 2.0 * width / made.period
    places = made.points(-width, functions.minimum(width, -width + (M - 1) * step))
    return functions.i0(functions.sqrt(width * width - functions.pow(places, 2))) / functions.i0(width)


def bartlett(M: int, *, sym: bool = True, **options: Any) -> Any:
    """Weights that rise and fall in straight lines."""
    made = _Options("bartlett", M, sym, options)
    if M <= 1:
        return made.ones()
    return 1 - functions.abs(made.points(-1, -1 + (M - 1) * (2 / made.period)))


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, **options: Any) -> Any:
    """A sum of cosines, with the weights `a` and alternating signs. Errors: TypeError, ValueError for no weights."""
    made = _Options("general_cosine", M, sym, options)
    if M <= 1:
        return made.ones()
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    from tensorcli.engine.construct import tensor

    places = made.points(0, (M - 1) * (2 * math.pi / made.period))
    given = {name: value for name, value in made.made.items() if name != "layout"}
    signed: Any = tensor([(-1) ** i * weight for i, weight in enumerate(a)], **given)
    multiples = functions.arange(signed.shape[0], **made.made)
    return (signed.unsqueeze(-1) * functions.cos(multiples.unsqueeze(-1) * places)).sum(0)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, **options: Any) -> Any:
    """A raised cosine: `alpha` minus `1 - alpha` times the cosine."""
    _check_names("general_hamming", options)
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, **options)


def hamming(M: int, *, sym: bool = True, **options: Any) -> Any:
    """A raised cosine that does not reach zero."""
    _check_names("hamming", options)
    return general_hamming(M, sym=sym, **options)


def hann(M: int, *, sym: bool = True, **options: Any) -> Any:
    """A raised cosine that starts at zero."""
    _check_names("hann", options)
    return general_hamming(M, alpha=0.5, sym=sym, **options)


def blackman(M: int, *, sym: bool = True, **options: Any) -> Any:
    """The sum of three cosines that Blackman chose."""
    _Options("blackman", M, sym, options)
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, **options)


def nuttall(M: int, *, sym: bool = True, **options: Any) -> Any:
    """The sum of four cosines that Nuttall chose."""
    _check_names("nuttall", options)
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, **options)

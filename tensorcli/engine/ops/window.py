"""Window functions: bell-shaped weights of a length, for spectra (aten/src/ATen/native/TensorFactories.cpp)."""

import math

from tensorcli.engine import conversion, dtypes, effects, messages
from tensorcli.engine.declare import factory
from tensorcli.engine.ops.create import OPTIONS


def _window(xp, name, length, periodic, dtype, shape):
    """The window in its dtype: a periodic one is a symmetric one of one more, without its last weight."""
    kind = dtype or dtypes.default.floating
    if kind.category < dtypes.FLOATING:
        raise RuntimeError(
            f"{name} expects floating point dtypes, got: TensorOptions(dtype={kind.cpp_name}, device=cpu, "
            "layout=Strided (default), requires_grad=false (default), pinned_memory=false, memory_format=(nullopt))"
        )
    if length < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={length}")
    working = kind.computes_as.np.type
    if length <= 1:
        return xp.ones(length, kind.np)
    if kind.is_complex:
        raise messages.not_implemented("arange_cpu", kind.scalar_type)

    def step(weights):
        """Weights after an operator of PyTorch's: those of a reduced dtype are rounded by each, as its factors are."""
        return (
            conversion.cast(xp.asarray(weights, working), kind).astype(working) if kind.reduced else weights
        )

    size = length + 1 if periodic else length
    weights = shape(step(xp.arange(size, dtype=working)), size, lambda value: step(working(value)), step)
    return effects.Laid(conversion.cast(weights[:length], kind), None, size)


def _hamming(xp, alpha, beta):
    def shape(index, size, number, step):
        waves = step(xp.cos(step(index * number(2 * math.pi / (size - 1)))))
        return step(waves * number(-beta)) + number(alpha)

    return shape


def _blackman(xp):
    def shape(index, size, number, step):
        angle = step(index * number(math.pi / (size - 1)))
        fast, slow = (step(xp.cos(step(angle * number(times)))) for times in (4, 2))
        return step(step(fast * number(0.08)) - step(slow * number(0.5))) + number(0.42)

    return shape


def _bartlett(xp):
    def shape(index, size, number, step):
        rising = step(index * number(2.0 / (size - 1)))
        first = ((size - 1) >> 1) + 1
        return xp.where(xp.arange(size) < first, rising, number(2) - rising)

    return shape


def _kaiser(xp, beta):
    def shape(index, size, number, step):
        half = number((size - 1) / 2)
        inside = xp.maximum(number(1) - ((index - half) / half) ** 2, number(0))
        return (xp.i0(beta * xp.sqrt(inside)) / xp.i0(beta)).astype(index.dtype)

    return shape


_HELP = {
    "hann_window": "A raised cosine.",
    "hamming_window": "A raised cosine that does not reach zero.",
    "blackman_window": "A sum of three cosines.",
    "bartlett_window": "A triangle.",
    "kaiser_window": "A Kaiser window, whose beta sets its width.",
}


def _declare(name, shape, parameters=()):
    """The overloads: the length alone, with `periodic`, and with each further parameter."""
    overloads: dict[str, list[str]] = {"": []}
    for given in range(len(parameters) + 1):
        # PyTorch names hamming_window.periodic_alpha, but kaiser_window.beta.
        first = [] if name == "kaiser_window" and given else ["periodic"]
        overloads["." + "_".join([*first, *parameters[:given]])] = ["periodic", *parameters[:given]]
    for overload, names in overloads.items():
        arguments = "".join(f", {'bool' if n == 'periodic' else 'float'} {n}" for n in names)

        def kernel(xp, window_length, *rest):
            *values, dtype = rest
            periodic = values[0] if values else True
            return _window(xp, name, window_length, periodic, dtype, shape(xp, *values[1:]))

        kernel.__doc__ = _HELP[name]
        factory(f"{name}{overload}(int window_length{arguments}, {OPTIONS}) -> Tensor", out=False)(kernel)


_declare("hann_window", lambda xp: _hamming(xp, 0.5, 0.5))
_declare("hamming_window", lambda xp, alpha=0.54, beta=0.46: _hamming(xp, alpha, beta), ("alpha", "beta"))
_declare("blackman_window", _blackman)
_declare("bartlett_window", _bartlett)
_declare("kaiser_window", lambda xp, beta=12.0: _kaiser(xp, beta), ("beta",))

"""Random numbers in a vmap: refused, the same for all examples, or different for each, as the user said."""

from typing import Any, Final, NamedTuple

from tensorcli.engine.batch.layer import Layer, layers
from tensorcli.engine.batch.values import changed, full, slices
from tensorcli.engine.callers import functions
from tensorcli.engine.op import Op

RANDOM: Final = frozenset(
    "rand randn randint randperm rand_like randn_like randint_like bernoulli multinomial normal poisson binomial "
    "native_dropout _standard_gamma _sample_dirichlet rrelu_with_noise rrelu_with_noise_ uniform_ normal_ exponential_ "
    "geometric_ cauchy_ log_normal_ random_ bernoulli_".split()
)
DROPPING: Final = frozenset("dropout feature_dropout alpha_dropout feature_alpha_dropout".split())
_EACH: Final = frozenset("randperm multinomial".split())
"""Drawn example by example, where an example is no row of weights."""
_REFUSED: Final = {
    "error": "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' "
    "randomness flags on vmap or perform the randomness operation out of vmap",
    "none": "vmap: We do not yet support calling random operations inside of vmap. Please perform random operations outside of "
    "vmap as a workaround",
}
"""By what the vmap says of random numbers; `none` is that of `torch.autograd`'s own vmaps."""
SAME: Final = "Vmap does not currently support same randomness with a batched tensor input. Please file an issue with functorch"


class Drawn(NamedTuple):
    """What was drawn, and along which dimension for one example each."""

    value: Any
    dim: int | None


def is_random(op: Op) -> bool:
    """Whether an operator draws random numbers."""
    return op.base in RANDOM


def check(layer: Layer) -> None:
    """Errors: RuntimeError where random numbers are refused."""
    if layer.randomness in _REFUSED:
        raise RuntimeError(_REFUSED[layer.randomness])


def unmapped(layer: Layer, op: Op, values: tuple[Any, ...]) -> Drawn | None:
    """Random numbers that depend on nothing that is mapped; None where all draw the same, or nothing is random."""
    if not is_random(op):
        return None
    check(layer)
    if layer.randomness == "same":
        return None
    if op.writes:
        raise RuntimeError(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same randomness. "
            "If this is necessary for your usage, please file an issue with functorch."
        )
    if op.base in _EACH:
        return Drawn(functions.stack([op.run(values) for _ in range(layer.size)]), 0)
    if "size" in op.names:
        place = op.names.index("size")
        return Drawn(op.run((*values[:place], (layer.size, *values[place]), *values[place + 1 :])), 0)
    first = next(i for i in op.tensors if values[i] is not None)
    whole = values[first].expand((layer.size, *values[first].geometry.sizes))
    return Drawn(op.run((*values[:first], whole, *values[first + 1 :])), 0)


def mapped(layer: Layer, op: Op, args: tuple[Any, ...]) -> Drawn | None:
    """Random numbers for what is mapped; None where nothing is random."""
    if not is_random(op):
        return None
    check(layer)
    if layer.randomness == "same":
        if op.base.endswith("_like"):
            return Drawn(op.run(slices(args, 0)), None)
        raise RuntimeError(SAME)
    if op.base in _EACH and args[0].rank != 1:
        return Drawn(functions.stack([op.run(slices(args, i)) for i in range(layer.size)]), 0)
    return Drawn(op.run(changed(args, lambda one: full(one, layer.size))), 0)


def dropping(op: Op, run: Any) -> Any:
    """What runs a dropout: of an input that all examples share, each drops its own where the numbers are to differ."""

    def dropped(values: tuple[Any, ...]) -> Any:
        if layers and layers[-1].randomness == "different" and values[1] and values[2]:
            layer, given = layers[-1], values[0]
            if not layer.maps(given):
                with layer.below():
                    ones = functions.ones((layer.size,), dtype=given.dtype, device=given.device)
                values = (given * layer.wrap(ones, 0), *values[1:])
        return run(values)

    return dropped

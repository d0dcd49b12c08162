"""`torch.autograd.Function` while transforms run: forward gets tensors that belong to none of them, as PyTorch unwraps them,
so that it may call functions that are not operators; a vmap calls the function's own `vmap` below it, where there is one.
"""

from typing import Any, NamedTuple

from tensorcli.engine.autograd.modes import mode, transforms
from tensorcli.engine.batch.layer import Layer, layers
from tensorcli.engine.func.generated import rule
from tensorcli.engine.tensor import Tensor, alias
from tensorcli.engine.trees import flatten, spread, unflatten

_WHERE = "For more details, please see https://pytorch.org/docs/main/notes/extending.func.html"


class VmapInfo(NamedTuple):
    """What a function's `vmap` is told of the vmap: how many examples there are, and what their random numbers are to be."""

    batch_size: int
    randomness: str


def is_mapped(given: tuple[Any, ...]) -> bool:
    """Whether the innermost transform is a vmap that maps one of the inputs: nothing is differentiated inside it."""
    return bool(layers) and transforms[-1] is layers[-1] and _concerns(layers[-1], given)


def forward(kind: Any, own_vmap: bool, given: tuple[Any, ...], recording: bool) -> Any:
    """What the forward of a Function gives. `recording`: whether operations were recorded where it was applied.
    Errors: RuntimeError for one that a vmap cannot call.
    """
    layer = layers[-1] if layers else None
    if layer is not None and _concerns(layer, given):
        if kind.generate_vmap_rule == own_vmap:
            raise RuntimeError(
                f"You tried to vmap over {kind.__name__}, but it {_unclear(own_vmap)} {_WHERE}"
            )
        return _mapped(kind, layer, given, recording, own_vmap)
    return kind.forward(*given) if layer is not None else _bare(kind, given)


def _concerns(layer: Layer, given: tuple[Any, ...]) -> bool:
    return any(isinstance(one, Tensor) and layer.batch_of(one) is not None for one in flatten(given)[0])


def _unclear(own_vmap: bool) -> str:
    if own_vmap:
        return (
            "has both generate_vmap_rule=True and an overridden vmap staticmethod. Please set generate_vmap_rule=False or "
            "delete the overridden vmap staticmethod to avoid ambiguity."
        )
    return "does not have vmap support. Please override and implement the vmap staticmethod or set generate_vmap_rule=True."


def _mapped(kind: Any, layer: Layer, given: tuple[Any, ...], recording: bool, own_vmap: bool) -> Any:
    """What the function's own `vmap`, or the rule made of it, makes of the values beneath: it says along which dimension the
    examples lie.
    """
    leaves, form = flatten(given)
    batches = [layer.batch_of(one) if isinstance(one, Tensor) else None for one in leaves]
    values = unflatten(
        [one if batch is None else batch.value for one, batch in zip(leaves, batches, strict=True)], form
    )
    places = unflatten([None if batch is None else batch.dim for batch in batches], form)
    outermost = not any(each.before is not None and each.before[0] is not None for each in layer.inside())
    with layer.below():
        if outermost:
            mode.set(recording, mode.inference)
        if own_vmap:
            output, dims = _two(kind.vmap(VmapInfo(layer.size, layer.randomness), places, *values))
        else:
            vmapped, dims = rule(kind, layer.size, layer.randomness, places)
            output = vmapped.apply(*values)
            dims = tuple(dims) if isinstance(output, tuple) else dims[0]

    def wrapped(value: Any, dim: int | None) -> Any:
        # An input that comes back is itself, as the function may have said that it wrote it, wherever it says the examples lie.
        for one, each in zip(given, values, strict=True):
            if each is value:
                return one
        return _wrapped(layer, value, dim)

    found, shape = flatten(output)
    along = spread(dims, shape)
    if along is None:
        raise RuntimeError(
            "The autograd.Function's vmap staticmethod returned an incompatible (output, out_dims) tuple. "
            f"Expected out_dims={dims} to be compatible with the structure of `output`. out_dims has structure "
            f"{flatten(dims)[1]} but output has structure {shape}. {_WHERE}"
        )
    return unflatten([wrapped(one, dim) for one, dim in zip(found, along, strict=True)], shape)


def _two(answer: Any) -> tuple[Any, Any]:
    expected = (
        "Expected the vmap staticmethod to have two returns, an output and out_dims with pytree structure compatible with "
        "the output. "
    )
    if not isinstance(answer, tuple):
        raise RuntimeError(f"{expected}Got a {type(answer)} instead")
    if len(answer) != 2:
        raise RuntimeError(f"{expected}Got {len(answer)} returns instead")
    return answer


def _wrapped(layer: Layer, value: Any, dim: int | None) -> Any:
    if not isinstance(value, Tensor):
        return value
    if dim is None:
        return layer.wrap(value, None)
    dim = dim + value.ndim if dim < 0 else dim
    if not -value.ndim <= dim < value.ndim:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-value.ndim}, {value.ndim - 1}], but got {dim})"
        )
    return layer.wrap(value, dim % value.ndim)


def _bare(kind: Any, given: tuple[Any, ...]) -> Any:
    """What forward makes of the inputs as plain tensors, as one that belongs to the transforms that run."""
    plain = [alias(one) if isinstance(one, Tensor) and one.levels else one for one in given]
    running = transforms[:]
    transforms.clear()
    try:
        answer = kind.forward(*plain)
    finally:
        transforms.extend(running)
    levels = tuple(each for each in running if not each.batched)

    def owned(one: Any) -> Any:
        if not isinstance(one, Tensor):
            return one
        place = next((i for i, each in enumerate(plain) if each is one), None)
        if place is not None:
            return given[place]
        one.levels = levels
        return one

    return tuple(map(owned, answer)) if isinstance(answer, tuple) else owned(answer)

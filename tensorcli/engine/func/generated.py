"""The rule that a vmap makes of a `Function` with `generate_vmap_rule`: one that maps its methods over the values beneath.

As in PyTorch (torch/_functorch/autograd_function.py) the rule is a Function itself, `Vmapped` before its name, which is applied
below the vmap: the graph outside leads through it, and its backward is the backward of the other, mapped over examples.
"""

from collections.abc import Sequence
from typing import Any

from tensorcli.engine.autograd.function import Function
from tensorcli.engine.batch.dispatch import begun
from tensorcli.engine.batch.layer import Layer
from tensorcli.engine.batch.values import moved
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.trees import flatten, unflatten

Dims = tuple[int | None, ...]


class CtxCustomSave:
    """The context of the rule, to methods that see one example: what they save is kept by its value beneath."""

    def __init__(self, context: Any, layer: Layer) -> None:
        vars(self).update(context=context, layer=layer)

    def save_for_backward(self, *tensors: Any) -> None:
        values, vars(self.context)["backward_dims"] = below(self.layer, tensors)
        self.context.save_for_backward(*values)

    def save_for_forward(self, *tensors: Any) -> None:
        values, vars(self.context)["forward_dims"] = below(self.layer, tensors)
        self.context.save_for_forward(*values)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        context = self.context
        kind = "backward_dims" if context.saved_for_forward is None else "forward_dims"
        return above(self.layer, context.saved_tensors, vars(context).get(kind, ()))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.context, name, value)


def rule(kind: Any, size: int, randomness: str, places: Dims) -> tuple[Any, list[Any]]:
    """A Function of the values, and where it notes the dimensions of its outputs."""
    noted: list[Any] = []

    def layer() -> Layer:
        return begun(size, randomness)

    def forward(*values: Any) -> Any:
        with layer() as own:
            answer = kind.forward(*above(own, values, places))
            several = answer if isinstance(answer, tuple) else (answer,)
            found, dims = below(own, several)
        noted[:] = dims
        return found if isinstance(answer, tuple) else found[0]

    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        with layer() as own:
            one = above(own, inputs, places)
            ctx.one_sizes = tuple(each.geometry.sizes if isinstance(each, Tensor) else None for each in one)
            outputs = output if isinstance(output, tuple) else (output,)
            seen = above(own, outputs, noted)
            kind.setup_context(CtxCustomSave(ctx, own), one, seen if isinstance(output, tuple) else seen[0])

    def backward(ctx: Any, *grads: Any) -> Any:
        with layer() as own:
            answer = kind.backward(CtxCustomSave(ctx, own), *above(own, grads, noted))
            answers = [
                each.sum_to_size(sizes) if isinstance(each, Tensor) and place is not None else each
                for each, place, sizes in zip(_several(answer), places, ctx.one_sizes, strict=False)
            ]
            found, dims = below(own, answers)
        rest = _several(answer)[len(found) :]
        return (*_reduced(found, dims, places, size), *rest)

    def jvp(ctx: Any, *tangents: Any) -> Any:
        with layer() as own:
            seen = above(own, tangents, places)
            found, dims = below(own, _several(kind.jvp(CtxCustomSave(ctx, own), *seen)))
        return _reduced(found, dims, tuple(noted), size)

    methods = (forward, setup_context, backward, jvp)
    members = {each.__name__: staticmethod(each) for each in methods}
    return type(f"Vmapped{kind.__name__}", (Function,), {**members, "generate_vmap_rule": True}), noted


def above(layer: Layer, values: Sequence[Any], places: Sequence[int | None]) -> tuple[Any, ...]:
    """Values as tensors of the layer, where a dimension is mapped; those in containers too."""

    def wrapped(one: Any, place: Any) -> Any:
        if isinstance(place, (list, tuple, dict)):
            leaves, tree = flatten(one)
            pairs = zip(leaves, flatten(place)[0], strict=True)
            return unflatten([wrapped(each, its) for each, its in pairs], tree)
        return layer.wrap(one, place) if isinstance(one, Tensor) and place is not None else one

    return tuple(wrapped(one, place) for one, place in zip(values, places, strict=True))


def below(layer: Layer, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], Dims]:
    """What tensors of the layer stand for, and which dimension of it is mapped."""
    batches = [layer.batch_of(one) if isinstance(one, Tensor) else None for one in tensors]
    values = tuple(one if batch is None else batch.value for one, batch in zip(tensors, batches, strict=True))
    return values, tuple(None if batch is None else batch.dim for batch in batches)


def _several(answer: Any) -> tuple[Any, ...]:
    return answer if isinstance(answer, tuple) else (answer,)


def _reduced(values: Sequence[Any], dims: Dims, wanted: Dims, size: int) -> tuple[Any, ...]:
    """Values with the examples along the dimensions wanted: added up where none is, repeated where they had none."""
    found = []
    for one, dim, place in zip(values, dims, wanted, strict=False):
        if not isinstance(one, Tensor) or (dim is None and place is None):
            found.append(one)
        elif place is None:
            found.append(one.sum(dim))
        elif dim is None:
            sizes = list(one.geometry.sizes)
            found.append(one.unsqueeze(place).expand([*sizes[:place], size, *sizes[place:]]))
        else:
            found.append(moved(one, dim, place))
    return (*found, *values[len(found) :])

"""Operators run by their full name, and the gradients of an expression that is made of several."""

from typing import Any

from tensorcli.engine.autograd.modes import enable_grad, forward, mode
from tensorcli.engine.batch.layer import layers
from tensorcli.engine.table import OPS


def derived(outputs_of, inputs, grads, needs):
    """The gradients of a composite expression with respect to its inputs: second derivatives of fused operators.

    `outputs_of` maps the inputs to a tuple of outputs; `grads` are their gradients (None where there is none).
    """
    from tensorcli.engine.func.levels import Level

    wanted = [i for i, need in enumerate(needs) if need and inputs[i] is not None]
    create_graph = mode.enabled
    level = Level()
    # Under vmap what an input hangs on may lie below the batches: the leaves of a transform stand for the inputs.
    with level if layers else enable_grad():
        own = list(inputs)
        for i in wanted:
            own[i] = level.leaf(inputs[i]) if layers else _handle(inputs[i], create_graph)
        found = _differentiated(
            outputs_of(*own), [own[i] for i in wanted], grads, create_graph or bool(layers)
        )
    if layers:
        found = [None if one is None else level.outside(one) for one in found]
        level.close([one for one in found if one is not None])
    result = [None] * len(inputs)
    for i, one in zip(wanted, found, strict=True):
        result[i] = one
    return result


def _differentiated(outputs, inputs, grads, create_graph):
    from tensorcli.engine.autograd.differentiate import grad as gradients

    pairs = [
        (o, g)
        for o, g in zip(outputs, grads, strict=True)
        if o is not None and g is not None and o.requires_grad
    ]
    if not pairs:
        return [None] * len(inputs)
    return gradients(
        [o for o, _ in pairs], inputs, [g for _, g in pairs], create_graph=create_graph, allow_unused=True
    )


def _handle(tensor, create_graph):
    """What stands for an input in the composition: connected to it where its own gradients are to be differentiated."""
    return tensor.view_as(tensor) if create_graph and tensor.requires_grad else leaf_of(tensor)


def leaf_of(tensor):
    """A leaf that reads a tensor, also where a script may not ask for one: while a transform runs."""
    leaf = tensor.detach()
    leaf.set_requires_grad(True)
    return leaf


def direct(name: str, *values: Any) -> Any:
    """Run an operator of the table on values in the schema's order: for those that no Python signature has."""
    found = OPS[name]
    return found.run(values) if layers or forward else found.effect(found, values)

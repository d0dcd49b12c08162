"""Operators made of operators: one of the table run by its name, and the gradients of an expression of several."""

from typing import Any

from tensorcli.engine.autograd.modes import forward, mode
from tensorcli.engine.batch.layer import layers
from tensorcli.engine.op import OPS


def derived(outputs_of, inputs, grads, needs):
    """The gradients of a composite expression with respect to its inputs: second derivatives of fused operators.

    `outputs_of` maps the inputs to a tuple of outputs; `grads` are their gradients (None where there is none).
    """
    from tensorcli.engine.autograd.differentiate import grad as gradients
    from tensorcli.engine.autograd.modes import enable_grad

    wanted = [i for i, need in enumerate(needs) if need and inputs[i] is not None]
    create_graph = mode.enabled
    with enable_grad():
        own = [
            None if t is None else _handle(t, create_graph) if i in wanted else t
            for i, t in enumerate(inputs)
        ]
        outputs = outputs_of(*own)
        pairs = [
            (o, g)
            for o, g in zip(outputs, grads, strict=True)
            if o is not None and g is not None and o.requires_grad
        ]
        if not pairs:
            return [None] * len(inputs)
        found = gradients(
            [o for o, _ in pairs], [own[i] for i in wanted], [g for _, g in pairs],
            create_graph=create_graph, allow_unused=True,
        )  # fmt: skip
    result = [None] * len(inputs)
    for i, one in zip(wanted, found, strict=True):
        result[i] = one
    return result


def _handle(tensor, create_graph):
    """What stands for an input in the composition: connected to it where its own gradients are to be differentiated."""
    connected = create_graph and tensor.requires_grad
    return tensor.view_as(tensor) if connected else tensor.detach().requires_grad_()


def direct(name: str, *values: Any) -> Any:
    """Run an operator of the table on values in the schema's order: for those that no Python signature has."""
    found = OPS[name]
    return found.run(values) if layers or forward else found.effect(found, values)

"""Operators made of others, and other names of operators."""

from typing import TYPE_CHECKING, Any

from tensorcli.engine import dtypes, events, messages
from tensorcli.engine.allocation import adopt
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.effects.elementwise import recorded
from tensorcli.engine.effects.fresh import split_extras
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


def compose(op: "Op", values: tuple[Any, ...]) -> Any:
    """An operator made of others."""
    if len(values) != op.arity:
        plain, _, requires_grad = split_extras(op, values)
        result = op.kernel(*plain)
        if requires_grad:
            if result.dtype.category < dtypes.FLOATING:
                raise RuntimeError(messages.FLOATING_FACTORY)
            result.requires_grad_()
        return result
    return op.kernel(*values)


def composed(op: "Op", values: tuple[Any, ...]) -> Tensor:
    """An operator with a node of its own that PyTorch computes with others, whose refusals are its own."""
    if op.check is not None:
        op.check(*values)
    grad, observer = mode.grad, events.observer
    mode.set(False)
    events.observer = None
    try:
        found = op.kernel(*values)
    finally:
        mode.set(grad)
        events.observer = observer
    return recorded(op, values, adopt(found.array, found.dtype, found.device, found.geometry.strides))


def forward(op: "Op", values: tuple[Any, ...]) -> Any:
    """Another name of an operator."""
    assert op.alias_of is not None
    return op.alias_of.run(values)


def compose_in_place(op: "Op", values: tuple[Any, ...]) -> Tensor:
    """The in-place twin of a composite: its result is copied into self."""
    origin = op.twin_of
    assert origin is not None
    target: Tensor = values[0]
    return target.copy_(origin.kernel(*values))  # type: ignore[no-any-return]

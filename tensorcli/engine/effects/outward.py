"""`out=`: results written into tensors that are there."""

from typing import TYPE_CHECKING, Any

from tensorcli.engine import events, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.effects.fresh import named, split_extras
from tensorcli.engine.effects.writing import size_out, store
from tensorcli.engine.tensor import Tensor, wrapped_number

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

_DISPATCHED = ("softmax", "log_softmax")
"""Operators whose `out=` PyTorch refuses in its dispatcher's name."""


def into_out(op: "Op", values: tuple[Any, ...]) -> Any:
    """`out=`: the result, without history, written into tensors that are there."""
    plain, out, requires_grad = split_extras(op, values)
    if out is None:
        return op.effect(op, values if requires_grad else plain)
    outs = out if isinstance(out, (tuple, list)) else (out,)
    if any(not isinstance(one, Tensor) for one in outs):
        # A number where a tensor to write into is wanted: PyTorch's parser makes a temporary of it.
        outs = tuple(one if isinstance(one, Tensor) else wrapped_number(one) for one in outs)
    if mode.enabled:
        for one in (*plain, *outs):
            for t in one if type(one) in (list, tuple) else (one,):
                if isinstance(t, Tensor) and t.requires_grad:
                    raise messages.out_with_gradient("aten::" * (op.base in _DISPATCHED) + op.base)
    from tensorcli.engine import outputs

    outputs.check_device(op, plain, outs)
    plain = outputs.prepare(op, plain, outs)
    grad = mode.grad
    mode.set(False)
    observer, events.observer = events.observer, None
    try:
        answer = op.effect(op, plain)
    finally:
        mode.set(grad)
        events.observer = observer
    results = answer if isinstance(answer, tuple) else (answer,)
    inputs = [one for value in plain for one in (value if type(value) in (list, tuple) else (value,))]
    pairs = tuple(zip(outs, results, strict=True))
    dtype_first, memory_first = outputs.order(op)
    for target, result in pairs:
        if dtype_first:
            outputs.check_dtype(op, target, result, plain)
        if memory_first:
            outputs.check_memory(op, target, inputs)
    for target, result in pairs:
        size_out(target, result.geometry)
        if not dtype_first:
            outputs.check_dtype(op, target, result, plain)
        if not memory_first:
            outputs.check_memory(op, target, inputs)
    for target, result in pairs:
        store(op, target, (result,), result.values)
    return named(op, tuple(outs), "_out") if isinstance(answer, tuple) else outs[0]

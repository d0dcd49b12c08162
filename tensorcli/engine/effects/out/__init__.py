"""`out=`: results written into tensors that are there. Read when a call first has one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.engine import events
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.effects.calling import into
from tensorcli.engine.effects.fresh import named, split_extras
from tensorcli.engine.effects.out import before, checks, history, reduced
from tensorcli.engine.effects.out.draws import DRAWS, drawn
from tensorcli.engine.effects.out.kinds import COUNTED, SILENT
from tensorcli.engine.effects.writing import store, warn_of_truth
from tensorcli.engine.tensor import NEG, Tensor, negated, wrapped_number

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


def _with_gradient(values: Sequence[Any]) -> list[Tensor]:
    """The tensors that ask for a gradient."""
    return [
        t
        for one in values
        for t in (one if type(one) in (list, tuple) else (one,))
        if isinstance(t, Tensor) and t.requires_grad
    ]


def _check_lazy(values: Sequence[Any], outs: Sequence[Tensor]) -> None:
    """Negate what is to be read negated, which PyTorch does before it looks at anything. Errors: NotImplementedError."""
    for one in (*values, *outs):
        if isinstance(one, Tensor) and one.lazy & NEG:
            negated(one.array, one.dtype)


def fill(op: "Op", values: tuple[Any, ...]) -> Any:
    """`out=`: the result, without history, written into tensors that are there."""
    plain, out, requires_grad = split_extras(op, values)
    if out is None:
        return op.effect(op, values if requires_grad else plain)
    outs = out if isinstance(out, (tuple, list)) else (out,)
    if any(not isinstance(one, Tensor) for one in outs):
        # A number where a tensor to write into is wanted: PyTorch's parser makes a temporary of it.
        outs = tuple(one if isinstance(one, Tensor) else wrapped_number(one) for one in outs)
    before.check_kind(op, outs)
    concerned = _with_gradient((*plain, *outs)) if mode.enabled else []
    if concerned:
        kind = history.kind(op, plain, outs)
        if kind == history.COPIED:
            return history.copied(op, plain, outs[0])
    _check_lazy(plain, outs)
    before.check_device(op, plain, outs)
    plain, answer = _computed(op, plain, outs[0])
    results = answer if isinstance(answer, tuple) else (answer,)
    pairs = tuple(zip(outs, results, strict=True))
    first, then = checks.in_order(op, plain)
    for place, (target, result) in enumerate(pairs):
        for check in first:
            check(op, place, target, result, plain)
    for place, (target, result) in enumerate(pairs):
        checks.size(op, target, result, plain)
        for check in then:
            check(op, place, target, result, plain)
    for target, result in pairs:
        warn_of_truth(op, plain, target)
        store(
            op,
            target,
            (result,),
            result.values.reshape(target.geometry.sizes),
            writes=COUNTED.get(op.base, 1),
        )
    if concerned and kind == history.RECORDED:
        history.record(op, concerned, outs)
    if op.base in SILENT:
        return None
    return named(op, tuple(outs), "_out") if isinstance(answer, tuple) else outs[0]


def _computed(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[tuple[Any, ...], Any]:
    """What the operator computes from, and what it gives: unrecorded, and nobody hears of it."""
    grad, observer = mode.grad, events.observer
    into.outputs += 1
    try:
        prepared = before.prepare(op, values, out)
        mode.set(False)
        events.observer = None
        answer = None
        if op.base in DRAWS:
            answer = drawn(op, prepared, out)
        elif op.base in reduced.REDUCED:
            answer = reduced.compute(op, prepared, out)
        return prepared, op.effect(op, prepared) if answer is None else answer
    finally:
        mode.set(grad)
        events.observer = observer
        into.outputs -= 1

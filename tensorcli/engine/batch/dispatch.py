"""What an operator does while a vmap runs: it runs below, on values, and its results belong to the layer.

An operator that gets a tensor of the innermost layer is first recorded there (for transforms inside the layer), then run on the
values by its rule. An operator that gets none runs below as if the layer was not there.
"""

from collections.abc import Callable
from typing import Any

from tensorcli.engine import callers, effects, events, messages
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.edges import gradient_edge
from tensorcli.engine.autograd.modes import forward, mode
from tensorcli.engine.autograd.recording import make_node, original_of, save_outputs, set_history, wants_grad
from tensorcli.engine.batch import drawing, kinds, slow, writes
from tensorcli.engine.batch.escaped import is_escaped, looks, refusal
from tensorcli.engine.batch.layer import Batch, Layer, layers
from tensorcli.engine.batch.refused import WITHOUT_EXAMPLES_TOO, refused
from tensorcli.engine.batch.values import changed, each_result, found_in
from tensorcli.engine.func.marking import refuse_captured
from tensorcli.engine.op import Op
from tensorcli.engine.tensor import Tensor

Run = Callable[[tuple[Any, ...]], Any]


def begun(size: int, randomness: str) -> Layer:
    """A vmap to be entered; all operators ask from here on whether one runs."""
    callers.surround_all(_asking)
    return Layer(size, randomness)


def _asking(op: Op, run: Run) -> Run:
    if op.is_composed and op.base not in kinds.WHOLE | WITHOUT_EXAMPLES_TOO:
        if op.base in drawing.DROPPING:
            dropped: Run = drawing.dropping(op, run)
            return dropped
        return run if op.name not in slow.NAMES and refused(op) is None else _as_one(op, run)

    unread = looks(op)

    def asked(values: tuple[Any, ...]) -> Any:
        if unread and not layers and is_escaped(values[0]):
            raise refusal(op)
        if not layers or (forward and forward[-1].inside(layers[-1])):
            # Tangents of a level inside the vmap go forward first (autograd.dual).
            try:
                return run(values)
            except RuntimeError as error:
                if error.args == (messages.ESCAPED,):
                    raise refusal(op) from None
                raise
        return _dispatched(op, values)

    return asked


def _as_one(op: Op, run: Run) -> Run:
    """What runs an operator that is made of others, but that PyTorch runs example by example, or refuses, where no transform
    runs inside the vmap.
    """

    def asked(values: tuple[Any, ...]) -> Any:
        if (
            layers
            and all(each.batched for each in layers[-1].inside())
            and any(one.batch is not None and one.batch.dim is not None for one in found_in(values, Tensor))
        ):
            return _dispatched(op, values)
        return run(values)

    return asked


def _dispatched(op: Op, values: tuple[Any, ...]) -> Any:
    if op.base in WITHOUT_EXAMPLES_TOO:
        raise RuntimeError(refused(op))
    layer = layers[-1]
    if any(layer.batch_of(one) is not None for one in found_in(values, Tensor)):
        return _in_layer(layer, op, values)
    if op.writes:
        _refuse_captured(layer, op)
    if len(values) > op.arity and drawing.is_random(op):
        _without_out(op, values)
    with layer.below():
        drawn = drawing.unmapped(layer, op, values)
        result = op.run(values) if drawn is None else drawn.value
    if drawn is not None and drawn.dim is not None:
        return layer.wrap(result, drawn.dim)
    if not layer.inside():
        return result
    return each_result(result, lambda one: one if any(one is v for v in values) else layer.lift(one))


def _refuse_captured(layer: Layer, op: Op) -> None:
    """Errors: RuntimeError for a write to a tensor from outside, while a transform runs inside the layer."""
    if any(not each.batched for each in layer.inside()):
        refuse_captured(op.name)


def _in_layer(layer: Layer, op: Op, values: tuple[Any, ...]) -> Any:
    if len(values) > op.arity:
        values = _without_out(op, values)
    given = changed(values, layer.lift, Tensor)
    if op.writes:
        if values[0] is not given[0]:
            _refuse_captured(layer, op)
        return _written(layer, op, given)
    with layer.below():
        result, dim = kinds.apply(layer, op, changed(given, lambda one: one.batch, Tensor))
    result = each_result(result, lambda one: layer.wrap(one, dim))
    outputs = result if isinstance(result, (tuple, list)) else (result,)
    several = [one for one in outputs if isinstance(one, Tensor)]
    if op.effect is effects.view and op.tracked and any(not each.batched for each in layer.inside()):
        for one in several:
            _relate(given[0], one, len(several) > 1 or isinstance(result, (tuple, list)))
    if (
        op.base not in kinds.WHOLE
        and wants_grad(op, given)
        and any(one.dtype.category >= kinds.FLOATING for one in several)
    ):
        _record(op, given, tuple(result) if isinstance(result, (tuple, list)) else (result,))
    return result


def _record(op: Op, given: tuple[Any, ...], results: tuple[Any, ...]) -> None:
    """Make the node of a call in its layer; nobody hears of it."""
    observer, events.observer = events.observer, None
    try:
        node = make_node(op, given)
        set_history(node, results)
        save_outputs(op, node, results)
    finally:
        events.observer = observer


def _relate(tensor: Tensor, result: Tensor, several: bool) -> None:
    """Make a result a view of a tensor of its layer."""
    parent = tensor.view_of
    base = tensor if parent is None else parent.base
    kind = views.NORMAL if mode.enabled else views.INFERENCE if mode.inference else views.NO_GRAD
    if several and mode.enabled:
        kind = views.MULTI_OUTPUT
    if kind == views.NORMAL and parent is not None:
        kind = parent.kind
    if not tensor.inference:
        result.view_of = views.View(
            base, kind, tensor.counter.count, None, tensor if tensor is not base else None
        )


def _without_out(op: Op, values: tuple[Any, ...]) -> tuple[Any, ...]:
    plain, out, _ = effects.split_extras(op, values)
    if out is not None and drawing.is_random(op):
        raise RuntimeError(
            "vmap: We do not support calling out variants of random operations inside of vmap. Please use non-out variants as a "
            "workaround"
        )
    if out is not None:
        raise RuntimeError(
            f"Batching rule not implemented for aten::{op.base}.out; the fallback path doesn't work on out= or view ops."
        )
    return plain


# ---- writes


def _written(layer: Layer, op: Op, given: tuple[Any, ...]) -> Tensor:
    """An operator that writes self: into the value, for all examples."""
    target: Tensor = given[0]
    batches = changed(given, lambda one: one.batch, Tensor)
    reason = refused(op)
    if reason is not None:
        raise RuntimeError(reason)
    writes.check(layer, op, batches)
    if op.base == "resize_" and target.requires_grad and not mode.inference:
        raise RuntimeError(messages.RESIZE_WITH_GRADIENT)
    requires = wants_grad(op, given)
    views.check_in_place(target, requires)
    node: Any = None
    if requires and op.base == "copy_":
        from tensorcli.engine.ops.copy import CopyBackwards

        node = CopyBackwards(tuple(gradient_edge(one) for one in given[:2]), {})
    elif requires:
        original = original_of(target) if any("self" in g.names for g in op.gradients) else None
        observer, events.observer = events.observer, None
        try:
            node = make_node(op, given, original)
        finally:
            events.observer = observer
    batch: Batch = target.batch
    with layer.below():
        writes.write(layer, op, batch, batches[1:])
    if batch.value.geometry.sizes != target.geometry.sizes or op.effect is effects.restride:
        moved = layer.wrap(batch.value, batch.dim)
        target.geometry, target._storage = moved.geometry, moved._storage
    if node is not None:
        if op.effect is effects.restride:
            views.restrided(target, node)
        else:
            views.rebase_history(target, node)
        if op.plan.outputs:
            save_outputs(op, node, (target,))
    return target

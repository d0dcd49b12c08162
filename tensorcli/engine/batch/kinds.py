"""How an operator runs on a batch: by its kind where the declaration says enough, by a rule of its own, or example by example.

The arguments of an operator come with Batches in place of tensors. A function that runs it returns the result, of values, and
its mapped dimension: None where nothing is mapped.
"""

from typing import Any, Final

from tensorcli.engine import dtypes, effects, overrides
from tensorcli.engine.batch import drawing, rules, shapes, slow
from tensorcli.engine.batch.layer import Batch, Layer, hidden
from tensorcli.engine.batch.refused import refused
from tensorcli.engine.batch.values import aligned, batches_of, changed, each_result, front, plain, slices
from tensorcli.engine.callers import functions
from tensorcli.engine.effects.elementwise import promoted_dtype
from tensorcli.engine.formats import contiguous_format, preserve_format
from tensorcli.engine.op import Op
from tensorcli.engine.tensor import Tensor

FLOATING: Final = dtypes.FLOATING
NEW: Final = frozenset("new_empty new_empty_strided new_full new_zeros new_ones".split())
"""Composites that make a batch of what they make where they are asked of a batch."""

WHOLE: Final = NEW | frozenset(
    "allclose argwhere ctc_loss equal is_pinned is_set_to linalg_matrix_rank linspace logspace".split()
)
"""Composites that are asked as one operator, not as those that they are made of."""


def apply(layer: Layer, op: Op, args: tuple[Any, ...]) -> tuple[Any, int | None]:
    """The result of an operator below the layer, and its mapped dimension."""
    given = batches_of(args)
    if all(one.dim is None for one in given):
        drawn = drawing.unmapped(layer, op, plain(args))
        return (drawn.value, drawn.dim) if drawn is not None else (op.run(plain(args)), None)
    slow.warn(op, layer.size)
    reason = refused(op, layer.legacy)
    if reason is not None:
        raise RuntimeError(reason)
    if op.base in NEW:
        return _new(layer, op, args)
    drawn = drawing.mapped(layer, op, args)
    if drawn is not None:
        return drawn.value, drawn.dim
    if op.effect is effects.view:
        return shapes.viewed(layer, op, args)
    rule = rules.RULES.get(op.name) or rules.RULES.get(op.base)
    if rule is not None:
        found = rule(layer, op, args)
        if found is not None:
            return found  # type: ignore[no-any-return]
    elif op.effect is effects.pointwise or op.base in rules.ELEMENTWISE:
        if op.base == "clone":
            _check_format(args[1])
            if args[1] is contiguous_format:
                return op.run((front(args[0]), contiguous_format)), 0  # Each example is to be contiguous.
        return _pointwise(layer, op, args)
    return each(layer, op, args)


def _check_format(wanted: Any) -> None:
    """Errors: RuntimeError for a memory format that would need to know where the examples lie."""
    if wanted not in (None, preserve_format, contiguous_format):
        name = "".join(part.capitalize() for part in wanted.name.split("_"))
        raise RuntimeError(
            "NYI: Tensor.clone(memory_format) inside vmap is only supported with memory_format torch.preserve_format or "
            f"torch.contiguous_format (got {name})"
        )


def each(layer: Layer, op: Op, args: tuple[Any, ...]) -> tuple[Any, int | None]:
    """Example by example, and the results stacked: none of them, as large as that of zeros, where there are no examples."""
    results = [op.run(slices(args, i)) for i in range(layer.size)]
    if not results:
        imagined = op.run(changed(args, lambda one: one.value.new_zeros(one.sizes)))
        return each_result(imagined, lambda one: one.new_empty((0, *one.geometry.sizes))), 0
    first = results[0]
    if isinstance(first, Tensor):
        whole: Any = functions.stack(results)
        return whole.view(whole.shape) if op.name in slow.NAMES else whole, 0
    joined = [
        None if column[0] is None else functions.stack(list(column)) for column in zip(*results, strict=True)
    ]
    return type(first)(joined), 0


def _pointwise(layer: Layer, op: Op, args: tuple[Any, ...]) -> tuple[Any, int | None]:
    """Element by element. One tensor keeps its dimensions where they are; several are aligned with the mapped one first."""
    places = op.tensors
    if len(places) == 1:
        batch = args[places[0]]
        if isinstance(batch, Batch):
            return op.run(plain(args)), batch.dim
    values = list(args)
    rank = max(one.rank for one in batches_of(args))
    logical = promoted_dtype(op, [_standing(one) for one in args]) if op.operands else None
    for i in places:
        if isinstance(args[i], Batch):
            values[i] = aligned(args[i], rank)
    if logical is not None and promoted_dtype(op, values) is not logical:
        # What has no dimensions counts less in promotion; a batch of it must not count more.
        for i in op.operands:
            one = args[i]
            if isinstance(one, Batch) and one.dim is not None and not one.rank:
                values[i] = values[i].to(logical)
    return op.run(tuple(values)), 0


class _Standing(Tensor):
    """An example of a batch, to whoever looks at its dtype and its sizes alone."""

    __torch_function__ = staticmethod(overrides.disabled)


def _standing(one: Any) -> Any:
    if not isinstance(one, Batch):
        return one
    found = object.__new__(_Standing)
    found._dtype = one.value._dtype
    found.wrapped = one.value.wrapped
    found.geometry = hidden(one.value.geometry, one.dim)
    return found


def _new(layer: Layer, op: Op, args: tuple[Any, ...]) -> tuple[Any, int | None]:
    values = list(plain(args))
    place = op.names.index("size")
    values[place] = (layer.size, *values[place])
    if op.base == "new_empty_strided":
        strides = op.names.index("stride")
        sizes = values[place][1:]
        if len(sizes) != len(values[strides]):
            raise RuntimeError(
                f"new_empty_strided(sizes, strides): dimensionality of sizes ({len(sizes)}) must match dimensionality of strides "
                f"({len(values[strides])})"
            )
        ends = [(size - 1) * stride for size, stride in zip(sizes, values[strides], strict=True)]
        span = 1 + sum(ends) if all(sizes) else 0
        values[strides] = (span, *values[strides])
    return op.run(tuple(values)), 0

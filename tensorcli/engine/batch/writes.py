"""Writes into batches: the value is written for all examples at once."""

from typing import Any, Final

from tensorcli.engine import effects, formats, geometry, messages
from tensorcli.engine.batch import drawing, slow
from tensorcli.engine.batch.layer import Batch, Layer
from tensorcli.engine.batch.rules.indices import refuse_masks
from tensorcli.engine.batch.shapes import translated, viewed
from tensorcli.engine.batch.values import aligned, batches_of, changed, example, front, plain, where
from tensorcli.engine.op import Op
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import Tensor

_BROADCAST: Final = frozenset(
    "add_ atan2_ bitwise_and_ bitwise_left_shift_ bitwise_or_ bitwise_right_shift_ bitwise_xor_ copysign_ gcd_ lcm_".split()
)
"""Writes that PyTorch refuses only where it sees that the result does not fit."""
_AT_ONCE: Final = frozenset(
    "index_add_ index_fill_ index_put_ _index_put_impl_ scatter_add_ scatter_reduce_".split()
)
"""Writes that PyTorch makes for all examples at once, which are counted once."""
_NAMES: Final = {
    **dict.fromkeys(
        "add sub mul div copy masked_fill logical_and logical_or logical_xor".split(), "inplace arithmetic"
    ),
    "bernoulli": "inplace bernoulli",
    **{name: f"{name}_" for name in "fill index_put index_add index_fill scatter_add scatter_reduce".split()},
}
"""How PyTorch calls a write in its refusal; others are called by their operator, and where it is refused by the level."""


def check(layer: Layer, op: Op, batches: tuple[Any, ...]) -> None:
    """Errors: RuntimeError for a write of what is mapped into what is not."""
    if any(one.dim is not None for one in batches_of(batches)):
        slow.warn(op, layer.size)
    if drawing.is_random(op):
        drawing.check(layer)
        _refuse_same(layer, batches[1:])
    if batches[0].dim is not None or all(one.dim is None for one in batches_of(batches[1:])):
        return
    base = op.base
    if base in _BROADCAST and not layer.legacy:
        sizes = batches[0].sizes
        raise messages.output_shape(sizes, (layer.size, *sizes))
    name = None if layer.legacy else _NAMES.get(base.removesuffix("_"))
    place = "in a vmap" if name else f"at level {layer.number}"
    name = name or f"aten::{base}"
    raise RuntimeError(
        f"vmap: {name}(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more "
        "elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over "
        f"{place}. Please try to use out-of-place operators instead of {name}. If said operator is being called inside the "
        "PyTorch framework, please file a bug report instead."
    )


def write(layer: Layer, op: Op, batch: Batch, rest: tuple[Any, ...]) -> None:
    """Write into the value of a batch."""
    if drawing.is_random(op):
        _draw(layer, op, batch, rest)
    elif batch.dim is None:
        op.run((batch.value, *plain(rest)))
    elif op.base == "resize_":
        _resize(layer, batch, *rest)
    elif op.effect is effects.restride and op.base != "as_strided_":
        _restride(layer, op, batch, rest)
    elif op.name == "fill_.Tensor":
        if rest[0].dim is None and rest[0].rank:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {rest[0].rank} dimensions."
            )
        whole = front(batch)
        whole.copy_(aligned(rest[0], batch.rank))
    elif _elementwise(op) and not (op.name == "masked_fill_.Tensor" and rest[1].dim is not None):
        _check_room(layer, op, batch, rest)
        whole = front(batch)
        op.run((whole, *changed(rest, lambda one: aligned(one, batch.rank))))
        if op.name in slow.NAMES:
            _count(whole, layer.size - 1)
    else:
        if rest and op.base in ("index_put_", "_index_put_impl_"):
            refuse_masks(rest[0])
        for i in range(layer.size):
            op.run((example(batch, i), *changed(rest, lambda one, i=i: example(one, i))))  # type: ignore[misc]
        if op.base in _AT_ONCE:
            _count(front(batch), 1 - layer.size)


def _count(whole: Tensor, more: int) -> None:
    """Count more writes, or fewer, than there were: as many as PyTorch makes."""
    if not whole.uncounted:
        whole.counter.count += more


def _check_room(layer: Layer, op: Op, batch: Batch, rest: tuple[Any, ...]) -> None:
    """Refuse what an example has no room for: more dimensions would be taken for those of the examples. Errors: RuntimeError.

    PyTorch tells the sizes of all examples, or those of the first where it writes one after the other.
    """
    sizes = batch.sizes
    try:
        wide = geometry.broadcast(sizes, *(one.sizes for one in batches_of(rest)))
    except ValueError:
        return  # which the write itself tells
    if len(wide) == len(sizes):
        return
    if op.name in slow.NAMES:
        raise messages.output_shape(sizes, wide)
    room, needed = (layer.size, *(1,) * (len(wide) - len(sizes)), *sizes), (layer.size, *wide)
    if room != needed:
        raise messages.output_shape(room, needed)


def _restride(layer: Layer, op: Op, batch: Batch, rest: tuple[Any, ...]) -> None:
    """Give the value another geometry, in place: its handle moves."""
    whole, origin = front(batch), op.twin_of
    assert origin is not None
    if op.base == "squeeze_":
        given = () if not rest else rest[0] if isinstance(rest[0], (tuple, list)) else (rest[0],)
        sizes = whole.geometry.sizes
        dims = [where(one, batch.rank) for one in given] if rest else range(1, len(sizes))
        whole.squeeze_(tuple(d for d in dims if d < len(sizes) and sizes[d] == 1))
    elif op.base == "t_" and batch.rank == 2:
        whole.transpose_(1, 2)
    elif op.base in ("unsqueeze_", "transpose_"):
        op.run((whole, *translated(origin, rest, batch.rank, layer.size)))
    else:
        whole, _ = viewed(layer, origin, (batch, *rest))
        whole.bump()
    batch.value, batch.dim = whole, 0


def _resize(layer: Layer, batch: Batch, size: Any, memory_format: Any) -> None:
    """Give the value room for other examples. Errors: RuntimeError where not its first dimension is mapped."""
    if memory_format not in (None, formats.contiguous_format):
        raise RuntimeError("resize_: batching rule only supports None or Contiguous MemoryFormat")
    if batch.dim:
        raise RuntimeError(
            'self_bdim == 0 INTERNAL ASSERT FAILED at "/__w/pytorch/pytorch/aten/src/ATen/functorch/BatchRulesViews.cpp":170, '
            "please report a bug to PyTorch. NYI: resize_ batch rule for batch dim != 0"
        )
    batch.value.resize_((layer.size, *size))


def _elementwise(op: Op) -> bool:
    origin = op.twin_of
    if op.base in ("copy_", "fill_", "zero_"):
        return True
    return origin is not None and origin.effect is effects.pointwise


def _refuse_same(layer: Layer, rest: tuple[Any, ...]) -> None:
    """Errors: RuntimeError where all examples are to draw the same, by numbers of their own."""
    if layer.randomness == "same" and any(one.dim is not None for one in batches_of(rest)):
        raise RuntimeError(drawing.SAME)


def _draw(layer: Layer, op: Op, batch: Batch, rest: tuple[Any, ...]) -> None:
    if layer.randomness == "different":
        if batch.dim is None:
            drawing.unmapped(layer, op, plain((batch, *rest)))
        op.run((front(batch), *changed(rest, front)))
        return
    if batch.dim is None:
        op.run((batch.value, *plain(rest)))
        return
    whole = front(batch)
    drawn = OPS["empty.memory_format"].run((batch.sizes, whole.dtype, None, whole.device, None, None))
    op.run((drawn, *plain(rest)))
    whole.copy_(drawn)

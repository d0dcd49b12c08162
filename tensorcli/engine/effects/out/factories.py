"""`out=` of factories: what is made has the output's dtype."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.engine import dtypes, geometry, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.effects.making import Asked, made
from tensorcli.engine.effects.out import history
from tensorcli.engine.effects.out.draws import DRAWS, drawn
from tensorcli.engine.effects.writing import check_overlap, keeps_sizes, resize, store
from tensorcli.engine.settings import settings
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


_RESIZING = ("empty", "randn")
"""Factories whose output is resized by `resize_`, which counts as a write where the size changes."""
_LOOKING = frozenset("arange linspace logspace range rand randn randint normal".split())
"""Factories that refuse an output whose elements share memory with each other."""


def make_into(
    op: "Op", values: Sequence[Any], asked: Asked, out: Tensor, requires_grad: bool | None
) -> Tensor:
    """`out=`: what is made is of the output's dtype, and written into it."""
    concerned = [out] if mode.enabled and out.requires_grad else []
    if op.base in _RESIZING and out.requires_grad:
        raise RuntimeError(messages.RESIZE_WITH_GRADIENT)
    if concerned:
        history.check_recorded(op.base, concerned)
    kind, device = asked.kind, asked.device
    if device is not out.device and values[op.names.index("device")] is not None:
        raise RuntimeError(
            f"device type {device.type} does not match device type of out parameter ({out.device.type})"
        )
    # Where int64 is the default of dtype=, it may not have been asked for.
    asked_for = kind is not None and ("dtype=long" not in op.line or kind is not dtypes.int64)
    if kind is not None and asked_for and kind is not out.dtype:
        raise RuntimeError(
            f"dtype {kind.scalar_type} does not match dtype of out parameter ({out.dtype.scalar_type})"
        )
    try:
        result = drawn(op, values, out) if op.base in DRAWS else None
        if result is None:
            result = made(op, asked, out.dtype)
    except NotImplementedError:
        if "steps" in op.names:
            # PyTorch gives the output its size before it looks for a kernel.
            resize(out, geometry.contiguous((values[op.names.index("steps")],)))
        raise
    _put(op, out, result)
    if concerned:
        history.record(op, concerned, concerned)
    out.leaf_requires_grad = bool(requires_grad)
    return out


def _put(op: "Op", out: Tensor, result: Tensor) -> None:
    """Write a result into the output, which gets its size; one that holds as many elements of a range keeps its own."""
    sizes, found = out.geometry.sizes, result.geometry
    array = result.values
    if keeps_sizes(op, out, found):
        array = array.reshape(sizes)
    elif sizes != found.sizes:
        if op.base == "arange" and out.geometry.numel:
            messages.warn(messages.range_resized(sizes, out.geometry.numel, found.numel))
        resize(out, found)
        if op.base in _RESIZING:
            out.bump()
    if op.base in _LOOKING:
        check_overlap(out, ())
    if op.base != "empty" or settings.deterministic:
        store(op, out, (result,), array)

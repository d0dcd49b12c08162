"""Factories: tensors of nothing but sizes."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.engine import dtypes, events, geometry, messages
from tensorcli.engine.allocation import adopt, check_bytes, check_pinned, empty, pinned
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.devices import CPU, META, Device, resolve
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.effects.arrays import (
    run_kernel,
)
from tensorcli.engine.effects.fresh import Laid, split_extras
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


class _Asked(NamedTuple):
    """What the arguments of a factory ask for, and what of them the kernel gets."""

    arguments: list[Any]
    kind: dtype | None
    device: Device
    sizes: tuple[int, ...] | None
    strides: tuple[int, ...] | None
    pin: bool | None


def create(op: "Op", values: tuple[Any, ...]) -> Tensor:
    """A tensor of nothing but sizes: the kernel gets its arguments with dtype resolved."""
    values, out, requires_grad = split_extras(op, values)
    asked = _read(op, values)
    if out is not None:
        return _into(op, values, asked, out, requires_grad)
    return manufactured(op.name, values, _made(op, asked, asked.kind), requires_grad)


def _read(op: "Op", values: Sequence[Any]) -> _Asked:
    arguments: list[Any] = []
    kind: dtype | None = None
    device = CPU
    pin: bool | None = None
    strides: tuple[int, ...] | None = None
    sizes: tuple[int, ...] | None = None
    for name, value in zip(op.names, values, strict=True):
        if name == "dtype":
            kind = value
        elif name == "device":
            device = resolve(value)
        elif name == "size":
            sizes = tuple(value)
            if any(size < 0 for size in sizes):
                if op.base == "zeros":
                    raise RuntimeError("zeros: Dimension size must be non-negative.")
                raise messages.negative_size(sizes)
            arguments.append(sizes)
        elif name == "memory_format":
            if value is not None:
                strides = geometry.format_strides(sizes or (), value.name)
        elif name == "pin_memory":
            check_pinned(value, device)
            pin = value
        elif name not in ("layout", "names"):
            arguments.append(value)
    return _Asked(arguments, kind, device, sizes, strides, pin)


def _made(op: "Op", asked: _Asked, kind: dtype | None) -> Tensor:
    arguments, device, sizes, strides = asked.arguments, asked.device, asked.sizes, asked.strides
    if sizes is not None:
        check_bytes(
            prod(sizes) * (kind or dtypes.default.floating).itemsize,
            sizes,
            kind or dtypes.float32,
            device,
        )
        if device is META:
            # What the dtype is, is known without the elements.
            arguments[op.names.index("size")] = (0,) * len(sizes)
    answer = run_kernel(op, (*arguments, kind), CPU if device is META else device)
    elements = 0
    if type(answer) is Laid:
        answer, strides, elements = answer.array, answer.strides, answer.elements
    kind = dtypes.from_numpy_dtype(answer.dtype)
    if device is META:
        result = empty(answer.shape if sizes is None else sizes, strides, kind, META, elements)
    else:
        result = adopt(answer, kind, device, strides, elements)
    return pinned(result) if asked.pin else result


def _into(op: "Op", values: Sequence[Any], asked: _Asked, out: Tensor, requires_grad: bool | None) -> Tensor:
    """`out=`: what is made is of the output's dtype, and written into it."""
    concerned = [out] if mode.enabled and out.requires_grad else []
    if op.base in _RESIZING and out.requires_grad:
        raise RuntimeError(messages.RESIZE_WITH_GRADIENT)
    if concerned:
        from tensorcli.engine.effects.out import history

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
            result = _made(op, asked, out.dtype)
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


def manufactured(name: str, values: tuple[Any, ...], result: Tensor, requires_grad: bool | None) -> Tensor:
    """What every factory does with its result: inference mode, `requires_grad=`, the event."""
    if mode.inference:
        result.inference = True
    if requires_grad:
        if result.dtype.category < dtypes.FLOATING:
            raise RuntimeError(messages.FLOATING_FACTORY)
        result.leaf_requires_grad = True
    if events.observer is not None:
        events.observer.made(result, name, values)
    return result

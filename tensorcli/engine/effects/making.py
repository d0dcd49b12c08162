"""Factories: tensors of nothing but sizes."""

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from tensorcli.engine import dtypes, events, geometry, messages
from tensorcli.engine.allocation import adopt, check_bytes, check_pinned, empty, pinned
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.devices import CPU, META, Device, resolve
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.effects.arrays import run_kernel
from tensorcli.engine.effects.fresh import Laid, split_extras
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


class Asked(NamedTuple):
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
        from tensorcli.engine.effects.out.factories import make_into

        return make_into(op, values, asked, out, requires_grad)
    return manufactured(op.name, values, made(op, asked, asked.kind), requires_grad)


def _read(op: "Op", values: Sequence[Any]) -> Asked:
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
    return Asked(arguments, kind, device, sizes, strides, pin)


def made(op: "Op", asked: Asked, kind: dtype | None) -> Tensor:
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

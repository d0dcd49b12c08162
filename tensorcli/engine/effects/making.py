"""Factories: tensors of nothing but sizes."""

from math import prod
from typing import TYPE_CHECKING, Any

from tensorcli.engine import dtypes, events, geometry, messages
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.nodes import gradient_edge
from tensorcli.engine.devices import CPU, META, resolve
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.effects.arrays import (
    adopt,
    check_bytes,
    check_pinned,
    empty,
    negative_size,
    pinned,
    run_kernel,
)
from tensorcli.engine.effects.fresh import Laid, split_extras
from tensorcli.engine.effects.writing import resize, store
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


def create(op: "Op", values: tuple[Any, ...]) -> Tensor:
    """A tensor of nothing but sizes: the kernel gets its arguments with dtype resolved."""
    values, out, requires_grad = split_extras(op, values)
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
                raise negative_size(op, sizes)
            arguments.append(sizes)
        elif name == "memory_format":
            if value is not None:
                strides = geometry.format_strides(sizes or (), value.name)
        elif name == "pin_memory":
            check_pinned(value, device)
            pin = value
        elif name not in ("layout", "names"):
            arguments.append(value)
    if out is not None:
        if mode.enabled and out.requires_grad and out.is_leaf:
            raise messages.out_with_gradient(f"aten::{op.base}")
        if device is not out.device and values[op.names.index("device")] is not None:
            raise RuntimeError(
                f"device type {device.type} does not match device type of out parameter ({out.device.type})"
            )
        if kind is not None and kind is not out.dtype:
            raise RuntimeError(
                f"dtype {kind.scalar_type} does not match dtype of out parameter ({out.dtype.scalar_type})"
            )
        kind = out.dtype
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
    try:
        answer = run_kernel(op, (*arguments, kind), CPU if device is META else device)
    except NotImplementedError:
        if out is not None and "steps" in op.names:
            # PyTorch gives the output its size before it looks for a kernel.
            resize(out, geometry.contiguous((values[op.names.index("steps")],)))
        raise
    if type(answer) is Laid:
        answer, strides = answer.array, answer.strides
    kind = dtypes.from_numpy_dtype(answer.dtype)
    if device is META:
        result = empty(answer.shape if sizes is None else sizes, strides, kind, META)
    else:
        result = adopt(answer, kind, device, strides)
    if pin:
        result = pinned(result)
    if out is not None:
        if out.geometry.sizes != result.geometry.sizes:
            resize(out, result.geometry)
        store(op, out, (result,), result.values)
        if mode.enabled and out.requires_grad:
            views.rebase_history(out, op.node_class((gradient_edge(out),), {}))
        out.leaf_requires_grad = bool(requires_grad)
        return out  # type: ignore[no-any-return]
    return manufactured(op.name, values, result, requires_grad)


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

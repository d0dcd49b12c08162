"""Facts of the embedded engine's tensors, arrays and storages, read without any effect.

`Tensor.grad_fn`, `.grad`, `.memory` and repr all do something when they are read (a node made anew, a
warning, an object made); here the fields beneath them are read instead, and what `grad_fn` would be is said
without making it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from tensorcli.engine import addresses, dtypes, printing
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.batch.layer import whole
from tensorcli.engine.devices import Device
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.methods.text import printable, text_of
from tensorcli.engine.storage import Storage
from tensorcli.engine.tensor import Tensor
from tensorcli.explorer.engines import arrays
from tensorcli.explorer.engines.reading import Kind, Look, Walk

PLAIN = frozenset({type(None), bool, int, float, complex, str, tuple, list, dict})
"""What most values are that are no tensors."""


def present_node(tensor: Tensor) -> tuple[Any, str | None]:
    """The node that `grad_fn` would answer with, where it is there already, and its name in any case."""
    node = tensor.node
    view = tensor.view_of
    if view is None:
        return node, None if node is None else node.shown_name
    base = view.base
    if node is None and not base.requires_grad:
        return None, None
    if not (tensor.uncounted or base.uncounted) and tensor.counter.count != view.version:
        if view.kind != "normal":
            return None, "Invalid"
        if view.retype is None:
            return None, "AsStridedBackward0"
    return node, None if node is None else node.shown_name


class Values:
    """Reads what has elements."""

    def kind(self, value: Any) -> Kind | None:
        if isinstance(value, Tensor):
            return "tensor"
        if type(value) in PLAIN:
            return None
        if isinstance(value, np.ndarray):
            return "ndarray"
        if isinstance(value, Node):
            return "node"
        if isinstance(value, Storage) or _wrapped_storage(value) is not None:
            return "storage"
        return None

    def memory(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            found = value._storage
            data = value._array if found is None else found.data
            if type(data) is np.ndarray and data.base is None:
                return data  # most of them
            return arrays.root(data) if found is None else _owner(found)
        if isinstance(value, np.ndarray):
            return arrays.root(value)
        found = value if isinstance(value, Storage) else _wrapped_storage(value)
        assert found is not None
        return _owner(found)

    def look(self, value: Any) -> Look:
        if not isinstance(value, Tensor):
            return arrays.look(value, arrays.root(value))
        geometry = value.geometry
        dtype = value.dtype
        name = present_node(value)[1]
        counter = None if value.uncounted else value.counter
        memory = self.memory(value)
        return Look(
            "tensor",
            geometry.sizes,
            geometry.strides,
            geometry.offset,
            dtype.name,
            dtype.itemsize,
            "cpu" if value._storage is None else _device_name(value._storage.device),
            None if counter is None else counter.count,
            value.requires_grad,
            name is None,
            name,
            id(memory),
            0 if counter is None else id(counter),
        )

    def counter(self, tensor: Any) -> int:
        return 0 if tensor.uncounted else id(tensor.counter)

    def extent(self, memory: Any) -> int:
        return int(memory.nbytes)

    def walk(self, value: Any) -> Walk:
        if not isinstance(value, Tensor):
            return arrays.walk(value, arrays.root(value))
        size = value.dtype.itemsize
        geometry = value.geometry
        memory = self.memory(value)
        data = memory if value._storage is None else value._storage.data
        before = 0 if data is memory or not isinstance(data, np.ndarray) else arrays.start(data, memory)
        return Walk(
            before + geometry.offset * size,
            geometry.sizes,
            tuple(stride * size for stride in geometry.strides),
            size,
        )

    def content(self, memory: Any) -> Any:
        if not isinstance(memory, np.ndarray) or not (memory.flags.c_contiguous or memory.flags.f_contiguous):
            return None
        return np.ndarray((memory.nbytes,), np.uint8, memory if memory.flags.c_contiguous else memory.T)

    def elements(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            value = whole(value)
            return None if value.is_meta or _cut_off(value) else printable(value)
        return value

    def text(self, value: Any) -> str:
        if not isinstance(value, Tensor):
            return arrays.text(value)
        value = whole(value)
        if value.is_meta:
            return "..."
        if 0 in value.geometry.sizes:
            return "[]"
        if _cut_off(value):
            return arrays.CUT_OFF
        return self.shown(printable(value), value.dtype.name)

    def shown(self, elements: Any, dtype: str) -> str:
        options = printing.options
        before = options.threshold, options.edgeitems, options.linewidth
        options.threshold, options.edgeitems, options.linewidth = arrays.MANY, 3, 1_000_000
        try:
            return arrays.one_line(printing.array_text(elements, dtype=dtype))
        finally:
            options.threshold, options.edgeitems, options.linewidth = before

    def cells(self, value: Any, first: int, count: int) -> list[str]:
        if not isinstance(value, Tensor):
            return arrays.cells(value, self.memory(value), first, count)
        if value.is_meta:
            return ["?"] * count
        start = whole(value).memory.window(Geometry((count,), (1,), first), value.dtype)
        if value.is_cuda:
            from tensorcli.engine.backends import host

            start = host(start)
        options = printing.options
        before = options.threshold, options.linewidth
        options.threshold, options.linewidth = float("inf"), 1_000_000
        try:
            text = printing.array_text(start, dtype=value.dtype.name)
        finally:
            options.threshold, options.linewidth = before
        return [each.strip() for each in text.strip("[]").split(",")]

    def giving_no_address(self) -> AbstractContextManager[None]:
        return addresses.giving_none()

    def repr(self, value: Any) -> str:
        if type(value) is not Tensor or value.batch is not None:
            return repr(value)
        return text_of(value, present_node(value)[1])

    def printed(self, value: Any) -> Sequence[tuple[str, str]]:
        look = self.look(value)
        return printing.reasons(
            self.elements(value),
            dtype=look.dtype,
            sizes=look.sizes,
            requires_grad=bool(look.requires_grad),
            grad_fn=look.grad_fn,
            default_dtype=dtypes.default.floating.name,
            is_meta=look.device == "meta",
        )

    def base(self, tensor: Any) -> Any:
        return None if tensor.view_of is None else tensor.view_of.base

    def parent(self, tensor: Any) -> Any:
        view = tensor.view_of
        if view is None:
            return None
        return view.above

    def view_kind(self, tensor: Any) -> str:
        return "" if tensor.view_of is None else str(tensor.view_of.kind)

    def grad(self, tensor: Any) -> Any:
        return tensor._grad

    def retains_grad(self, tensor: Any) -> bool:
        return bool(tensor.retains_grad)


def _owner(storage: Storage) -> Any:
    """The allocation beneath a Storage: the array that owns the bytes, or the storage where they are not numpy's."""
    data = storage.data
    return arrays.root(data) if isinstance(data, np.ndarray) else storage


def _cut_off(value: Tensor) -> bool:
    """Whether the storage is smaller than what the tensor reads: made so (`untyped_storage().resize_`), or not to be grown."""
    storage = value._storage
    if storage is None or not (storage.generation or storage.foreign):
        return False
    reach = value.geometry.offset + value.geometry.span
    if not value.geometry.numel or reach * value.dtype.itemsize <= storage.nbytes:
        return False
    value._array = None  # an array over the old buffer, which it would keep alive
    return True


def _device_name(device: Device) -> str:
    """The device as tables show it: a simulated one says so."""
    if device.type != "cuda":
        return str(device)
    from tensorcli.engine.backends import is_simulated

    return f"{device} (simulated)" if is_simulated() else str(device)


def _wrapped_storage(value: Any) -> Storage | None:
    """The Storage of what `untyped_storage()` hands out."""
    if type(value).__name__ not in ("UntypedStorage", "TypedStorage"):
        return None
    found = getattr(value, "engine_storage", None)
    return found if isinstance(found, Storage) else None

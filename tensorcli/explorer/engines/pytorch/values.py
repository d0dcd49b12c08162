"""Facts of PyTorch's tensors and storages, and of numpy's arrays, read without any effect.

`grad_fn` of a view is read only while its version has not moved: PyTorch makes the node anew when it is read.
"""

from __future__ import annotations

import ctypes
import warnings
import weakref
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch.utils.weak import WeakIdKeyDictionary

from tensorcli.explorer.engines import arrays
from tensorcli.explorer.engines.embedded import Embedded
from tensorcli.explorer.engines.reading import Kind, Look, Walk


def shown_name(node: Any) -> str:
    """What a tensor's repr says of its node, many of which have no class of their own."""
    kind = type(node).__name__
    return str(node.name()).rpartition("::")[2] if kind == "CppFunction" else kind


class Values:
    """Reads what has elements."""

    def __init__(self) -> None:
        self.model = Embedded()
        """The embedded engine, for what is the same in both: arrays, texts, operators."""
        self.arrays: dict[int, Any] = {}
        """Weak references to the arrays that were seen, by the address of their bytes."""
        self.storages: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        """The storages that were seen, by the address of their bytes."""
        self.views: Any = WeakIdKeyDictionary()
        """Of views: the version at which the name of their node was read, and the name."""

    def kind(self, value: Any) -> Kind | None:
        if isinstance(value, torch.Tensor):
            return "tensor"
        if isinstance(value, np.ndarray):
            return "ndarray"
        if isinstance(value, torch.autograd.graph.Node):
            return "node"
        return "storage" if isinstance(value, torch.UntypedStorage | torch.TypedStorage) else None

    def memory(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            owner = arrays.root(value)
            if isinstance(owner.base, torch.Tensor):
                return owner.base.untyped_storage()
            self.arrays[arrays.address(owner)] = weakref.ref(owner)
            return owner
        storage = _beneath(value).untyped_storage() if isinstance(value, torch.Tensor) else value
        if isinstance(storage, torch.TypedStorage):
            storage = storage._untyped_storage
        address = storage.data_ptr()
        for start, reference in list(self.arrays.items()):
            owner = reference()
            if owner is None:
                del self.arrays[start]
            elif address and start <= address < start + owner.nbytes:
                return owner
        return self._lender(storage, address) if address else storage

    def _lender(self, storage: Any, address: int) -> Any:
        """The storage whose memory this one got through an array that nobody looked at; itself where there is none."""
        first = self.storages.get(address)
        if first is storage:
            return storage
        if not storage.resizable():  # it is not the owner of its memory, or numpy has seen it
            for start, other in list(self.storages.items()):
                if start <= address < start + other.nbytes() and other.data_ptr() == start:
                    return other
        self.storages[address] = storage
        return storage

    def look(self, value: Any) -> Look:
        memory = self.memory(value)
        if not isinstance(value, torch.Tensor):
            return (
                arrays.look(value, memory)
                if isinstance(memory, np.ndarray)
                else self._array_look(value, memory)
            )
        inference = value.is_inference()
        name = self._node_name(value)
        return Look(
            "tensor",
            tuple(value.size()),
            tuple(value.stride()),
            value.storage_offset(),
            str(value.dtype).removeprefix("torch."),
            value.element_size(),
            str(value.device),
            None if inference else value._version,
            value.requires_grad,
            name is None,
            name,
            id(memory),
            0 if inference else self._counter(value),
        )

    def _array_look(self, array: Any, storage: Any) -> Look:
        walk = self.walk(array)
        return arrays.look(array, arrays.root(array))._replace(
            memory=id(storage), offset=walk.start // max(array.itemsize, 1)
        )

    def counter(self, tensor: Any) -> int:
        return 0 if tensor.is_inference() else self._counter(tensor)

    def _counter(self, tensor: Any) -> int:
        """PyTorch does not show its counters: views share the base's, for the rest each tensor stands for its own."""
        return id(tensor._base) if tensor._is_view() else id(tensor)

    def _node_name(self, tensor: Any) -> str | None:
        """The name of grad_fn; of a view whose version moved since it was read, what PyTorch would make of it."""
        if not tensor._is_view() or tensor.is_inference():
            return None if tensor.grad_fn is None else shown_name(tensor.grad_fn)
        known = self.views.get(tensor)
        if known is None or known[0] == tensor._version:
            try:
                node = tensor.grad_fn
            except RuntimeError:
                return "Invalid"
            known = tensor._version, None if node is None else shown_name(node)
            self.views[tensor] = known
            return known[1]
        return None if known[1] is None and not tensor._base.requires_grad else "AsStridedBackward0"

    def extent(self, memory: Any) -> int:
        found = memory.nbytes
        return int(found() if callable(found) else found)

    def walk(self, value: Any) -> Walk:
        memory = self.memory(value)
        start = arrays.address(memory) if isinstance(memory, np.ndarray) else memory.data_ptr()
        if isinstance(value, torch.Tensor):
            size = value.element_size()
            first = (
                value.data_ptr() - start
                if value.numel() and value.data_ptr()
                else value.storage_offset() * size
            )
            return Walk(first, tuple(value.size()), tuple(stride * size for stride in value.stride()), size)
        return Walk(arrays.address(value) - start, value.shape, value.strides, value.itemsize)

    def content(self, memory: Any) -> Any:
        if isinstance(memory, np.ndarray):
            return self.model.content(memory)
        if memory.device.type != "cpu":
            return None
        if not memory.nbytes():
            return np.zeros(0, np.uint8)
        # Not by numpy(): a storage that numpy has seen cannot be resized any more.
        window: Any = (ctypes.c_char * memory.nbytes()).from_address(memory.data_ptr())
        window.owner = memory
        return np.frombuffer(window, np.uint8)

    def elements(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        value = _beneath(value)
        if value.is_meta or _cut_off(value):
            return None
        if value.dtype is torch.complex32:
            # numpy has no such dtype, and PyTorch warns of each new tensor of it.
            with warnings.catch_warnings(action="ignore"):
                value = value.to(torch.complex64)
        # A copy: numpy() would make the storage one that cannot be resized.
        found = value.detach().cpu().resolve_conj().resolve_neg().clone()
        try:
            return found.numpy()
        except TypeError:  # numpy has no such dtype
            return found.float().numpy()

    def text(self, value: Any) -> str:
        if not isinstance(value, torch.Tensor):
            return arrays.text(value)
        if value.is_meta:
            return "..."
        if _cut_off(value):
            return arrays.CUT_OFF
        with torch._tensor_str.printoptions(threshold=arrays.MANY, edgeitems=3, linewidth=1_000_000):
            return arrays.one_line(torch._tensor_str._tensor_str(value.detach(), 0))

    def shown(self, elements: Any, dtype: str) -> str:
        return self.model.shown(elements, dtype)

    def cells(self, value: Any, first: int, count: int) -> list[str]:
        if not isinstance(value, torch.Tensor):
            return arrays.cells(value, arrays.root(value), first, count)
        if value.is_meta:
            return ["?"] * count
        with torch._tensor_str.printoptions(threshold=10**9, linewidth=1_000_000):
            flat = value.detach().as_strided((count,), (1,), first)
            text = torch._tensor_str._tensor_str(flat, 0)
        return [each.strip() for each in text.strip("[]").split(",")]

    def giving_no_address(self) -> AbstractContextManager[None]:
        return nullcontext()

    def repr(self, value: Any) -> str:
        return repr(value)

    def printed(self, value: Any) -> Sequence[tuple[str, str]]:
        from tensorcli.engine import printing

        look = self.look(value)
        theirs = torch._tensor_str.PRINT_OPTS
        with printing.printoptions(
            precision=theirs.precision,
            threshold=theirs.threshold,
            edgeitems=theirs.edgeitems,
            linewidth=theirs.linewidth,
            sci_mode=theirs.sci_mode,
        ):
            whole = look.dtype.startswith(("int", "uint", "bool"))
            elements = (
                None
                if value.is_meta or _cut_off(value)
                else value.detach().cpu().resolve_conj().resolve_neg().clone()
            )
            return printing.reasons(
                None if elements is None else elements.numpy() if whole else self.elements(value),
                dtype=look.dtype,
                sizes=look.sizes,
                requires_grad=bool(look.requires_grad),
                grad_fn=look.grad_fn,
                default_dtype=str(torch.get_default_dtype()).removeprefix("torch."),
                is_meta=value.is_meta,
            )

    def base(self, tensor: Any) -> Any:
        return tensor._base if tensor._is_view() else None

    def parent(self, tensor: Any) -> Any:
        return self.base(tensor)

    def view_kind(self, tensor: Any) -> str:
        return "normal" if tensor._is_view() else ""

    def grad(self, tensor: Any) -> Any:
        try:
            return tensor.grad if tensor.is_leaf or tensor.retains_grad else None
        except RuntimeError:  # a view that may not be asked for its node any more
            return None

    def retains_grad(self, tensor: Any) -> bool:
        return bool(tensor.retains_grad)


def _beneath(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor that has the memory and the numbers: what a transform of `torch.func` wraps gives them away of its own only."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor


def _cut_off(tensor: torch.Tensor) -> bool:
    """Whether the storage was made smaller than what the tensor reads: PyTorch would read on beyond its end."""
    if not tensor.numel():
        return False
    last = tensor.storage_offset() + sum(
        (size - 1) * step for size, step in zip(tensor.shape, tensor.stride())
    )
    return bool((last + 1) * tensor.itemsize > tensor.untyped_storage().nbytes())

"""The functions that make tensors from data: Python numbers and sequences, numpy arrays, buffers, other tensors.

`tensor` copies always (data.py); `as_tensor`, `asarray`, `from_numpy` and `frombuffer` share memory where they can
(sharing.py).
"""

from array import array
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np

from tensorcli.engine import allocation, dtypes, effects, messages
from tensorcli.engine.construct.data import borrowed, from_data, place_of, speaks_dlpack
from tensorcli.engine.construct.sharing import share, share_unchecked
from tensorcli.engine.devices import CPU, resolve
from tensorcli.engine.native import type_name
from tensorcli.engine.overrides import DisableTorchFunctionSubclass
from tensorcli.engine.tensor import CONJ, Tensor

_COPY_CONSTRUCT: Final = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than {}(sourceTensor)."
)


NOTATION: Final = {
    "tensor": (
        "tensor(PyObject* data, *, ScalarType dtype=None, Device? device=None, bool pin_memory=False, "
        "bool requires_grad=False)"
    ),
    "new_tensor": (
        "new_tensor(PyObject* data, *, ScalarType dtype=None, Device? device=None, bool "
        "pin_memory=False, bool requires_grad=False)"
    ),
    "as_tensor": "as_tensor(PyObject* data, *, ScalarType dtype=None, Device? device=None)",
    "asarray": (
        "asarray(PyObject* obj, *, ScalarType? dtype=None, Device? device=None, bool? copy=None, bool "
        "requires_grad=False)"
    ),
    "frombuffer": (
        "frombuffer(PyObject* buffer, *, ScalarType dtype, int64_t count=-1, int64_t offset=0, bool "
        "requires_grad=False)"
    ),
}
"""What these functions take, in PyTorch's notation for the parsers that it wrote by hand."""


@cache
def _bound(name: str) -> Callable[[tuple[Any, ...], dict[str, Any]], tuple[int, tuple[Any, ...]]]:
    from tensorcli.engine.binding import Binder

    return Binder(name, [NOTATION[name]], tensor_class=Tensor).bind


def tensor(*args: Any, **kwargs: Any) -> Tensor:
    """A new leaf with a copy of `data`; its dtype is inferred unless it is named.

    Errors: ValueError for ragged sequences, TypeError for what holds no numbers, RuntimeError for what does not fit.
    """
    bind = _bound("tensor")
    data, dtype, device, pin_memory, requires_grad = bind(args, kwargs)[1]
    if isinstance(data, Tensor):
        messages.warn(_COPY_CONSTRUCT.format("torch.tensor"))
        with DisableTorchFunctionSubclass():
            return _copied(data, dtype, device, pin_memory, requires_grad, "tensor")
    return _copied(data, dtype, device, pin_memory, requires_grad, "tensor")


def new_tensor(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A new leaf with a copy of `data`, of self's dtype and on its device, unless others are named."""
    bind = _bound("new_tensor")
    data, dtype, device, pin_memory, requires_grad = bind(args, kwargs)[1]
    if self.lazy:
        key = "Conjugate" if self.lazy & CONJ else "Negative"
        raise RuntimeError(f"DispatchKey {key} doesn't correspond to a device")
    if isinstance(data, Tensor):
        messages.warn(_COPY_CONSTRUCT.format("tensor.new_tensor"))
    place = self.device if device is None else device
    return _copied(data, dtype or self.dtype, place, pin_memory, requires_grad, "new_tensor")


def _copied(
    data: Any, dtype: dtypes.dtype | None, device: Any, pin_memory: bool, requires_grad: bool, name: str
) -> Tensor:
    made = from_data(data, dtype, device)
    allocation.check_pinned(pin_memory, made.device)
    if made.batch is not None:
        made.detach_()  # As PyTorch does, which refuses it to the examples of a batch.
    return effects.manufactured(name, (data,), allocation.pinned(made) if pin_memory else made, requires_grad)


def as_tensor(*args: Any, **kwargs: Any) -> Tensor:
    """`data` as a tensor: itself, or one that shares an array's memory, where dtype and device allow it."""
    bind = _bound("as_tensor")
    data, dtype, device = bind(args, kwargs)[1]
    return _as_tensor(data, dtype, device)


def _as_tensor(data: Any, dtype: dtypes.dtype | None, device: Any) -> Tensor:
    if isinstance(data, Tensor):
        return data.to(device=place_of(data, device), dtype=dtype or data.dtype)  # type: ignore[no-any-return]
    if isinstance(data, np.ndarray):
        shared = share(data)
        if (dtype is None or dtype is shared.dtype) and resolve(device) is CPU:
            return effects.manufactured("as_tensor", (data,), shared, False)
        return shared.to(device=resolve(device), dtype=dtype or shared.dtype)  # type: ignore[no-any-return]
    if speaks_dlpack(data):
        lent = borrowed(data)
        return lent.to(device=place_of(lent, device), dtype=dtype or lent.dtype)  # type: ignore[no-any-return]
    return effects.manufactured("as_tensor", (data,), from_data(data, dtype, device), False)


def asarray(*args: Any, **kwargs: Any) -> Tensor:
    """`obj` as a tensor that shares its memory where that is possible; `copy=` demands or forbids a copy."""
    bind = _bound("asarray")
    obj, dtype, device, copy, requires_grad = bind(args, kwargs)[1]
    if isinstance(obj, Tensor):
        return _array_of_tensor(obj, dtype, device, copy, kwargs.get("requires_grad"))
    if isinstance(obj, (np.ndarray, np.generic)):
        if copy is False and isinstance(obj, np.generic):
            raise RuntimeError(
                "can't alias NumPy scalars. Either remove copy=False or transform it in a ndarray. "
            )
        source = share(np.asarray(obj)) if isinstance(obj, np.ndarray) else from_data(obj, None, None)
        copied = copy or isinstance(obj, np.generic)
    elif isinstance(obj, (bytes, bytearray, memoryview, array)):
        source = frombuffer(obj, dtype=dtype or dtypes.default.floating, requires_grad=requires_grad)
        copied = bool(copy)
    elif copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor.")
    elif speaks_dlpack(obj):
        # PyTorch copies sequences anyway, and takes this for one.
        source, copied = borrowed(obj), False
    else:
        return effects.manufactured("asarray", (obj,), from_data(obj, dtype, device), requires_grad)
    return effects.manufactured(
        "asarray", (obj,), _aliased(source, dtype, device, copy, copied), requires_grad
    )


def _aliased(
    source: Tensor, dtype: dtypes.dtype | None, device: Any, copy: bool | None, copied: bool | None
) -> Tensor:
    kind = dtype or source.dtype
    target = place_of(source, device)
    if copy is False:
        if target != source.device:
            raise ValueError(f"can't alias tensor from device '{source.device}' to '{target}'.")
        if kind is not source.dtype:
            raise ValueError(
                f"can't alias tensor with dtype '{source.dtype.scalar_type}' into dtype '{kind.scalar_type}'."
            )
    if copied and kind is source.dtype and target == source.device:
        return source.clone()  # type: ignore[no-any-return]
    return source.to(device=target, dtype=kind)  # type: ignore[no-any-return]


def _array_of_tensor(
    obj: Tensor, dtype: dtypes.dtype | None, device: Any, copy: bool | None, requires_grad: bool | None
) -> Tensor:
    if requires_grad is None and obj.requires_grad:
        messages.warn(
            "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. Pass "
            "requires_grad=False explicitly to get the old behavior and silence this warning.",
            once=True,
        )
    found = _aliased(obj, dtype, device, copy, copy)
    wanted = obj.requires_grad if requires_grad is None else requires_grad
    if found.requires_grad and not wanted:
        if found is obj and obj.is_leaf:
            # PyTorch hands the tensor itself back, and switches its flag off.
            obj.requires_grad_(False)
            return obj
        return found.detach()  # type: ignore[no-any-return]
    if wanted and not found.requires_grad:
        if found.dtype.category < dtypes.FLOATING:
            raise RuntimeError(messages.FLOATING_FACTORY)
        found.requires_grad_()
    return found


def from_numpy(*args: Any, **kwargs: Any) -> Tensor:
    """A tensor over the memory of a numpy array; writes through either are seen by the other, and counted by neither."""
    if kwargs:
        raise TypeError("torch._VariableFunctionsClass.from_numpy() takes no keyword arguments")
    if len(args) != 1:
        raise TypeError(
            f"torch._VariableFunctionsClass.from_numpy() takes exactly one argument ({len(args)} given)"
        )
    array = args[0]
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type_name(type(array))})")
    return effects.manufactured("from_numpy", (array,), share(array), False)


def frombuffer(*args: Any, **kwargs: Any) -> Tensor:
    """A tensor of one dimension over a buffer's bytes."""
    bind = _bound("frombuffer")
    buffer, dtype, count, offset, requires_grad = bind(args, kwargs)[1]
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    if not view.c_contiguous:
        raise RuntimeError("could not retrieve buffer from object")
    if view.readonly:
        messages.warn(
            "The given buffer is not writable, and PyTorch does not support non-writable tensors. This means you can write "
            "to the underlying (supposedly non-writable) buffer using the tensor. You may want to copy the buffer to "
            "protect its data or make it writable before converting it to a tensor. This type of warning will be "
            "suppressed for the rest of this program.",
            once=True,
        )
    length, size = view.nbytes, dtype.itemsize
    if not length or not count:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count < 0:
        if (length - offset) % size:
            raise ValueError(
                f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size "
                f"({size})"
            )
        count = (length - offset) // size
    if count * size + offset > length:
        raise ValueError(
            f"requested buffer length ({count} * {size} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({length} bytes)"
        )
    array = np.frombuffer(view, np.uint8, count * size, offset).view(dtype.np)
    return effects.manufactured("frombuffer", (buffer,), share_unchecked(array), requires_grad)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of whatever speaks DLPack, with a version counter of its own."""
    from tensorcli.engine.bridge import import_dlpack

    found = import_dlpack(ext_tensor)
    if copy or (device is not None and resolve(device) != found.device):
        found = found.to(device=found.device if device is None else device, copy=bool(copy))
    return effects.manufactured("from_dlpack", (ext_tensor,), found, False)

"""Tensors made of data: Python numbers and sequences, numpy arrays, buffers, other tensors.

`tensor` copies always; `as_tensor`, `asarray`, `from_numpy` and `frombuffer` share memory where they can. Sequences are read
as PyTorch reads them (torch/csrc/utils/tensor_new.cpp): the sizes from the first elements, the dtype from all of them.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from tensorcli.engine import dtypes, effects, events, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.devices import CPU, META, Device, default, resolve
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.storage import Storage
from tensorcli.engine.tensor import Tensor, stored_tensor

_SUPPORTED: Final = (
    "The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, "
    "uint32, uint16, uint8, and bool."
)
_NEGATIVE: Final = (
    "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
    "supported. (You can probably work around this by making a copy of your array  with array.copy().) "
)
_READ_ONLY: Final = (
    "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means writing to this "
    "tensor will result in undefined behavior. You may want to copy the array to protect its data or make it writable "
    "before converting it to a tensor. This type of warning will be suppressed for the rest of this program."
)
_COPY_CONSTRUCT: Final = (
    "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
    "sourceTensor.detach().clone().requires_grad_(True), rather than {}(sourceTensor)."
)
_SLOW: Final = (
    "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to a single "
    "numpy.ndarray with numpy.array() before converting to a tensor."
)
_MAX_DIMENSIONS: Final = 128


@cache
def _bound(*lines: str) -> Callable[[tuple[Any, ...], dict[str, Any]], tuple[int, tuple[Any, ...]]]:
    from tensorcli.engine.binding import Binder

    return Binder(lines[0].partition("(")[0], lines, tensor_class=Tensor).bind


# ---- the functions


def tensor(*args: Any, **kwargs: Any) -> Tensor:
    """A new leaf with a copy of `data`; its dtype is inferred unless it is named.

    Errors: ValueError for ragged sequences, TypeError for what holds no numbers, RuntimeError for what does not fit.
    """
    bind = _bound(
        "tensor(PyObject* data, *, ScalarType dtype=None, Device? device=None, bool pin_memory=False, "
        "bool requires_grad=False)"
    )
    data, dtype, device, pin_memory, requires_grad = bind(args, kwargs)[1]
    if isinstance(data, Tensor):
        messages.warn(_COPY_CONSTRUCT.format("torch.tensor"))
    made = from_data(data, dtype, device)
    effects.check_pinned(pin_memory, made.device)
    if pin_memory:
        made = effects.pinned(made)
    return _finish(made, requires_grad, "tensor", data)


def new_tensor(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """A new leaf with a copy of `data`, of self's dtype and on its device, unless others are named."""
    bind = _bound(
        "new_tensor(PyObject* data, *, ScalarType dtype=None, Device? device=None, bool pin_memory=False, "
        "bool requires_grad=False)"
    )
    data, dtype, device, pin_memory, requires_grad = bind(args, kwargs)[1]
    if isinstance(data, Tensor):
        messages.warn(_COPY_CONSTRUCT.format("tensor.new_tensor"))
        dtype = dtype or data.dtype
    made = from_data(data, dtype or self.dtype, self.device if device is None else device)
    effects.check_pinned(pin_memory, made.device)
    if pin_memory:
        made = effects.pinned(made)
    return _finish(made, requires_grad, "new_tensor", data)


def as_tensor(*args: Any, **kwargs: Any) -> Tensor:
    """`data` as a tensor: itself, or one that shares an array's memory, where dtype and device allow it."""
    bind = _bound("as_tensor(PyObject* data, *, ScalarType dtype=None, Device? device=None)")
    data, dtype, device = bind(args, kwargs)[1]
    return _as_tensor(data, dtype, device)


def _as_tensor(data: Any, dtype: dtypes.dtype | None, device: Any) -> Tensor:
    if isinstance(data, Tensor):
        return data.to(device=_target(data, device), dtype=dtype or data.dtype)  # type: ignore[no-any-return]
    if isinstance(data, np.ndarray):
        shared = share(data)
        if (dtype is None or dtype is shared.dtype) and resolve(device) is CPU:
            return _finish(shared, False, "as_tensor", data)
        return shared.to(device=resolve(device), dtype=dtype or shared.dtype)  # type: ignore[no-any-return]
    return _finish(from_data(data, dtype, device), False, "as_tensor", data)


def _target(source: Tensor, device: Any) -> Device:
    """Where a tensor goes that is asked for as it is: `device=`, the default device, or where it lies."""
    return source.device if device is None and default.device is None else resolve(device, moving=True)


def asarray(*args: Any, **kwargs: Any) -> Tensor:
    """`obj` as a tensor that shares its memory where that is possible; `copy=` demands or forbids a copy."""
    bind = _bound(
        "asarray(PyObject* obj, *, ScalarType? dtype=None, Device? device=None, bool? copy=None, bool requires_grad=False)"
    )
    obj, dtype, device, copy, requires_grad = bind(args, kwargs)[1]
    if isinstance(obj, Tensor):
        return _array_of_tensor(obj, dtype, device, copy, kwargs.get("requires_grad"))
    if isinstance(obj, (np.ndarray, np.generic)):
        source = share(np.asarray(obj)) if isinstance(obj, np.ndarray) else from_data(obj, None, None)
        copied = copy or isinstance(obj, np.generic)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        source = frombuffer(obj, dtype=dtype or dtypes.default.floating)
        copied = bool(copy)
    else:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return _finish(from_data(obj, dtype, device), requires_grad, "asarray", obj)
    return _finish(_aliased(source, dtype, device, copy, copied), requires_grad, "asarray", obj)


def _aliased(
    source: Tensor, dtype: dtypes.dtype | None, device: Any, copy: bool | None, copied: bool | None
) -> Tensor:
    kind = dtype or source.dtype
    target = _target(source, device)
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
        from tensorcli.engine.parameters import type_name

        raise TypeError(f"expected np.ndarray (got {type_name(type(array))})")
    return _finish(share(array), False, "from_numpy", array)


def frombuffer(*args: Any, **kwargs: Any) -> Tensor:
    """A tensor of one dimension over a buffer's bytes."""
    bind = _bound(
        "frombuffer(PyObject* buffer, *, ScalarType dtype, int64_t count=-1, int64_t offset=0, bool requires_grad=False)"
    )
    buffer, dtype, count, offset, requires_grad = bind(args, kwargs)[1]
    try:
        view = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
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
    if view.readonly:
        messages.warn(
            "The given buffer is not writable, and PyTorch does not support non-writable tensors. This means you can write "
            "to the underlying (supposedly non-writable) buffer using the tensor. You may want to copy the buffer to "
            "protect its data or make it writable before converting it to a tensor. This type of warning will be "
            "suppressed for the rest of this program.",
            once=True,
        )
    array = np.frombuffer(view, np.uint8, count * size, offset).view(dtype.np)
    return _finish(_share(array), requires_grad, "frombuffer", buffer)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor over the memory of whatever speaks DLPack, with a version counter of its own."""
    from tensorcli.engine.bridge import import_dlpack

    found = import_dlpack(ext_tensor)
    if copy or (device is not None and resolve(device) != found.device):
        found = found.to(device=found.device if device is None else device, copy=bool(copy))
    return _finish(found, False, "from_dlpack", ext_tensor)


def _finish(made: Tensor, requires_grad: bool, name: str, data: Any) -> Tensor:
    if mode.inference:
        made.inference = True
    if requires_grad:
        if made.dtype.category < dtypes.FLOATING:
            raise RuntimeError(messages.FLOATING_FACTORY)
        made.leaf_requires_grad = True
    if events.observer is not None:
        events.observer.made(made, name, (data,))
    return made


# ---- arrays


def share(array: Any) -> Tensor:
    """A tensor over an array's memory. Errors: TypeError, ValueError for arrays that a tensor cannot be over."""
    _check_array(array)
    if not array.flags.writeable:
        messages.warn(_READ_ONLY, once=True)
    return _share(array)


def _check_array(array: Any) -> None:
    kind = array.dtype
    if not kind.isnative and kind.kind in "iufc":
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported."
        )
    try:
        dtypes.from_numpy_dtype(kind)
    except KeyError:
        raise TypeError(
            f"can't convert np.ndarray of type {kind.type.__module__}.{kind.type.__name__}. {_SUPPORTED}"
        ) from None
    for stride in array.strides:
        if stride < 0:
            raise ValueError(_NEGATIVE)
    for stride in array.strides:
        if stride % kind.itemsize:
            raise ValueError(
                "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the "
                "memory."
            )


def _share(array: Any) -> Tensor:
    kind = dtypes.from_numpy_dtype(array.dtype)
    size = kind.itemsize
    shape = Geometry(array.shape, tuple(stride // size for stride in array.strides))
    storage = Storage(_all_bytes(array, shape), foreign=True)
    if shape.numel:
        storage.address = address_of(array)
    return stored_tensor(storage, shape, kind)


def _all_bytes(array: Any, shape: Geometry) -> Any:
    """One row over all elements from the first to the last that an array reaches, writable even where the array is not."""
    span = shape.span
    if not array.flags.writeable and isinstance(_owner(array).base, (type(None), np.ndarray)):
        import ctypes

        held = (ctypes.c_uint8 * (span * array.itemsize)).from_address(array.__array_interface__["data"][0])
        held.array = array
        return np.frombuffer(held, array.dtype) if span else np.empty(0, array.dtype)
    if not array.flags.writeable:
        # Memory of an immutable object is not ours to write into.
        array = array.copy()
    return np.lib.stride_tricks.as_strided(array, (span,), (array.itemsize,))


def _owner(array: Any) -> Any:
    """The array at the end of the chain of bases."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


_known_addresses: dict[int, tuple[Any, int]] = {}
"""Of arrays that own memory, by id: a weak reference, and the virtual address of their first byte."""


def address_of(array: Any) -> int:
    """The virtual address of an array's first element: the same each time, and true in its distances to its views'."""
    from tensorcli.engine.storage import addresses

    owner = _owner(array)
    real = owner.__array_interface__["data"][0]
    known = _known_addresses.get(id(owner))
    if known is None or known[0]() is not owner:
        remember_address(owner, addresses.take(max(owner.nbytes, 1)))
        known = _known_addresses[id(owner)]
    return known[1] + int(array.__array_interface__["data"][0]) - int(real)


def remember_address(array: Any, address: int) -> None:
    """State the virtual address of an array's first byte (and so of its owner's)."""
    import weakref

    owner = _owner(array)
    key = id(owner)
    base = address - (array.__array_interface__["data"][0] - owner.__array_interface__["data"][0])
    _known_addresses[key] = (weakref.ref(owner, lambda gone: _known_addresses.pop(key, None)), base)


# ---- Python's numbers and sequences


def from_data(data: Any, kind: dtypes.dtype | None, device: Any) -> Tensor:
    """A new tensor with a copy of data; `kind` None infers the dtype. Errors: as `tensor`."""
    target = resolve(device, moving=True)
    if isinstance(data, Tensor):
        target = _target(data, device)
        copied: Tensor = data.detach().to(device=target, dtype=kind or data.dtype, copy=True)
        return copied
    if isinstance(data, np.ndarray):
        _check_array(data)
        own = dtypes.from_numpy_dtype(data.dtype)
        array = effects.cast(data, kind) if kind is not None and kind is not own else data.copy("C")
        return _placed(array, kind or own, target)
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if kind is None and isinstance(data, np.generic):
        try:
            kind = dtypes.from_numpy_dtype(data.dtype)
        except KeyError:
            raise TypeError(
                f"can't convert np.ndarray of type {data.dtype.type.__module__}.{data.dtype.type.__name__}. {_SUPPORTED}"
            ) from None
    sizes = _sizes_of(data)
    if kind is None:
        kind = _infer(data)
    flat: list[Any] = []
    _flatten(data, sizes, 0, flat)
    effects.check_bytes(len(flat) * kind.itemsize, sizes, kind)
    return _placed(_stored(flat, kind).reshape(sizes), kind, target)


def _placed(array: Any, kind: dtypes.dtype, device: Any) -> Tensor:
    if device is META:
        return effects.empty(array.shape, None, kind, META)
    return effects.adopt(array, kind, device)


def _is_sequence(value: Any) -> bool:
    """What C calls a sequence: it can be indexed and is no dictionary. Tensors inside of sequences are numbers."""
    if isinstance(value, (list, tuple)):
        return True
    if isinstance(value, np.ndarray):
        return value.ndim > 0
    return hasattr(type(value), "__getitem__") and not isinstance(value, (dict, np.generic, Tensor))


def _sizes_of(data: Any) -> tuple[int, ...]:
    sizes: list[int] = []
    while _is_sequence(data):
        sizes.append(len(data))
        if len(sizes) > _MAX_DIMENSIONS:
            raise ValueError(f"too many dimensions '{type(data).__name__}'")
        if not sizes[-1]:
            break
        data = data[0]
    return tuple(sizes)


def _infer(data: Any) -> dtypes.dtype:
    if isinstance(data, (Tensor,)):
        return data.dtype
    if isinstance(data, (np.ndarray, np.generic)):
        return dtypes.from_numpy_dtype(data.dtype)
    if isinstance(data, (bool, int, float, complex)):
        return dtypes.of_number(data)
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if not _is_sequence(data):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    if not len(data):
        return dtypes.default.floating
    if isinstance(data[0], np.ndarray):
        messages.warn(_SLOW, once=True)
    found: dtypes.dtype | None = None
    seen: set[type] = set()
    for one in data:
        if one is data:
            raise TypeError("new(): self-referential lists are incompatible")
        # One number of a type says what the others would say again.
        if type(one) in seen:
            continue
        if type(one) in _PLAIN:
            seen.add(type(one))
        kind = _infer(one)
        found = kind if found is None else dtypes.promote_types(found, kind)
    assert found is not None
    return found


_PLAIN: Final = (bool, int, float, complex)


def _flatten(data: Any, sizes: Sequence[int], dim: int, flat: list[Any]) -> None:
    if dim == len(sizes):
        flat.append(data)
        return
    if not _is_sequence(data):
        raise TypeError("not a sequence")
    if len(data) != sizes[dim]:
        raise ValueError(f"expected sequence of length {sizes[dim]} at dim {dim} (got {len(data)})")
    if dim == len(sizes) - 1:
        flat.extend(data)
        return
    for one in data:
        _flatten(one, sizes, dim + 1, flat)


def _stored(flat: list[Any], kind: dtypes.dtype) -> Any:
    """The elements as a row of an array. Errors: those of the conversions that PyTorch makes, one element each."""
    types = set(map(type, flat))
    if not types <= _SIMPLE:
        flat = [_number(one, kind) for one in flat]
        types = set(map(type, flat))
    if kind.category == dtypes.BOOL:
        return np.array([bool(one) for one in flat], np.bool_)
    if kind.category == dtypes.INTEGRAL:
        return _integers(flat, types, kind)
    if kind.is_complex:
        return np.array(flat, np.complex128).astype(kind.np)
    if complex in types:
        raise TypeError("must be real number, not complex")
    try:
        wide = np.array(flat, np.float64)
    except OverflowError:
        raise OverflowError("int too large to convert to float") from None
    with np.errstate(over="ignore"):
        return wide.astype(np.float32).astype(kind.np) if kind.reduced else wide.astype(kind.np)


_SIMPLE: Final = {bool, int, float, complex}


def _number(one: Any, kind: dtypes.dtype) -> Any:
    """An element as a Python number of the dtype's category, or Python's own complaint."""
    if isinstance(one, Tensor):
        if kind.category == dtypes.BOOL:
            return bool(one)
        return (
            int(one) if kind.category == dtypes.INTEGRAL else complex(one) if kind.is_complex else float(one)
        )
    if isinstance(one, (np.generic, np.ndarray)):
        return one.item()
    if kind.category == dtypes.BOOL or isinstance(one, (bool, int, float, complex)):
        return one
    if kind.category == dtypes.INTEGRAL:
        if not hasattr(one, "__index__"):
            raise TypeError(f"'{type(one).__name__}' object cannot be interpreted as an integer")
        return int(one.__index__())
    if not hasattr(one, "__float__") and not hasattr(one, "__index__"):
        raise TypeError(f"must be real number, not {type(one).__name__}")
    return float(one)


def _integers(flat: list[Any], types: set[type], kind: dtypes.dtype) -> Any:
    if complex in types:
        raise TypeError("'complex' object cannot be interpreted as an integer")
    bits = kind.itemsize * 8
    low = -(1 << (bits - 1)) if kind.is_signed else 1 - (1 << bits) if bits < 64 else 0
    high = (1 << (bits - 1)) - 1 if kind.is_signed else (1 << bits) - 1
    found = []
    for one in flat:
        if type(one) is float:
            if kind is dtypes.uint64:
                raise TypeError("an integer is required")
            if one != one or not (low if kind.is_signed else 0) <= one <= high:
                raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow")
            one = int(one)
        if not low <= one <= high:
            _refuse(one, kind)
        found.append(one & ((1 << bits) - 1) if not kind.is_signed else one)
    return np.array(found, kind.np)


def _refuse(one: int, kind: dtypes.dtype) -> None:
    if kind is dtypes.uint64 and one < 0:
        raise OverflowError("can't convert negative int to unsigned")
    if kind is dtypes.uint64:
        raise OverflowError("int too big to convert")
    if not -(1 << 63) <= one < 1 << 63:
        raise ValueError("Overflow when unpacking long long")
    raise RuntimeError(f"value cannot be converted to type {kind.name} without overflow")


def scalar_tensor(*args: Any, **kwargs: Any) -> Tensor:
    """A number as a tensor without dimensions, of the default dtype unless another is named."""
    from tensorcli.engine.callers import function

    made: Tensor = function("scalar_tensor")(*args, **kwargs)
    return made

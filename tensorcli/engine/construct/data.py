"""What a constructor is given as `data`, copied into a new tensor: numbers, sequences of them, arrays, tensors.

Sequences are read as PyTorch reads them (torch/csrc/utils/tensor_new.cpp): the sizes from the first elements, the dtype from
all of them.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from tensorcli.engine import allocation, conversion, dtypes, messages
from tensorcli.engine.construct.sharing import check_array, dtype_of
from tensorcli.engine.devices import META, Device, default, resolve
from tensorcli.engine.geometry import Geometry, contiguous, preserved_strides
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor, stored_tensor

_SLOW: Final = (
    "Creating a tensor from a list of numpy.ndarrays is extremely slow. Please consider converting the list to a single "
    "numpy.ndarray with numpy.array() before converting to a tensor."
)
_MAX_DIMENSIONS: Final = 128


def from_data(data: Any, kind: dtypes.dtype | None, device: Any) -> Tensor:
    """A new tensor with a copy of data, laid out as the array or tensor that it is; `kind` None infers the dtype.

    Errors: as `tensor`.
    """
    target = resolve(device, moving=True)
    if isinstance(data, Tensor):
        target = place_of(data, device)
        copied: Tensor = data.detach().to(device=target, dtype=kind or data.dtype, copy=True)
        return copied
    if isinstance(data, np.ndarray):
        check_array(data)
        own = dtypes.from_numpy_dtype(data.dtype)
        if kind is not None:
            messages.warn_discards(own, kind)
        strides = tuple(stride // own.itemsize for stride in data.strides)
        kept = preserved_strides(Geometry(data.shape, strides))
        array = conversion.cast(data, kind) if kind is not None and kind is not own else data.copy("K")
        return _placed(array, kind or own, target, kept)
    if is_storage(data):
        return _of_storage(data, kind, target)
    if speaks_dlpack(data):
        lent = borrowed(data)
        copied = lent.to(device=target, dtype=kind or lent.dtype, copy=True)
        return copied
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type_name(type(data))}'")
    if kind is None and isinstance(data, np.generic):
        kind = dtype_of(data.dtype)
    sizes = _sizes_of(data)
    if kind is None:
        kind = _infer(data)
    if target is META:
        return allocation.empty(sizes, None, kind, META)  # whose elements nobody looks at
    flat: list[Any] = []
    _flatten(data, sizes, 0, flat)
    allocation.check_bytes(len(flat) * kind.itemsize, sizes, kind)
    return _placed(_stored(flat, kind).reshape(sizes), kind, target)


def is_storage(data: Any) -> bool:
    """Whether a tensor made of this would be over its memory: an UntypedStorage, or a TypedStorage."""
    return type(data) not in _READ and hasattr(data, "engine_storage")


def _of_storage(data: Any, kind: dtypes.dtype | None, target: Device) -> Tensor:
    """A tensor over the memory of a storage; the bytes of one without a dtype are read as int64.

    Errors: RuntimeError for the elements of another dtype.
    """
    own: dtypes.dtype | None = getattr(data, "dtype", None)
    if kind is None:
        kind = dtypes.int64 if own is None else dtypes.default.floating
    if own is not None and own is not kind:
        raise RuntimeError(
            f"Expected a Storage of type {kind.scalar_type} or an UntypedStorage, but got {own.scalar_type}"
        )
    storage = data.engine_storage
    made = stored_tensor(storage, contiguous((storage.nbytes // kind.itemsize,)), kind)
    moved: Tensor = made.to(target)
    return moved


def speaks_dlpack(data: Any) -> bool:
    """Whether an object that is no array and no sequence of Python's lends its memory by DLPack."""
    return type(data) not in _READ and hasattr(data, "__dlpack__")


def borrowed(data: Any) -> Tensor:
    """A tensor over the memory that an object lends. Errors: BufferError, RuntimeError."""
    from tensorcli.engine.bridge import import_dlpack

    return import_dlpack(data)


def place_of(source: Tensor, device: Any) -> Device:
    """Where a tensor goes that is asked for as it is: `device=`, the default device, or where it lies."""
    return source.device if device is None and default.device is None else resolve(device, moving=True)


def _placed(array: Any, kind: dtypes.dtype, device: Any, strides: tuple[int, ...] | None = None) -> Tensor:
    if device is META:
        return allocation.empty(array.shape, strides, kind, META)
    return allocation.adopt(array, kind, device, strides)


def _is_sequence(value: Any) -> bool:
    """What C calls a sequence: it can be indexed and is not a dictionary. A tensor that stands first is a number."""
    if isinstance(value, (list, tuple, str, np.ndarray)):
        return True
    return hasattr(type(value), "__getitem__") and not isinstance(value, (dict, np.generic, Tensor))


def _sizes_of(data: Any) -> tuple[int, ...]:
    sizes: list[int] = []
    while _is_sequence(data):
        sizes.append(len(data))
        if len(sizes) > _MAX_DIMENSIONS:
            raise ValueError(f"too many dimensions '{type_name(type(data))}'")
        if not sizes[-1]:
            break
        data = data[0]
    return tuple(sizes)


def _infer(data: Any) -> dtypes.dtype:
    if isinstance(data, (Tensor,)):
        return data.dtype
    if isinstance(data, (np.ndarray, np.generic)):
        return dtype_of(data.dtype)
    if isinstance(data, (bool, int, float, complex)):
        if isinstance(data, complex) and dtypes.default.floating is dtypes.bfloat16:
            raise RuntimeError("invalid default scalar type for complex")
        return dtypes.of_number(data)
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type_name(type(data))}'")
    if not _is_sequence(data):
        raise RuntimeError(f"Could not infer dtype of {type_name(type(data))}")
    if not len(data):
        return dtypes.default.floating
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
_READ: Final = frozenset((*_PLAIN, list, tuple))
"""What most tensors are made of: it is read element by element, and not asked for more."""


def _flatten(data: Any, sizes: Sequence[int], dim: int, flat: list[Any]) -> None:
    if 0 in sizes:
        return  # PyTorch looks at nothing then: what is ragged goes unnoticed
    if dim == len(sizes):
        flat.append(data)
        return
    if not (data.geometry.sizes if isinstance(data, Tensor) else _is_sequence(data)):
        raise TypeError("not a sequence")
    if len(data) != sizes[dim]:
        raise ValueError(f"expected sequence of length {sizes[dim]} at dim {dim} (got {len(data)})")
    if dim == len(sizes) - 1:
        if np.ndarray in map(type, data):
            messages.warn(_SLOW, once=True)
        flat.extend(data)
        return
    for one in data:
        if isinstance(one, np.ndarray):
            messages.warn(_SLOW, once=True)
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
        return conversion.cast(wide.astype(np.float32), kind) if kind.reduced else wide.astype(kind.np)


_SIMPLE: Final = {bool, int, float, complex}


def _number(one: Any, kind: dtypes.dtype) -> Any:
    """An element as a Python number of the dtype's category, or Python's own complaint."""
    if isinstance(one, Tensor):
        if kind.category in (dtypes.BOOL, dtypes.INTEGRAL):
            return one.__index__()
        return complex(one) if kind.is_complex else float(one)
    # numpy's complex128 is Python's complex too; but float() takes it, with a warning, and int() says its own name.
    if isinstance(one, (bool, int, float, complex)) and not (
        isinstance(one, np.complexfloating) and kind.category in (dtypes.INTEGRAL, dtypes.FLOATING)
    ):
        return one.item() if isinstance(one, np.generic) else one
    if kind is dtypes.uint64:
        raise TypeError("an integer is required")
    if kind.category in (dtypes.BOOL, dtypes.INTEGRAL):
        # What is not a Python number has to say itself which integer it is; numpy's truth values are bools alone.
        if kind.category == dtypes.BOOL and isinstance(one, np.bool_):
            return bool(one)
        if not hasattr(one, "__index__"):
            raise TypeError(f"'{type_name(type(one))}' object cannot be interpreted as an integer")
        return one.__index__()
    if isinstance(one, (np.generic, np.ndarray)):
        if kind.is_complex:
            return complex(one)
        if isinstance(one, np.complexfloating):
            messages.warn(messages.DISCARDS_IMAGINARY, np.exceptions.ComplexWarning)
        return float(one)
    if not hasattr(one, "__float__") and not hasattr(one, "__index__"):
        raise TypeError(f"must be real number, not {type_name(type(one))}")
    return float(one)


def _integers(flat: list[Any], types: set[type], kind: dtypes.dtype) -> Any:
    if complex in types and kind is not dtypes.uint64:
        raise TypeError("'complex' object cannot be interpreted as an integer")
    bits = kind.itemsize * 8
    low = -(1 << (bits - 1)) if kind.is_signed else 1 - (1 << bits) if bits < 64 else 0
    high = (1 << (bits - 1)) - 1 if kind.is_signed else (1 << bits) - 1
    found = []
    for one in flat:
        if type(one) in (float, complex):
            if kind is dtypes.uint64:
                raise TypeError("an integer is required")
            if one != one or not (low if kind.is_signed else 0) <= one <= high:
                raise messages.overflow(kind.name)
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
    raise messages.overflow(kind.name)

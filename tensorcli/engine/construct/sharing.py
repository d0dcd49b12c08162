"""Tensors over memory that is there: over numpy's arrays, which ones they can be over, and over storages."""

from typing import Any, Final

import numpy as np

from tensorcli.engine import addresses, dtypes, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.storage import Storage, Version
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


def share(array: Any) -> Tensor:
    """A tensor over an array's memory. Errors: TypeError, ValueError for arrays that a tensor cannot be over."""
    check_array(array)
    if not array.flags.writeable:
        messages.warn(_READ_ONLY, once=True)
    return share_unchecked(array)


def check_array(array: Any) -> None:
    """Refuse an array whose elements a tensor cannot have, or cannot step over. Errors: TypeError, ValueError."""
    kind = array.dtype
    if not kind.isnative and kind.kind in "iufc":
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported."
        )
    dtype_of(kind)
    for stride in array.strides:
        if stride < 0:
            raise ValueError(_NEGATIVE)
    for stride in array.strides:
        if stride % kind.itemsize:
            raise ValueError(
                "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the "
                "memory."
            )


def dtype_of(kind: Any) -> dtypes.dtype:
    """The dtype of numpy's. Errors: TypeError for one that PyTorch does not have."""
    try:
        return dtypes.from_numpy_dtype(kind)
    except KeyError:
        raise TypeError(
            f"can't convert np.ndarray of type {kind.type.__module__}.{kind.type.__name__}. {_SUPPORTED}"
        ) from None


def share_unchecked(array: Any) -> Tensor:
    """`share` of what is known to be an array that a tensor can be over."""
    kind = dtypes.from_numpy_dtype(array.dtype)
    size = kind.itemsize
    shape = Geometry(array.shape, tuple(stride // size for stride in array.strides))
    storage = Storage(_all_bytes(array, shape), foreign=True)
    storage.address = addresses.of_array(array)
    return stored_tensor(storage, shape, kind)


def _all_bytes(array: Any, shape: Geometry) -> Any:
    """One row over all elements from the first to the last that an array reaches, writable even where the array is not."""
    span = shape.span
    lender = addresses.owner_of(array).base
    # numpy says that the memory of a bare capsule is read-only, since a capsule does not say.
    if not array.flags.writeable and (lender is None or addresses.is_capsule(lender)):
        import ctypes

        held = (ctypes.c_uint8 * (span * array.itemsize)).from_address(array.__array_interface__["data"][0])
        held.array = array
        return np.frombuffer(held, array.dtype) if span else np.empty(0, array.dtype)
    if not array.flags.writeable:
        # Memory of an immutable object is not ours to write into.
        array = array.copy()
    if array.dtype.isbuiltin != 1:
        return array.reshape(-1)  # a dtype of ml_dtypes, which as_strided does not know, over a buffer
    return np.lib.stride_tricks.as_strided(array, (span,), (array.itemsize,))


def laid(storage: Storage, shape: Geometry, kind: dtype, lazy: int) -> Tensor:
    """What PyTorch makes as an empty tensor and then lays over a storage (`set_`): its counter has counted that."""
    made = stored_tensor(storage, shape, kind, lazy)
    made.inference = mode.inference
    if not mode.inference:
        made._counter = Version(1)
    return made


def laid_over(storage: Storage, shape: Geometry, kind: dtype, requires_grad: bool, lazy: int) -> Tensor:
    """A leaf over a storage."""
    made = laid(storage, shape, kind, lazy)
    made.leaf_requires_grad = requires_grad
    return made

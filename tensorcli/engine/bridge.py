"""How tensors leave the engine and come back: numpy, DLPack, `copy.deepcopy`, pickles.

Memory that numpy or DLPack was shown is marked as foreign, and is never moved again. Writes through numpy move no version
counter.
"""

from enum import IntEnum
from inspect import get_annotations
from typing import Any

import numpy as np

from tensorcli.engine import addresses, dtypes, events, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.construct.sharing import share, share_unchecked
from tensorcli.engine.devices import CPU, META, resolve
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.native import type_name
from tensorcli.engine.storage import Storage, Version, allocate
from tensorcli.engine.tensor import CONJ, NEG, Tensor, stored_tensor

# ---- numpy


def numpy(self: Tensor, *, force: bool = False) -> Any:
    """The array over this tensor's memory. Errors: RuntimeError with PyTorch's texts; TypeError for dtypes numpy lacks."""
    if force:
        return self.detach().cpu().resolve_conj().resolve_neg().numpy()
    if self.device is META:
        raise TypeError(
            "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
        )
    if self.device.type != "cpu":
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory "
            "first."
        )
    if self.requires_grad and mode.grad:
        raise RuntimeError(messages.NUMPY_DETACH)
    if self.levels or self.batch is not None:
        raise RuntimeError(messages.WRAPPED_POINTER)
    if self.lazy & CONJ:
        raise RuntimeError(
            "Can't call numpy() on Tensor that has conjugate bit set. Use tensor.resolve_conj().numpy() instead."
        )
    if self.lazy & NEG:
        raise RuntimeError(
            "Can't call numpy() on Tensor that has negative bit set. Use tensor.resolve_neg().numpy() instead."
        )
    if self.dtype.name in ("bfloat16", "complex32") or (
        self.dtype.itemsize == 1 and self.dtype.is_floating_point
    ):
        raise TypeError(f"Got unsupported ScalarType {self.dtype.scalar_type}")
    return _exported(self)


def _exported(self: Tensor) -> Any:
    storage = self.memory
    storage.foreign = True
    if not self.geometry.numel:
        return np.empty(self.geometry.sizes, self.dtype.np)  # whose strides are numpy's choice
    array = storage.window(self.geometry, self.dtype)
    addresses.remember(array, storage.address + self.geometry.offset * self.dtype.itemsize)
    return array


def array(self: Tensor, dtype: Any = None) -> Any:
    """`__array__`: what `np.asarray` of a tensor calls. Like PyTorch's it takes no `copy`."""
    found = self.numpy()
    return found if dtype is None else found.astype(dtype, copy=False)


array.__qualname__ = "Tensor.__array__"


def array_wrap(self: Tensor, array: Any) -> Tensor:
    """`__array_wrap__`: numpy's results on tensors become tensors again."""
    if array.dtype == bool:
        # PyTorch turns numpy's truth values into bytes, for the sake of old comparisons.
        array = array.astype("uint8")
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type_name(type(array))})")
    made = share(array)
    made.inference = mode.inference
    return made


def tolist(self: Tensor, *args: Any, **kwargs: Any) -> Any:
    """The elements as (nested lists of) Python numbers."""
    if kwargs:
        raise TypeError("TensorBase.tolist() takes no keyword arguments")
    if args:
        raise TypeError(f"TensorBase.tolist() takes no arguments ({len(args)} given)")
    if self.device is META:
        raise NotImplementedError(messages.META_COPY)
    read = self
    while read.batch is not None and read.batch.dim is None:
        read = read.batch.value
    if read.batch is not None:
        raise RuntimeError(messages.WRAPPED_POINTER)
    values = read.values
    if self.dtype.reduced:
        values = values.astype(self.dtype.computes_as.np)
    return values.tolist()


# ---- DLPack


class DLDeviceType(IntEnum):
    """DLPack's device types, as PyTorch names them."""

    kDLCPU = 1  # noqa: N815
    kDLCUDA = 2  # noqa: N815


def dlpack_device(self: Tensor) -> tuple[DLDeviceType, int]:
    """`__dlpack_device__`: the type and number of the device."""
    _check_device(self)
    return (DLDeviceType.kDLCUDA if self.is_cuda else DLDeviceType.kDLCPU), self.device.index or 0


def _check_export(self: Tensor) -> None:
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if self.lazy & CONJ:
        raise BufferError("Can't export tensors with the conjugate bit set")
    if self.device.type not in ("cpu", "cuda"):
        raise BufferError(f"Cannot pack tensors on {self.device}")


def _check_device(self: Tensor) -> None:
    if self.device.type not in ("cpu", "cuda"):
        raise ValueError(f"Unknown device type {self.device.type} for Dlpack")


def dlpack(
    self: Tensor, *, stream: Any = -1, max_version: Any = None, dl_device: Any = None, copy: Any = None
) -> Any:
    """`__dlpack__`: a capsule over this tensor's memory. Errors: BufferError; TypeError, AssertionError for a stream."""
    _check_export(self)
    if stream is not None and type(stream) is not int:
        raise TypeError("stream must be ``int`` or ``none``")
    if self.device is CPU and stream not in (None, -1):
        raise AssertionError("stream should be None on cpu.")
    if copy is not None and type(copy) is not bool:
        raise TypeError(f"_to_dlpack(): argument 'copy' must be bool, not {type_name(type(copy))}")
    if dl_device is not None and dl_device[0] not in tuple(DLDeviceType):
        raise BufferError(f"Unsupported device_type: {int(dl_device[0])}")
    if self.dtype.np.isbuiltin != 1:
        raise RuntimeError("Unsupported dtype in DLTensor.")  # numpy's words: it has no such dtype
    return _exported(self.clone() if copy else self).__dlpack__(max_version=max_version)


def import_dlpack(source: Any) -> Tensor:
    """A tensor over the memory of whatever speaks DLPack. Errors: BufferError, RuntimeError."""
    if isinstance(source, Tensor):
        _check_device(source)
        _check_export(source)
        own, shape, size = source.memory, source.geometry, source.dtype.itemsize
        start = shape.offset * size
        storage = Storage(own.bytes[start : start + shape.span * size], own.device, foreign=True)
        storage.address = own.address + start
        # A capsule has no room for the bit of negation: PyTorch drops it.
        return stored_tensor(storage, Geometry(shape.sizes, shape.strides), source.dtype)
    if isinstance(source, np.ndarray):
        if source.dtype.kind not in "biufc":
            raise BufferError("DLPack only supports signed/unsigned integers, float and complex dtypes.")
        return share_unchecked(source)
    if hasattr(source, "__dlpack__"):
        try:
            capsule = source.__dlpack__(max_version=(1, 0))
        except TypeError:  # a speaker of earlier versions
            capsule = source.__dlpack__()
        return share_unchecked(np.from_dlpack(_Capsule(capsule)))
    if addresses.is_capsule(source):
        try:
            return share_unchecked(np.from_dlpack(_Capsule(source)))
        except ValueError:
            pass  # It was taken before, and has another name since.
    raise RuntimeError(
        "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might have "
        "already constructed a tensor from it once."
    )


class _Capsule:
    """A bare capsule as numpy wants it: an object that hands it out."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


# ---- copies of whole objects


def own_names(self: Tensor) -> dict[str, Any]:
    """The attributes that the user has set on a tensor."""
    return {name: value for name, value in self.__dict__.items() if not is_own(name)}


def is_own(name: str) -> bool:
    """Whether an attribute of this name is the tensor's and not the user's."""
    return name in _STATE


_STATE = frozenset(name for kind in Tensor.__mro__ for name in (*vars(kind), *get_annotations(kind)))


def deepcopy(self: Tensor, memo: dict[Any, Any]) -> Tensor:
    """`copy.deepcopy` of a leaf: new storage, shared among the copies of what shared it. Errors: RuntimeError."""
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If "
            "you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]  # type: ignore[no-any-return]
    copied = _deep(self, memo)
    if self.requires_grad:
        copied.requires_grad_()
    if self._grad is not None:
        copied._grad = deepcopy(self._grad, memo)
    memo[id(self)] = copied
    own = own_names(self)
    if own:
        from copy import deepcopy as deep

        copied.__dict__.update(deep(own, memo))
    if events.observer is not None:
        events.observer.made(copied, "deepcopy", (self,))
    return copied


def _deep(self: Tensor, memo: dict[Any, Any]) -> Tensor:
    if self.device is META:
        found: Tensor = self.detach().clone()
        return found
    storages = memo.setdefault("torch", {})
    known = storages.get(id(self.memory))
    if known is None:
        own = self.memory
        # The original is kept beside its copy, so that its id stays its own.
        known = storages[id(own)] = (own, Storage(own.bytes.copy(), own.device))
    copied = _laid(known[1], self.geometry, self.dtype, self.lazy)
    if self.lazy:
        resolved: Tensor = copied.resolve_conj().resolve_neg()
        return resolved
    return copied


def _laid(storage: Storage, shape: Geometry, kind: dtype, lazy: int) -> Tensor:
    """What PyTorch makes as an empty tensor and then lays over a storage (`set_`): its counter has counted that."""
    made = stored_tensor(storage, shape, kind, lazy)
    made.inference = mode.inference
    if not mode.inference:
        made._counter = Version(1)
    return made


def warn_of_hooks(self: Tensor) -> None:
    """Say which hooks a pickle, or a copy made by the same way, leaves behind."""
    from tensorcli.engine.autograd.hooks import unserializable

    for hook in (self.hooks or {}).values():
        if hook in unserializable:
            continue
        messages.warn(
            f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the function with "
            "@torch.utils.hooks.unserializable_hook to suppress this warning"
        )


def reduce_ex(self: Tensor, protocol: Any) -> Any:
    """`copy.copy` and pickle: the storage, and how this tensor lies over it; history and gradient stay behind."""
    from tensorcli.engine.typed_storages import typed_storage
    from tensorcli.engine.untyped_storages import wrap

    warn_of_hooks(self)
    shape = self.geometry
    if self.device is META:
        described = (self.dtype.name, shape.sizes, shape.strides, self.requires_grad)
        return (rebuild_meta, described, own_names(self) or None)
    arguments = (
        wrap(self.memory) if self.dtype.np.char in dtypes.WIDE_UNSIGNED else typed_storage(self),
        self.dtype.name,
        shape.offset,
        shape.sizes,
        shape.strides,
        self.requires_grad,
        self.lazy,
    )
    return (rebuild, arguments, own_names(self) or None)


def rebuild(
    storage: Any, kind: str, offset: int, sizes: Any, strides: Any, requires_grad: bool, lazy: int
) -> Tensor:
    """A tensor over a storage, as `reduce_ex` described it.

    Errors: AttributeError for unsigned integers of more than a byte, which have no kind of typed storage: PyTorch 2.13 looks
    for one where they are.
    """
    found: dtype = dtypes.DTYPES[kind]
    if found.np.char in dtypes.WIDE_UNSIGNED:
        raise AttributeError("'torch.storage.UntypedStorage' object has no attribute '_untyped_storage'")
    shape = Geometry(tuple(sizes), tuple(strides), offset)
    return laid_over(storage.engine_storage, shape, found, requires_grad, lazy)


def laid_over(storage: Storage, shape: Geometry, kind: dtype, requires_grad: bool, lazy: int) -> Tensor:
    """A leaf over a storage."""
    made = _laid(storage, shape, kind, lazy)
    made.leaf_requires_grad = requires_grad
    return made


def rebuild_meta(kind: str, sizes: Any, strides: Any, requires_grad: bool) -> Tensor:
    """A tensor on the meta device, with memory of its own."""
    shape = Geometry(tuple(sizes), tuple(strides))
    found: dtype = dtypes.DTYPES[kind]
    made = stored_tensor(allocate(shape.span * found.itemsize, META), shape, found)
    made.inference = mode.inference
    made.leaf_requires_grad = requires_grad
    return made


def rebuild_storage(data: bytes, device: str) -> Any:
    """A storage from a pickle."""
    from tensorcli.engine.backends import transfer
    from tensorcli.engine.untyped_storages import wrap

    target = resolve(device)
    return wrap(Storage(transfer(np.frombuffer(data, np.uint8).copy(), CPU, target), target))

"""`torch.UntypedStorage` and the deprecated typed ones: storages as objects that users hold.

One object stands for one storage of the engine while anybody holds it. Writes through it are not counted.
"""

from typing import Any
from weakref import WeakSet, WeakValueDictionary

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.devices import Device, resolve
from tensorcli.engine.dtypes import DTYPES, dtype
from tensorcli.engine.native import Native
from tensorcli.engine.storage import Storage, allocate
from tensorcli.engine.tensor import Tensor

_DEPRECATED = (
    "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. This "
    "should only matter to you if you are using storages directly.  To access UntypedStorage directly, use "
    "tensor.untyped_storage() instead of tensor.storage()"
)


def _one_step(index: slice, length: int) -> slice:
    """The slice. Errors: RuntimeError where it leaves elements out."""
    step = index.indices(length)[2]
    if step != 1:
        raise RuntimeError(f"Trying to slice with a step of {step}, but only a step of 1 is supported")
    return index


def _bytes_of(sequence: Any) -> list[int]:
    """The items of a sequence. Errors: RuntimeError for one that is no integer."""
    items = list(sequence)
    for one in items:
        if not isinstance(one, int):
            raise RuntimeError(
                f"torch.UntypedStorage(): tried to construct a storage from a sequence ({type(sequence).__name__}), but one of "
                f"the items was of type {type(one).__name__} instead of int"
            )
    return items


class UntypedStorage(Native):
    """The bytes of a storage. `UntypedStorage(n)` makes one of n bytes."""

    __module__ = "torch.storage"
    __slots__ = ("__weakref__", "engine_storage")

    def __init__(self, size: Any = 0, *, device: Any = "cpu") -> None:
        if isinstance(size, Storage):
            self.engine_storage = size
        elif isinstance(size, int):
            if size < 0:
                raise RuntimeError(
                    "[enforce fail at alloc_cpu.cpp:98] ((ptrdiff_t)nbytes) >= 0. alloc_cpu() seems to have been called with "
                    f"negative number: {size % (1 << 64)}"
                )
            self.engine_storage = allocate(size, resolve(device))
        else:
            self.engine_storage = Storage(np.array(_bytes_of(size), np.uint8))

    @property
    def device(self) -> Device:
        """Where the bytes lie."""
        return self.engine_storage.device

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self.engine_storage.nbytes

    size = __len__ = nbytes

    def data_ptr(self) -> int:
        """The address of the first byte; 0 where there is none."""
        return 0 if self.device.type == "meta" else self.engine_storage.address

    def element_size(self) -> int:
        """The size of one element: a byte."""
        return 1

    def type(self) -> str:
        """The name of the class."""
        return "torch.storage.UntypedStorage"

    def get_device(self) -> int | None:
        """The number of the device, where it has one."""
        return self.device.index

    def byteswap(self, dtype: dtype) -> None:
        """Reverse the order of the bytes in each number of a dtype."""
        size = dtype.itemsize // (2 if dtype.is_complex else 1)
        bytes_ = self.engine_storage.bytes
        rows = bytes_[: len(bytes_) // size * size].reshape(-1, size)
        rows[...] = rows[:, ::-1].copy()

    def resizable(self) -> bool:
        """Whether the memory is ours to move."""
        return not self.engine_storage.foreign

    def resize_(self, size: int) -> "UntypedStorage":
        """Grow or shrink to so many bytes, keeping those that fit; all tensors over it follow."""
        self.engine_storage.resize(size)
        return self

    def copy_(self, source: "UntypedStorage", non_blocking: bool = False) -> "UntypedStorage":
        """Copy the bytes of another storage of the same size."""
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        self.engine_storage.bytes[...] = source.engine_storage.bytes
        return self

    def fill_(self, value: int) -> "UntypedStorage":
        """Set all bytes to one value."""
        self.engine_storage.bytes[...] = value
        return self

    def clone(self) -> "UntypedStorage":
        """A storage of its own with the same bytes."""
        return wrap(Storage(self.engine_storage.bytes.copy(), self.device))

    def tolist(self) -> list[int]:
        """The bytes as integers."""
        return self.engine_storage.bytes.tolist()  # type: ignore[no-any-return]

    def cpu(self) -> "UntypedStorage":
        """The storage on the CPU: itself."""
        return self

    def is_shared(self) -> bool:
        """Whether other processes can see the bytes."""
        return self.engine_storage in _shared

    def share_memory_(self) -> "UntypedStorage":
        """Let other processes see the bytes (here: remember that this was asked for)."""
        _shared.add(self.engine_storage)
        return self

    def is_pinned(self, device: Any = "cuda") -> bool:
        """Whether the memory is page-locked."""
        return self.engine_storage.pinned

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        bytes_ = self.engine_storage.bytes
        if isinstance(index, slice):
            return UntypedStorage(Storage(bytes_[_one_step(index, len(bytes_))], foreign=True))
        if type(index) is not int:
            raise TypeError(f"can't index a torch.UntypedStorage with {type(index).__name__}")
        place = index + len(bytes_) if index < 0 else index
        if not 0 <= place < len(bytes_):
            raise IndexError(f"index {place} out of range for storage of size {len(bytes_)}")
        return int(bytes_[place])

    def __setitem__(self, index: Any, value: int) -> None:
        bytes_ = self.engine_storage.bytes
        if type(value) is not int:
            raise RuntimeError(
                f"can only set storage content with a int types, but got {type(value).__name__} instead"
            )
        if isinstance(index, slice):
            index = _one_step(index, len(bytes_))
        elif type(index) is not int:
            raise RuntimeError(f"can't index a torch.UntypedStorage with {type(index).__name__}")
        elif not 0 <= index < len(bytes_):
            raise RuntimeError("out of bounds")
        bytes_[index] = value & 0xFF

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other.engine_storage is self.engine_storage

    def __hash__(self) -> int:
        return hash(id(self.engine_storage))

    def __repr__(self) -> str:
        if self.device.type == "meta":
            return f"...\n[torch.storage.UntypedStorage(device=meta) of size {self.nbytes()}]"
        rows = "\n".join(f" {one}" for one in self.tolist())
        return f"{rows}\n[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"

    __str__ = __repr__

    def __copy__(self) -> "UntypedStorage":
        return self.clone()

    def __deepcopy__(self, memo: dict[Any, Any]) -> "UntypedStorage":
        storages = memo.setdefault("torch", {})
        own = self.engine_storage
        if id(own) not in storages:
            storages[id(own)] = (own, Storage(own.bytes.copy(), own.device))
        return wrap(storages[id(own)][1])

    def __reduce__(self) -> Any:
        return (_untyped_from_pickle, (self.engine_storage.bytes.tobytes(),))


def _untyped_from_pickle(data: bytes) -> UntypedStorage:
    """PyTorch 2.13 writes these and cannot read them. Errors: AttributeError."""
    raise AttributeError("type object 'torch.storage.UntypedStorage' has no attribute 'dtype'")


class TypedStorage:
    """The elements of a storage, read as one dtype (deprecated in PyTorch)."""

    __module__ = "torch.storage"
    __slots__ = ("__weakref__", "_untyped", "dtype")

    def __init__(
        self, source: Any = 0, *, wrap_storage: UntypedStorage | None = None, dtype: dtype | None = None
    ) -> None:
        """So many elements, those of a sequence, or the bytes of `wrap_storage`."""
        self.dtype = dtypes.default.floating if dtype is None else dtype
        if wrap_storage is not None:
            self._untyped = wrap_storage
        elif isinstance(source, int):
            self._untyped = UntypedStorage(source * self.dtype.itemsize)
        else:
            from tensorcli.engine.construct import tensor

            self._untyped = untyped_storage(tensor(source, dtype=self.dtype))

    @property
    def engine_storage(self) -> Storage:
        return self._untyped.engine_storage

    @property
    def device(self) -> Device:
        """Where the bytes lie."""
        return self._untyped.device

    @property
    def is_cuda(self) -> bool:
        return self._untyped.is_cuda

    def untyped(self) -> UntypedStorage:
        """The bytes."""
        return self._untyped

    def _elements(self) -> Any:
        with no_grad():
            return functions.empty(0, dtype=self.dtype, device=self.device).set_(self._untyped)

    def type(self) -> str:
        """The name of the class that made such storages once: `torch.FloatStorage`."""
        name = f"{self.dtype.scalar_type}Storage"
        if name not in LEGACY:
            return "torch.storage.TypedStorage"
        return f"torch.{'cuda.' if self.is_cuda else ''}{name}"

    def clone(self) -> "TypedStorage":
        """A storage of its own with the same elements."""
        return TypedStorage(wrap_storage=self._untyped.clone(), dtype=self.dtype)

    def cpu(self) -> "TypedStorage":
        """A storage over the same bytes."""
        return TypedStorage(wrap_storage=self._untyped.cpu(), dtype=self.dtype)

    def copy_(self, source: Any, non_blocking: bool = False) -> "TypedStorage":
        """Copy the bytes of another storage of the same size."""
        self._untyped.copy_(source.untyped() if isinstance(source, TypedStorage) else source, non_blocking)
        return self

    def is_shared(self) -> bool:
        """Whether other processes can see the bytes."""
        return self._untyped.is_shared()

    def share_memory_(self) -> "TypedStorage":
        """Let other processes see the bytes (here: remember that this was asked for)."""
        self._untyped.share_memory_()
        return self

    def is_pinned(self, device: Any = "cuda") -> bool:
        """Whether the memory is page-locked."""
        return self._untyped.is_pinned(device)

    def size(self) -> int:
        """How many elements there are."""
        return self._untyped.nbytes() // self.dtype.itemsize

    __len__ = size

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._untyped.nbytes()

    def element_size(self) -> int:
        """The size of one element in bytes."""
        return self.dtype.itemsize

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._untyped.data_ptr()

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._elements().tolist()  # type: ignore[no-any-return]

    def fill_(self, value: Any) -> "TypedStorage":
        """Set all elements to one value."""
        self._elements().fill_(value)
        return self

    def resize_(self, size: int) -> None:
        """Grow or shrink to so many elements; all tensors over it follow."""
        self._untyped.resize_(size * self.dtype.itemsize)

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not isinstance(index, int):
            raise RuntimeError(f"can't index a <class 'torch.storage.TypedStorage'> with {type(index)}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return self._elements()[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        self._elements()[index] = value

    def __reduce__(self) -> Any:
        return (rebuild_typed, (self.engine_storage.bytes.tobytes(), str(self.device), self.dtype.name))

    def __repr__(self) -> str:
        messages.warn(_DEPRECATED, once=True)
        rows = "\n".join(f" {one}" for one in self.tolist())
        return f"{rows}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"

    __str__ = __repr__


class LegacyStorageType(type):
    """The type of the storage classes of one dtype, `torch.FloatStorage` and its kind: they make TypedStorages."""

    dtype: dtype

    def __call__(cls, source: Any = 0, *, wrap_storage: UntypedStorage | None = None) -> TypedStorage:
        messages.warn(_DEPRECATED, once=True)
        return TypedStorage(source, wrap_storage=wrap_storage, dtype=cls.dtype)

    def __instancecheck__(cls, instance: object) -> bool:
        return type(instance) is TypedStorage and instance.dtype is cls.dtype


LEGACY = {
    f"{kind.scalar_type}Storage": LegacyStorageType(
        f"{kind.scalar_type}Storage", (), {"dtype": kind, "__module__": "torch"}
    )
    for kind in DTYPES.values()
    if kind.scalar_type in dtypes.STORED
}
"""The storage classes of one dtype, by name."""


def __getattr__(name: str) -> LegacyStorageType:
    try:
        return LEGACY[name]
    except KeyError:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'") from None


def _cast(kind: dtype) -> Any:
    def cast(self: UntypedStorage | TypedStorage) -> TypedStorage:
        if isinstance(self, UntypedStorage):
            messages.warn(_DEPRECATED, once=True)
            return cast(TypedStorage(wrap_storage=self, dtype=dtypes.uint8))
        found = typed_storage(self._elements().to(kind))
        return found.clone() if found.data_ptr() == self.data_ptr() else found

    return cast


_CASTS = {
    "double": "float64", "float": "float32", "half": "float16", "bfloat16": "bfloat16", "long": "int64",
    "int": "int32", "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool",
    "complex_double": "complex128", "complex_float": "complex64",
}  # fmt: skip
for _name, _kind in _CASTS.items():
    for _class in (TypedStorage, UntypedStorage):
        setattr(_class, _name, _cast(DTYPES[_kind]))

_wrappers: WeakValueDictionary[int, UntypedStorage] = WeakValueDictionary()
_shared: WeakSet[Storage] = WeakSet()


def wrap(storage: Storage) -> UntypedStorage:
    """The object that stands for a storage: the same one while anybody holds it."""
    found = _wrappers.get(id(storage))
    if found is None:
        found = _wrappers[id(storage)] = UntypedStorage(storage)
    return found


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The storage, as an object. Errors: NotImplementedError inside a transform of `torch.func`."""
    if self.batch is not None and not self.levels:
        raise NotImplementedError("Cannot access storage of BatchedTensorImpl")
    if self.levels:
        raise NotImplementedError(messages.WRAPPED_STORAGE)
    return wrap(self.memory)


def storage(self: Tensor) -> TypedStorage:
    """The storage read as this tensor's dtype; deprecated, with PyTorch's warning."""
    messages.warn(_DEPRECATED, once=True)
    return typed_storage(self)


def storage_type(self: Tensor) -> LegacyStorageType:
    """The class that made such storages once; deprecated, with PyTorch's warning."""
    messages.warn(_DEPRECATED, once=True)
    return LEGACY[f"{self.dtype.scalar_type}Storage"]


def typed_storage(self: Tensor) -> TypedStorage:
    """The storage read as this tensor's dtype. Errors: as `untyped_storage`."""
    return TypedStorage(wrap_storage=untyped_storage(self), dtype=self.dtype)


def rebuild_typed(data: bytes, device: str, kind: str) -> TypedStorage:
    """A typed storage from a pickle."""
    from tensorcli.engine.bridge import rebuild_storage

    return TypedStorage(wrap_storage=rebuild_storage(data, device), dtype=DTYPES[kind])


def share_memory_(self: Tensor) -> Tensor:
    """Let other processes see the memory (here: remember that this was asked for)."""
    wrap(self.memory).share_memory_()
    return self


def is_shared(self: Tensor) -> bool:
    """Whether other processes can see the memory."""
    return wrap(self.memory).is_shared()

"""`torch.TypedStorage` and `torch.FloatStorage` and its kind, deprecated in PyTorch: a storage read as one dtype."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.autograd.modes import no_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.devices import CPU, META, Device, resolve
from tensorcli.engine.dtypes import DTYPES, dtype
from tensorcli.engine.storage import Storage
from tensorcli.engine.tensor import Tensor
from tensorcli.engine.untyped_storages import CASTS, UntypedStorage, is_int, untyped_storage, wrap

_DEPRECATED = (
    "TypedStorage is deprecated. It will be removed in the future and UntypedStorage will be the only storage class. This "
    "should only matter to you if you are using storages directly.  To access UntypedStorage directly, use "
    "tensor.untyped_storage() instead of tensor.storage()"
)
_OF_TYPED = (
    "TypedStorage.__init__",
    " * (*, torch.device device, torch.dtype dtype)\n * (int size, *, torch.device device, torch.dtype dtype)\n"
    " * (Sequence data, *, torch.device device, torch.dtype dtype)\n"
    " * (*, UntypedStorage wrap_storage, torch.dtype dtype)",
)
_OF_ONE_DTYPE = " * no arguments\n * (int size)\n * (Sequence data)\n * (*, UntypedStorage wrap_storage)"
Called = tuple[str, str]
"""What was called, and the ways in which it may be."""


def _refused(called: Called, why: str) -> str:
    return f"{called[0]} received an invalid combination of arguments. Expected one of:\n{called[1]}\n{why}"


def _check_count(called: Called, args: tuple[Any, ...]) -> None:
    if len(args) > 1:
        raise RuntimeError(_refused(called, "Too many positional arguments"))


def _check_sequence(called: Called, source: Any) -> None:
    if not isinstance(source, Sequence):
        raise TypeError(_refused(called, f"Argument type not recognized: {type(source)}"))


def _check_wrapped(called: Called, args: tuple[Any, ...], wrapped: Any, kind: Any, device: Any) -> None:
    """What may come with `wrap_storage`. Errors: RuntimeError, TypeError."""
    if args:
        raise RuntimeError(
            _refused(called, "No positional arguments should be given when using 'wrap_storage'")
        )
    if kind is None:
        raise RuntimeError(_refused(called, "Argument 'dtype' must be specified"))
    if not isinstance(kind, dtype):
        raise TypeError(_refused(called, f"Argument 'dtype' must be torch.dtype, not {type(kind)}"))
    if device is not None:
        raise RuntimeError(
            _refused(called, "Argument 'device' should not be specified when 'wrap_storage' is given")
        )
    if not isinstance(wrapped, UntypedStorage):
        raise TypeError(
            _refused(called, f"Argument 'wrap_storage' must be UntypedStorage, but got {type(wrapped)}")
        )


class TypedStorage:
    """The elements of a storage, read as one dtype (deprecated in PyTorch)."""

    __module__ = "torch.storage"
    __slots__ = ("__weakref__", "_untyped", "dtype")
    _untyped: UntypedStorage

    def __init__(
        self,
        *args: Any,
        wrap_storage: Any = None,
        dtype: Any = None,
        device: Any = None,
        _internal: bool = False,
    ) -> None:
        """A number of elements, those of a sequence, or the bytes of `wrap_storage`. Errors: RuntimeError, TypeError."""
        if not _internal:
            messages.warn(_DEPRECATED, once=True)
        if wrap_storage is not None:
            _check_wrapped(_OF_TYPED, args, wrap_storage, dtype, device)
            self.dtype, self._untyped = dtype, wrap_storage
            return
        _check_count(_OF_TYPED, args)
        self.dtype = dtypes.default.floating if dtype is None else dtype
        if not isinstance(self.dtype, dtypes.dtype):
            raise RuntimeError(f"expected torch.dtype, but got {type(dtype)}")
        place = Device("cpu" if device is None else device)
        source = args[0] if args else 0
        if is_int(source):
            self._untyped = UntypedStorage(int(source) * self.dtype.itemsize, device=place)
            return
        _check_sequence(_OF_TYPED, source)
        from tensorcli.engine.construct import tensor

        self._untyped = untyped_storage(tensor(source, dtype=self.dtype, device=place))

    @classmethod
    def from_buffer(
        cls,
        buffer: Any,
        byte_order: str | None = None,
        count: int = -1,
        offset: int = 0,
        *,
        dtype: Any = None,
        device: Any = None,
    ) -> "TypedStorage":
        """A copy of the numbers in a buffer. Errors: as UntypedStorage.from_buffer."""
        place = Device("cpu" if device is None else device)
        if place.type != "cpu":
            raise RuntimeError(f"TypedStorage.from_buffer: Not available for device {place.type}")
        kind = dtypes.default.floating if dtype is None else dtype
        return cls(
            wrap_storage=UntypedStorage.from_buffer(buffer, byte_order, count, offset, kind), dtype=kind
        )

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
        if name not in LEGACY or self.device is META:
            return "torch.storage.TypedStorage"
        return f"torch.{'cuda.' if self.is_cuda else ''}{name}"

    def clone(self) -> "TypedStorage":
        """A storage of its own with the same elements."""
        return _over(self._untyped.clone(), self.dtype)

    def cpu(self) -> "TypedStorage":
        """A storage over the same bytes."""
        return _over(self._untyped.cpu(), self.dtype)

    def copy_(self, source: Any, non_blocking: bool = False) -> "TypedStorage":
        """Copy the bytes of another storage of the same size."""
        self._untyped.copy_(source.untyped() if isinstance(source, TypedStorage) else source, non_blocking)
        return self

    def pin_memory(self) -> "TypedStorage":
        """The elements in page-locked memory. Errors: RuntimeError without an accelerator."""
        return _over(self._untyped.pin_memory(), self.dtype)

    def to(self, *, device: Any, non_blocking: bool = False) -> "TypedStorage":
        """The elements on another device."""
        return _over(self._untyped.to(device=device), self.dtype)

    def get_device(self) -> int | None:
        """The number of the device, where it has one."""
        return self.device.index

    def resizable(self) -> bool:
        """Whether the memory is ours to move."""
        return self._untyped.resizable()

    def pickle_storage_type(self) -> str:
        """The name of the class that archives hold. Errors: KeyError for a dtype that has none."""
        return f"{self.dtype.scalar_type}Storage"

    filename = None
    is_sparse = is_hpu = False

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
        return self._untyped.nbytes() // self.element_size()

    __len__ = _size = size

    def nbytes(self) -> int:
        """How many bytes there are."""
        return self._untyped.nbytes()

    def element_size(self) -> int:
        """The size of one element in bytes."""
        size: int = self.dtype.itemsize
        return size

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._untyped.data_ptr()

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        self._check_held(empty=True)
        return self._elements().tolist() if len(self) else []

    def _check_held(self, empty: bool = False) -> None:
        """Errors: NotImplementedError on meta, where there is nothing to read."""
        if self.device is META and not (empty and not len(self)):
            raise NotImplementedError("Not available for 'meta' device type")

    def fill_(self, value: Any) -> "TypedStorage":
        """Set all elements to one value. Errors: TypeError for anything but a number."""
        self[:] = value
        return self

    def resize_(self, size: int) -> None:
        """Grow or shrink to this many elements; all tensors over it follow. Errors: RuntimeError."""
        self._untyped.resize_(size * self.dtype.itemsize if is_int(size) else size)

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        self._check_held()
        if isinstance(index, slice):
            raise RuntimeError("slices are only supported in UntypedStorage.__getitem__")
        if not isinstance(index, int):
            raise RuntimeError(f"can't index a <class 'torch.storage.TypedStorage'> with {type(index)}")
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} out of range for storage of size {len(self)}")
        return self._elements()[index].item()

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, (int, slice)):
            raise RuntimeError(f"can't index a <class 'torch.storage.TypedStorage'> with {type(index)}")
        if isinstance(value, (TypedStorage, UntypedStorage)):
            raise RuntimeError(f"cannot set item with value type {type(value)}")
        self._elements()[index] = value

    def __sizeof__(self) -> int:
        return super().__sizeof__() + self.nbytes()

    def __reduce__(self) -> Any:
        if self.device is META:
            raise NotImplementedError(messages.META_COPY)
        return (rebuild_typed, (self.engine_storage.bytes.tobytes(), str(self.device), self.dtype.name))

    def __copy__(self) -> "TypedStorage":
        return self.clone()

    def __deepcopy__(self, memo: dict[Any, Any]) -> "TypedStorage":
        return _over(self._untyped.__deepcopy__(memo), self.dtype)

    def __repr__(self) -> str:
        messages.warn(_DEPRECATED, once=True)
        rows = "..." if self.device is META else " " + "\n ".join(map(str, self.tolist()))
        return f"{rows}\n[torch.storage.TypedStorage(dtype={self.dtype}, device={self.device}) of size {len(self)}]"

    __str__ = __repr__


def _over(untyped: UntypedStorage, kind: dtype) -> TypedStorage:
    """The elements of a storage, without the warning."""
    return TypedStorage(wrap_storage=untyped, dtype=kind, _internal=True)


class LegacyStorageType(type):
    """The type of the storage classes of one dtype, `torch.FloatStorage` and its kind: they make TypedStorages."""

    dtype: dtype

    def __call__(cls, *args: Any, wrap_storage: Any = None, **named: Any) -> TypedStorage:
        """Errors: RuntimeError, TypeError."""
        called = f"<class 'torch.{cls.__name__}'>.__new__", _OF_ONE_DTYPE
        for name in ("device", "dtype"):
            if name in named:
                raise RuntimeError(_refused(called, f"Keyword argument '{name}' cannot be specified"))
        if named:
            raise TypeError(
                f"TypedStorage.__new__() got an unexpected keyword argument '{next(iter(named))}'"
            )
        if wrap_storage is not None:
            _check_wrapped(called, args, wrap_storage, cls.dtype, None)
        else:
            _check_count(called, args)
            if args and not is_int(args[0]):
                _check_sequence(called, args[0])
        messages.warn(_DEPRECATED, once=True)
        return TypedStorage(*args, wrap_storage=wrap_storage, dtype=cls.dtype)

    def from_buffer(cls, *args: Any, **named: Any) -> TypedStorage:
        """A copy of the numbers in a buffer. Errors: RuntimeError for another dtype, or device."""
        for name in ("dtype", "device"):
            if name in named:
                raise RuntimeError(
                    f"from_buffer: '{name}' can only be specified in UntypedStorage.from_buffer and TypedStorage.from_buffer"
                )
        return TypedStorage.from_buffer(*args, dtype=cls.dtype, **named)

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
    def cast(self: TypedStorage) -> TypedStorage:
        found = typed_storage(self._elements().to(kind))
        return found.clone() if found.data_ptr() == self.data_ptr() else found

    return cast


for _name, _kind in CASTS.items():
    setattr(TypedStorage, _name, _cast(DTYPES[_kind]))


def typed_bytes(self: UntypedStorage) -> TypedStorage:
    """The bytes as a deprecated storage of uint8, with PyTorch's warning."""
    messages.warn(_DEPRECATED, once=True)
    return _over(self, dtypes.uint8)


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
    return _over(untyped_storage(self), self.dtype)


def rebuild_typed(data: bytes, device: str, kind: str) -> TypedStorage:
    """A typed storage from a pickle."""
    from tensorcli.engine.backends import transfer

    target = resolve(device)
    found = Storage(transfer(np.frombuffer(data, np.uint8).copy(), CPU, target), target)
    return TypedStorage(wrap_storage=wrap(found), dtype=DTYPES[kind], _internal=True)

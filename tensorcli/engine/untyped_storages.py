"""`torch.UntypedStorage`: storages as objects that users hold.

One object stands for one storage of the engine while anybody holds it. Writes through it are not counted.
"""

import sys
from collections.abc import Sequence
from operator import index as as_index
from typing import Any, Final
from weakref import WeakSet, WeakValueDictionary

import numpy as np

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.devices import CPU, META, Device, resolve
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.native import Native, type_name
from tensorcli.engine.storage import Storage, allocate
from tensorcli.engine.tensor import Tensor

_SIGNATURES = (
    " * (*, int allocator = None, torch.device device = None)\n"
    " * (int size, *, int allocator = None, torch.device device = None)\n"
    " * (object sequence, *, int allocator = None, torch.device device = None)\n"
)


def is_int(value: Any) -> bool:
    """Whether PyTorch takes a value for a number of elements."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _checked(nbytes: int) -> int:
    """A number of bytes. Errors: RuntimeError for less than none, in the words of PyTorch's allocator."""
    if nbytes < 0:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:98] ((ptrdiff_t)nbytes) >= 0. alloc_cpu() seems to have been called with negative "
            f"number: {nbytes & 0xFFFFFFFFFFFFFFFF}"
        )
    return nbytes


def _bytes_of(sequence: Any) -> Any:
    """The bytes in a sequence of integers, the low eight bits of each. Errors: RuntimeError for anything but integers."""
    if not isinstance(sequence, (Sequence, np.ndarray, UntypedStorage)):
        raise RuntimeError(
            f"torch.UntypedStorage(): Expected a sequence type, but got {type_name(type(sequence))}"
        )
    for one in sequence:
        if not isinstance(one, int):
            raise RuntimeError(
                f"torch.UntypedStorage(): tried to construct a storage from a sequence ({type_name(type(sequence))}), but one "
                f"of the items was of type {type_name(type(one))} instead of int"
            )
    return np.array([one & 0xFF for one in sequence], np.uint8)


def _unit(kind: Any) -> int:
    """Of how many bytes the numbers of a dtype are, of which a complex one has two. Errors: RuntimeError."""
    if not isinstance(kind, dtype):
        raise RuntimeError(f"expected torch.dtype, but got {type(kind)}")
    return kind.itemsize // (2 if kind.is_complex else 1)


def _one_step(index: slice, length: int) -> slice:
    """The slice. Errors: RuntimeError where it leaves elements out."""
    step = index.indices(length)[2]
    if step != 1:
        raise RuntimeError(f"Trying to slice with a step of {step}, but only a step of 1 is supported")
    return index


class UntypedStorage(Native):
    """The bytes of a storage. `UntypedStorage(n)` makes one of n bytes."""

    __module__ = "torch.storage"
    __slots__ = ("__weakref__", "engine_storage")

    def __init__(self, *args: Any, device: Any = "cpu", **named: Any) -> None:
        """A number of bytes, or those of a sequence of integers. Errors: TypeError, RuntimeError."""
        given = [*args, *(value for name, value in named.items() if name in ("size", "sequence"))]
        if len(given) > 1 or len(given) < len(args) + len(named):
            got = ", ".join(type_name(type(one)) for one in args) + "".join(
                f"{name}={type_name(type(one))}, " for name, one in named.items()
            )
            raise TypeError(
                f"torch.UntypedStorage() received an invalid combination of arguments - got ({got}), but expected one of:\n"
                f"{_SIGNATURES}"
            )
        size = given[0] if given else 0
        if isinstance(size, Storage):
            self.engine_storage = size
        elif is_int(size) or (isinstance(size, Tensor) and not size.ndim):
            self.engine_storage = allocate(_checked(as_index(size)), resolve(device))
        else:
            found = _bytes_of(size)
            place = resolve(device)
            self.engine_storage = Storage(found) if place.type == "cpu" else allocate(len(found), place)

    @classmethod
    def from_buffer(
        cls, buffer: Any, byte_order: str | None = None, count: int = -1, offset: int = 0, dtype: Any = None
    ) -> "UntypedStorage":
        """A copy of the bytes of `count` numbers in a buffer, from an offset on, in the order that they have here.

        Errors: RuntimeError, ValueError, TypeError for a buffer that has none.
        """
        if dtype is None:
            raise RuntimeError("argument 'dtype' cannot be None")
        if not isinstance(dtype, dtypes.dtype):
            raise RuntimeError("argument 'dtype' must be of type torch.dtype")
        if byte_order is None and dtype not in (dtypes.uint8, dtypes.int8):
            raise RuntimeError("function missing required argument 'byte_order' (pos 2)")
        if byte_order not in (None, "big", "little", "native"):
            raise ValueError(f"invalid byte_order '{byte_order}' (expected 'big', 'little', or 'native')")
        try:
            held = np.frombuffer(buffer, np.uint8) if len(buffer) else np.zeros(0, np.uint8)
        except TypeError:
            raise TypeError(f"a bytes-like object is required, not '{type_name(type(buffer))}'") from None
        size = dtype.itemsize
        if not 0 <= offset <= len(held):
            raise ValueError(
                f"offset must be non-negative and no greater than buffer length ({offset}) , but got {len(held)}"
            )
        if count < 0:
            if (len(held) - offset) % size:
                raise ValueError(f"buffer size ({len(held)}) must be a multiple of element size ({size})")
            count = (len(held) - offset) // size
        elif offset + count * size > len(held):
            raise ValueError(
                f"buffer has only {len(held) - offset} elements after offset {offset}, but specified a size of {count}"
            )
        found = cls(Storage(held[offset : offset + count * size].copy()))
        if dtype is dtypes.bool_:
            found.engine_storage.bytes[...] = found.engine_storage.bytes != 0
        if byte_order not in (None, "native", sys.byteorder):
            found.byteswap(dtype)
        return found

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
        """Reverse the order of the bytes in each number of a dtype. Errors: RuntimeError."""
        size = _unit(dtype)
        if size > 1 and self.nbytes() % size:
            raise RuntimeError(f"the length of data is not a multiple of {size}")
        rows = self._held().reshape(-1, size)
        rows[...] = rows[:, ::-1].copy()

    def resizable(self) -> bool:
        """Whether the memory is ours to move."""
        return not self.engine_storage.foreign

    def resize_(self, size: int) -> "UntypedStorage":
        """Grow or shrink to this many bytes, keeping those that fit; all tensors over it follow. Errors: RuntimeError."""
        if not is_int(size):
            raise RuntimeError(f"resize_ expects an int, but got {type_name(type(size))}")
        self.engine_storage.resize(_checked(int(size)))
        return self

    def copy_(self, source: Any, non_blocking: bool = False) -> "UntypedStorage":
        """Copy the bytes of another storage of the same size. Errors: TypeError, RuntimeError."""
        if not hasattr(source, "engine_storage"):
            raise TypeError(
                f"copy_(): argument 'src' (position 1) must be torch.Storage, not {type_name(type(source))}"
            )
        if non_blocking is not None and type(non_blocking) is not bool:
            raise TypeError(
                f"copy_(): argument 'non_blocking' (position 2) must be bool, not {type_name(type(non_blocking))}"
            )
        if source.nbytes() != self.nbytes():
            raise RuntimeError(
                f"size does not match, self was {self.nbytes()} bytes but src was {source.nbytes()} bytes"
            )
        if not self._is_meta:
            self.engine_storage.bytes[...] = source.untyped()._held(messages.META_COPY)
        return self

    def fill_(self, value: int) -> "UntypedStorage":
        """Set all bytes to one value, the low eight bits of it. Errors: RuntimeError for what is not an integer."""
        if not isinstance(value, int):
            raise RuntimeError(f"fill_ expects int, but got {type_name(type(value))}")
        if not self._is_meta:
            self.engine_storage.bytes[...] = value & 0xFF
        return self

    def clone(self) -> "UntypedStorage":
        """A storage of its own with the same bytes."""
        return wrap(copied(self.engine_storage))

    @property
    def _is_meta(self) -> bool:
        return self.device is META

    def _held(self, refusal: str = "Not available for 'meta' device type") -> Any:
        """The bytes. Errors: NotImplementedError on meta, where there are none."""
        if self._is_meta:
            raise NotImplementedError(refusal)
        return self.engine_storage.bytes

    def tolist(self) -> list[int]:
        """The bytes as integers."""
        return self._held().tolist() if self.nbytes() else []

    def cpu(self) -> "UntypedStorage":
        """The storage on the CPU: itself where it is there. Errors: NotImplementedError on meta."""
        return self if self.device is CPU else untyped_storage(self._elements().cpu())

    def is_shared(self) -> bool:
        """Whether other processes can see the bytes."""
        return self.engine_storage in _shared

    def share_memory_(self) -> "UntypedStorage":
        """Let other processes see the bytes (here: remember that this was asked for). Errors: RuntimeError on meta."""
        if self._is_meta:
            raise RuntimeError("_share_fd_: only available on CPU")
        _shared.add(self.engine_storage)
        return self

    def is_pinned(self, device: Any = "cuda") -> bool:
        """Whether the memory is page-locked. Errors: RuntimeError for a device that there is not."""
        Device(device)
        return self.engine_storage.pinned

    def pin_memory(self) -> "UntypedStorage":
        """The bytes in page-locked memory. Errors: TypeError on meta, RuntimeError without an accelerator."""
        if self._is_meta:
            raise TypeError(f"cannot pin '{self.type()}' only CPU memory can be pinned")
        return untyped_storage(self._elements().pin_memory())

    def to(self, *, device: Any, non_blocking: bool = False) -> "UntypedStorage":
        """The bytes on another device; the storage itself where it is there already. Errors: AssertionError for meta."""
        place = Device(device)
        if place.type == "meta":
            raise AssertionError("META device module is not loaded")
        return self if resolve(place) == self.device else untyped_storage(self._elements().to(place))

    def untyped(self) -> "UntypedStorage":
        """The bytes: itself."""
        return self

    def _elements(self) -> Any:
        return functions.empty(0, dtype=dtypes.uint8, device=self.device).set_(self)

    filename = None
    is_sparse = is_hpu = False

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    def __iter__(self) -> Any:
        return iter(self.tolist())

    def __getitem__(self, index: Any) -> Any:
        bytes_ = self._held()
        if isinstance(index, slice):
            return UntypedStorage(Storage(bytes_[_one_step(index, len(bytes_))], foreign=True))
        if type(index) is not int:
            raise TypeError(f"can't index a torch.UntypedStorage with {type_name(type(index))}")
        place = index + len(bytes_) if index < 0 else index
        if not 0 <= place < len(bytes_):
            raise IndexError(f"index {place} out of range for storage of size {len(bytes_)}")
        return int(bytes_[place])

    def __setitem__(self, index: Any, value: int) -> None:
        length = self.nbytes()
        if type(value) is not int:
            raise RuntimeError(
                f"can only set storage content with a int types, but got {type_name(type(value))} instead"
            )
        if isinstance(index, slice):
            index = _one_step(index, length)
        elif type(index) is not int:
            raise RuntimeError(f"can't index a torch.UntypedStorage with {type_name(type(index))}")
        elif not 0 <= index < length:
            raise RuntimeError("out of bounds")
        if not self._is_meta:
            self.engine_storage.bytes[index] = value & 0xFF

    def __sizeof__(self) -> int:
        return super().__sizeof__() + self.nbytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other.engine_storage is self.engine_storage

    def __hash__(self) -> int:
        return hash(id(self.engine_storage))

    def __repr__(self) -> str:
        if self._is_meta:
            return f"...\n[torch.storage.UntypedStorage(device=meta) of size {self.nbytes()}]"
        rows = "\n ".join(map(str, self.tolist()))
        return f" {rows}\n[torch.storage.UntypedStorage(device={self.device}) of size {self.nbytes()}]"

    __str__ = __repr__

    def __copy__(self) -> "UntypedStorage":
        return self.clone()

    def __deepcopy__(self, memo: dict[Any, Any]) -> "UntypedStorage":
        storages = memo.setdefault("torch", {})
        own = self.engine_storage
        if id(own) not in storages:
            storages[id(own)] = (own, copied(own))
        return wrap(storages[id(own)][1])

    def __reduce__(self) -> Any:
        return (_untyped_from_pickle, (self._held(messages.META_COPY).tobytes(),))


CASTS: Final = {
    "double": "float64", "float": "float32", "half": "float16", "bfloat16": "bfloat16", "long": "int64",
    "int": "int32", "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool",
    "complex_double": "complex128", "complex_float": "complex64",
}  # fmt: skip
"""Methods of storages that convert their elements, and the dtypes that they convert to."""


def _cast(name: str) -> Any:
    def cast(self: UntypedStorage) -> Any:
        from tensorcli.engine.typed_storages import typed_bytes

        return getattr(typed_bytes(self), name)()

    return cast


for _name in CASTS:
    setattr(UntypedStorage, _name, _cast(_name))


def _untyped_from_pickle(data: bytes) -> UntypedStorage:
    """PyTorch 2.13 writes these and cannot read them. Errors: AttributeError."""
    raise AttributeError("type object 'torch.storage.UntypedStorage' has no attribute 'dtype'")


_wrappers: WeakValueDictionary[int, UntypedStorage] = WeakValueDictionary()
_shared: WeakSet[Storage] = WeakSet()


def copied(storage: Storage) -> Storage:
    """A storage of its own with the same bytes; on meta, of the same size."""
    if storage.device is META:
        return allocate(storage.nbytes, META)
    return Storage(storage.bytes.copy(), storage.device)


def wrap(storage: Storage) -> UntypedStorage:
    """The object that stands for a storage: the same one while anybody holds it."""
    found = _wrappers.get(id(storage))
    if found is None:
        found = _wrappers[id(storage)] = UntypedStorage(storage)
    return found


def untyped_storage(self: Tensor) -> UntypedStorage:
    """The storage, as an object. Errors: NotImplementedError inside a transform of `torch.func`."""
    if self.batch is not None and not self.levels:
        raise NotImplementedError(messages.WRAPPED_BATCH)
    if self.levels:
        raise NotImplementedError(messages.WRAPPED_STORAGE)
    return wrap(self.memory)


def share_memory_(self: Tensor) -> Tensor:
    """Let other processes see the memory (here: remember that this was asked for)."""
    untyped_storage(self).share_memory_()
    return self


def is_shared(self: Tensor) -> bool:
    """Whether other processes can see the memory."""
    return untyped_storage(self).is_shared()

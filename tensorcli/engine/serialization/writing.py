"""What torch.save writes of an object: a pickle that names PyTorch's classes and rebuilders, and the bytes of each storage once.

The pickle is PyTorch's, opcode for opcode, for what it makes of tensors, state dicts and plain values: tensors are described
as `torch/_tensor.py` describes them, and storages stand in it by their number.
"""

import io
import pickle
import sys
from collections import OrderedDict
from functools import cache
from typing import Any

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.copies import own_names, warn_of_hooks
from tensorcli.engine.devices import META, Device
from tensorcli.engine.formats import layout
from tensorcli.engine.nn.parameter import Parameter
from tensorcli.engine.random import Generator
from tensorcli.engine.return_types import ReturnType
from tensorcli.engine.storage import Storage
from tensorcli.engine.tensor import CONJ, NEG, Size, Tensor
from tensorcli.engine.typed_storages import LEGACY, TypedStorage, typed_storage
from tensorcli.engine.untyped_storages import UntypedStorage, wrap


class Named:
    """A function of PyTorch's that the engine does not have: a pickle names it."""

    def __init__(self, module: str, name: str) -> None:
        self.__module__ = module
        self.__qualname__ = name

    def __call__(self, *arguments: Any) -> Any:
        """What reads the pickle calls it."""
        raise NotImplementedError(f"{self.__module__}.{self.__qualname__}")


@cache
def named(module: str, name: str) -> Named:
    """The one object for a name, so that a pickle writes the name once."""
    return Named(module, name)


def unpicklable(value: Any) -> Exception:
    """The error for what is not data: functions of a script, its modules."""
    name = getattr(value, "__name__", None)
    path = getattr(value, "__qualname__", name)
    if isinstance(path, str) and "<locals>" in path:
        return AttributeError(f"Can't pickle local object {path!r}")
    if name is None:
        return TypeError(f"cannot pickle '{type(value).__name__}' object")
    return pickle.PicklingError(f"Can't pickle {value!r}: attribute lookup {name} on __main__ failed")


_InPython: Any = pickle._Pickler
"""The pickler in Python: the one in C looks each name up where Python would find it."""


class Pickler(_InPython):  # type: ignore[misc]
    """Writes an object, and gathers the storages of it in `storages`."""

    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        super().__init__(file, protocol=protocol)
        self.storages: list[Storage] = []
        self.keys: dict[int, str] = {}
        """Their numbers, by their identities: one text each, which a pickle refers to."""
        self.tensors: list[Tensor] = []
        self.kinds: dict[int, Any] = {}
        """The dtype of what was seen over each storage, by its identity."""

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, TypedStorage):
            storage, kind, count = value.engine_storage, value.dtype, len(value)
            stored: Any = LEGACY[f"{kind.scalar_type}Storage"]
        elif isinstance(value, UntypedStorage):
            storage, kind, count = value.engine_storage, dtypes.uint8, value.nbytes()
            stored = UntypedStorage
        else:
            return None
        if storage.nbytes and storage.device is not META and self.kinds.setdefault(id(storage), kind) != kind:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types"
            )
        if id(storage) not in self.keys:
            self.keys[id(storage)] = str(len(self.storages))
            self.storages.append(storage)
        return "storage", stored, self.keys[id(storage)], str(storage.device), count

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Parameter):
            state = own_names(value)
            given: tuple[Any, ...] = (value.data, value.requires_grad, OrderedDict())
            if state:
                return named("torch._utils", "_rebuild_parameter_with_state"), (*given, state)
            return named("torch._utils", "_rebuild_parameter"), given
        if isinstance(value, Tensor):
            self.tensors.append(value)
            return _described(value)
        if isinstance(value, dtypes.dtype):
            return value.name
        if isinstance(value, Size):
            return Size, (tuple(value),)
        if isinstance(value, ReturnType):
            return type(value), (tuple(value), {})
        if isinstance(value, layout):
            return named("torch.serialization", "_get_layout"), (str(value),)
        if isinstance(value, Node):
            raise TypeError(f"cannot pickle '{type(value).__name__}' object")
        if isinstance(value, Generator):
            return value.__reduce__()
        if isinstance(value, Device):
            return Device, (value.type,) if value.index is None else (value.type, value.index)
        if isinstance(value, type) or not _is_of_torch(type(value).__module__):
            place = _place(value)
            if place is None:
                check_data(value)
            return _as_it_says(value) if place is None else place[1]
        return object.__reduce_ex__(value, 2)

    def save_global(self, value: Any, name: str | None = None) -> None:
        """Write the name of a class or a function: PyTorch's, where it is one of PyTorch's."""
        place = _place(value)
        if place is None:
            super().save_global(value, name)
        else:
            self.write(pickle.GLOBAL + f"{place[0]}\n{place[1]}\n".encode())
            self.memoize(value)


def pickled(value: Any, protocol: int) -> tuple[bytes, Pickler]:
    """The pickle of an object, and who wrote it. Errors: pickle.PicklingError, RuntimeError."""
    file = io.BytesIO()
    pickler = Pickler(file, protocol)
    pickler.dump(value)
    return file.getvalue(), pickler


def _as_it_says(value: Any) -> Any:
    """How a value is made, where its class stands for another one: what `state_dict` gives is an OrderedDict."""
    kind = type(value)
    said = getattr(sys.modules.get(kind.__module__), kind.__qualname__, kind)
    if said is kind:
        return NotImplemented
    made, *rest = value.__reduce_ex__(2)
    return (said if made is kind else made, *rest)


def _is_of_torch(module: str) -> bool:
    return module.partition(".")[0] == "torch"


def check_data(value: Any) -> None:
    """Errors: `unpicklable` for what a language over the engine has beside data (functions, modules), and for an object
    that says itself how it is pickled, in an attribute: that would name what it is not.
    """
    module = type(value).__module__
    of_engine = module.startswith(f"{__package__.rpartition('.')[0]}.")
    own = () if isinstance(value, type) else getattr(value, "__dict__", ())
    if (module.startswith("tensorcli.") and not of_engine) or not _SAYS_HOW.isdisjoint(own):
        raise unpicklable(value)


_SAYS_HOW = frozenset({"__getstate__", "__module__", "__reduce__", "__reduce_ex__"})


def _place(value: Any) -> tuple[str, str] | None:
    """The module of PyTorch's and the name in it of a class, a function or a dtype; None for what is not PyTorch's."""
    if isinstance(value, dtypes.dtype):
        return "torch", value.name
    if value is Device:
        return "torch", "device"
    if isinstance(value, (type, Named)):
        module, name = value.__module__, value.__qualname__
        return (module, name) if _is_of_torch(module) else None
    return _function(value) if callable(value) else None


def _function(value: Any) -> tuple[str, str] | None:
    """Where PyTorch has a function of the engine's."""
    import tensorcli.engine
    from tensorcli.engine.nn import functional

    name = getattr(value, "__name__", "")
    for module, owner in (("torch.nn.functional", functional), ("torch", tensorcli.engine)):
        if name and getattr(owner, name, None) is value:
            return module, name
    return None


def _described(tensor: Tensor) -> Any:
    """The rebuilder of a tensor and what it is given, after `Tensor._reduce_ex_internal`."""
    warn_of_hooks(tensor)
    sizes, strides = ((*each,) for each in (tensor.geometry.sizes, tensor.geometry.strides))
    if tensor.device is META:
        arguments: tuple[Any, ...] = (tensor.dtype, sizes, strides, tensor.requires_grad)
        found: tuple[Any, ...] = (named("torch._utils", "_rebuild_meta_tensor_no_storage"), arguments)
    else:
        new = tensor.dtype.scalar_type not in dtypes.STORED
        storage = wrap(tensor.memory) if new else typed_storage(tensor)
        offset = tensor.geometry.offset
        arguments = (storage, offset, sizes, strides, tensor.requires_grad, OrderedDict())
        bits = {name: True for name, bit in (("conj", CONJ), ("neg", NEG)) if tensor.lazy & bit}
        arguments = (*arguments, *((tensor.dtype,) if new else ()), *((bits,) if bits else ()))
        found = (named("torch._utils", "_rebuild_tensor_v3" if new else "_rebuild_tensor_v2"), arguments)
    state = own_names(tensor)
    if not state:
        return found
    return named("torch._tensor", "_rebuild_from_type_v2"), (found[0], Tensor, found[1], state)

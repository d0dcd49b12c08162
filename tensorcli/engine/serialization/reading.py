"""What torch.load makes of a pickle: which names it may hold, what stands for each, and where storages come to lie."""

import builtins
import io
import pickle
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from tensorcli.engine import dtypes
from tensorcli.engine.backends import transfer
from tensorcli.engine.construct.sharing import laid_over
from tensorcli.engine.copies import rebuild_meta
from tensorcli.engine.devices import CPU, Device, resolve
from tensorcli.engine.formats import sparse_coo, sparse_csr, strided
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.nn.parameter import Parameter
from tensorcli.engine.serialization.archive import Archive
from tensorcli.engine.serialization.weights_only import WeightsUnpickler, give, of_python_3
from tensorcli.engine.storage import Storage, missing
from tensorcli.engine.tensor import CONJ, NEG, Size, Tensor
from tensorcli.engine.typed_storages import LEGACY, TypedStorage
from tensorcli.engine.untyped_storages import UntypedStorage, wrap

Restore = Callable[[UntypedStorage, str], UntypedStorage]
"""Puts a storage, read to the CPU, where it belongs; told where it lay."""


# ---- tensors anew


def _tensor(
    storage: TypedStorage,
    offset: int,
    sizes: Any,
    strides: Any,
    requires_grad: bool,
    hooks: Any,
    *rest: Any,
) -> Tensor:
    """`_rebuild_tensor_v2` and `_v3`. After the hooks may come the dtype, where the storage has none, and bits."""
    kind = next((each for each in rest if isinstance(each, dtypes.dtype)), storage.dtype)
    if len(sizes) != len(strides):
        raise RuntimeError(f"unequal size length ({len(sizes)}) and stride length ({len(strides)})")
    shape = Geometry(tuple(sizes), tuple(strides), offset)
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    if needed := missing(shape, kind.itemsize, storage.engine_storage, shape.strides):
        storage.engine_storage.resize(needed)
    bits = next((each for each in rest if isinstance(each, dict)), {})
    lazy = (CONJ if bits.get("conj") else 0) | (NEG if bits.get("neg") else 0)
    return laid_over(storage.engine_storage, shape, kind, requires_grad, lazy)


def _meta_tensor(kind: dtypes.dtype, sizes: Any, strides: Any, requires_grad: bool) -> Tensor:
    return rebuild_meta(kind.name, sizes, strides, requires_grad)


def _parameter(data: Tensor, requires_grad: bool, hooks: Any, state: Any = None) -> Parameter:
    made = Parameter(data, requires_grad)
    give(made, state or {})
    return made


def _with_state(rebuild: Callable[..., Tensor], kind: type, arguments: Any, state: Any) -> Tensor:
    if rebuild not in _REBUILDERS.values():
        raise pickle.UnpicklingError(f"{rebuild} makes no tensors")
    made = rebuild(*arguments)
    give(made, state)
    return made


_REBUILDERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor,
    "torch._utils._rebuild_meta_tensor_no_storage": _meta_tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _with_state,
}


# ---- names


@cache
def by_default() -> dict[str, Any]:
    """What every archive may name (`weights_only=True`), by full names: what tensors, and what holds them, are made of."""
    return {
        **_REBUILDERS,
        "collections.OrderedDict": OrderedDict,
        "collections.Counter": Counter,
        "torch.nn.parameter.Parameter": Parameter,
        "torch.Size": Size,
        "torch.Tensor": Tensor,
        "torch.device": Device,
        "torch.serialization._get_layout": {
            str(each): each for each in (strided, sparse_coo, sparse_csr)
        }.__getitem__,
        "_codecs.encode": str.encode,
        "builtins.bytearray": bytearray,
        "builtins.set": set,
        "builtins.complex": complex,
        "torch.storage.UntypedStorage": UntypedStorage,
        **{f"torch.{name}": kind for name, kind in LEGACY.items()},
        **{str(kind): kind for kind in dtypes.DTYPES.values()},
    }


def full_name(value: Any) -> str:
    """A class or a function as archives name it."""
    return f"{value.__module__}.{value.__qualname__}"


@cache
def _plain() -> dict[str, Any]:
    """What is not PyTorch's, and an archive may name where it may hold objects."""
    from copyreg import _reconstructor  # type: ignore[attr-defined]  # pickles name it

    classes = (
        bytearray,
        complex,
        dict,
        frozenset,
        list,
        object,
        range,
        set,
        slice,
        str,
        tuple,
        defaultdict,
        deque,
    )
    raised = [
        each for each in vars(builtins).values() if isinstance(each, type) and issubclass(each, BaseException)
    ]
    kinds = {full_name(each): each for each in (*classes, *raised)}
    # How numpy pickles its arrays and its numbers.
    made = (np.empty(0).__reduce__()[0], np.float32(0).__reduce__()[0], np.ndarray, np.dtype)
    return {**kinds, **{full_name(each): each for each in made}, "copyreg._reconstructor": _reconstructor}


def _engine(path: str) -> ModuleType:
    return import_module(f"tensorcli.engine.{path}") if path else import_module("tensorcli.engine")


def _of_torch(module: str, name: str) -> Any:
    """A class or a function by the name that PyTorch has for it. Errors: AttributeError where the engine has none."""
    from tensorcli.engine.definitions import definitions

    path = module.partition(".")[2].removeprefix("_C")
    for load in (_engine, definitions):
        try:
            found = getattr(load(path), name)
        except (ModuleNotFoundError, AttributeError):
            continue
        if callable(found) and getattr(found, "__module__", "").startswith(("torch", "tensorcli.engine")):
            return found
    for place, each in list(sys.modules.items()):  # a class that is nobody's to name
        found = vars(each).get(name) if place.startswith("tensorcli.engine.") else None
        if isinstance(found, type) and found.__module__ == module:
            return found
    raise AttributeError(f"Can't get attribute {name!r} on <module {module!r}>")


def _of_engine(module: str, name: str) -> Any:
    """A class or a function of the engine's own. Errors: AttributeError where there is none."""
    found = getattr(import_module(f"tensorcli.engine.{module.removeprefix('tensorcli.engine.')}"), name)
    if isinstance(found, type | FunctionType) and found.__module__.startswith(("tensorcli.engine.", "torch")):
        return found
    raise AttributeError(f"Can't get attribute {name!r} on <module {module!r}>")


# ---- reading


class _Storages:
    """What stands for the storages of a pickle: those of an archive, each read once."""

    archive: Archive
    restore: Restore
    storages: dict[str, UntypedStorage]

    def persistent_load(self, identity: Any) -> Any:
        if not isinstance(identity, tuple):
            raise AssertionError(f"saved_id must be a tuple, got {type(identity).__name__}")
        _, kind, key, location, _ = identity
        if key not in self.storages:
            buffer = np.frombuffer(self.archive.read(f"data/{key}"), np.uint8).copy()
            self.storages[key] = self.restore(wrap(Storage(buffer, foreign=True)), location)
        dtype = dtypes.uint8 if kind is UntypedStorage else kind.dtype
        return TypedStorage(wrap_storage=self.storages[key], dtype=dtype, _internal=True)


class _Weights(_Storages, WeightsUnpickler):
    pass


class _Objects(_Storages, pickle.Unpickler):
    """Names what the engine, Python's containers and numpy have."""

    def find_class(self, module: str, name: str) -> Any:
        module, name = of_python_3(module, name)
        full = f"{module}.{name}"
        if full in by_default():
            return by_default()[full]
        if "." not in name and module.partition(".")[0] == "torch":
            return _of_torch(module, name)
        if "." not in name and module.startswith("tensorcli.engine."):
            return _of_engine(module, name)
        if full in _plain():
            return _plain()[full]
        raise pickle.UnpicklingError(f"{full} is not known here")


def unpickled(text: bytes, archive: Archive, restore: Restore, allowed: dict[str, Any] | None) -> Any:
    """What the pickle of an archive makes; `allowed` are the names it may hold, None for all that the engine knows."""
    file = io.BytesIO(text)
    reader: Any = _Objects(file, encoding="utf-8") if allowed is None else _Weights(file, allowed)
    reader.archive, reader.restore, reader.storages = archive, restore, {}
    return reader.load()


def restoring(map_location: Any) -> Restore:
    """What `map_location=` says: nothing, a device, a table from one to another, or a function."""
    if map_location is None:
        return _moved
    if isinstance(map_location, dict):
        return lambda storage, location: _moved(storage, map_location.get(location, location))
    if isinstance(map_location, str | Device):
        return lambda storage, location: _moved(storage, str(map_location))

    def asked(storage: UntypedStorage, location: str) -> UntypedStorage:
        found = map_location(storage, location)
        return _moved(storage, location) if found is None else found

    return asked


def _moved(storage: UntypedStorage, location: str) -> UntypedStorage:
    """A storage on the device that a location names. Errors: RuntimeError where there is no such device."""
    from tensorcli.engine import cuda

    if location.startswith("cuda") and not cuda.is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are running on a "
            "CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map your storages to the CPU."
        )
    try:
        device = resolve(location)
    except RuntimeError:
        raise RuntimeError(
            f"don't know how to restore data location of torch.storage.UntypedStorage (tagged with {location})"
        ) from None
    if device is CPU:
        return storage
    return wrap(Storage(transfer(storage.engine_storage.data, CPU, device), device))


def names_of(values: Iterable[Any]) -> dict[str, Any]:
    """What `add_safe_globals` was given, by the names in archives."""
    found = {}
    for each in values:
        value, name = each if isinstance(each, tuple) else (each, full_name(each))
        found[name] = value
    return found

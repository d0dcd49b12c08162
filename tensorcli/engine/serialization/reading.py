"""What torch.load makes of a pickle: which names it may hold, what stands for each, and where storages come to lie."""

import pickle
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from tensorcli.engine import bridge, dtypes
from tensorcli.engine.backends import transfer
from tensorcli.engine.devices import CPU, Device, resolve
from tensorcli.engine.nn.parameter import Parameter
from tensorcli.engine.serialization.archive import Archive
from tensorcli.engine.storage import Storage
from tensorcli.engine.storages import LEGACY, TypedStorage, UntypedStorage, wrap
from tensorcli.engine.tensor import CONJ, NEG, Size, Tensor

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
    bits = next((each for each in rest if isinstance(each, dict)), {})
    lazy = (CONJ if bits.get("conj") else 0) | (NEG if bits.get("neg") else 0)
    return bridge.laid_over(storage.engine_storage, kind, offset, sizes, strides, requires_grad, lazy)


def _meta_tensor(kind: dtypes.dtype, sizes: Any, strides: Any, requires_grad: bool) -> Tensor:
    return bridge.rebuild_meta(kind.name, sizes, strides, requires_grad)


def _parameter(data: Tensor, requires_grad: bool, hooks: Any, state: Any = None) -> Parameter:
    made = Parameter(data, requires_grad)
    vars(made).update(state or {})
    return made


def _with_state(rebuild: Callable[..., Tensor], kind: type, arguments: Any, state: Any) -> Tensor:
    made = rebuild(*arguments)
    vars(made).update(state)
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
    kinds = {full_name(each): each for each in classes}
    # How numpy pickles its arrays and its numbers.
    made = (np.empty(0).__reduce__()[0], np.float32(0).__reduce__()[0], np.ndarray, np.dtype)
    return {**kinds, **{full_name(each): each for each in made}, "copyreg._reconstructor": _reconstructor}


def _engine(path: str) -> ModuleType:
    return import_module(f"tensorcli.engine.{path}") if path else import_module("tensorcli.engine")


def _of_torch(module: str, name: str) -> Any:
    """A class or a function by the name that PyTorch has for it. Errors: AttributeError where the engine has none."""
    from tensorcli.engine.definitions import definitions

    path = module.partition(".")[2]
    for load in (_engine, definitions):
        try:
            found = getattr(load(path), name)
        except (ModuleNotFoundError, AttributeError):
            continue
        if callable(found):
            return found
    raise AttributeError(f"Can't get attribute {name!r} on <module {module!r}>")


def _unsupported(full: str) -> pickle.UnpicklingError:
    full = full.removeprefix("builtins.")
    return pickle.UnpicklingError(
        f"Unsupported global: GLOBAL {full} was not an allowed global by default. Please use "
        f"`torch.serialization.add_safe_globals([{full}])` or the `torch.serialization.safe_globals([{full}])` context manager "
        "to allowlist this global if you trust this class/function."
    )


# ---- reading


_OF_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}
"""Protocol 2 has the names of Python 2."""


class Unpickler(pickle.Unpickler):
    """Reads the pickle of an archive; `allowed` are the names it may hold, None for all that the engine knows."""

    def __init__(self, file: Any, archive: Archive, restore: Restore, allowed: dict[str, Any] | None) -> None:
        super().__init__(file, encoding="utf-8")
        self.archive = archive
        self.restore = restore
        self.allowed = allowed
        self.storages: dict[str, UntypedStorage] = {}

    def find_class(self, module: str, name: str) -> Any:
        module = _OF_PYTHON_2.get(module, module)
        full = f"{module}.{name}"
        if self.allowed is not None:
            if full not in self.allowed:
                raise _unsupported(full)
            return self.allowed[full]
        if full in by_default():
            return by_default()[full]
        if "." not in name and module.partition(".")[0] == "torch":
            return _of_torch(module, name)
        if full in _plain():
            return _plain()[full]
        raise pickle.UnpicklingError(f"{full} is not known here")

    def persistent_load(self, identity: Any) -> Any:
        _, kind, key, location, _ = identity
        if key not in self.storages:
            buffer = np.frombuffer(self.archive.read(f"data/{key}"), np.uint8).copy()
            self.storages[key] = self.restore(wrap(Storage(buffer, foreign=True)), location)
        dtype = dtypes.uint8 if kind is UntypedStorage else kind.dtype
        return TypedStorage(wrap_storage=self.storages[key], dtype=dtype)


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
    device = resolve(location)
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

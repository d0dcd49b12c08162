"""Methods and attributes of Tensor that are no operators: memory, layout, bridges. Most are found when first called.

This module sets them on the class; what they do stands in the modules named in `_LATE`, which are imported when needed.
"""

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from typing import Any

from tensorcli.engine import dtypes, formats, geometry, messages
from tensorcli.engine.autograd.modes import mode, refuse_in_transform
from tensorcli.engine.ops import copy, read_for
from tensorcli.engine.tensor import ReadOnly, Tensor, stored_tensor

_LATE: dict[str, tuple[str, str]] = {
    "tolist": ("bridge", "tolist"),
    "__array__": ("bridge", "array"),
    "__array_wrap__": ("bridge", "array_wrap"),
    "__dlpack__": ("bridge", "dlpack"),
    "__dlpack_device__": ("bridge", "dlpack_device"),
    "__deepcopy__": ("bridge", "deepcopy"),
    "__reduce_ex__": ("bridge", "reduce_ex"),
    "untyped_storage": ("storages", "untyped_storage"),
    "storage": ("storages", "storage"),
    "storage_type": ("storages", "storage_type"),
    "resize": ("resizing", "resize"),
    "resize_as": ("resizing", "resize_as"),
    "_typed_storage": ("storages", "typed_storage"),
    "share_memory_": ("storages", "share_memory_"),
    "is_shared": ("storages", "is_shared"),
    "new_tensor": ("construct", "new_tensor"),
    "new": ("legacy", "new"),
    "is_nonzero": ("queries", "is_nonzero"),
    "apply_": ("mapping", "apply_"),
    "map_": ("mapping", "map_"),
    "map2_": ("mapping", "map2_"),
    **{name: ("removed", f"tensor_{name}") for name in ("solve", "lstsq", "symeig", "eig")},
}
"""Methods that stand elsewhere: the module of the engine and the name there."""


def _late(name: str, module: str, there: str) -> Callable[..., Any]:
    def first(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        found = getattr(import_module(f"tensorcli.engine.{module}"), there)
        found.__qualname__ = f"Tensor.{name}"
        setattr(Tensor, name, found)
        return found(self, *args, **kwargs)

    first.__name__ = first.__qualname__ = name
    return first


for _name, (_module, _there) in _LATE.items():
    setattr(Tensor, _name, _late(_name, _module, _there))
Tensor.__array_priority__ = 1000  # type: ignore[attr-defined]


def parsed(*lines: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of self and values the method with these signatures, in PyTorch's notation."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        bound: list[Any] = []

        def method(*args: Any, **kwargs: Any) -> Any:
            if not bound:
                from tensorcli.engine.binding import Binder

                bound.append(Binder(function.__name__, lines, method=True, tensor_class=Tensor).bind)
            return function(args[0], *bound[0](args, kwargs)[1])

        method.__name__ = method.__qualname__ = function.__name__
        method.__doc__ = function.__doc__
        return method

    return declare


@parsed("numpy(*, bool force=False)")
def numpy(self: Tensor, force: bool) -> Any:
    """The numpy array over this tensor's memory."""
    from tensorcli.engine.bridge import numpy as found

    return found(self, force=force)


@parsed("is_contiguous(*, MemoryFormat? memory_format=None)")
def is_contiguous(self: Tensor, memory_format: Any) -> Any:
    """Whether the elements lie in order, without gaps (or in another memory format's order)."""
    return copy.is_contiguous(self.geometry, memory_format or formats.contiguous_format)  # type: ignore[no-untyped-call]


@parsed("is_same_size(Tensor other)")
def is_same_size(self: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same sizes."""
    return self.geometry.sizes == other.geometry.sizes


@parsed("requires_grad_(bool requires_grad=True)")
def requires_grad_(self: Tensor, requires_grad: bool) -> Tensor:
    """Make a leaf require grad (or not). A no-op where nothing changes."""
    refuse_in_transform("requires_grad_", "(or perhaps using torch.autograd.functional.* APIs) ")
    if requires_grad and self.dtype.category < dtypes.FLOATING:
        raise RuntimeError(messages.FLOATING_METHOD)
    # Of a view, the node that was last made counts, as it is: nothing is asked of the base.
    if self.node is not None:
        if not requires_grad:
            raise RuntimeError(messages.NON_LEAF_FLAG + messages.NON_LEAF_DETACH)
        return self
    self.set_requires_grad(requires_grad)
    return self


def split(self: Tensor, split_size: Any, dim: int = 0) -> Any:
    """Parts of equal length along a dimension, or parts of the given lengths."""
    from tensorcli.engine.callers import functions

    if isinstance(split_size, Tensor):
        # Of several numbers PyTorch says what it says of any wrong sizes.
        with suppress(ValueError, RuntimeError):
            split_size = int(split_size)
    if isinstance(split_size, int):
        return functions.split(self, split_size, dim)
    return functions.split_with_sizes(self, split_size, dim)


def contains(self: Tensor, element: Any) -> bool:
    """Whether some element equals a number or a tensor."""
    if isinstance(element, (Tensor, int, float, complex)):
        equal: Any = element == self
        return bool(equal.any().item())
    raise RuntimeError(
        f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
    )


def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions from the outermost to the innermost in memory.

    `ambiguity_check`: True refuses tensors of which several orders are true, a list of memory formats those that are in none
    or in several of them. Errors: RuntimeError for these, TypeError for another check.
    """
    formats_given = [] if isinstance(ambiguity_check, bool) else ambiguity_check
    if not isinstance(formats_given, list) or not all(
        isinstance(one, formats.memory_format) for one in formats_given
    ):
        raise TypeError("The ambiguity_check argument must be a bool or a list of memory formats.")
    sizes, strides = self.geometry.sizes, self.geometry.strides
    several = 1 in sizes or any(a == b for a, b in pairwise(strides))
    fitting = [one for one in formats_given if copy.is_contiguous(self.geometry, one)]  # type: ignore[no-untyped-call]
    if ambiguity_check is not False and several and len(fitting) != 1:
        raise RuntimeError(
            "The tensor does not have unique dim order, or cannot map to exact one of the given memory formats."
        )
    return geometry.dimension_order(self.geometry)


Tensor.requires_grad_ = requires_grad_  # type: ignore[attr-defined]
Tensor.numpy = numpy  # type: ignore[attr-defined]
Tensor.is_contiguous = is_contiguous  # type: ignore[attr-defined]
Tensor.split = split  # type: ignore[attr-defined]
Tensor.__contains__ = contains  # type: ignore[operator]
Tensor.dim_order = dim_order  # type: ignore[attr-defined]
Tensor.is_same_size = is_same_size  # type: ignore[attr-defined]


# ---- x.data


def get_data(self: Tensor) -> Tensor:
    """Another handle on the storage: no history, and a version counter of its own, which checks do not see."""
    if self.batch is not None:
        raise RuntimeError("accessing `data` under vmap transform is not allowed")
    made = stored_tensor(self.memory, self.geometry, self.dtype, self.lazy)
    made.levels = self.levels
    if self.inference:
        made.inference = True
        made._unguarded = not mode.inference
    return made


def set_data(self: Tensor, value: Any) -> None:
    """Move this handle to another tensor's memory; both counters stay. Errors: TypeError, RuntimeError."""
    if not isinstance(value, Tensor):
        from tensorcli.engine.parameters import type_name

        raise TypeError(f"Variable data has to be a tensor, but got {type_name(type(value))}")
    if self.requires_grad and value.dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype"
        )
    if value.is_meta is not self.is_meta:
        raise RuntimeError(
            "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have incompatible tensor type."
        )
    if self.accumulator is not None and (value.dtype is not self.dtype or value.device is not self.device):
        # The node that adds to .grad remembers what it was made for: the sizes too, which PyTorch forgets to look at.
        self.accumulator = None
    counter = None if self.inference else self.counter
    self.replace_memory(value.memory, value.geometry, value.dtype)
    self.lazy = value.lazy
    self.inference = value.inference
    if counter is not None:
        self._counter = counter


def delete_data(self: Tensor) -> None:
    """Refused. Errors: RuntimeError."""
    raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")


Tensor.data = property(get_data, set_data, delete_data)  # type: ignore[attr-defined]


# ---- attributes that say what kind of tensor this is

Tensor.layout = ReadOnly(lambda self: formats.strided)  # type: ignore[attr-defined]
for _kind in (
    "sparse",
    "sparse_csr",
    "quantized",
    "mkldnn",
    "nested",
    "xpu",
    "mps",
    "mtia",
    "hpu",
    "ipu",
    "maia",
    "vulkan",
    "xla",
):
    setattr(Tensor, f"is_{_kind}", ReadOnly(lambda self: False))
_NO_SPARSE = {
    "coalesce": "coalesce expected sparse coordinate tensor layout but got Strided",
    "indices": "indices expected sparse coordinate tensor layout but got Strided",
    "is_coalesced": "is_coalesced expected sparse coordinate tensor layout but got Strided",
    "crow_indices": "crow_indices expected sparse row compressed tensor layout but got Strided",
    "col_indices": "col_indices expected sparse row compressed tensor layout but got Strided",
}
"""What only sparse tensors have, and what PyTorch says of it on the others."""


def _refusing(name: str, complaint: str) -> Callable[[Tensor], Any]:
    def refuse(self: Tensor) -> Any:
        raise RuntimeError(complaint)

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Refused: all tensors here are strided. Errors: RuntimeError ({complaint})."
    return refuse


for _name, _complaint in _NO_SPARSE.items():
    setattr(Tensor, _name, _refusing(_name, _complaint))


def sparse_dim(self: Tensor) -> int:
    """How many dimensions are sparse: none."""
    return 0


def dense_dim(self: Tensor) -> int:
    """How many dimensions are dense: all."""
    return self.geometry.ndim


def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor itself (in another dtype where one is named): all tensors here are strided."""
    return self if dtype is None else self.to(dtype)


class _InChapter:
    """An attribute that a chapter of operators declares, until it is read: who sets it need not have looked at it before."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        self._read()
        return getattr(owner if instance is None else instance, self.name)

    def __set__(self, instance: Tensor, value: Any) -> None:
        self._read()
        setattr(instance, self.name, value)

    def __delete__(self, instance: Tensor) -> None:
        self._read()
        delattr(instance, self.name)

    def _read(self) -> None:
        read_for(self.name)


for _name in ("real", "imag"):
    if _name not in vars(Tensor):
        setattr(Tensor, _name, _InChapter(_name))


def _volatile(self: Tensor) -> bool:
    messages.warn("volatile was removed (Variable.volatile is always False)")
    return False


Tensor.sparse_dim = sparse_dim  # type: ignore[attr-defined]
Tensor.dense_dim = dense_dim  # type: ignore[attr-defined]
Tensor.to_dense = to_dense  # type: ignore[attr-defined]
Tensor.is_distributed = lambda self: False  # type: ignore[attr-defined]
Tensor.name = ReadOnly(lambda self: None)  # type: ignore[attr-defined]
Tensor.volatile = property(_volatile)  # type: ignore[attr-defined]

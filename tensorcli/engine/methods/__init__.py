"""Methods of Tensor that are no operators of the table: sizes, memory, bridges, history. Many are found when first called.

This module sets them on the class; what those do stands in the modules named in `_LATE`, which are imported when needed.
"""

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from numbers import Number
from operator import attrgetter
from typing import Any, NoReturn

from tensorcli.engine import dtypes, formats, geometry, messages
from tensorcli.engine.autograd import hooks
from tensorcli.engine.autograd.modes import mode, refuse_in_transform, transforms
from tensorcli.engine.callers import functions
from tensorcli.engine.methods.declared import bare, parsed, takes_self_alone
from tensorcli.engine.methods.special import item
from tensorcli.engine.native import PYTHON_METHODS, type_name
from tensorcli.engine.ops import copy
from tensorcli.engine.table import OPS
from tensorcli.engine.tensor import CONJ, NEG, Tensor

_LATE: dict[str, tuple[str, str]] = {
    "tolist": ("bridge", "tolist"),
    "__array__": ("bridge", "array"),
    "__array_wrap__": ("bridge", "array_wrap"),
    "__dlpack__": ("bridge", "dlpack"),
    "__dlpack_device__": ("bridge", "dlpack_device"),
    "__deepcopy__": ("copies", "deepcopy"),
    "__reduce_ex__": ("copies", "reduce_ex"),
    "untyped_storage": ("untyped_storages", "untyped_storage"),
    "storage": ("typed_storages", "storage"),
    "storage_type": ("typed_storages", "storage_type"),
    "resize": ("methods.resizing", "resize"),
    "resize_as": ("methods.resizing", "resize_as"),
    "_typed_storage": ("typed_storages", "typed_storage"),
    "share_memory_": ("untyped_storages", "share_memory_"),
    "is_shared": ("untyped_storages", "is_shared"),
    "module_load": ("nn.moving", "module_load"),
    "new_tensor": ("construct", "new_tensor"),
    "new": ("construct.legacy", "new"),
    "apply_": ("methods.mapping", "apply_"),
    "map_": ("methods.mapping", "map_"),
    "map2_": ("methods.mapping", "map2_"),
    **{name: ("removed", f"tensor_{name}") for name in ("solve", "lstsq", "symeig", "eig")},
}
"""Methods that stand elsewhere: the module of the engine and the name there."""


def _late(name: str, module: str, there: str) -> Callable[..., Any]:
    def first(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        found = getattr(import_module(f"tensorcli.engine.{module}"), there)
        if name in PYTHON_METHODS:
            found.__qualname__ = f"Tensor.{name}"
        elif takes_self_alone(found):
            found = bare(name, found)
        setattr(Tensor, name, found)
        return found(self, *args, **kwargs)

    first.__name__ = first.__qualname__ = name
    return first


for _name, (_module, _there) in _LATE.items():
    setattr(Tensor, _name, _late(_name, _module, _there))


def _legacy(cls: type[Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """`torch.Tensor(...)`; the engine itself makes tensors by `object.__new__`."""
    from tensorcli.engine.construct.legacy import new_of_class

    return new_of_class(cls, *args, **kwargs)


Tensor.__new__ = staticmethod(_legacy)  # type: ignore[assignment]
Tensor.__array_priority__ = 1000  # type: ignore[attr-defined]


@parsed("numpy(*, bool force=False)")
def numpy(self: Tensor, force: bool) -> Any:
    """The numpy array over this tensor's memory."""
    from tensorcli.engine.bridge import numpy as found

    return found(self, force=force)


@parsed("is_contiguous(*, MemoryFormat? memory_format=None)")
def is_contiguous(self: Tensor, memory_format: Any) -> Any:
    """Whether the elements lie in order, without gaps (or in another memory format's order)."""
    wanted = memory_format or formats.contiguous_format
    if self.batch is not None and wanted is not formats.contiguous_format:
        raise RuntimeError(messages.VMAP_FORMAT)
    return copy.is_contiguous(self.geometry, wanted)  # type: ignore[no-untyped-call]


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
    if isinstance(split_size, Tensor):
        # Of several numbers PyTorch says what it says of any wrong sizes.
        with suppress(ValueError, RuntimeError):
            split_size = int(split_size)
    if isinstance(split_size, int):
        return functions.split(self, split_size, dim)
    return functions.split_with_sizes(self, split_size, dim)


def contains(self: Tensor, element: Any) -> bool:
    """Whether some element equals a number or a tensor."""
    if isinstance(element, (Tensor, Number)):
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
    if ambiguity_check is not False and 0 in strides and len(strides) > 1:
        raise RuntimeError("The tensor does not have unique dim order.")
    return geometry.dimension_order(self.geometry)


Tensor.requires_grad_ = requires_grad_  # type: ignore[attr-defined]
Tensor.numpy = numpy  # type: ignore[attr-defined]
Tensor.is_contiguous = is_contiguous  # type: ignore[attr-defined]
Tensor.split = split  # type: ignore[attr-defined]
Tensor.__contains__ = contains  # type: ignore[operator]
Tensor.dim_order = dim_order  # type: ignore[attr-defined]
Tensor.is_same_size = is_same_size  # type: ignore[attr-defined]


# ---- geometry


def _size(self: Tensor, dim: int | None = None, *more: Any, **others: Any) -> Any:
    if more or others:
        _refuse_more("size", 1 + len(more), others)
    if dim is None:
        return self.shape
    return self.geometry.sizes[_checked(self, dim, "size")]


def _stride(self: Tensor, dim: int | None = None, *more: Any, **others: Any) -> Any:
    if more or others:
        _refuse_more("stride", 1 + len(more), others)
    if dim is None:
        return self.geometry.strides
    return self.geometry.strides[_checked(self, dim, "stride")]


def _refuse_more(name: str, count: int, others: dict[str, Any]) -> NoReturn:
    raise TypeError(
        f"{name}() got an unexpected keyword argument '{next(iter(others))}'"
        if others
        else f"{name}() takes from 0 to 1 positional arguments but {count} were given"
    )


def _checked(self: Tensor, dim: int, name: str) -> int:
    if not hasattr(dim, "__index__"):
        raise TypeError(f"{name}(): argument 'dim' (position 1) must be int, not {type_name(type(dim))}")
    from tensorcli.engine.ops._dimensions import existing

    return existing(dim, len(self.geometry.sizes))


Tensor.size = _size  # type: ignore[attr-defined]
Tensor.stride = _stride  # type: ignore[attr-defined]


def _data_ptr(self: Tensor) -> int:
    if self.levels or self.batch is not None:
        raise RuntimeError(messages.WRAPPED_POINTER)
    if self.is_meta or not self.geometry.numel:
        return 0
    return self.memory.address + self.geometry.offset * self.dtype.itemsize


BARE: dict[str, Callable[[Tensor], Any]] = {
    "dim": lambda self: len(self.geometry.sizes),
    "ndimension": lambda self: len(self.geometry.sizes),
    "numel": lambda self: self.geometry.numel,
    "nelement": lambda self: self.geometry.numel,
    "element_size": lambda self: self.dtype.itemsize,
    "storage_offset": lambda self: self.geometry.offset,
    "data_ptr": _data_ptr,
    "const_data_ptr": _data_ptr,
    "is_floating_point": lambda self: self.dtype.is_floating_point,
    "is_complex": lambda self: self.dtype.is_complex,
    "is_signed": lambda self: self.dtype.is_signed,
    "is_conj": lambda self: bool(self.lazy & CONJ),
    "is_neg": lambda self: bool(self.lazy & NEG),
    "is_inference": lambda self: self.inference,
    "get_device": lambda self: -1 if self.device.index is None else self.device.index,
    "is_nonzero": bool,
    "is_distributed": lambda self: False,
    "item": item,
    "retain_grad": hooks.retain_grad,
}
"""The methods that take nothing."""
for _name, _answer in BARE.items():
    setattr(Tensor, _name, bare(_name, _answer))


# ---- autograd


def detach_(self: Tensor) -> Tensor:
    """Cut this tensor off from the graph, in place; it becomes a leaf."""
    if mode.inference or self.inference:
        return self
    if transforms:
        check_detached(self)
    if self.view_of is not None:
        raise RuntimeError(messages.DETACH_VIEW)
    self.leaf_requires_grad = False
    self.node = None
    self.output_nr = 0
    self._tangents = None
    return self


def check_detached(tensor: Tensor) -> None:
    """Errors: RuntimeError for a tensor that the innermost transform maps over, or that it has not been given."""
    from tensorcli.engine.batch import slow
    from tensorcli.engine.func.marking import refuse_captured

    innermost, op = transforms[-1], OPS["detach_"]
    if not innermost.batched:
        if innermost not in (tensor if tensor.view_of is None else tensor.view_of.base).levels:
            refuse_captured(op.name)
    elif innermost.maps(tensor):
        slow.warn(op, innermost.size)
        raise RuntimeError(messages.DETACH_VIEW)


def backward(
    self: Tensor,
    gradient: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Compute the gradients of the leaves and add them to their `.grad`."""
    from tensorcli.engine.autograd.differentiate import backward as run

    run(self, gradient, retain_graph, create_graph, inputs=inputs)


def _register_post_accumulate(self: Tensor, hook: Callable[[Tensor], None]) -> Any:
    return hooks.register_post_accumulate_grad_hook(self, hook)


Tensor.detach_ = bare("detach_", detach_)  # type: ignore[attr-defined]


def _keep_hooks(self: Tensor) -> None:
    raise RuntimeError("Deletion of _backwards_hooks not allowed!")


Tensor._backward_hooks = property(attrgetter("hooks"), None, _keep_hooks)  # type: ignore[attr-defined]
Tensor.backward = backward  # type: ignore[attr-defined]
Tensor.register_hook = hooks.register_hook  # type: ignore[attr-defined]
Tensor.register_post_accumulate_grad_hook = _register_post_accumulate  # type: ignore[attr-defined]

for _name in PYTHON_METHODS:
    _method = vars(Tensor).get(_name)
    if _method is not None:
        _method.__qualname__ = f"Tensor.{_name}"

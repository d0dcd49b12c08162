"""Operators that give a tensor other sizes or another storage (`resize_`, `set_`), and compute no element."""

from math import prod

from tensorcli.engine import allocation, effects, formats, geometry, messages
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.recording import make_node, wants_grad
from tensorcli.engine.declare import composite, op
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.settings import unset
from tensorcli.engine.storage import allocate, check_bounds, missing
from tensorcli.engine.tensor import Tensor


def _resize_effect(declared, values):
    target, size, memory_format = values
    if not target.inference:
        _check_constant(target)
    return _resized(declared, target, values, tuple(size), memory_format)


def _check_constant(target):
    """Errors: RuntimeError for a tensor that requires grad."""
    if target.requires_grad and not mode.inference:
        raise RuntimeError(messages.RESIZE_WITH_GRADIENT)


def _resized(declared, target, values, sizes, memory_format):
    if any(size < 0 for size in sizes) or prod(sizes) >= 1 << 63:
        raise messages.count_overflow()
    same = sizes == target.geometry.sizes
    if not same:
        shape = Geometry(sizes, geometry.contiguous_strides(sizes), target.geometry.offset)
        _grow(target, shape)
        effects.move(declared, target, values, target.memory, shape)
    if memory_format is not None:
        if memory_format is formats.preserve_format:
            raise RuntimeError("Unsupported memory formatPreserve")
        strides = geometry.format_strides(sizes, memory_format.name)
        target.replace_memory(target.memory, Geometry(sizes, strides, target.geometry.offset))
    return target


def _grow(target, shape):
    """Make the storage large enough. Errors: RuntimeError when it is not ours to grow, MemoryError beyond the limit."""
    needed = (shape.offset + shape.span) * target.dtype.itemsize if shape.numel else 0
    if needed > target.memory.nbytes:
        allocation.check_bytes(needed, shape.sizes, target.dtype)
        # PyTorch sets the sizes first: they stay where the storage then cannot grow.
        target.replace_memory(target.memory, shape)
        had = target.memory.nbytes
        target.memory.resize(needed)
        value = unset(target.dtype)
        if value and not target.is_meta:
            start = -(-had // target.dtype.itemsize) * target.dtype.itemsize
            target.memory.bytes[start:needed].view(target.dtype.np)[...] = value
        each = target
        while each is not None:  # their arrays would keep the old buffer alive until somebody reads them
            each._array = None
            view = each.view_of
            each = None if view is None else view.above


@op(
    "resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)",
    effect=_resize_effect,
    variants="method",
    self=None,
)
def resize_(xp, self, size, memory_format):
    """Give this tensor other sizes over its storage, which grows when it must; elements that fit are kept."""


def _resize_as_effect(declared, values):
    target, template, memory_format = values
    if memory_format is formats.preserve_format:
        memory_format = formats.suggested(template.geometry)
    _check_constant(target)
    return _resized(declared, target, values, template.geometry.sizes, memory_format)


@op(
    "resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor(a!)",
    effect=_resize_as_effect,
    self=None,
    the_template=None,
)
def resize_as_(xp, self, the_template, memory_format):
    """Give this tensor the sizes of another, over its own storage."""


def _set_effect(declared, values):
    """set_: this handle moves to the storage, and the counters stay apart."""
    target, *rest = values
    source = rest[0] if rest else None
    requires = wants_grad(declared, values)
    if len(rest) == 1 and isinstance(source, Tensor) and source.dtype is not target.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {source.dtype.cpp_name} to a tensor of type {target.dtype.cpp_name}"
        )
    views.check_in_place(target, requires)
    if source is not None and source.device.type != target.device.type:
        raise RuntimeError(
            f'Attempted to set the storage of a tensor on device "{target.device}" to a storage on different device '
            f'"{source.device}".  This is no longer allowed; the devices must match.'
        )
    if isinstance(source, Tensor):
        storage, shape = source.memory, source.geometry
    elif source is not None:
        storage = _storage_of(source, target)
        shape = geometry.contiguous((storage.nbytes // target.dtype.itemsize,))
    else:
        storage, shape = allocate(0, target.device), geometry.contiguous((0,))
    if len(rest) > 1:
        offset, size, stride = rest[1], tuple(rest[2]), tuple(rest[3])
        if stride and len(stride) != len(size):
            raise RuntimeError(f"unequal size length ({len(size)}) and stride length ({len(stride)})")
        shape = Geometry(size, stride or geometry.contiguous_strides(size), offset)
        itemsize, own = target.dtype.itemsize, target.geometry
        if offset < 0 or (size == own.sizes and stride in ((), own.strides)):
            # The same sizes: nothing is resized, so nothing may be missing.
            check_bounds(shape, itemsize, storage.nbytes, stride)
        if needed := missing(shape, itemsize, storage, stride):
            allocation.check_bytes(needed, shape.sizes, target.dtype, target.device)
            if storage.foreign:
                target.replace_memory(storage, shape)
            storage.resize(needed)
    node = make_node(declared, values) if requires else None
    effects.move(declared, target, values, storage, shape)
    # Graphs made before lead to what the leaf was.
    target.accumulator = None
    if node is not None:
        views.rebase_history(target, node)
    return target


def _storage_of(source, target):
    """The storage that an UntypedStorage, or a TypedStorage of the right dtype, stands for."""
    kind = getattr(source, "dtype", None)
    if kind is not None and kind is not target.dtype:
        raise RuntimeError(
            f"Expected a Storage of type {target.dtype.cpp_name} or an UntypedStorage, but got type {kind.scalar_type} "
            "for argument 1 'storage'"
        )
    return source.engine_storage


@op(
    "set_.source_Storage(Tensor(a!) self, Storage source) -> Tensor(a!)",
    effect=_set_effect,
    variants="method",
)
def set_storage(xp, self, source):
    """Move this handle to a storage, as one row of all its elements."""


@op(
    "set_.source_Storage_storage_offset(Tensor(a!) self, Storage source, SymInt storage_offset, SymInt[] size, "
    "SymInt[] stride=[]) -> Tensor(a!)",
    effect=_set_effect,
    variants="method",
)
def set_storage_geometry(xp, self, source, storage_offset, size, stride):
    """Move this handle to a storage, with this geometry."""


@op(
    "set_.source_Tensor_storage_offset(Tensor(a!) self, Tensor source, SymInt storage_offset, SymInt[] size, "
    "SymInt[] stride=[]) -> Tensor(a!)",
    effect=_set_effect,
    variants="method",
)
def set_tensor_geometry(xp, self, source, storage_offset, size, stride):
    """Move this handle to another tensor's storage, with this geometry."""


@op("set_.source_Tensor(Tensor(a!) self, Tensor source) -> Tensor(a!)", effect=_set_effect, variants="method")
def set_tensor(xp, self, source):
    """Move this handle to another tensor's storage and geometry; the version counters stay apart."""


@op("set_(Tensor(a!) self) -> Tensor(a!)", effect=_set_effect, variants="method")
def set_empty(xp, self):
    """Move this handle to a new, empty storage."""


@composite("is_set_to(Tensor self, Tensor tensor) -> bool", variants="method")
def is_set_to(self, tensor):
    """Whether both tensors are handles on the same storage with the same geometry."""
    if self.is_meta:
        raise messages.no_meta_kernel("is_set_to")
    if any(one.is_conj() or one.is_neg() for one in (self, tensor)):
        return False  # PyTorch asks about copies to which the bits are applied.
    return self.memory is tensor.memory and self.geometry == tensor.geometry

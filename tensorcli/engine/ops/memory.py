"""Copies and fills, and handles that move: where bytes are written, and where they only change hands."""

import numpy as np

from tensorcli.engine import dtypes, effects, events, formats, geometry, messages
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.nodes import Node, gradient_edge
from tensorcli.engine.autograd.recording import make_node, set_history, wants_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.devices import CPU, META, resolve
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.op import OPS, composite, op, view
from tensorcli.engine.ops.create import number_for
from tensorcli.engine.ops.replaced import declare_copies
from tensorcli.engine.storage import allocate, check_bounds
from tensorcli.engine.tensor import Tensor, wrapped_number


def special(line, effect, variants="", namespace="", **formulas):
    """Declare an operator whose effect is its own; the function below it gives the help."""

    def declare(kernel):
        op(line, out=False, variants=variants, namespace=namespace, **formulas)(kernel)
        OPS[line.partition("(")[0]].effect = effect
        return kernel

    return declare


# ---- the same bytes


@view("detach(Tensor(a) self) -> Tensor(a)", tracked=False, self=None)
def detach(geometry):
    """The same storage and version counter, cut off from the graph."""
    return geometry


@view("alias(Tensor(a) self) -> Tensor(a)", namespace="internal", self=lambda grad: grad)
def alias(geometry):
    """Another handle on the same elements."""
    return geometry


@composite("detach_(Tensor(a!) self) -> Tensor(a!)")
def detach_(self):
    """Cut this tensor off from the graph, in place; it becomes a leaf."""
    return self.detach_()


# ---- copies


def strides_for(shape, memory_format):
    """The strides of a copy: its source's when dense, or the format's. Errors: RuntimeError for a wrong rank."""
    if memory_format is None or memory_format is formats.preserve_format:
        return geometry.preserved_strides(shape)
    return geometry.format_strides(shape.sizes, memory_format.name)


def _copy_of(declared, values, kind, device, memory_format):
    """A new tensor with the elements of values[0], with history where its dtype can have one."""
    source = values[0]
    if source.device is META and device is not META:
        raise NotImplementedError(messages.META_COPY)
    strides = strides_for(source.geometry, memory_format)
    result = effects.empty(source.geometry.sizes, strides, kind, device)
    if device is not META:
        warn_discards(source.dtype, kind)
        result.array[...] = effects.cast(moved(source, device), kind)
    if declared.inner_writes:
        effects.counted(declared, values, (result,))
    if mode.inference:
        result.inference = True
    elif kind.category >= dtypes.FLOATING and wants_grad(declared, values):
        set_history(make_node(declared, values), (result,))
    if events.observer is not None:
        events.observer.made(result, declared.name, values)
    return result


def moved(source, device):
    """A tensor's values as an array of the device: the tensor's own array where it lies there."""
    if source.device is device:
        return source.values
    from tensorcli.engine.backends import transfer

    return transfer(source.values, source.device, device)


def warn_discards(source, target):
    """Warn, once, that a cast drops imaginary parts."""
    if source.is_complex and not target.is_complex and target.category != dtypes.BOOL:
        messages.warn("Casting complex values to real discards the imaginary part", once=True)


def _clone_effect(declared, values):
    source, memory_format = values
    return _copy_of(declared, values, source.dtype, source.device, memory_format)


@special(
    "clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", _clone_effect, self=lambda grad: grad
)
def clone(xp, self, memory_format):
    """A copy in new storage, an identity in the graph: gradients flow to the source."""


def _to_copy_effect(declared, values):
    source, kind, _, device, pin_memory, _, memory_format = values
    target = source.device if device is None else resolve(device)
    effects.check_pinned(pin_memory, target)
    made = _copy_of(declared, values, source.dtype if kind is None else kind, target, memory_format)
    return effects.pinned(made) if pin_memory else made


@special(
    "_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, "
    "bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor",
    _to_copy_effect,
    namespace="internal",
    self=lambda grad, self_dtype, self_device: grad.to(self_device, self_dtype),
)
def to_copy(xp, self, dtype, layout, device, pin_memory, non_blocking, memory_format):
    """A copy in another dtype or on another device."""


@composite(
    "contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)",
    variants="method",
)
def contiguous(self, memory_format):
    """The tensor itself when its elements lie in order, else a copy in which they do."""
    # The schema's default arrives by its name.
    memory_format = formats.contiguous_format if isinstance(memory_format, str) else memory_format
    if is_contiguous(self.geometry, memory_format):
        return self
    return self.clone(memory_format=memory_format)


def is_contiguous(shape, memory_format):
    """Whether a geometry has a memory format; any has `preserve_format` when it is row-major."""
    if memory_format in (formats.contiguous_format, formats.preserve_format):
        return shape.contiguous
    rank = 4 if memory_format is formats.channels_last else 5
    if len(shape.sizes) != rank:
        return False
    wanted = geometry.channels_last_strides(shape.sizes)
    return all(size == 1 or a == b for size, a, b in zip(shape.sizes, shape.strides, wanted, strict=True))


# ---- writes


class CopyBackwards(Node):
    """The node of `copy_`: the destination's old value gets no gradient, the source gets all, brought back."""

    __module__ = "builtins"

    title = "torch::autograd::CopyBackwards"

    def apply(self, grads, needed=None):
        """Zeros for the destination, the gradient for the source (which backward sums to its sizes)."""
        grad = grads[0]
        if grad is None:
            return [None, None]
        wanted = [edge[0] is not None and (needed is None or needed(edge)) for edge in self.edges]
        return [
            functions.zeros_like(grad) if wanted[0] else None,
            self._returned(grad) if wanted[1] else None,
        ]

    def _returned(self, grad):
        """The gradient on the source's device."""
        node, number = self.edges[1]
        device = node.outputs[number][2]
        return grad if grad.device is device else grad.to(device)

    @classmethod
    def savable(cls):
        """Nothing is saved."""
        return ()


def _copy_effect(declared, values):
    """copy_: broadcast and cast into self, recorded by a node of its own (torch/csrc/autograd/VariableTypeManual.cpp)."""
    target, source, _ = values
    if not isinstance(source, Tensor):
        source = wrapped_number(source)
        values = (target, source, False)
    floating = target.dtype.category >= dtypes.FLOATING
    requires = floating and wants_grad(declared, values)
    views.check_in_place(target, requires)
    source_shape = source.geometry
    if source_shape.sizes != target.geometry.sizes:
        source_shape = source_shape.expanded(_broadcast_into(target.geometry.sizes, source_shape))
    if source is not target:
        effects.check_overlap(target, [source])
    if source.device is META and target.device is not META:
        raise NotImplementedError(messages.META_COPY)
    node = CopyBackwards((gradient_edge(target), gradient_edge(source)), {}) if requires else None
    if events.observer is not None:
        events.observer.writes(target, declared.name, values)
    if target.device is not META and source is not target:
        warn_discards(source.dtype, target.dtype)
        copy_array(target, source, source_shape)
    target.bump()
    if events.observer is not None:
        events.observer.wrote(target, declared.name, values)
    if node is not None:
        views.rebase_history(target, node)
    return target


def _broadcast_into(sizes, source):
    """The sizes of the target, to which the source must broadcast. Errors: RuntimeError with PyTorch's texts."""
    common = effects.broadcast_sizes([sizes, source.sizes])
    if common != sizes:
        raise messages.output_shape(sizes, common)
    return sizes


def copy_array(target, source, source_shape):
    """Move the elements; where source and target overlap unseen, in memory order, as PyTorch reads while it writes."""
    values = moved(source, target.device)
    if values.shape != source_shape.sizes:
        values = np.broadcast_to(values, source_shape.sizes)
    if (
        target._storage is not None
        and target._storage is source._storage
        and np.may_share_memory(target.array, values)
        and not (target.geometry == source_shape and target.dtype is source.dtype)
    ):
        where = target.array
        for index in np.ndindex(*target.geometry.sizes):
            where[index] = effects.cast(values[index], target.dtype)
        return
    effects.store_quietly(target, effects.cast(values, target.dtype))


@special(
    "copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)",
    _copy_effect,
    variants="method",
)
def copy_(xp, self, src, non_blocking):
    """Copy src into self: broadcast, cast to self's dtype and device; nothing is shared afterwards."""


OPS["copy_"].notation = "copy_(Tensor other, bool non_blocking=False)"


def _fill_effect(declared, values):
    """Set every element: like other writes, but an expanded tensor may be filled with a number."""
    target, value = values
    if isinstance(value, Tensor):
        _check_fill(declared, value)
        effects.check_overlap(target, ())
    requires = wants_grad(declared, values)
    views.check_in_place(target, requires)
    if isinstance(value, Tensor) and value.device is not META:
        _check_fill_device(target, value)
        number = value.item()
    else:
        number = value
    if not isinstance(number, Tensor):
        number = number_for(number, target.dtype)
    node = make_node(declared, values) if requires else None
    if events.observer is not None:
        events.observer.writes(target, declared.name, values)
    if target.device is not META:
        effects.store_quietly(target, number)
    target.bump()
    if events.observer is not None:
        events.observer.wrote(target, declared.name, values)
    if node is not None:
        views.rebase_history(target, node)
    return target


def _check_fill_device(target, value):
    if value.device is not CPU and value.device is not target.device:
        from tensorcli.engine.placement import different_devices

        raise different_devices(value.device, target.device)


def _check_fill(declared, value):
    if value.geometry.sizes:
        raise RuntimeError(
            f"{declared.base} only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions."
        )


@special(
    "fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)",
    _fill_effect,
    self=lambda grad: _zeros_like(grad),
)
def fill_scalar_(xp, self, value):
    """Set all elements to one value."""


@special(
    "fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)",
    _fill_effect,
    self=lambda grad: _zeros_like(grad),
    value=lambda grad: grad.sum(),
)
def fill_tensor_(xp, self, value):
    """Set all elements to the one element of value."""


OPS["fill_.Scalar"].node_index, OPS["fill_.Tensor"].node_index = 2, 3


@composite(
    "fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)", variants="method"
)
def fill_diagonal_(self, fill_value, wrap):
    """Set the elements whose indices are all equal; wrap=True begins anew below a square of a tall matrix."""
    sizes, strides = self.geometry.sizes, self.geometry.strides
    if len(sizes) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(sizes) > 2 and len(set(sizes)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    step, count, start = sum(strides), min(sizes), self.storage_offset()
    self.as_strided((count,), (step,), start).fill_(fill_value)
    height, width = sizes[0], sizes[1]
    if wrap and len(sizes) == 2 and height > width + 1:
        rest = (height * width + width) // (width + 1) - count
        self.as_strided((rest,), (step,), start + strides[0] * (width + 1)).fill_(fill_value)
    return self


def _fill_copy_effect(declared, values):
    """A filled copy: the sizes, dtype and format of self."""
    source, value = values
    if isinstance(value, Tensor):
        _check_fill(declared, value)
        value = value.item()
    result = effects.empty(
        source.geometry.sizes, geometry.preserved_strides(source.geometry), source.dtype, source.device
    )
    if result.device is not META:
        result.array[...] = effects.as_array(number_for(value, source.dtype), result.device)
    if declared.inner_writes:
        effects.counted(declared, values, (result,))
    if mode.inference:
        result.inference = True
    elif source.dtype.category >= dtypes.FLOATING and wants_grad(declared, values):
        set_history(make_node(declared, values), (result,))
    if events.observer is not None:
        events.observer.made(result, declared.name, values)
    return result


@special(
    "fill.Scalar(Tensor self, Scalar value) -> Tensor",
    _fill_copy_effect,
    variants="function",
    self=lambda grad: _zeros_like(grad),
)
def fill_scalar(xp, self, value):
    """One value everywhere, in the sizes and dtype of self."""


@special(
    "fill.Tensor(Tensor self, Tensor value) -> Tensor",
    _fill_copy_effect,
    variants="function",
    self=lambda grad: _zeros_like(grad),
    value=lambda grad: grad.sum(),
)
def fill_tensor(xp, self, value):
    """The one element of value everywhere, in the sizes and dtype of self."""


OPS["fill.Tensor"].node_index = 1


def _zero_effect(declared, values):
    return _fill_effect(declared, (values[0], 0))


@special("zero_(Tensor(a!) self) -> Tensor(a!)", _zero_effect, self=lambda grad: _zeros_like(grad))
def zero_(xp, self):
    """Set all elements to zero."""


def _zeros_like(grad):
    return functions.zeros_like(grad)


# ---- handles that move


def _moved(declared, target, values, storage, shape):
    """Give a handle other memory or another geometry, and count it when that changes its sizes."""
    if events.observer is not None:
        events.observer.writes(target, declared.name, values)
    target.replace_memory(storage, shape)
    target.bump()
    if events.observer is not None:
        events.observer.wrote(target, declared.name, values)


def _resize_effect(declared, values):
    target, size, memory_format = values
    return _resized(declared, target, values, tuple(size), memory_format)


def _resized(declared, target, values, sizes, memory_format):
    if target.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if target.inference and not mode.inference:
        raise RuntimeError(messages.INFERENCE_IN_PLACE)
    if any(size < 0 for size in sizes):
        raise RuntimeError("numel: integer multiplication overflow")
    same = sizes == target.geometry.sizes
    if not same:
        shape = Geometry(sizes, geometry.contiguous_strides(sizes), target.geometry.offset)
        _grow(target, shape)
        _moved(declared, target, values, target.memory, shape)
    if memory_format is not None:
        if memory_format is formats.preserve_format:
            raise RuntimeError("Unsupported memory format Preserve")
        strides = geometry.format_strides(sizes, memory_format.name)
        target.replace_memory(target.memory, Geometry(sizes, strides, target.geometry.offset))
    return target


def _grow(target, shape):
    """Make the storage large enough. Errors: RuntimeError when it is not ours to grow, MemoryError beyond the limit."""
    needed = (shape.offset + shape.span) * target.dtype.itemsize if shape.numel else 0
    if needed > target.memory.nbytes:
        effects.check_bytes(needed, shape.sizes, target.dtype)
        target.memory.resize(needed)
        each = target
        while each is not None:  # their arrays would keep the old buffer alive until somebody reads them
            each._array = None
            view = each.view_of
            each = None if view is None else view.parent or view.base


@special(
    "resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)",
    _resize_effect,
    variants="method",
    self=None,
)
def resize_(xp, self, size, memory_format):
    """Give this tensor other sizes over its storage, which grows when it must; elements that fit are kept."""


def _resize_as_effect(declared, values):
    target, template, memory_format = values
    if memory_format is formats.preserve_format:
        memory_format = None
    return _resized(declared, target, values, template.geometry.sizes, memory_format)


@special(
    "resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor(a!)",
    _resize_as_effect,
    self=None,
    the_template=None,
)
def resize_as_(xp, self, the_template, memory_format):
    """Give this tensor the sizes of another, over its own storage."""


OPS["resize_as_"].variants = "function, method"


def _set_effect(declared, values):
    """set_: this handle moves to the storage, and the counters stay apart."""
    target, *rest = values
    source = rest[0] if rest else None
    requires = wants_grad(declared, values)
    views.check_in_place(target, requires)
    if isinstance(source, Tensor):
        if source.dtype is not target.dtype:
            raise RuntimeError(
                f"Could not set tensor of type {source.dtype.cpp_name} to a tensor of type {target.dtype.cpp_name}"
            )
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
        needed = (shape.offset + shape.span) * target.dtype.itemsize if shape.numel else 0
        if needed > storage.nbytes:
            if isinstance(source, Tensor):
                check_bounds(shape, target.dtype.itemsize, storage.nbytes)
            storage.resize(needed)
    node = make_node(declared, values) if requires else None
    _moved(declared, target, values, storage, shape)
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


@special("set_.source_Storage(Tensor(a!) self, Storage source) -> Tensor(a!)", _set_effect, variants="method")
def set_storage(xp, self, source):
    """Move this handle to a storage, as one row of all its elements."""


@special(
    "set_.source_Storage_storage_offset(Tensor(a!) self, Storage source, SymInt storage_offset, SymInt[] size, "
    "SymInt[] stride=[]) -> Tensor(a!)",
    _set_effect,
    variants="method",
)
def set_storage_geometry(xp, self, source, storage_offset, size, stride):
    """Move this handle to a storage, with this geometry."""


@special(
    "set_.source_Tensor_storage_offset(Tensor(a!) self, Tensor source, SymInt storage_offset, SymInt[] size, "
    "SymInt[] stride=[]) -> Tensor(a!)",
    _set_effect,
    variants="method",
)
def set_tensor_geometry(xp, self, source, storage_offset, size, stride):
    """Move this handle to another tensor's storage, with this geometry."""


@special("set_.source_Tensor(Tensor(a!) self, Tensor source) -> Tensor(a!)", _set_effect, variants="method")
def set_tensor(xp, self, source):
    """Move this handle to another tensor's storage and geometry; the version counters stay apart."""


@special("set_(Tensor(a!) self) -> Tensor(a!)", _set_effect, variants="method")
def set_empty(xp, self):
    """Move this handle to a new, empty storage."""


@composite("is_set_to(Tensor self, Tensor tensor) -> bool", variants="method")
def is_set_to(self, tensor):
    """Whether both tensors are handles on the same storage with the same geometry."""
    return self.memory is tensor.memory and self.geometry == tensor.geometry


declare_copies(
    (
        *(
            "view",
            "view.dtype",
            "permute",
            "t",
            "transpose.int",
            "squeeze",
            "squeeze.dim",
            "squeeze.dims",
            "unsqueeze",
        ),
        *(
            "expand",
            "as_strided",
            "select.int",
            "slice.Tensor",
            "split.Tensor",
            "split_with_sizes",
            "unbind.int",
        ),
        *("diagonal", "unfold", "alias", "detach"),
    )
)

"""Copies: the same elements in another storage, dtype, format or device, and the same bytes cut off from the graph."""

import numpy as np

from tensorcli.engine import allocation, conversion, dtypes, effects, events, formats, geometry, messages
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.edges import gradient_edge
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.nodes import Node
from tensorcli.engine.autograd.recording import wants_grad
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op, view
from tensorcli.engine.devices import META, resolve
from tensorcli.engine.effects.smearing import steps
from tensorcli.engine.tensor import Tensor, wrapped_number

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
    result = allocation.empty(source.geometry.sizes, strides, kind, device)
    if source.inference and source.requires_grad and mode.enabled:
        # Outside inference mode the copy itself is not recorded, but the write into a normal tensor is.
        return result.copy_(source)
    if device is not META:
        if source.geometry.numel:
            messages.warn_discards(source.dtype, kind)
        result.array[...] = conversion.cast(moved(source, device), kind)
    return effects.recorded(declared, values, result)


def moved(source, device):
    """A tensor's values as an array of the device: the tensor's own array where it lies there."""
    if source.device is device:
        return source.values
    from tensorcli.engine.backends import transfer

    return transfer(source.values, source.device, device)


def _clone_effect(declared, values):
    source, memory_format = values
    return _copy_of(declared, values, source.dtype, source.device, memory_format)


@op(
    "clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor",
    effect=_clone_effect,
    out=False,
    self=lambda grad: grad,
)
def clone(xp, self, memory_format):
    """A copy in new storage, an identity in the graph: gradients flow to the source."""


def _to_copy_effect(declared, values):
    source, kind, _, device, pin_memory, _, memory_format = values
    target = source.device if device is None else resolve(device)
    allocation.check_pinned(pin_memory, target)
    made = _copy_of(declared, values, source.dtype if kind is None else kind, target, memory_format)
    return allocation.pinned(made) if pin_memory else made


@op(
    "_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, "
    "bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor",
    effect=_to_copy_effect,
    namespace="internal",
    out=False,
    self=lambda grad, self_dtype, self_device: _brought_back(grad, self_device, self_dtype),
)
def to_copy(xp, self, dtype, layout, device, pin_memory, non_blocking, memory_format):
    """A copy in another dtype or on another device."""


def _brought_back(grad, device, kind):
    """A gradient in the source's dtype: of a complex one the real part, which no warning speaks of."""
    return (grad.real if grad.dtype.is_complex and not kind.is_complex else grad).to(device, kind)


@composite(
    "contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)",
    variants="method",
)
def contiguous(self, memory_format):
    """The tensor itself when its elements lie in order, else a copy in which they do."""
    # The schema's default arrives by its name.
    memory_format = formats.contiguous_format if isinstance(memory_format, str) else memory_format
    if self.batch is not None and memory_format is not formats.contiguous_format:
        raise RuntimeError(messages.VMAP_FORMAT)
    if is_contiguous(self.geometry, memory_format):
        return self
    if memory_format is formats.preserve_format:
        raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
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
    unchanged = source is target or _same_data(source, target)
    if not unchanged:
        effects.check_overlap(target, [source])
    source_shape = source.geometry
    if source_shape.sizes != target.geometry.sizes:
        source_shape = source_shape.expanded(_broadcast_into(target.geometry.sizes, source_shape))
    if source.device is META and target.device is not META:
        raise NotImplementedError(messages.META_COPY)
    node = CopyBackwards((gradient_edge(target), gradient_edge(source)), {}) if requires else None
    if events.observer is not None:
        events.observer.writes(target, declared.name, values)
    if target.device is not META and source_shape.numel:
        messages.warn_discards(source.dtype, target.dtype)
    if target.device is not META and not unchanged:
        copy_array(target, source, source_shape)
    target.bump()
    if events.observer is not None:
        events.observer.wrote(target, declared.name, values)
    if node is not None:
        views.rebase_history(target, node)
    return target


def _same_data(source, target):
    """Whether both are the same elements, read the same way."""
    return (
        source._storage is not None
        and source._storage is target._storage
        and source.geometry == target.geometry
        and source.dtype is target.dtype
        and source.lazy == target.lazy
    )


def _broadcast_into(sizes, source):
    """The sizes of the target, to which the source must broadcast. Errors: RuntimeError with PyTorch's texts."""
    common = effects.broadcast_sizes([sizes, source.sizes])
    if common != sizes:
        raise messages.output_shape(sizes, common)
    return sizes


def copy_array(target, source, source_shape):
    """Move the elements; where source and target overlap unseen, in PyTorch's order, which reads while it writes."""
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
        for place, (still,) in steps(where, [values], target.dtype is source.dtype):
            where[place] = conversion.cast(values[place] if still is None else still, target.dtype)
        return
    effects.store_quietly(target, values)


@op(
    "copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)",
    effect=_copy_effect,
    variants="method",
    notation="copy_(Tensor other, bool non_blocking=False)",
)
def copy_(xp, self, src, non_blocking):
    """Copy src into self: broadcast, cast to self's dtype and device; nothing is shared afterwards."""

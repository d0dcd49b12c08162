"""Copies, casts and fills: where bytes move, and where they only change hands."""

import numpy as np

from tensorcli.engine import dtypes, effects, events, geometry, messages
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.graph import Node, gradient_edge, wants_grad
from tensorcli.engine.devices import META, resolve
from tensorcli.engine.effects import Laid
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.op import composite, op, view
from tensorcli.engine.tensor import Tensor


@view("detach(Tensor(a) self) -> Tensor(a)", tracked=False, self=None)
def detach(geometry):
    """The same storage and version counter, cut off from the graph."""
    return geometry


@view("alias(Tensor(a) self) -> Tensor(a)", variants="function", self=lambda grad: grad)
def alias(geometry):
    """Another handle on the same elements."""
    return geometry


def strides_for(shape, memory_format):
    """The strides of a copy: its source's when dense, or the format's. Errors: RuntimeError for a wrong rank."""
    name = getattr(memory_format, "name", memory_format)
    if name is None or name == "preserve_format":
        return geometry.preserved_strides(shape)
    if name == "contiguous_format":
        return geometry.contiguous_strides(shape.sizes)
    rank = 4 if name == "channels_last" else 5
    if len(shape.sizes) != rank:
        raise RuntimeError(f"required rank {rank} tensor to use {name} format")
    return geometry.channels_last_strides(shape.sizes)


def laid_like(array, itemsize_strides=None):
    """The geometry (offset 0) of a numpy array, in elements."""
    size = array.dtype.itemsize
    return Geometry(array.shape, tuple(s // size for s in array.strides))


@op("clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", self=lambda grad: grad)
def clone(xp, self, memory_format):
    """A copy in new storage, an identity in the graph: gradients flow to the source."""
    return Laid(self, strides_for(laid_like(self), memory_format))


class CopyBackwards(Node):
    """The node of `copy_`: the destination's old value gets no gradient, the source gets all, cast back."""

    __slots__ = ()

    title = "torch::autograd::CopyBackwards"

    def apply(self, grads, needed=None):
        grad = grads[0]
        if grad is None:
            return [None, None]
        wanted = [edge[0] is not None and (needed is None or needed(edge)) for edge in self.edges]
        return [grad.new_zeros(grad.geometry.sizes) if wanted[0] else None, grad if wanted[1] else None]

    @classmethod
    def savable(cls):
        return ()


def _copy_effect(declared, values):
    """copy_: broadcast and cast into self, recorded by a node of its own (torch/csrc/autograd/VariableTypeManual.cpp)."""
    target, source, _ = values
    floating = target.dtype.category >= dtypes.FLOATING
    requires = floating and wants_grad(declared, values)
    views.check_in_place(target, requires)
    if source.geometry.sizes != target.geometry.sizes:
        from tensorcli.engine.ops.shape import expanded_sizes

        source_shape = source.geometry.expanded(expanded_sizes(source.geometry, target.geometry.sizes))
    else:
        source_shape = source.geometry
    if source is not target:
        effects.check_overlap(target, [source])
    if source.device is META and target.device is not META:
        raise NotImplementedError(messages.META_COPY)
    node = CopyBackwards((gradient_edge(target), gradient_edge(source)), {}) if requires else None
    if events.observer is not None:
        events.observer.writes(target, declared.name, values)
    if target.device is not META and source is not target:
        copy_array(target, source, source_shape)
    target.bump()
    if events.observer is not None:
        events.observer.wrote(target, declared.name, values)
    if node is not None:
        views.rebase_history(target, node)
    return target


def copy_array(target, source, source_shape):
    """Move the elements; where source and target overlap unseen, in memory order, as PyTorch reads while it writes."""
    values = source.values
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
            where[index] = effects.cast(np.asarray(values[index]), target.dtype)
        return
    effects.store_quietly(target, effects.cast(values, target.dtype))


def special(line, effect, **formulas):
    """Declare an operator whose effect is its own: the function below is the effect."""
    def declare(kernel):
        op(line, **formulas)(kernel)
        from tensorcli.engine.op import OPS

        OPS[line.partition("(")[0]].effect = effect
        return kernel

    return declare


@special("copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)", _copy_effect)
def copy_(xp, self, src, non_blocking):
    """Copy src into self: broadcast, cast to self's dtype and device; nothing is shared afterwards."""


@op(
    "fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)",
    node=2,
    self=lambda grad: grad.new_zeros(tuple(grad.shape)),
)
def fill_scalar(xp, self, value):
    """Set all elements to one value."""
    self[...] = value


@op("zero_(Tensor(a!) self) -> Tensor(a!)", self=lambda grad: grad.new_zeros(tuple(grad.shape)))
def zero_(xp, self):
    """Set all elements to zero."""
    self[...] = 0


@op(
    "_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, "
    "bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor",
    variants="function",
    self=lambda grad, self_dtype, self_device: grad.to(self_dtype),
)
def to_copy(xp, self, dtype, layout, device, pin_memory, non_blocking, memory_format):
    """A copy in another dtype or on another device."""
    return Laid(
        effects.cast(self, dtype) if dtype is not None else self, strides_for(laid_like(self), memory_format)
    )


@composite("to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, "
           "MemoryFormat? memory_format=None) -> Tensor(a)", variants="method")
def to_dtype(self, dtype, non_blocking, copy, memory_format):
    """The tensor itself when it has that dtype already, else a copy."""
    if dtype is self.dtype and not copy:
        return self
    from tensorcli.engine.op import OPS

    found = OPS["_to_copy"]
    return found.effect(found, (self, dtype, None, None, None, non_blocking, memory_format))


__all__ = ["Tensor", "composite", "resolve", "special"]

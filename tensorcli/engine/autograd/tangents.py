"""The levels of forward-mode differentiation, and the tangents that tensors have at each.

Nothing is known here of operators. A view's tangent is the same view of its base's. A tangent of an inner level may itself have
one at the levels outside.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tensorcli.engine import events
from tensorcli.engine.autograd.modes import aside, forward, mode, opened, set_as_outside, transforms
from tensorcli.engine.autograd.saved import hooks
from tensorcli.engine.batch.layer import Layer, layers
from tensorcli.engine.callers import functions
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.tensor import Tensor

_ABSENT: Final = object()
"""Stands for the tangent of what has none whatever it is a view of."""


class ForwardLevel:
    """One level: of `dual_level`, or of a `torch.func.jvp` that runs, in which others may."""

    def __init__(self, nests: bool) -> None:
        self.nests = nests
        self.position = len(transforms)
        """How many transforms it runs in."""
        self.depth = len(layers)
        """How many vmaps it runs in."""
        self._duals: list[weakref.ref[Tensor]] = []
        opened.append(self)
        forward.append(self)

    def inside(self, layer: Layer) -> bool:
        """Whether it was opened while a vmap ran."""
        return self.depth > layer.depth

    def close(self) -> None:
        """Forget its tangents. Errors: RuntimeError where it is closed."""
        if self not in opened:
            raise RuntimeError("Dual level must be a positive number.")
        opened.remove(self)
        forward.remove(self)
        for reference in self._duals:
            one = reference()
            if one is not None and one._tangents is not None:
                one._tangents = {k: v for k, v in one._tangents.items() if k is not self} or None
        self._duals.clear()

    # ---- what runs without it

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Run an operator without the tangents of this level and of those inside it, which are computed beside it."""
        with self._without():
            before = aside[:]
            aside[:0] = [self]
            try:
                yield
            finally:
                aside[:] = before

    @contextmanager
    def _without(self) -> Iterator[None]:
        at = forward.index(self) if self in forward else len(forward)
        inner = forward[at:]
        del forward[at:]
        try:
            yield
        finally:
            forward.extend(inner)

    @contextmanager
    def below(self) -> Iterator[None]:
        """Run operators on tangents, as if neither this level nor what runs inside it did: nobody hears of it, and no hook packs
        what they save.
        """
        observer, stack = events.observer, hooks.stack
        grad, inference = mode.grad, mode.inference
        inner, beside = transforms[self.position :], aside[:]
        del transforms[self.position :], aside[:]
        set_as_outside(inner)
        events.observer, hooks.stack = None, []
        if transforms:
            from tensorcli.engine.func.marking import mark

            mark()
        try:
            with self._without():
                yield
        finally:
            transforms.extend(inner)
            aside[:] = beside
            mode.set(grad, inference)
            events.observer, hooks.stack = observer, stack

    # ---- tangents

    def tangent_of(self, tensor: Tensor) -> Tensor | None:
        """The tangent: a tensor's own, or the view of the one of what it is a view of."""
        batch = tensor.batch
        if batch is not None and not self.inside(batch.layer):
            beneath = self.tangent_of(batch.value)
            return None if beneath is None else batch.layer.wrap(beneath, batch.dim)
        found = None if tensor._tangents is None else tensor._tangents.get(self)
        if found is _ABSENT:
            return None
        if found is None and tensor.view_of is not None:
            above = tensor.view_of.above
            there = self.tangent_of(above)
            if there is not None:
                found = self.same_view(tensor, above, there)
                self.give(tensor, found)
        return found

    def dual(self, tensor: Tensor, tangent: Tensor) -> Tensor:
        """A view of a tensor, shape S, with a tangent of shape S. Errors: those of `set_tangent`."""
        found: Tensor = functions.view(tensor, tensor.shape)
        self.set_tangent(found, tangent)
        return found

    def tangent_or_zeros(self, tensor: Tensor) -> Tensor:
        """The tangent, or zeros where there is none."""
        found = self.tangent_of(tensor)
        if found is None:
            with self.below():
                found = functions.zeros_like(tensor)
        return found

    def without_tangent(self, dual: Tensor) -> Tensor:
        """A view of a tensor that has no part in its tangent."""
        with self._without():
            found: Tensor = functions.alias(dual)
        self.give(found, _ABSENT)
        return found

    def seen(self, tangent: Tensor) -> Tensor:
        """A tangent as it is seen where the level runs: in a transform, another handle, which belongs to it."""
        if not self.nests:
            return tangent
        found: Tensor = functions.alias(tangent)
        found.levels = (*tangent.levels, transforms[self.position])
        return found

    def set_tangent(self, tensor: Tensor, tangent: Tensor) -> None:
        """Give a tensor a tangent, laid out as the tensor is.

        Errors: RuntimeError for one of other sizes, or one that has a tangent itself.
        """
        if tangent.geometry.sizes != tensor.geometry.sizes:
            raise other_sizes(tensor.geometry.sizes, tangent)
        if self.tangent_of(tangent) is not None:
            raise RuntimeError(
                "Setting a forward grad that itself has a forward gradient at the same level0 is not supported."
            )
        self.give(tensor, self.laid_out(tensor, tangent))

    def give(self, tensor: Tensor, tangent: Any) -> None:
        """Let a tensor have a tangent until the level is closed."""
        tensor._tangents = {**(tensor._tangents or {}), self: tangent}
        self._duals.append(weakref.ref(tensor))

    def laid_out(self, tensor: Tensor, tangent: Tensor) -> Tensor:
        """The tangent in the geometry of its tensor, so that views of both are the same: a copy where it has another.

        An example of a batch is left as it is, whose geometry is only that of one among others, and what has no elements.
        """
        if (
            tensor.batch is not None
            or tangent.batch is not None
            or not tensor.geometry.numel
            or (
                _same_strides(tangent.geometry, tensor.geometry)
                and tangent.lazy == tensor.lazy
                and tangent.memory.nbytes // tangent.dtype.itemsize
                == tensor.memory.nbytes // tensor.dtype.itemsize
            )
        ):
            return tangent
        with self.below():
            room = zeros_beside(tensor, tangent.dtype)
            room.copy_(tangent)
        return room

    def same_view(self, view: Tensor, source: Tensor, tangent: Tensor) -> Tensor:
        """The view of a tangent that a tensor is of the tangent's tensor."""
        with self.below():
            if view.view_of.retype is not None and source is view.view_of.base:
                return view.view_of.retype(tangent)  # type: ignore[no-any-return]
            shape = view.geometry
            return tangent.as_strided(shape.sizes, shape.strides, shape.offset)  # type: ignore[no-any-return]


@contextmanager
def unheeded() -> Iterator[None]:
    """Run operators without tangents of any level."""
    state = forward[:]
    forward.clear()
    try:
        yield
    finally:
        forward[:] = state


def other_sizes(sizes: tuple[int, ...], tangent: Tensor) -> RuntimeError:
    """A tangent of other sizes than those of the tensor that it is for."""
    return RuntimeError(
        "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
        f"supported. Tensor is of size {list(sizes)} while the given forward gradient is of size {list(tangent.shape)}."
    )


def _same_strides(one: Geometry, other: Geometry) -> bool:
    """Whether both place their elements alike: the stride of a single one says nothing."""
    return one.offset == other.offset and all(
        size == 1 or a == b for size, a, b in zip(one.sizes, one.strides, other.strides, strict=True)
    )


def zeros_beside(tensor: Tensor, kind: Any) -> Tensor:
    """Zeros in the geometry of a tensor, in as large a storage, with its lazy bits."""
    shape = tensor.geometry
    count = tensor.memory.nbytes // tensor.dtype.itemsize
    room = functions.zeros((count,), dtype=kind, device=tensor.device)
    found: Tensor = room.detach()
    found.replace_memory(room.memory, shape, kind)
    found.lazy = tensor.lazy
    return found

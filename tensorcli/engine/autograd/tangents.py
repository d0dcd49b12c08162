"""The tangents of tensors, while a level of forward-mode differentiation is open: a view's is the same view of its base's.

Nothing is known here of levels but that one is open, nor of operators.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tensorcli.engine import events
from tensorcli.engine.autograd.modes import forward
from tensorcli.engine.autograd.saved import hooks
from tensorcli.engine.callers import functions
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.tensor import Tensor

_ABSENT: Final = object()
"""Stands for the tangent of what has none whatever it is a view of."""
_duals: list[weakref.ref[Tensor]] = []
"""What got a tangent in the level that is open."""


def close_level() -> None:
    """Forget all tangents."""
    forward.clear()
    for reference in _duals:
        one = reference()
        if one is not None:
            one._tangent = None
    _duals.clear()


@contextmanager
def unheeded() -> Iterator[None]:
    """Run operators without tangents."""
    state = forward[:]
    forward.clear()
    try:
        yield
    finally:
        forward[:] = state


@contextmanager
def unheard() -> Iterator[None]:
    """Run operators on tangents: nobody hears of it, and no hook packs what they save."""
    observer, events.observer = events.observer, None
    stack, hooks.stack = hooks.stack, []
    try:
        with unheeded():
            yield
    finally:
        events.observer, hooks.stack = observer, stack


def tangent_of(tensor: Any) -> Tensor | None:
    """The tangent: a tensor's own, or the view of the one of what it is a view of."""
    found = tensor._tangent
    if found is _ABSENT:
        return None
    if found is None and forward and tensor.view_of is not None:
        above = above_of(tensor)
        there = tangent_of(above)
        if there is not None:
            found = same_view(tensor, above, there)
            give(tensor, found)
    return found  # type: ignore[no-any-return]


def without_tangent(dual: Tensor) -> Tensor:
    """A view of a tensor that has no part in its tangent."""
    with unheeded():
        found: Tensor = functions.view(dual, dual.shape)
    give(found, _ABSENT)
    return found


def set_tangent(tensor: Tensor, tangent: Tensor) -> None:
    """Give a tensor a tangent, laid out as the tensor is. Errors: RuntimeError for one of other sizes, or with a tangent."""
    if tangent.geometry.sizes != tensor.geometry.sizes:
        raise other_sizes(tensor.geometry.sizes, tangent)
    if tangent_of(tangent) is not None:
        raise RuntimeError(
            "Setting a forward grad that itself has a forward gradient at the same level0 is not supported."
        )
    give(tensor, laid_out(tensor, tangent))


def other_sizes(sizes: tuple[int, ...], tangent: Tensor) -> RuntimeError:
    """A tangent of other sizes than those of the tensor that it is for."""
    return RuntimeError(
        "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
        f"supported. Tensor is of size {list(sizes)} while the given forward gradient is of size {list(tangent.shape)}."
    )


def give(tensor: Tensor, tangent: Any) -> None:
    """Let a tensor have a tangent until the level is closed."""
    tensor._tangent = tangent
    _duals.append(weakref.ref(tensor))


def laid_out(tensor: Tensor, tangent: Tensor) -> Tensor:
    """The tangent in the geometry of its tensor, so that views of both are the same: a copy where it has another."""
    if (
        _same_strides(tangent.geometry, tensor.geometry)
        and tangent.lazy == tensor.lazy
        and tangent.memory.nbytes // tangent.dtype.itemsize == tensor.memory.nbytes // tensor.dtype.itemsize
    ):
        return tangent
    with unheard():
        room = zeros_beside(tensor, tangent.dtype)
        room.copy_(tangent)
    return room


def _same_strides(one: Geometry, other: Geometry) -> bool:
    """Whether both place their elements alike: the stride of a single one says nothing."""
    return one.offset == other.offset and all(
        size == 1 or a == b for size, a, b in zip(one.sizes, one.strides, other.strides, strict=True)
    )


def zeros_beside(tensor: Tensor, kind: Any) -> Tensor:
    """Zeros in the geometry of a tensor, in as large a storage."""
    shape = tensor.geometry
    count = tensor.memory.nbytes // tensor.dtype.itemsize
    room = functions.zeros((count,), dtype=kind, device=tensor.device)
    found: Tensor = room.detach()
    found.replace_memory(room.memory, shape, kind)
    return found


def above_of(view: Tensor) -> Tensor:
    """What a view is a view of."""
    parent: Tensor | None = view.view_of.parent
    return view.view_of.base if parent is None else parent


def same_view(view: Tensor, source: Tensor, tangent: Tensor) -> Tensor:
    """The view of a tangent that a tensor is of the tangent's tensor."""
    with unheard():
        if view.view_of.retype is not None and source is view.view_of.base:
            return view.view_of.retype(tangent)  # type: ignore[no-any-return]
        shape = view.geometry
        return tangent.as_strided(shape.sizes, shape.strides, shape.offset)  # type: ignore[no-any-return]

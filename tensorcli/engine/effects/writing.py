"""Writes: in-place twins, operators that write self, handles that move; overlap checks before, history after."""

from collections.abc import Callable, Sequence
from operator import add, mul
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes, events, geometry, messages
from tensorcli.engine.allocation import check_bytes
from tensorcli.engine.autograd import views
from tensorcli.engine.autograd.recording import make_node, original_of, save_first, save_outputs, wants_grad
from tensorcli.engine.conversion import cast
from tensorcli.engine.devices import META, Device
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.effects.arrays import (
    as_array,
    check_castable,
    check_output_shape,
    device_of,
    run_kernel,
)
from tensorcli.engine.effects.elementwise import compute, promoted_dtype
from tensorcli.engine.effects.fresh import Laid, arrays_of
from tensorcli.engine.effects.smearing import smeared
from tensorcli.engine.effects.viewing import Viewed
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.storage import Storage
from tensorcli.engine.tensor import Tensor, negated, stored_tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


def write_twin(op: "Op", values: tuple[Any, ...]) -> Tensor:
    """The in-place twin of a fresh operator: compute, check, write into self, bump, record."""
    origin = op.twin_of
    assert origin is not None
    target: Tensor = values[0]
    requires = wants_grad(op, values)
    views.check_in_place(target, requires)
    try:
        array = _values_to_write(op, origin, target, values)
    except Exception:
        save_first(op, values, target)
        raise
    node = None
    if requires:
        original = None
        if any("self" in g.names for g in op.gradients):
            original = original_of(target)
        node = make_node(op, values, original)
    store(op, target, values, array)
    return _written(op, target, node)


def _values_to_write(op: "Op", origin: "Op", target: Tensor, values: tuple[Any, ...]) -> Any:
    """What the twin writes. Errors: what PyTorch's kernel refuses."""
    if op.check is not None:
        op.check(*values)
    if origin.rule is not None:
        # PyTorch's element-wise loops look at memory first, then at shapes, then at dtypes.
        masking = op.base == "masked_fill_" and target.device is not META
        if masking and geometry.has_internal_overlap(target.geometry):
            messages.warn(messages.EXPANDED_MASKED_FILL)
        elif op.base not in _IDEMPOTENT:
            # The value that fills is read as a number before anything is written.
            check_overlap(target, [values[i] for i in (op.tensors[1:2] if masking else op.tensors[1:])])
        array, kind, device = _computed_for(origin, values, target)
        if device is not target.device:
            raise messages.different_devices(device, target.device)
        warn_of_truth(origin, values, target)
    else:
        device = device_of(op, values)
        if "dtype" in op.names:
            # Scans compute in the dtype of what they write.
            if values[-1] is not None and values[-1] is not target.dtype:
                raise messages.output_dtype(target.dtype.cpp_name, values[-1].cpp_name)
            values = (*values[:-1], target.dtype)
        arguments, reduced = arrays_of(origin, values)
        answer = run_kernel(origin, arguments, device, reduced)
        array = as_array(answer.array if type(answer) is Laid else answer, device)
        if (
            origin.base in _SCANS
            and target.device is not META
            and isinstance(target.array, np.ndarray)
            and target.geometry.numel > target.geometry.span
        ):
            array = _smeared_scan(_SCANS[origin.base], target, values[1])
        kind = reduced if reduced is not None else dtypes.from_numpy_dtype(array.dtype)
    if op.base == "addbmm_" and target.geometry.sizes != array.shape:
        # PyTorch writes what self is broadcast to, and gives self its size for that.
        resize(target, geometry.contiguous(array.shape))
    check_castable(kind, target)
    check_output_shape(target, array.shape)
    if origin.rule is None:
        check_overlap(target, [values[i] for i in op.tensors[1:]])
    return array


def warn_of_truth(op: "Op", values: Sequence[Any], target: Tensor) -> None:
    """Warn of truth values about two complex operands that are not written as such: PyTorch makes numbers of the operands' dtype
    of them, and of those the target's.
    """
    of_two = op.rule in (dtypes.COMPARE, dtypes.LOGICAL) and len(op.operands) == 2
    if of_two and target.geometry.numel and target.device is not META:
        messages.warn_discards(promoted_dtype(op, values), target.dtype)


# What writes the same when it is done again, so that PyTorch lets it write into memory that overlaps itself.
_IDEMPOTENT: Final = frozenset({"threshold_"})
_SCANS: Final[dict[str, tuple[Callable[[Any, Any], Any], int]]] = {"cumsum": (add, 0), "cumprod": (mul, 1)}
"""What a scan makes of its total and the next element, and the total that it starts from."""


def _smeared_scan(scan: tuple[Callable[[Any, Any], Any], int], target: Tensor, dim: int) -> Any:
    """A scan over memory that overlaps itself: line by line, each element read when those before it have been written."""
    step, start = scan
    scratch = Storage(target.memory.bytes.copy(), target.device)
    array = stored_tensor(scratch, target.geometry, target.dtype).array
    lines = np.moveaxis(array, dim, -1)
    wide = {"f": np.float64, "F": np.complex128}.get(array.dtype.char, array.dtype)
    for at in np.ndindex(lines.shape[:-1]):
        line, total = lines[at], np.asarray(start, wide)[()]
        for i in range(len(line)):
            total = step(total, line[i].astype(wide))
            line[i] = total
    return array.copy()


def _computed_for(origin: "Op", values: Sequence[Any], target: Tensor) -> tuple[Any, dtype, Device]:
    if _smears(origin, values, target):
        return smeared(origin, values, target)
    array, kind, _, device = compute(origin, values, target)
    return array, kind, device


def _smears(origin: "Op", values: Sequence[Any], target: Tensor) -> bool:
    """Whether the target overlaps itself or an input in a way that PyTorch does not refuse: it reads while it writes.

    On a card that has no order, so that none is kept.
    """
    if target.device is META or not isinstance(target.array, np.ndarray):
        return False
    if target.geometry.numel > target.geometry.span:
        return True
    for i in origin.tensors[1:]:
        other = values[i]
        if not isinstance(other, Tensor) or other is target or other._storage is None:
            continue
        if other._storage is target._storage and overlap_of(target, other) == "unknown":
            return bool(np.may_share_memory(target.array, other.array))
    return False


def overlap_of(a: Tensor, b: Tensor) -> str:
    """How the memory of two tensors overlaps: "no", "full", "partial", or "unknown", where PyTorch does not look further."""
    if a._storage is None or a._storage is not b._storage:
        return "no"
    if a.dtype.itemsize != b.dtype.itemsize:
        return geometry.overlap_in_bytes(a.geometry, a.dtype.itemsize, b.geometry, b.dtype.itemsize)
    return geometry.overlap(a.geometry, b.geometry)


def check_overlap(target: Tensor, others: Sequence[Any]) -> None:
    """Refuse the overlaps that PyTorch sees. Errors: RuntimeError with PyTorch's texts."""
    if target.device is META:
        return  # There is no memory.
    if geometry.has_internal_overlap(target.geometry):
        raise RuntimeError(messages.INTERNAL_OVERLAP)
    for other in others:
        if isinstance(other, Tensor) and other is not target and overlap_of(target, other) == "partial":
            raise RuntimeError(messages.PARTIAL_OVERLAP)


def store(op: "Op", target: Tensor, values: tuple[Any, ...], array: Any, writes: int = 1) -> None:
    """Write an array into a tensor's memory and count the write, or as many as PyTorch counts."""
    if events.observer is not None:
        events.observer.writes(target, op.name, values)
    if target.device is not META:
        store_quietly(target, array)
    for _ in range(writes):
        target.bump()
    if events.observer is not None:
        events.observer.wrote(target, op.name, values)


def _written(op: "Op", target: Tensor, node: Any) -> Tensor:
    """Record an in-place write that was done: history first, then the results that the node saves."""
    if node is not None:
        views.rebase_history(target, node)
        names = {name for g in op.gradients for name in g.names}
        if "result" in names or any(name in names for name in op.returns) or any("_" in n for n in names):
            save_outputs(op, node, (target,))
    return target


def write(op: "Op", values: tuple[Any, ...]) -> Any:
    """An operator whose schema writes self: the kernel writes into self's array."""
    target: Tensor = values[0]
    requires = wants_grad(op, values)
    views.check_in_place(target, requires)
    try:
        if op.check is not None:
            op.check(*values)
        device = device_of(op, values)
    except Exception:
        save_first(op, values, target)
        raise
    node = None
    if requires:
        original = original_of(target) if any("self" in g.names for g in op.gradients) else None
        node = make_node(op, values, original)
    if events.observer is not None:
        events.observer.writes(target, op.name, values)
    if device is not META:
        arguments, _ = arrays_of(op, values)
        whole = target.values
        arguments[0] = whole
        run_kernel(op, arguments, device)
        if target.lazy:
            store_quietly(target, whole)
    target.bump()
    if events.observer is not None:
        events.observer.wrote(target, op.name, values)
    return _written(op, target, node)


def store_quietly(target: Tensor, array: Any) -> None:
    """Put values into a tensor's memory, undoing its lazy bits; no counting, no events."""
    array = cast(array, target.dtype)
    if target.lazy:
        if target.lazy & 2:
            array = negated(array, target.dtype)
        if target.lazy & 1:
            array = array.conj()
    target.array[...] = as_array(array, target.device)


def restride(op: "Op", values: tuple[Any, ...]) -> Tensor:
    """The in-place twin of a view (`t_`, `squeeze_`): moves this handle to another geometry and counts as a write."""
    origin = op.twin_of
    assert origin is not None
    target: Tensor = values[0]
    requires = wants_grad(op, values)
    views.check_in_place(target, requires)
    if op.retypes:
        whole = Viewed(target.geometry, target.dtype, target.lazy, target.memory.nbytes)
        shape = op.kernel(whole, *values[1:]).geometry
    else:
        shape = op.kernel(target.geometry, *values[1:])
    node = make_node(op, values) if requires else None
    move(op, target, values, target.memory, shape)
    if node is not None:
        views.restrided(target, node)
    return target


def move(op: "Op", target: Tensor, values: tuple[Any, ...], storage: Storage, shape: Geometry) -> None:
    """Give a handle other memory or another geometry, and count it."""
    if events.observer is not None:
        events.observer.writes(target, op.name, values)
    target.replace_memory(storage, shape)
    target.bump()
    if events.observer is not None:
        events.observer.wrote(target, op.name, values)


def resize(target: Tensor, shape: Geometry) -> None:
    """Give a tensor another geometry over its storage, growing the storage when it must. The version is untouched."""
    shape = Geometry(shape.sizes, shape.strides, target.geometry.offset)
    needed = (shape.offset + shape.span) * target.dtype.itemsize if shape.numel else 0
    storage = target.memory
    if needed > storage.nbytes:
        check_bytes(needed, shape.sizes, target.dtype, target.device)
        # PyTorch sets the sizes first: they stay where the storage then cannot grow.
        target.replace_memory(storage, shape)
        storage.resize(needed)
    target.replace_memory(storage, shape)


def keeps_sizes(op: "Op", target: Tensor, result: Geometry) -> bool:
    """Whether an `out=` keeps its sizes: what is filled with a range and holds as many elements."""
    return op.base in _RANGES and target.geometry.numel == result.numel


_RANGES = ("arange", "range", "linspace", "logspace")


def size_out(target: Tensor, result: Geometry) -> None:
    """Give an `out=` tensor the size of the result, with PyTorch's warning."""
    sizes = result.sizes
    if target.geometry.sizes != sizes:
        if target.geometry.numel:
            messages.warn(messages.output_resized(target.geometry.sizes, sizes))
        resize(target, Geometry(sizes, result.strides))

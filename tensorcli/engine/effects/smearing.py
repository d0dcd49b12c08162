"""Element-wise writes into memory that they are still reading from: in PyTorch's order, some elements at once.

PyTorch goes through the target as it lies in memory. What of a run fills its registers is read before any of it is written,
and a value that stands still along a run is read once for all of that; the rest of the run goes one by one
(aten/src/ATen/native/cpu/Loops.h, vectorized_loop2d).
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes, geometry
from tensorcli.engine.conversion import cast
from tensorcli.engine.devices import Device
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.effects.arrays import broadcast_sizes, check_output_shape
from tensorcli.engine.effects.elementwise import compute, promoted_dtype
from tensorcli.engine.storage import Storage
from tensorcli.engine.tensor import Tensor, fresh_tensor, stored_tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

_ONE_BY_ONE: Final = frozenset(
    "remainder fmod floor_divide pow maximum minimum gcd lcm heaviside nextafter logical_and logical_or logical_xor".split()
)
"""What PyTorch does not compute in registers for integers."""


def smeared(origin: "Op", values: Sequence[Any], target: Tensor) -> tuple[Any, dtype, Device]:
    """What the target holds afterwards, computed on a scratch copy of its storage."""
    scratch = Storage(target.memory.bytes.copy(), target.device)
    inputs = list(values)
    for i in origin.tensors:
        value = values[i]
        if isinstance(value, Tensor) and value._storage is target._storage:
            inputs[i] = stored_tensor(scratch, value.geometry, value.dtype, value.lazy)
    tensors = [i for i in origin.tensors if isinstance(inputs[i], Tensor)]
    sizes = broadcast_sizes([inputs[i].geometry.sizes for i in tensors])
    check_output_shape(target, sizes)
    where = inputs[0].array
    spread = {i: np.broadcast_to(inputs[i].array, sizes) for i in tensors}
    rule = origin.rule(*values) if callable(origin.rule) else origin.rule
    kind = dtypes.apply_rule(rule, promoted_dtype(origin, values))[1]
    in_registers = all(inputs[i].dtype is target.dtype for i in tensors) and (
        target.dtype.is_floating_point or origin.base not in _ONE_BY_ONE
    )
    for place, still in steps(where, [spread[i] for i in tensors], in_registers):
        one = list(inputs)
        for i, kept in zip(tensors, still, strict=True):
            found = np.array(spread[i][place]) if kept is None else np.full(len(place[0]), kept)
            one[i] = fresh_tensor(found, geometry.contiguous(found.shape), inputs[i].dtype)
        where[place] = cast(np.asarray(compute(origin, one)[0]), target.dtype)
    return where.copy(), kind, target.device


def steps(where: Any, spread: list[Any], in_registers: bool) -> Iterator[tuple[Any, list[Any]]]:
    """The places of each step of a loop that writes `where`, and of each input the value that was read before, where it was."""
    from tensorcli.engine.ops import _registers

    if not where.ndim:
        yield (), [None] * len(spread)
        return
    shape, order, run, whole = _registers.runs([where, *spread])
    step = _registers.STEP * 4 // where.itemsize
    along = np.unravel_index(np.arange(where.size), [shape[d] for d in order])
    index = [along[order.index(d)] for d in range(where.ndim)]
    for start in range(0, where.size, run):
        first = tuple(axis[start] for axis in index)
        kept = [
            one[first].copy() if whole and _stands_still(one, index, start, run) else None for one in spread
        ]
        begin = start
        while begin < start + run:
            together = in_registers and begin - start < whole
            end = begin + (step if together else 1)
            yield tuple(axis[begin:end] for axis in index), kept if together else [None] * len(spread)
            begin = end


def _stands_still(array: Any, index: list[Any], start: int, run: int) -> bool:
    """Whether an array has one element for the whole of a run."""
    last = start + run - 1
    return run > 1 and all(
        step == 0 or axis[start] == axis[last] for step, axis in zip(array.strides, index, strict=True)
    )

"""Element-wise operators: promotion, broadcasting, and the strides of PyTorch's TensorIterator."""

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes, events, geometry, messages
from tensorcli.engine.allocation import adopt, check_bytes
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.recording import (
    check_differentiable,
    make_node,
    save_first,
    save_outputs,
    set_history,
    wants_grad,
)
from tensorcli.engine.conversion import as_number, cast
from tensorcli.engine.devices import CPU, META, Device
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.effects.arrays import (
    as_array,
    broadcast_sizes,
    check_castable,
    check_output_shape,
    device_of,
    ndarray,
    run_kernel,
)
from tensorcli.engine.effects.inner import counted
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


_WRAPPING: Final = frozenset(
    "rsub remainder fmod copysign xlogy bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift".split()
)
"""Operators whose overload for a number makes a tensor of it, as comparisons do; to the others it is a parameter."""


_MADE_LIKE: Final[dict[str, Callable[[dtype], bool]]] = {
    **dict.fromkeys("nan_to_num deg2rad rad2deg _conj_physical".split(), lambda kind: True),
    "isreal": lambda kind: not kind.is_complex,
    **dict.fromkeys(("isinf", "isfinite"), lambda kind: kind.category < dtypes.FLOATING),
    "abs": lambda kind: kind.is_complex,
}
"""Operators that PyTorch lets write into an `empty_like` of their input, and for which dtypes: the result keeps its strides
even where there are no elements, and those of dimensions of size 1."""


_SECOND_FIRST: Final = frozenset("rsub threshold_backward leaky_relu_backward".split())
"""Operators that give PyTorch's iterator their second input before the first: where both orders of the dimensions fit, the
result has that of the second."""


_KEEPING: Final = frozenset("mul div floor_divide".split())
"""Operators whose kernels read a second operand that is one number in float32, where the others round it to the reduced dtype
that they compute in first, as all do complex32 and what has another one (aten/src/ATen/native/cpu/BinaryOpsKernel.cpp).
"""


def _is_kept(op: "Op", place: int, value: Any, narrow: dtype) -> bool:
    return (
        place == 1
        and not narrow.is_complex
        and op.base.strip("_") in _KEEPING
        and not (isinstance(value, Tensor) and value.geometry.sizes)
    )


def promoted_dtype(op: "Op", values: Sequence[Any]) -> dtype:
    """The dtype that the operands of an element-wise operator promote to, by its rule (dtypes.py)."""
    if op.rule == dtypes.SELF:
        return values[op.operands[0]]._dtype  # type: ignore[no-any-return]
    dimensioned: list[dtype] = []
    zero_dimensional: list[dtype] = []
    numbers: list[dtype] = []
    for i in op.operands:
        value = values[i]
        for one in value if type(value) in (list, tuple) else (value,):
            if isinstance(one, Tensor):
                if one.wrapped:
                    numbers.append(_of_wrapped(one._dtype))
                else:
                    (dimensioned if one.geometry.sizes else zero_dimensional).append(one._dtype)
            elif one is not None:
                numbers.append(dtypes.of_operand(one))
    return dtypes.result_type(tuple(dimensioned), tuple(zero_dimensional), tuple(numbers))


def _of_wrapped(kind: dtype) -> dtype:
    """What a wrapped number counts as: its double precision is for its value, not for promotion."""
    if kind.category == dtypes.FLOATING:
        return dtypes.default.floating
    return dtypes.default.complex if kind.is_complex else kind


def pointwise(op: "Op", values: tuple[Any, ...]) -> Any:
    """Element by element, with promotion and broadcasting."""
    try:
        if op.check is not None:
            op.check(*values)
        array, kind, strides, device = compute(op, values)
    except Exception:
        save_first(op, values)
        raise
    if op.base in _MADE_LIKE and _MADE_LIKE[op.base](values[0].dtype):
        strides = geometry.preserved_strides(values[0].geometry)
    row_major = op.row_major(*values) if callable(op.row_major) else op.row_major
    result = adopt(array, kind, device, None if row_major else strides)
    return recorded(op, values, result)


def recorded(op: "Op", values: tuple[Any, ...], result: Tensor) -> Tensor:
    """Give a single fresh result its history, and tell who listens."""
    if op.inner_writes:
        counted(op, values, (result,))
    if mode.enabled:
        if result._dtype.category < dtypes.FLOATING:
            check_differentiable(op, values, (result._dtype,))
        elif wants_grad(op, values):
            node = make_node(op, values)
            set_history(node, (result,))
            save_outputs(op, node, (result,))
    elif mode.inference:
        result.inference = True
    if events.observer is not None:
        events.observer.made(result, op.name, values)
    return result


def compute(
    op: "Op", values: Sequence[Any], target: Tensor | None = None
) -> tuple[Any, dtype, tuple[int, ...], Device]:
    """The general element-wise computation: (array, result dtype, strides, device). `target` must be able to hold it."""
    device = device_of(op, values)
    rule = op.rule(*values) if callable(op.rule) else op.rule
    computed, kind = dtypes.apply_rule(rule, promoted_dtype(op, values))
    stepwise = computed.reduced and computed in op.steps_in(values)
    working = computed if stepwise or rule == dtypes.EXACT else computed.computes_as
    arguments = list(values)
    narrow = computed if computed.reduced and working is not computed else None
    operands: list[Geometry] = []
    numbers = False
    for i in op.tensors if op.operands == op.tensors else sorted({*op.tensors, *op.operands}):
        value = values[i]
        if isinstance(value, Tensor):
            shape = value.geometry
            if i in op.operands and value.dtype is not computed:
                # PyTorch looks at the copy that it makes of another dtype: an expanded tensor is written out there.
                shape = Geometry(shape.sizes, geometry.preserved_strides(shape), 0)
            operands.append(shape)
            array = value.values
            if i not in op.operands:
                arguments[i] = array
                continue
            if narrow is not None and array.dtype != narrow.np and not _is_kept(op, i, value, narrow):
                array = cast(array, narrow)
            if value.wrapped:
                arguments[i] = as_number(array.item(), working)
            else:
                arguments[i] = array if array.dtype == working.np else cast(array, working)
        elif value is not None:
            if narrow is not None and not _is_kept(op, i, value, narrow):
                value = as_number(value, narrow).item()
            arguments[i] = as_number(value, working)
            numbers = numbers or i in op.tensors or rule == dtypes.COMPARE or op.base in _WRAPPING
    if op.base in _SECOND_FIRST:
        operands.reverse()
    elif op.base == "ldexp":
        # PyTorch multiplies by powers of two, which it lays out row by row.
        operands[1:] = [geometry.contiguous(shape.sizes) for shape in operands[1:]]
    sizes = broadcast_sizes([g.sizes for g in operands]) if operands else ()
    if numbers and sizes:
        operands.append(geometry.contiguous(()))  # of other sizes: PyTorch does not take its short cut
    if target is not None:
        check_output_shape(target, sizes)
        check_castable(kind, target)
    check_bytes(prod(sizes) * kind.itemsize, sizes, kind, device)
    if op.compiled_for is not None and computed not in op.compiled_for[1] and device is not META:
        raise messages.not_implemented(op.compiled_for[0], computed.scalar_type)
    try:
        array = run_kernel(op, arguments, device, narrow)
    except NotImplementedError:
        if device is META:
            # There is no kernel to call, nor one to miss.
            return (
                np.broadcast_to(np.zeros((), kind.np), sizes),
                kind,
                geometry.elementwise_strides(sizes, operands),
                META,
            )
        raise
    if type(array) is not ndarray or device is not CPU:
        array = as_array(array, device)
    if array.dtype != kind.np:
        array = cast(array, kind)
    return array, kind, geometry.elementwise_strides(array.shape, operands), device

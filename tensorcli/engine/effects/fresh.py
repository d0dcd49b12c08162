"""Fresh results of any shape: the kernel decides sizes and dtype."""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.engine import dtypes, events, messages
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
from tensorcli.engine.conversion import cast
from tensorcli.engine.devices import CPU, META, Device
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.effects.arrays import (
    as_array,
    check_castable,
    device_of,
    ndarray,
    run_kernel,
    tensors_of,
)
from tensorcli.engine.effects.elementwise import promoted_dtype
from tensorcli.engine.effects.inner import counted
from tensorcli.engine.geometry import channels_last_strides, suggests_channels_last
from tensorcli.engine.storage import converted
from tensorcli.engine.tensor import CONJ, Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


def arrays_of(op: "Op", values: Sequence[Any], widen: bool = True) -> tuple[list[Any], dtype | None]:
    """The values with tensors as arrays, reduced dtypes widened to float32; and the reduced dtype to round the result to, if
    any.

    Where a reduced dtype meets another floating one the arrays stay as they are: most kernels refuse that, and the few that
    take it say what comes out.
    """
    if op.rule == dtypes.COMMON:
        return _common_arrays(op, values)
    arguments = list(values)
    kinds: set[dtype] = set()
    for i in op.tensors:
        value = values[i]
        if isinstance(value, Tensor):
            arguments[i] = value.values
            kinds.add(value.dtype)
        elif type(value) in (list, tuple):
            arguments[i] = [one.values if isinstance(one, Tensor) else one for one in value]
            kinds.update(one.dtype for one in value if isinstance(one, Tensor))
    reduced = next((kind for kind in kinds if kind.reduced), None)
    if (
        not widen
        or reduced is None
        or reduced in op.steps_in(values)
        or sum(kind.category >= dtypes.FLOATING for kind in kinds) > 1
    ):
        return arguments, None
    for i in op.tensors:
        arguments[i] = _widened(arguments[i], reduced)
    return arguments, reduced


def _widened(argument: Any, reduced: dtype) -> Any:
    if type(argument) is list:
        return [_widened(one, reduced) for one in argument]
    is_reduced = argument is not None and getattr(argument, "dtype", None) == reduced.np
    return converted(argument, reduced.computes_as.np) if is_reduced else argument


def _common_arrays(op: "Op", values: Sequence[Any]) -> tuple[list[Any], dtype | None]:
    """The values with tensors as arrays of the dtype that they promote to."""
    arguments = list(values)
    common = promoted_dtype(op, values)
    working = common if common in op.steps_in(values) else common.computes_as
    for i in op.tensors:
        value = values[i]
        if isinstance(value, Tensor):
            arguments[i] = cast(value.values, working) if i in op.operands else value.values
        elif isinstance(value, (list, tuple)):
            arguments[i] = [cast(one.values, working) for one in value]
    return arguments, common if common.reduced and working is not common else None


def fresh(op: "Op", values: tuple[Any, ...]) -> Any:
    """New results of any shape: the kernel decides sizes and dtype, row-major unless it returns a Laid."""
    try:
        if op.check is not None:
            op.check(*values)
        device = device_of(op, values)
        answer, reduced = _computed(op, values, device)
    except Exception:
        save_first(op, values)
        raise
    if op.base in (ON_META if device is META else SUGGESTED) and any(
        _suggests(op.base, each) for each in values[:2]
    ):
        answer = _in_channels_last(answer)
    if type(answer) is tuple:
        results: tuple[Any, ...] = tuple(_settle(a, reduced, device) for a in answer)
    elif type(answer) is list:
        results = tuple(_settle(a, reduced, device) for a in answer)
    else:
        results = (_settle(answer, reduced, device),)
    if op.inner_writes:
        counted(op, values, results)
    if mode.enabled:
        kinds = [result.dtype for result in results if result is not None]
        if not any(kind.category >= dtypes.FLOATING for kind in kinds):
            check_differentiable(op, values, kinds)
        elif wants_grad(op, values):
            node = make_node(op, values)
            set_history(node, results)
            save_outputs(op, node, results)
    elif mode.inference:
        for result in results:
            if result is not None:
                result.inference = True
    if events.observer is not None:
        for result in results:
            if result is not None:
                events.observer.made(result, op.name, values)
    if type(answer) is tuple:
        return named(op, results)
    return list(results) if type(answer) is list else results[0]


def _computed(op: "Op", values: tuple[Any, ...], device: Device) -> tuple[Any, dtype | None]:
    """What the kernel answers, and the reduced dtype to round it to."""
    arguments, reduced = arrays_of(op, values)
    if op.compiled_for is not None or op.alike:
        _refuse_dtypes(op, values, arguments, device, reduced)
    if "dtype" in op.names and (asked := values[op.names.index("dtype")]) is not None:
        # The kernel computes in asked.computes_as; the result rounds to what was asked for, not to the input's dtype.
        reduced = asked if asked.reduced else None
        if asked.category < dtypes.FLOATING and wants_grad(op, values):
            run_kernel(op, arguments, device)  # What the kernel refuses comes first.
            raise messages.no_gradient_of(asked.scalar_type)
    if op.into_self:
        check_castable(promoted_dtype(op, values), values[0])
    answer = _answer(op, values, arguments, device, reduced)
    if op.into_self:
        answer = _as_dtype(answer, values[0].dtype, device)
        reduced = None
    return answer, reduced


def _answer(
    op: "Op", values: Sequence[Any], arguments: Sequence[Any], device: Device, reduced: dtype | None
) -> Any:
    """What the kernel answers. Its complaint about widened arrays beside others is made of the arrays as they are, whose dtypes
    it names.
    """
    try:
        return run_kernel(op, arguments, device, reduced)
    except RuntimeError:
        if reduced is not None and len({one.dtype for one in tensors_of(op, values)}) > 1:
            run_kernel(op, arrays_of(op, values, widen=False)[0], device)
        raise


def _refuse_dtypes(
    op: "Op", values: Sequence[Any], arguments: Sequence[Any], device: Device, reduced: dtype | None
) -> None:
    """Refuse a dtype that PyTorch's kernel is not compiled for, or two that it reads as one: after the kernel's complaints of
    sizes, which PyTorch checks first. Errors: NotImplementedError, RuntimeError.
    """
    from tensorcli.engine.effects.dispatch import is_refused

    tensor = next(tensors_of(op, values))
    first = tensor.dtype
    others = (values[op.names.index(name)] for name in op.alike)
    other = next((one.dtype for one in others if one is not None and one.dtype is not first), None)
    if op.compiled_for is not None and is_refused(op, first, tensor.geometry.numel):
        refusal: Exception = messages.not_implemented(op.compiled_for[0], first.scalar_type)
    elif other is not None:
        refusal = messages.expected_scalar_type(first.scalar_type, other.scalar_type)
    else:
        return
    with contextlib.suppress(
        TypeError, ValueError
    ):  # numpy's, of an operation that it does not have on this dtype
        _answer(op, values, arguments, device, reduced)
    raise refusal


_IMAGES = (
    "convolution max_pool2d_with_indices max_pool3d_with_indices avg_pool2d _adaptive_avg_pool2d adaptive_max_pool2d "
    "native_group_norm upsample_nearest2d upsample_nearest3d _upsample_nearest_exact2d _upsample_nearest_exact3d "
    "upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d reflection_pad2d reflection_pad3d replication_pad2d "
    "replication_pad3d constant_pad_nd pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle glu "
    "max_unpool2d".split()
)
CONTIGUOUS_FIRST = frozenset(("native_batch_norm",))
"""Of the operators below those that leave alone an image that can be taken for a contiguous one as well."""
_GRADIENTS = {f"{name}_backward" for name in _IMAGES}.difference(
    f"{name}_backward"
    for name in "constant_pad_nd pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle max_unpool2d".split()
)
"""What their gradients are made by, of those whose gradients are not made of other operators."""
SUGGESTED = CONTIGUOUS_FIRST.union(_IMAGES, _GRADIENTS)
"""The operators whose results take the memory format that the images given to them suggest."""


ON_META = SUGGESTED.difference(
    "reflection_pad2d replication_pad2d channel_shuffle native_channel_shuffle".split()
)
"""Those of them that do so on meta."""


def _suggests(base: str, value: Any) -> bool:
    return (
        isinstance(value, Tensor)
        and suggests_channels_last(value.geometry)
        and not (base in CONTIGUOUS_FIRST and value.geometry.contiguous)
    )


def _in_channels_last(answer: Any) -> Any:
    if isinstance(answer, tuple | list):
        return type(answer)(map(_in_channels_last, answer))
    if type(answer) is Laid or getattr(answer, "ndim", 0) not in (4, 5):
        return answer
    return Laid(answer, channels_last_strides(answer.shape))


def _as_dtype(answer: Any, kind: dtype, device: Device) -> Any:
    if type(answer) is Laid:
        return Laid(_as_dtype(answer.array, kind, device), answer.strides, answer.elements)
    return cast(as_array(answer, device), kind)


class Laid:
    """A kernel's answer whose strides are to be other than row-major, whose memory holds more elements than it has (PyTorch then
    computed more, of which the result is a part), or whose memory holds its conjugate, with the bit for that.
    """

    __slots__ = ("array", "conjugated", "elements", "strides")

    def __init__(
        self, array: Any, strides: tuple[int, ...] | None, elements: int = 0, conjugated: bool = False
    ) -> None:
        self.array = array
        self.strides = strides
        self.elements = elements
        self.conjugated = conjugated


def _settle(answer: Any, reduced: dtype | None, device: Device) -> Tensor | None:
    if answer is None:
        return None
    strides = None
    elements = 0
    conjugated = False
    if type(answer) is Laid:
        conjugated = answer.conjugated
        strides = answer.strides
        # On meta PyTorch makes what it returns and nothing more.
        elements = 0 if device is META else answer.elements
        answer = answer.array
    if type(answer) is not ndarray or device is not CPU:
        answer = as_array(answer, device)
    kind = dtypes.from_numpy_dtype(answer.dtype)
    if reduced is not None:
        if kind is reduced.computes_as:
            kind = reduced
        elif kind is reduced.to_real().computes_as:
            kind = reduced.to_real()
    check_bytes(answer.nbytes, answer.shape, kind, device)
    result = adopt(answer.conj() if conjugated else answer, kind, device, strides, elements)
    if conjugated:
        result.lazy = CONJ
    return result


_named: dict[str, Any] = {}


def named(op: "Op", results: tuple[Any, ...], ending: str = "") -> Any:
    """Several results as PyTorch's named tuple (`torch.return_types.max`), or a plain tuple where they have no names."""
    if not op.schema.returns[0].name or op.schema.returns[0].type.is_list:
        return results
    name = op.base + ending
    found = _named.get(name)
    if found is None:
        from tensorcli.engine.return_types import return_type

        found = _named[name] = return_type(name, op.returns)
    return found(results)


def split_extras(op: "Op", values: tuple[Any, ...]) -> tuple[tuple[Any, ...], Any, Any]:
    """The schema's values, `out` and `requires_grad`: the binder appends the two that no schema has."""
    extras = values[op.arity :]
    if len(extras) == 2:
        return values[: op.arity], extras[0], extras[1]
    if not extras:
        return values, None, None
    # Only factories take requires_grad, and those are the operators that take a device.
    return (
        (values[: op.arity], None, extras[0])
        if "device" in op.names
        else (values[: op.arity], extras[0], None)
    )

"""What runs an operator on bound values: its effect, compiled for it where that pays."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcli.engine import dtypes, events
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.recording import make_node, save_outputs, set_history
from tensorcli.engine.devices import CPU, META
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.effects.arrays import ndarray
from tensorcli.engine.effects.composing import compose
from tensorcli.engine.effects.elementwise import pointwise, recorded
from tensorcli.engine.effects.fresh import fresh
from tensorcli.engine.effects.inner import COMPOSED
from tensorcli.engine.effects.outward import into_out
from tensorcli.engine.formats import strided
from tensorcli.engine.geometry import Geometry
from tensorcli.engine.tensor import Tensor, wrapped_number

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


def compiled(op: "Op") -> Any:
    """What runs an operator on bound values."""
    found = _compiled(op)
    return _strided_only(op, found) if "layout" in op.names else found


def _strided_only(op: "Op", run: Any) -> Any:
    at = op.names.index("layout")

    def asked(values: tuple[Any, ...]) -> Any:
        if values[at] is not None and values[at] is not strided:
            raise NotImplementedError(
                f"{op.base}: layout={values[at]} asks for a sparse tensor, and all tensors here are strided"
            )
        return run(values)

    return asked


def _compiled(op: "Op") -> Any:
    """What runs it, whatever layout is asked for.

    For element-wise operators on one or two tensors a closure that first tries the common case: the same dtype, the very
    same row-major geometry, on the CPU. There numpy's own result needs no correction, and an operation costs a
    microsecond and a half instead of five.
    """
    effect = op.effect
    count = sum(1 for argument in op.schema.arguments if argument.type.is_tensor)
    if (
        effect is not pointwise or count not in (1, 2) or op.tensors != tuple(range(count)) or callable(op.rule)
        or op.tensors != op.operands[:count]
    ):  # fmt: skip
        if effect not in (pointwise, fresh, compose):
            return lambda values: effect(op, values)
        count = op.arity
        # More values than the schema has arguments: `out=` or `requires_grad=`.
        return lambda values: effect(op, values) if len(values) == count else into_out(op, values)
    kernel, arity, check, new = op.kernel, op.arity, op.check, object.__new__
    promotes_numbers = len(op.operands) > count
    saves_outputs = bool(op.plan.outputs)
    all_differentiable = all(i in op.differentiable for i in range(count))
    plain: dict[dtype, dtype | None] = {}
    """For a dtype, the dtype of the result where the kernel itself gives it; None where it takes a conversion."""

    def learn(kind: dtype, values: tuple[Any, ...], result: Tensor) -> None:
        if result.device is META:
            return  # No kernel ran.
        computed, expected = dtypes.apply_rule(op.rule, kind)
        known = None
        if (
            op.base in COMPOSED or kind in dtypes.BAREBONES
        ):  # Its results count writes; a kernel may lack the dtype.
            plain[kind] = None
            return
        if promotes_numbers and kind.category != dtypes.FLOATING:
            plain[kind] = None
            return
        if computed is kind and not kind.reduced and result.dtype is expected:
            with np.errstate(all="ignore"):
                # The dtype does not depend on a number's size: 1 stands for one that the dtype may not hold.
                sample = [
                    np.ones((1,), kind.np)
                    if isinstance(v, Tensor)
                    else type(v)(1)
                    if type(v) in (int, float)
                    else v
                    for v in values
                ]
                if np.asarray(kernel(np, *sample)).dtype == expected.np:
                    known = expected
        plain[kind] = known

    def unary(values: tuple[Any, ...]) -> Any:
        a = values[0]
        kind = a._dtype
        result_kind = plain.get(kind)
        if result_kind is None or len(values) != arity or a.lazy or a.wrapped:
            if len(values) != arity:
                return into_out(op, values)
            result = effect(op, values)
            if kind not in plain:
                learn(kind, values, result)
            return result
        storage = a._storage
        shape = a.geometry
        if not shape.row_major or shape.offset or (storage is not None and storage.device is not CPU):
            return effect(op, values)
        if promotes_numbers and any(value.__class__ in (complex, bool) for value in values):
            return effect(op, values)  # Numbers that promote otherwise, or are refused.
        if check is not None:
            check(*values)
        try:
            array = kernel(np, a._array if storage is None else a.array, *values[1:])
        except TypeError:
            return effect(op, values)  # which says it in PyTorch's words
        return finish(a, a, values, array, shape, result_kind)

    def binary(values: tuple[Any, ...]) -> Any:
        a, b = values[0], values[1]
        try:
            kind = a._dtype
        except AttributeError:  # A number: torch.add(2, x).
            if b.__class__ in (int, float, bool, complex):  # Numbers alone: torch.add(1, 2).
                values = (wrapped_number(a), *values[1:])
            return effect(op, values) if len(values) == arity else into_out(op, values)
        result_kind = plain.get(kind)
        if result_kind is None or len(values) != arity or a.lazy or a.wrapped:
            if len(values) != arity:
                return into_out(op, values)
            result = effect(op, values)
            if kind not in plain:
                learn(kind, values, result)
            return result
        storage = a._storage
        shape = a.geometry
        if not shape.row_major or shape.offset or (storage is not None and storage.device is not CPU):
            return effect(op, values)
        if b.__class__ is Tensor and b.wrapped:
            # A number that a node saved: numpy takes it as the weak scalar that it stands for.
            if kind.category != dtypes.FLOATING or b._dtype.is_complex:
                return effect(op, values)
            other = b._array.item()
        elif b.__class__ is Tensor:
            if b._dtype is not kind or b.lazy or (b.geometry is not shape and b.geometry != shape):
                return effect(op, values)
            stored = b._storage
            if stored is not None and stored.device is not CPU:
                return effect(op, values)
            other = b._array if stored is None else b.array
        elif b.__class__ is float or b.__class__ is int:
            if kind.category != dtypes.FLOATING:
                return effect(op, values)
            other = b
            b = a
        else:
            return effect(op, values)
        if check is not None:
            check(*values)
        try:
            array = kernel(np, a._array if storage is None else a.array, other, *values[2:])
        except TypeError:
            return effect(op, values)  # which says it in PyTorch's words
        return finish(a, b, values, array, shape, result_kind)

    def finish(
        a: Tensor, b: Tensor, values: tuple[Any, ...], array: Any, shape: Geometry, kind: dtype
    ) -> Tensor:
        if array.dtype is not kind.np:
            return effect(op, values)  # type: ignore[no-any-return]
        if array.__class__ is not ndarray:
            array = np.asarray(array)
        if array.shape != shape.sizes:
            # A loss is element-wise up to its reduction.
            return effect(op, values)  # type: ignore[no-any-return]
        result = new(Tensor)
        result._array = array
        result.geometry = shape
        result._dtype = kind
        if mode.inference or a.inference or a.view_of is not None or b.view_of is not None:
            return recorded(op, values, result)
        if (
            (a.node is not None or b.node is not None or a.leaf_requires_grad or b.leaf_requires_grad)
            and mode.enabled
            and kind.category >= dtypes.FLOATING
        ):
            if not all_differentiable:
                return recorded(op, values, result)
            node = make_node(op, values)
            set_history(node, (result,))
            if saves_outputs:
                save_outputs(op, node, (result,))
        if events.observer is not None:
            events.observer.made(result, op.name, values)
        return result

    return unary if count == 1 else binary

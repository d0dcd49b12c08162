"""What runs an operator on bound values: its effect, compiled for it where that pays."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tensorcli.engine import dtypes, events
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.autograd.recording import make_node, save_outputs, set_history
from tensorcli.engine.devices import CPU, META
from tensorcli.engine.dtypes import dtype
from tensorcli.engine.effects.arrays import ndarray
from tensorcli.engine.effects.composing import compose, forward
from tensorcli.engine.effects.elementwise import pointwise, recorded
from tensorcli.engine.effects.fresh import fresh
from tensorcli.engine.effects.inner import COMPOSED
from tensorcli.engine.effects.making import create
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
    """What runs it, whatever layout is asked for."""
    effect, arity = op.effect, op.arity
    if effect is pointwise and _has_common_case(op):
        return _trying_common_case(op)
    if effect in (create, forward) or not (op.has_out or effect in (fresh, compose)):
        return lambda values: effect(op, values)
    # More values than the schema has arguments: `out=` or `requires_grad=`.
    return lambda values: effect(op, values) if len(values) == arity else into_out(op, values)


class _Into:
    """How many operators are computing for outputs that are there: some warn of results that they make themselves."""

    outputs = 0


into = _Into()


def into_out(op: "Op", values: tuple[Any, ...]) -> Any:
    """`out=` or `requires_grad=` was given: few programs need what is read here."""
    from tensorcli.engine.effects.out import fill

    return fill(op, values)


def _has_common_case(op: "Op") -> bool:
    """Whether an element-wise operator takes one or two tensors, before everything else, and promotes them by a fixed rule."""
    tensors = tuple(i for i, argument in enumerate(op.schema.arguments) if argument.type.is_tensor)
    return (
        len(tensors) in (1, 2)
        and tensors == op.tensors == tuple(range(len(tensors))) == op.operands[: len(tensors)]
        and not callable(op.rule)
    )


def _given_dtype(op: "Op", kind: dtype, values: tuple[Any, ...], result: Tensor) -> dtype | None:
    """For inputs of a dtype, the dtype of the result where the kernel itself gives it; None where it takes a conversion."""
    if op.base in COMPOSED or kind in dtypes.BAREBONES:
        return None  # Its results count writes; a kernel may lack the dtype.
    if len(op.operands) > len(op.tensors) and kind.category != dtypes.FLOATING:
        return None
    computed, expected = dtypes.apply_rule(op.rule, kind)
    if computed is not kind or kind.reduced or result.dtype is not expected:
        return None
    with np.errstate(all="ignore"):
        given = np.asarray(op.kernel(np, *[_sample(value, kind) for value in values])).dtype
    return expected if given == expected.np else None


def _sample(value: Any, kind: dtype) -> Any:
    """A value to ask a kernel with. Its dtype does not depend on a number's size: 1 stands for those that a dtype cannot hold."""
    if isinstance(value, Tensor):
        return np.ones((1,), kind.np)
    return type(value)(1) if type(value) in (int, float) else value


def _trying_common_case(op: "Op") -> Any:
    """A closure that first tries the common case of an element-wise operator on one or two tensors: the same dtype, the very
    same row-major geometry, on the CPU. There numpy's own result needs no correction, and an operation costs a microsecond and
    a half instead of five.
    """
    effect, kernel, arity, check, new = op.effect, op.kernel, op.arity, op.check, object.__new__
    promotes_numbers = len(op.operands) > len(op.tensors)
    saves_outputs = bool(op.plan.outputs)
    all_differentiable = all(i in op.differentiable for i in op.tensors)
    plain: dict[dtype, dtype | None] = {}
    """What `_given_dtype` said of the dtypes that came so far."""

    def general(kind: dtype, values: tuple[Any, ...]) -> Any:
        if len(values) != arity:
            return into_out(op, values)
        result = effect(op, values)
        if kind not in plain and result.device is not META:  # There no kernel ran.
            plain[kind] = _given_dtype(op, kind, values, result)
        return result

    def unary(values: tuple[Any, ...]) -> Any:
        a = values[0]
        kind = a._dtype
        result_kind = plain.get(kind)
        if result_kind is None or len(values) != arity or a.lazy or a.wrapped:
            return general(kind, values)
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
            return general(kind, values)
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

    return unary if len(op.tensors) == 1 else binary

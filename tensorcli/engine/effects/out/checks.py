"""What PyTorch asks of the tensors given as `out=`, once it knows the result: their dtype, and the memory that they share."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.effects.out.kinds import (
    ALIASING_ALLOWED,
    ALIASING_REFUSED,
    CHECKED_ALONE,
    COPIED_FROM_ROWS,
    DTYPE_LAST,
    ELEMENTWISE_INSIDE,
    FILLED_BY_COLUMN,
    FILLED_FIRST,
    OVERLAP_BEFORE_DTYPE,
    OVERLAP_FIRST,
    SIZED_ONCE,
    SIZED_SILENTLY,
    WRITES_INTO_SELF,
    is_exact,
    origin_of,
)
from tensorcli.engine.effects.out.words import CAST_WORDS, cannot_cast, words, wrong_dtype
from tensorcli.engine.effects.writing import keeps_sizes
from tensorcli.engine.geometry import Geometry, contiguous
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

Check = Callable[["Op", int, Tensor, Tensor, tuple[Any, ...]], None]
"""What refuses an output: the operator, the output's place, the output, what is to be written there, and the arguments."""


def in_order(op: "Op", values: tuple[Any, ...]) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """What is looked at before, and what after an output gets its size."""
    name = origin_of(op).base
    last = name in DTYPE_LAST and DTYPE_LAST[name](values)
    if last and name == "stack":
        return (), (check_cast, check_dtype, check_memory)
    if name in OVERLAP_BEFORE_DTYPE:
        return (check_memory, *(() if last else (check_dtype,))), (check_dtype,) if last else ()
    first: tuple[Check, ...] = (check_cast,) if last else (check_cast, check_dtype)
    then: tuple[Check, ...] = (check_dtype,) if last else ()
    return ((*first, check_memory), then) if name in OVERLAP_FIRST else (first, (*then, check_memory))


def size(op: "Op", target: Tensor, result: Tensor, values: tuple[Any, ...]) -> None:
    """Give an output the size of the result, with PyTorch's warning."""
    if keeps_sizes(op, target, result.geometry) or target.geometry.sizes == result.geometry.sizes:
        return
    origin = origin_of(op)
    if origin.base in SIZED_SILENTLY:
        effects.resize(target, result.geometry)
        return
    if _casts(origin, target, result, values) and target.geometry.numel:
        messages.warn(messages.output_resized(target.geometry.sizes, result.geometry.sizes))
    effects.size_out(target, _sized_as(origin, target, result, values))


def _sized_as(origin: "Op", target: Tensor, result: Tensor, values: tuple[Any, ...]) -> Geometry:
    name = origin.base
    by_rows = name in COPIED_FROM_ROWS or (name.startswith("fft_") and words(origin, values) is None)
    if by_rows or (
        name in FILLED_BY_COLUMN and (target.dtype is not result.dtype or target.geometry.numel > 0)
    ):
        return contiguous(result.geometry.sizes)
    return result.geometry


def _casts(origin: "Op", target: Tensor, result: Tensor, values: tuple[Any, ...]) -> bool:
    """Whether PyTorch computes element-wise in a tensor that it makes in another dtype than the output's."""
    if origin.name in ELEMENTWISE_INSIDE:
        return target.dtype is not result.dtype
    if origin.effect is not effects.pointwise or origin.rule == dtypes.LOGICAL or origin.base in SIZED_ONCE:
        return False
    rule = origin.rule(*values) if callable(origin.rule) else origin.rule
    computed, _ = dtypes.apply_rule(rule, effects.promoted_dtype(origin, values))
    return target.dtype is not computed and target.dtype is not result.dtype


def check_cast(op: "Op", place: int, target: Tensor, result: Tensor, values: tuple[Any, ...]) -> None:
    """Refuse an output that cannot hold the result, for operators that look at this in words of their own, before anything else.

    Errors: RuntimeError, TypeError.
    """
    origin = origin_of(op)
    if origin.base == "diag" and values[0].ndim != 1:
        return
    if origin.base in CAST_WORDS and not dtypes.can_cast(result.dtype, target.dtype):
        raise cannot_cast(origin, place, result.dtype, target.dtype, values)


def check_dtype(op: "Op", place: int, target: Tensor, result: Tensor, values: tuple[Any, ...]) -> None:
    """Refuse an output of another dtype than the operator writes, or on another device. Errors: RuntimeError."""
    origin = origin_of(op)
    if result.dtype is not target.dtype:
        _check_other_dtype(origin, place, target, result, values)
    if result.device is not target.device:
        raise RuntimeError(
            f"Expected out tensor to have device {result.device}, but got {target.device} instead"
        )


def _check_other_dtype(
    origin: "Op", place: int, target: Tensor, result: Tensor, values: tuple[Any, ...]
) -> None:
    name = origin.base
    if origin.name in ("max", "min"):
        if not dtypes.can_cast(result.dtype, target.dtype):
            raise RuntimeError(
                "Expected canCast( typeMetaToScalarType(self.dtype()), typeMetaToScalarType(out.dtype())) to be true, but "
                "got false.  (Could this error message be improved?  If so, please report an enhancement request to "
                "PyTorch.)"
            )
        return
    if name == "bernoulli" or (name in ("all", "any") and target.dtype is dtypes.uint8):
        return
    if words(origin, values) is not None or is_exact(origin, values):
        raise wrong_dtype(origin, place, result.dtype, target.dtype, values)
    if not dtypes.can_cast(result.dtype, target.dtype):
        raise messages.result_cast(result.dtype.scalar_type, target.dtype.scalar_type)


def check_memory(op: "Op", place: int, target: Tensor, result: Tensor, values: tuple[Any, ...]) -> None:
    """Refuse an output that shares memory with itself or with an input. Errors: RuntimeError."""
    inputs: Sequence[Any] = [
        one for value in values for one in (value if type(value) in (list, tuple) else (value,))
    ]
    origin = origin_of(op)
    name = origin.base
    if name in CHECKED_ALONE:
        effects.check_overlap(target, ())
    if (
        name in ALIASING_ALLOWED
        or name in FILLED_FIRST
        or origin.name in ("max", "min")
        or origin.effect is effects.pointwise
    ):
        return
    if name in WRITES_INTO_SELF:
        source, *inputs = inputs
        if target.geometry.sizes == source.geometry.sizes:
            effects.check_overlap(target, (source,))
    effects.check_overlap(target, inputs)
    if name in ALIASING_REFUSED or origin.rule == dtypes.COMMON:
        for one in inputs[:1] if name == "gather" else inputs:
            if one is target or (
                isinstance(one, Tensor) and effects.overlap_of(target, one) in ("full", "partial")
            ):
                raise RuntimeError(messages.PARTIAL_OVERLAP)

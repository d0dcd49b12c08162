"""Reductions that PyTorch computes in the dtype of an `out=` which is not that of the result: step by step, in the output."""

from typing import TYPE_CHECKING, Any, Final

from tensorcli.engine import dtypes, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.effects.writing import size_out
from tensorcli.engine.geometry import contiguous
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op

REDUCED: Final = frozenset(("std", "var", "logsumexp"))
_HALVES: Final = (dtypes.float16, dtypes.bfloat16)


def compute(op: "Op", values: tuple[Any, ...], out: Tensor) -> Tensor | None:
    """The result in the output's dtype; None where it is only cast, or cannot be."""
    source: Any = values[0].detach()
    kind = out.dtype
    floating = source.dtype.category >= dtypes.FLOATING
    if op.base == "logsumexp":
        own = kind is (source.dtype if floating else dtypes.default.floating)
        if own or kind.category != dtypes.FLOATING:
            return None
        return _logsumexp(source, values[1], values[2], kind)
    if kind is (source.dtype.to_real() if floating else dtypes.default.floating):
        return None
    if kind.category < dtypes.FLOATING or not floating:
        return None
    return _spread(op, source, values, out)


def _logsumexp(source: Any, dim: Any, keepdim: bool, kind: dtypes.dtype) -> Tensor:
    """The sum of what was computed in the input's dtype, and its logarithm (aten/src/ATen/native/ReduceOps.cpp)."""
    if source.dtype.category < dtypes.FLOATING:
        source = source.to(dtypes.default.floating)
    if not source.numel():
        return functions.sum(source.exp(), dim, keepdim, dtype=kind).log()  # type: ignore[no-any-return]
    most = functions.amax(source.real if source.dtype.is_complex else source, dim, True)
    shown = most if keepdim else functions.squeeze(most, dim)
    shown = shown.masked_fill_(shown.abs() == float("inf"), 0)
    return functions.sum((source - most).exp_(), dim, keepdim, dtype=kind).log_().add_(shown)  # type: ignore[no-any-return]


def _spread(op: "Op", source: Any, values: tuple[Any, ...], out: Tensor) -> Tensor | None:
    """A standard deviation or variance: a single number is computed from the input as it is, others from the input in the
    output's dtype. Complex numbers are taken by their parts. Errors: NotImplementedError, RuntimeError.
    """
    kind = out.dtype
    if source.dtype.is_complex:
        if op.base == "var":
            return None
        given = dict(zip(op.names[1:], values[1:], strict=True))
        return functions.var(source, **given).to(kind).sqrt()  # type: ignore[no-any-return]
    given = dict(zip(op.names, values, strict=True))
    dim, keepdim = given.get("dim"), given.get("keepdim", False)
    sizes = functions.sum(source, dim, keepdim).geometry.sizes
    if contiguous(sizes).numel == 1 and kind not in _HALVES:
        if source.dtype in _HALVES:
            raise RuntimeError(f"std_var_all: Unsupported dtype {source.dtype.scalar_type}")
        return None
    if kind.is_complex:
        size_out(out, contiguous(sizes))
        raise messages.not_implemented("std_cpu", kind.scalar_type)
    return op.effect(op, (source.to(kind), *values[1:]))  # type: ignore[no-any-return]

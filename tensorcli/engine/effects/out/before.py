"""What is looked at before an operator computes for an `out=`, and what it computes from then."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tensorcli.engine import dtypes, effects, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.devices import META
from tensorcli.engine.effects.out.kinds import DEVICE_AFTER_DTYPE, FILLED_FIRST, origin_of
from tensorcli.engine.effects.out.words import DEVICE_WORDS, WORDS, cannot_cast, wrong_dtype
from tensorcli.engine.tensor import Tensor

if TYPE_CHECKING:
    from tensorcli.engine.op import Op


def check_kind(op: "Op", outs: Sequence[Tensor]) -> None:
    """Refuse what PyTorch sees before it looks at anything else: an output of a transform that holds numbers of another kind.

    Errors: RuntimeError.
    """
    name = origin_of(op).base
    if name.startswith("fft_") and not name.endswith("freq"):
        _check_spectrum(name.removeprefix("fft_"), outs[0].dtype)


def _check_spectrum(name: str, got: dtypes.dtype) -> None:
    """Refuse an output that is complex where a transform gives real numbers, or the other way round. Errors: RuntimeError."""
    real = name.startswith(("irfft", "hfft"))
    if got.is_floating_point if real else got.is_complex:
        return
    over = name.rstrip("2n") + "n" if name[-1] in "2n" else name
    called = "fftn" if over == "ifftn" else over
    raise RuntimeError(
        f"{called} expects a {'floating point' if real else 'complex'} output tensor, but got {got.scalar_type}"
    )


def check_device(op: "Op", values: Sequence[Any], outs: Sequence[Tensor]) -> None:
    """Refuse an output that holds no elements where the inputs do, or the other way round. Errors: RuntimeError."""
    if not any(isinstance(one, Tensor) and one.device is META for one in (*outs, *values)):
        return
    origin = origin_of(op)
    device = effects.device_of(origin, values)
    if not DEVICE_AFTER_DTYPE.isdisjoint((origin.name, origin.base)):
        return  # `check_dtype` looks.
    for one in outs:
        if one.device is not device:
            text = DEVICE_WORDS.get(
                origin.base,
                "Attempting to copy from device {want} to device {got}, but cross-device copies are not allowed!",
            )
            raise RuntimeError(text.format(want=device, got=one.device))


def prepare(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    """The values to compute from, of the first output; refuses what PyTorch refuses before it has computed anything."""
    origin = origin_of(op)
    if origin.effect is effects.pointwise:
        _check_pointwise(origin, values, out)
        return values
    step = _STEPS.get(origin.base)
    return values if step is None else step(origin, values, out)


def _in_output_dtype(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    """The values for a sum or product, which is computed in the dtype of the output. Errors: NotImplementedError."""
    if "dtype" not in op.names or values[-1] is not None:
        return values
    if op.base.startswith("cum") and out.dtype is dtypes.bool_:
        # There is no kernel, which PyTorch finds out when the output has its size.
        effects.size_out(out, values[0].geometry)
    if op.base == "nansum":
        _check_nansum(op, values, out)
    return (*values[:-1], out.dtype)


def _check_nansum(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    """Refuse to write sums of floating numbers as others: no kernel does, which PyTorch finds out when the output has its size.

    Errors: NotImplementedError.
    """
    if values[0].dtype.category == dtypes.FLOATING != out.dtype.category:
        effects.size_out(out, functions.nansum(values[0].detach(), *values[1:3]).geometry)
        raise messages.not_implemented("nansum_cpu", out.dtype.scalar_type)
    return values


def _before_nanmean(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    """Refuse whole numbers, and what `_check_nansum` refuses. Errors: NotImplementedError, RuntimeError."""
    if values[0].dtype.category < dtypes.FLOATING:
        raise RuntimeError(
            "nanmean(): integral types and 'Bool' are not supported for nanmean, even for empty tensors."
        )
    return _check_nansum(op, values, out)


def _before_mean(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    """Refuse real outputs for complex numbers, and whole ones: of one mean at once, and of those along dimensions when PyTorch
    divides, with the sum in the output. Errors: RuntimeError.
    """
    own, given = values[0].dtype.category, out.dtype.category
    if op.name == "mean" and dtypes.FLOATING <= own > given:
        got = out.dtype.scalar_type
        raise RuntimeError(f"mean.dtype_out(): input types can't be cast to the desired output type {got}")
    if min(own, given) >= dtypes.FLOATING:
        return _in_output_dtype(op, values, out)
    if own >= dtypes.FLOATING:
        dim, keepdim = values[1:3]
        total = functions.sum(values[0].detach(), dim, keepdim, dtype=out.dtype)
        effects.size_out(out, total.geometry)
        effects.store_quietly(out, total.values)
        raise messages.result_cast(dtypes.default.floating.scalar_type, out.dtype.scalar_type)
    return values


def _before_bernoulli(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    if out.dtype.is_complex:
        if out.geometry.sizes != values[0].geometry.sizes:
            effects.resize(out, values[0].geometry)
        raise messages.not_implemented("bernoulli_tensor_cpu_self_", out.dtype.scalar_type)
    return values


def _before_multinomial(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    """Refuse an output that cannot hold what would be drawn: nothing is drawn then. Errors: RuntimeError."""
    weights = values[0]
    known = 0 < weights.ndim <= 2 and weights.dtype.category == dtypes.FLOATING
    if known and out.dtype is not dtypes.int64:
        raise wrong_dtype(op, 0, dtypes.int64, out.dtype, values)
    return values


def _before_normal(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    """PyTorch draws in the output, whose sizes count where the deviation is a number."""
    if not isinstance(values[0], Tensor):
        return values
    mean = values[0].detach()
    if not isinstance(values[1], Tensor):
        mean = mean.expand(effects.broadcast_sizes([mean.geometry.sizes, out.geometry.sizes]))
    return (mean.to(out.dtype), *values[1:])


def _fill_first(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    """Put what is added to a product into the output, where a factor may lie too."""
    factors = values[:2] if op.base == "mv" else values[1:3]
    wanted = (*factors[0].geometry.sizes[-2:-1], *factors[1].geometry.sizes[1:][-1:])
    there = any(one is out or effects.overlap_of(out, one) != "no" for one in factors)
    if out.geometry.sizes == wanted and there:
        beta = 0 if op.base == "mv" else values[3]
        if beta:
            effects.store_quietly(out, np.broadcast_to(values[0].values, wanted))
        elif op.base.endswith("mv"):
            effects.store_quietly(out, np.zeros(wanted, out.dtype.np))
    return values


def _check_first(op: "Op", values: tuple[Any, ...], out: Tensor) -> tuple[Any, ...]:
    """Refuse an output of another dtype than the result's before the input is looked at. Errors: RuntimeError."""
    given = dict(zip(op.names, values, strict=False))
    kind = given.get("dtype") or given["self"].dtype
    if kind is not out.dtype and _multiplies_matrices(op.base, values):
        raise wrong_dtype(op, 0, kind, out.dtype, values)
    if op.base.endswith("softmax") and kind.category != dtypes.FLOATING:
        # There is no kernel, which PyTorch finds out when the output has its size.
        effects.size_out(out, values[0].geometry)
    return values


def _multiplies_matrices(name: str, values: Sequence[Any]) -> bool:
    """Whether the factors of a product have the dimensions for which it looks first; operators of one tensor always do."""
    dimensions = [one.ndim for one in values[:2] if isinstance(one, Tensor)]
    if name == "mm":
        return dimensions == [2, 2]
    return name != "matmul" or 0 < min(dimensions) <= max(dimensions) < 3


_Step = Callable[["Op", tuple[Any, ...], Tensor], tuple[Any, ...]]
_STEPS: Final[dict[str, _Step]] = {
    **dict.fromkeys(("sum", "nansum", "prod", "cumsum", "cumprod"), _in_output_dtype),
    "mean": _before_mean,
    "nanmean": _before_nanmean,
    "bernoulli": _before_bernoulli,
    "multinomial": _before_multinomial,
    "normal": _before_normal,
    **dict.fromkeys(FILLED_FIRST, _fill_first),
    **dict.fromkeys(("softmax", "log_softmax", "amax", "amin", "mm", "matmul"), _check_first),
}
"""What operators that are not element-wise do first, by name."""


def _check_pointwise(op: "Op", values: Sequence[Any], out: Tensor) -> None:
    """Refuse an `out=` of the wrong dtype before anything is computed. A function of one tensor converts nothing."""
    if op.check is not None:
        op.check(*values)
    rule = op.rule(*values) if callable(op.rule) else op.rule
    _, kind = dtypes.apply_rule(rule, effects.promoted_dtype(op, values))
    if out.dtype is not kind and op.base in WORDS:
        if op.base == "heaviside" and out.dtype.is_complex:
            raise RuntimeError("heaviside is not yet implemented for complex tensors.")
        raise wrong_dtype(op, 0, kind, out.dtype, values)
    tensors = [one for i in op.tensors if isinstance(one := values[i], Tensor)]
    effects.check_overlap(out, tensors)
    sizes = effects.broadcast_sizes([one.geometry.sizes for one in tensors])
    if any(one is out for one in tensors):
        effects.check_output_shape(out, sizes)
    if (
        (
            rule in (dtypes.PROMOTE, dtypes.TO_REAL)
            and len(op.tensors) == 1
            and values[op.tensors[0]].dtype is kind
        )
        or op.name in ("clamp", "clamp_min", "clamp_max", "lerp.Tensor")
    ) and out.dtype is not kind:
        raise RuntimeError(f"Found dtype {out.dtype.scalar_type} but expected {kind.scalar_type}")
    if rule == dtypes.TO_REAL and out.dtype.is_complex:
        kind = values[op.tensors[0]].dtype  # The sizes of complex numbers are first written as such.
        if kind.is_complex and out.dtype is not kind:
            raise RuntimeError(f"Found dtype {out.dtype.scalar_type} but expected {kind.scalar_type}")
    if not dtypes.can_cast(kind, out.dtype):
        raise cannot_cast(op, 0, kind, out.dtype, values)

"""The tangents that a custom function's own `jvp` makes."""

from collections.abc import Sequence
from typing import Any, Final

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.modes import forward
from tensorcli.engine.autograd.tangents import ForwardLevel
from tensorcli.engine.batch.layer import layers
from tensorcli.engine.native import type_name
from tensorcli.engine.tensor import Tensor


def pushed_by(context: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Give the outputs of a custom function the tangents that its own `jvp` makes of those of its inputs, at every level.

    Errors: RuntimeError for what does not fit the outputs, and what `jvp` raises.
    """
    for level in tuple(forward):
        if not layers or level.inside(layers[-1]):
            _pushed_at(level, context, inputs, outputs)


def _pushed_at(level: ForwardLevel, context: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    tangents = [level.tangent_of(one) if isinstance(one, Tensor) else None for one in inputs]
    if all(one is None for one in tangents):
        return
    shown = []
    for one, tangent in zip(inputs, tangents, strict=True):
        if tangent is None and context.materialize_grads and _flows(one):
            tangent = level.tangent_or_zeros(one)
        shown.append(None if tangent is None else level.seen(tangent))
    versions = [None if one is None else one.counter.count for one in shown]
    with level.below():
        answer = context.jvp_function(context.ctx, *shown)
    flows = [
        _flows(one) and not any(one is each for each in context.non_differentiable)
        if isinstance(one, Tensor)
        else None
        for one in outputs
    ]
    for output, tangent in zip(outputs, _tangents(answer, flows), strict=True):
        if tangent is None or not isinstance(output, Tensor):
            continue
        at = next((k for k, one in enumerate(inputs) if one is output), None)
        own = None if at is None else tangents[at]
        if at is not None and own is not None:
            _check_written(tangent, shown[at], versions[at])
            tangent = own
        elif at is None and output.view_of is not None:
            _check_view(output.view_of.base, tangent, inputs, shown)
        level.set_tangent(output, tangent)


def _flows(value: Any) -> bool:
    """Whether a value may have a tangent."""
    return isinstance(value, Tensor) and value.dtype.category >= dtypes.FLOATING


def _check_written(tangent: Tensor, given: Tensor | None, version: int | None) -> None:
    """The tangent of an input that forward wrote must be the one that `jvp` was given, written. Errors: RuntimeError."""
    if tangent.counter.count == version:
        raise RuntimeError(
            "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is modifying an "
            "input inplace, then the jvp function must modify the corresponding gradient inplace."
        )
    if tangent is not given:
        raise RuntimeError(
            "An inplace custom Function is not returning the forward mode gradients as-is. If the forward is modifying an "
            "input inplace, then the jvp function must modify the gradient inplace and return it as-is."
        )


def _check_view(base: Tensor, tangent: Tensor, inputs: Sequence[Any], shown: Sequence[Tensor | None]) -> None:
    """The tangent of a view of an input must be a view of the input's tangent. Errors: RuntimeError."""
    at = next((k for k, one in enumerate(inputs) if isinstance(one, Tensor) and _base_of(one) is base), None)
    own = None if at is None else shown[at]
    if own is None:
        return
    if tangent.view_of is None:
        raise RuntimeError(
            "A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a view."
        )
    if tangent.view_of.base is not _base_of(own):
        which = "given grad input" if own.view_of is None else "same base as the given grad input"
        raise RuntimeError(
            f"A custom Function is returning a view but the jvp is not returning a view of the {which}."
        )


def _base_of(tensor: Tensor) -> Tensor:
    return tensor if tensor.view_of is None else tensor.view_of.base


def _tangents(answer: Any, flows: Sequence[bool | None]) -> tuple[Tensor | None, ...]:
    """What `jvp` returned, one for each output; `flows`: whether tangents flow through it, None for what is not a tensor.

    Errors: RuntimeError.
    """
    several = answer if isinstance(answer, tuple) else (answer,)
    if len(several) != len(flows):
        raise RuntimeError(
            f"Function's jvp returned an invalid number of forward gradients (expected {len(flows)} but got {len(several)})"
        )
    for i, (tangent, flowing) in enumerate(zip(several, flows, strict=True)):
        if tangent is not None and not isinstance(tangent, Tensor):
            raise RuntimeError(
                f"expected Variable or None (got {type_name(type(tangent))}) for grad output {i}."
            )
        if tangent is not None and flowing is False:
            raise RuntimeError(
                f"Function's jvp returned a gradient at position {i}, but  the corresponding forward output is not a "
                "differentiable Tensor.You should return None at that position instead."
            )
        if flowing and (tangent is None or tangent.dtype.category < dtypes.FLOATING):
            raise RuntimeError(_UNDEFINED)
    return several


_UNDEFINED: Final = (
    "(new_grad_base.is_floating_point() || new_grad_base.is_complex()) && (self_base.is_floating_point() || "
    'self_base.is_complex()) INTERNAL ASSERT FAILED at "/__w/pytorch/pytorch/torch/csrc/autograd/autograd_meta.cpp":159, '
    "please report a bug to PyTorch. Expected both tensor and its forward grad to be floating point or complex"
)

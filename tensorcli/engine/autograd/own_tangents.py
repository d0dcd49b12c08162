"""The tangents that a custom function's own `jvp` makes: of dual tensors, and where a transform pushes tangents through it."""

from collections.abc import Sequence
from typing import Any, Final

from tensorcli.engine import dtypes
from tensorcli.engine.autograd.nodes import NO_EDGE, Node, gradient_edge
from tensorcli.engine.autograd.tangents import other_sizes, set_tangent, tangent_of, unheeded
from tensorcli.engine.callers import functions
from tensorcli.engine.tensor import Tensor


def pushed_by(context: Any, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Give the outputs of a custom function the tangents that its own `jvp` makes of those of its inputs.

    Errors: RuntimeError for what does not fit the outputs, and what `jvp` raises.
    """
    tangents = [tangent_of(one) if isinstance(one, Tensor) else None for one in inputs]
    if all(one is None for one in tangents):
        return
    with unheeded():
        given = [
            functions.zeros_like(one)
            if t is None and context.materialize_grads and isinstance(one, Tensor)
            else t
            for one, t in zip(inputs, tangents, strict=True)
        ]
        answer = context.jvp_function(context.ctx, *given)
    flows = [
        one.dtype.category >= dtypes.FLOATING and not any(one is each for each in context.non_differentiable)
        if isinstance(one, Tensor)
        else None
        for one in outputs
    ]
    for output, tangent in zip(outputs, _tangents(answer, flows), strict=True):
        if tangent is None or not isinstance(output, Tensor):
            continue
        at = next((k for k, one in enumerate(inputs) if one is output), None)
        if at is not None:
            if tangent is not tangents[at]:
                raise RuntimeError(
                    "An inplace custom Function is not modifying the forward mode gradients inplace. If the forward is "
                    "modifying an input inplace, then the jvp function must modify the corresponding gradient inplace."
                )
        elif output.view_of is not None and tangent.view_of is None:
            raise RuntimeError(
                "A custom Function's forward is returning a view (or an input as-is) but the jvp is not returning a view."
            )
        set_tangent(output, tangent)


def _tangents(answer: Any, flows: Sequence[bool | None]) -> tuple[Tensor | None, ...]:
    """What `jvp` returned, one for each output; `flows`: whether tangents flow through it, None for what is no tensor.

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
                f"expected Variable or None (got {type(tangent).__name__}) for grad output {i}."
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


def transposed(context: Any, seeds: Sequence[Any]) -> list[Any]:
    """What stands for the gradients of a custom function's inputs where they are wanted to be differentiated by those of its
    outputs: that gives the tangents of the outputs, which its own `jvp` makes of those of the inputs.
    """
    node = Transposed(context, seeds)
    found: list[Any] = []
    for place, (target, _) in enumerate(context.edges):
        if target is None:
            found.append(None)
            continue
        geometry, kind, device = context.facts[place]
        one = functions.ones(geometry.sizes, dtype=kind, device=device)
        one.node, one.output_nr = node, place
        found.append(one)
    return found


class Transposed(Node):
    """The node of what stands for gradients of a custom function: tangents of its inputs in, of its outputs out."""

    def __init__(self, context: Any, seeds: Sequence[Any]) -> None:
        super().__init__(tuple(NO_EDGE if one is None else gradient_edge(one) for one in seeds), {})
        self.context = context
        self.outputs = context.facts

    def apply(self, grads: list[Any], needed: Any = None) -> list[Any]:
        """The tangents of the outputs. Errors: RuntimeError for what does not fit them, and what `jvp` raises."""
        context = self.context
        given = [
            functions.zeros(fact[0].sizes, dtype=fact[1], device=fact[2])
            if one is None and fact is not None and context.materialize_grads
            else one
            for one, fact in zip(grads, context.facts, strict=True)
        ]
        context.saved_for_forward = context.for_jvp
        try:
            answer = context.jvp_function(context.ctx, *given)
        finally:
            context.saved_for_forward = None
        flows = [fact is not None and edge[0] is not None for fact, edge in zip(context.outputs, self.edges)]
        tangents = _tangents(answer, [fact is not None for fact in context.outputs])
        for tangent, fact in zip(tangents, context.outputs, strict=True):
            if tangent is not None and tangent.geometry.sizes != fact[0].sizes:
                raise other_sizes(fact[0].sizes, tangent)
        return [one if flowing else None for one, flowing in zip(tangents, flows, strict=True)]

    @classmethod
    def savable(cls) -> tuple[str, ...]:
        return ()

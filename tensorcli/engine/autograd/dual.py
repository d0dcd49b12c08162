"""Tangents beside tensors: what operators do with them while a level of forward-mode differentiation is open.

A tangent is what the operator's own node pushes forward: the gradient by the outputs' seeds is linear in the seeds, and its
gradient by them, with the inputs' tangents for seeds, is the product. The node is made of what was computed, so that a kernel
runs once. A view's tangent is the same view of the tangent; a write into a tensor is one into its tangent.

The innermost level goes first: the operator runs on the tensors without it, which gives the result and its tangents at the levels
outside, and then the tangent is computed as if the level did not run.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial, reduce
from operator import add
from typing import Any, Final

from tensorcli.engine import callers, dtypes, effects
from tensorcli.engine.autograd.edges import gradient_edge
from tensorcli.engine.autograd.modes import forward, mode, pushed_through
from tensorcli.engine.autograd.recording import make_node, save_outputs, set_history
from tensorcli.engine.autograd.saved import SavedTensor
from tensorcli.engine.autograd.tangents import ForwardLevel, zeros_beside
from tensorcli.engine.batch.layer import layers, lifted, roomy
from tensorcli.engine.batch.values import changed, found_in
from tensorcli.engine.callers import functions
from tensorcli.engine.op import Op
from tensorcli.engine.tensor import Tensor

Run = Callable[[tuple[Any, ...]], Any]

_REFUSED: Final = frozenset(
    "_ctc_loss cholesky conv_tbc mkldnn_rnn_layer native_dropout_backward geqrf grid_sampler_2d grid_sampler_2d_backward "
    "grid_sampler_3d grid_sampler_3d_backward igamma igammac index_reduce special_zeta "
    "_pdist_forward _pdist_backward _euclidean_dist _cdist_forward _cdist_backward ormqr "
    "unique_dim unique_consecutive _unique _unique2 _weight_norm_interface _standard_gamma _standard_gamma_grad _embedding_bag "
    "_embedding_bag_backward multi_margin_loss multilabel_margin_loss_forward rrelu_with_noise_ "
    "huber_loss_backward soft_margin_loss_backward set_ "
    "_scaled_dot_product_flash_attention_for_cpu _pack_padded_sequence segment_reduce".split()
)
"""Operators with a gradient for which PyTorch has no forward derivative."""
_LINEAR: Final = frozenset(
    "cat stack affine_grid_generator cumsum diag_embed diagonal_backward gather index index_select masked_select mean repeat "
    "as_strided_scatter select_backward slice_backward sum flip roll rot90 take trace tril triu unfold_backward embedding "
    "embedding_dense_backward reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d "
    "replication_pad3d upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d upsample_nearest1d "
    "upsample_nearest2d upsample_nearest3d pixel_shuffle pixel_unshuffle channel_shuffle _adaptive_avg_pool2d "
    "_adaptive_avg_pool3d avg_pool2d avg_pool3d max_unpool2d max_unpool3d col2im im2col _fft_r2c _fft_c2r _fft_c2c".split()
)
"""Operators of one tensor, or of one list, that do to tangents what they do to tensors."""


def open_level(nests: bool) -> ForwardLevel:
    """Open a level: operators ask for tangents from here on. `nests`: whether others may be opened in it."""
    callers.surround_all(_asking)
    return ForwardLevel(nests)


# ---- operators


def _asking(op: Op, run: Run) -> Run:
    if op.is_composed and op.base not in _REFUSED:
        return run

    def asked(values: tuple[Any, ...]) -> Any:
        if not forward or mode.inference:
            return run(values)
        level = forward[-1]
        if layers and not level.inside(layers[-1]):
            # A vmap inside the level goes first (batch.dispatch).
            return run(values)
        if any(level.tangent_of(one) is not None for one in found_in(values, Tensor)):
            return _run(level, op, values)
        if len(forward) == 1 and not layers:
            return run(values)
        return _run_without(level, op, values)

    return asked


def _run(level: ForwardLevel, op: Op, values: tuple[Any, ...]) -> Any:
    """What an operator gives on dual tensors."""
    if len(values) > op.arity and isinstance(effects.split_extras(op, values)[1], (Tensor, tuple, list)):
        # It is written before PyTorch finds that it cannot have a tangent.
        _run_without(level, op, values)
        raise NotImplementedError(
            f"Trying to use forward AD with {op.base}_out that does not support it because it is an out= function"
        )
    refuse(op)
    if op.effect is effects.view:
        return _viewed(level, op, values)
    if op.writes:
        return _written(level, op, values)
    result = _run_without(level, op, values)
    several = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    pushed = [_mapped(level, op, values)] if op.base in _LINEAR else _pushed(level, op, values, several)
    for one, tangent in zip(several, pushed, strict=True):
        if tangent is not None:
            level.give(one, level.laid_out(one, tangent))
            _save(level, one)
    return result


def _run_without(level: ForwardLevel, op: Op, values: tuple[Any, ...]) -> Any:
    """What an operator gives without the level."""
    with level.hidden():
        return op.run(values)


def refuse(op: Op) -> None:
    """Errors: NotImplementedError for an operator that has no forward derivative."""
    if op.base in _REFUSED:
        raise NotImplementedError(
            f"Trying to use forward AD with {op.base} that does not support it because it has not been implemented yet.\n"
            "Please file an issue to PyTorch at https://github.com/pytorch/pytorch/issues/new?template=feature-request.yml so "
            "that we can prioritize its implementation or submit a PR adding the implementation to derivatives.yaml"
        )


def _save(level: ForwardLevel, result: Tensor) -> None:
    """Let what a result's node kept of it have its tangent, which a backward pass in the level goes by."""
    if result.node is None:
        return
    for saved in result.node.saved.values():
        if isinstance(saved, SavedTensor) and saved.output_nr == result.output_nr:
            level.give(saved.tensor, level.tangent_of(result))


def _viewed(level: ForwardLevel, op: Op, values: tuple[Any, ...]) -> Any:
    """A view of a dual tensor, whose tangent is the same view."""
    result = _run_without(level, op, values)
    tangent = level.tangent_of(values[0])
    if tangent is None or not any(op.plan.gradients) or op.base == "detach":
        return result
    with level.below():
        seen = op.run((tangent, *values[1:]))
    pairs = zip(result, seen, strict=True) if isinstance(result, (tuple, list)) else ((result, seen),)
    for one, part in pairs:
        level.give(one, part)
    return result


def _written(level: ForwardLevel, op: Op, values: tuple[Any, ...]) -> Any:
    """A write into a tensor, and into its tangent."""
    target: Tensor = values[0]
    tangent = level.tangent_of(target)
    if tangent is not None and op.base in ("resize_", "resize_as_"):
        raise RuntimeError("cannot resize variables that has a forward grad")
    if op.effect is effects.restride:
        result = _run_without(level, op, values)
        if tangent is not None:
            with level.below():
                op.run((tangent, *values[1:]))
        return result
    with level.below():
        before = functions.clone(target) if tangent is not None or op.plan.gradients else None
    if before is not None and target.requires_grad:
        before.node, before.output_nr = target.grad_fn, target.output_nr
    result = _run_without(level, op, values)
    if target.dtype.category < dtypes.FLOATING:
        return result
    if op.base == "copy_":
        new = level.tangent_of(values[1]) if isinstance(values[1], Tensor) else None
    else:
        (new,) = _pushed(level, op, values, (target,), before)
    if tangent is None and new is not None and target.view_of is None and op.base != "copy_":
        level.give(target, level.laid_out(target, new))
    else:
        _write_tangent(level, tangent if tangent is not None else _new_tangent(level, target, new), new)
    _save(level, target)
    return result


def _write_tangent(level: ForwardLevel, tangent: Tensor, new: Tensor | None) -> None:
    """Write into a tangent, which may be a tensor that somebody holds: of this it is heard."""
    from tensorcli.engine.func.marking import listener

    heard = listener()
    values = (tangent,) if new is None else (tangent, new)
    name = "zero_" if new is None else "copy_"
    if heard is not None:
        heard.writes(tangent, name, values)
    with level.below():
        tangent.zero_() if new is None else tangent.copy_(new)
    if heard is not None:
        heard.wrote(tangent, name, values)


def _new_tangent(level: ForwardLevel, target: Tensor, new: Tensor | None) -> Tensor:
    """The tangent of a tensor that had none, all zeros: a view's is one of its base's, which gets one too. There is one for each
    example where what is written has one.
    """
    if target.view_of is None:
        with level.below():
            found = zeros_beside(target, target.dtype)
            if new is not None:
                found = roomy(found, new)
    else:
        above = target.view_of.above
        there = level.tangent_of(above)
        found = level.same_view(target, above, _new_tangent(level, above, new) if there is None else there)
    level.give(target, found)
    return found


# ---- products


def _mapped(level: ForwardLevel, op: Op, values: tuple[Any, ...]) -> Tensor:
    """The tangent of a linear operator's result: the result for tangents."""
    given = list(values)
    for place in op.differentiable:
        given[place] = changed((given[place],), level.tangent_or_zeros, Tensor)[0]
    with level.below():
        found: Tensor = op.run(tuple(given))
    return found


def _pushed(
    level: ForwardLevel,
    op: Op,
    values: tuple[Any, ...],
    results: Sequence[Any],
    before: Tensor | None = None,
) -> list[Tensor | None]:
    """The tangents of an operator's results; None for results that have none.

    `before` is what was in the tensor that the operator wrote.
    """
    given = list(values[: op.arity])
    tangents = {
        id(one): level.tangent_of(one)
        for place in op.differentiable
        for one in found_in(given[place : place + 1], Tensor)
    }
    if all(one is None for one in tangents.values()) or all(
        one.dtype.category < dtypes.FLOATING for one in results if isinstance(one, Tensor)
    ):
        return [None] * len(results)
    if op.tangents is not None:
        own = _own(level, op, op.tangents, given, results)
        if own is not NotImplemented:
            return list(own)
    if not op.gradients:
        raise NotImplementedError(f"Trying to use forward AD with aten::{op.base} that does not support it.")
    with level.below():
        return _products(op, given, before, results, tangents)


def _own(
    level: ForwardLevel, op: Op, formula: Callable[..., Any], given: list[Any], results: Sequence[Any]
) -> Any:
    """What the operator's own formula gives."""
    known = dict(zip(op.names, given, strict=True)) | dict(zip(op.returns, results, strict=True))

    def asked_for(name: str) -> Any:
        if name in known:
            return known[name]
        if name.endswith("_t"):
            return level.tangent_or_zeros(known[name.removesuffix("_t")])
        one = known[name.removesuffix("_dual")]
        return one is not None and level.tangent_of(one) is not None

    asked = [asked_for(name) for name in inspect.signature(formula).parameters]
    with level.below():
        found = formula(*asked)
    return [found] * len(results) if found is None else found


def _products(
    op: Op, given: list[Any], before: Tensor | None, results: Sequence[Any], dual: dict[int, Tensor | None]
) -> list[Tensor | None]:
    """`dual`: the tangents of the inputs, by id."""
    from tensorcli.engine.func.levels import Level, handle
    from tensorcli.engine.func.reverse import gradients

    leaves: list[Tensor] = []
    tangents: list[Tensor] = []
    with Level() as taking:

        def leaf(written: Tensor | None, one: Tensor) -> Tensor:
            source, tangent = one if written is None else written, dual[id(one)]
            if tangent is None:
                return lifted(source)
            leaves.append(taking.leaf(source))
            tangents.append(tangent)
            return leaves[-1]

        for place in sorted(op.differentiable):
            if place < len(given):
                becomes = partial(leaf, None if place else before)
                given[place] = changed((given[place],), becomes, Tensor)[0]
        copies: list[Any] = [handle(lifted(one)) if isinstance(one, Tensor) else None for one in results]
        node = make_node(op, tuple(given))
        set_history(node, copies)
        save_outputs(op, node, copies)
        outputs = [one for one in copies if one is not None and one.node is not None]
        if (
            op.effect is effects.pointwise
            and len(outputs) == 1
            and all(_alike(one, outputs[0]) for one in leaves)
        ):
            parts = [
                _scaled(node, leaf, tangent, taking.tracks)
                for leaf, tangent in zip(leaves, tangents, strict=True)
            ]
            return [*_closed(taking, [reduce(add, parts)])]
        # What is linear in the seeds may be computed by way of their logarithms: of ones there are some.
        seeds = [taking.leaf(functions.ones_like(one.detach())) for one in outputs]
        with pushed_through():
            inner = gradients(outputs, leaves, seeds, create_graph=True)
        weights = [
            one + 0j if by.is_complex() and not one.is_complex() else one
            for one, by in zip(tangents, inner, strict=True)
        ]
        found = gradients(inner, seeds, weights, create_graph=taking.tracks)
        # What is a tangent as it came in becomes one of its own.
        found = [one.clone() if any(one.memory is t.memory for t in tangents) else one for one in found]
        rest = iter(_closed(taking, found))
        return [next(rest) if one is not None and one.node is not None else None for one in copies]


def _alike(leaf: Tensor, result: Tensor) -> bool:
    """Whether real numbers became as many of the same dtype. (A gradient by a complex number is the conjugate.)"""
    return leaf.is_floating_point() and _facts(leaf) == _facts(result)


def _facts(tensor: Tensor) -> tuple[Any, Any]:
    return tensor.geometry.sizes, tensor.dtype


def _scaled(node: Any, leaf: Tensor, tangent: Tensor, tracks: bool) -> Tensor:
    """The tangent of an element-wise operator with one dual input: each element by its derivative, as a gradient is."""
    place = node.edges.index(gradient_edge(leaf))
    mode.set(tracks)
    found: Tensor = node.apply([tangent])[place]
    mode.set(True)
    return found.clone() if found.memory is tangent.memory else found


def _closed(level: Any, found: Sequence[Tensor]) -> list[Tensor]:
    """Tangents as they are seen outside: what leads to the leaves alone is cut off."""
    from tensorcli.engine.func.reverse import marked

    seen = [level.outside(marked(one, level)) for one in found]
    level.close(seen)
    return seen

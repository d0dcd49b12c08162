"""Normalisation within a sample: its last dimensions, or groups of its channels, scaled to mean 0 and variance 1."""

from math import prod

import numpy as np

from tensorcli.engine import dtypes, geometry, messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED, is_reduced
from tensorcli.engine.fused import fused
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import refuse
from tensorcli.engine.ops._moments import (
    along_line,
    channel_axes,
    check_dtypes,
    check_kept,
    check_mixed,
    check_same,
    has_small_rows,
    in_turn,
    moments,
    of_rows,
    per_channel,
    statistics,
    widened,
)
from tensorcli.engine.ops._registers import is_small_single
from tensorcli.engine.ops._shared import no_derivative
from tensorcli.engine.ops.spread import var_backward, with_mean_backward

# ---- over the last dimensions


def _layer_backward(grad, input, normalized_shape, mean, rstd, weight, bias, needs):
    return direct(
        "native_layer_norm_backward",
        grad,
        input,
        normalized_shape,
        mean,
        rstd,
        weight,
        bias,
        [bool(n) for n in needs],
    )


def _layer_double(grads, input, weight, grad_out, mean, rstd, normalized_shape, needs):
    """The gradients of the three gradients, in PyTorch's steps (FunctionsManual.cpp, layer_norm_double_backward).

    Whoever differentiates once more finds mean and rstd constant, here as there: no gradient comes back through them.
    """
    width = prod(normalized_shape)
    rows = input.numel() // width if width else 0
    x, g = input.reshape((rows, width)), grad_out.reshape((rows, width))
    mean, rstd = mean.reshape((rows, 1)), rstd.reshape((rows, 1))
    scale = input.new_ones((1,)) if weight is None else weight.reshape((1, width))
    of_input, of_weight, of_bias = (
        None if one is None else one.reshape((length, width))
        for one, length in zip(grads, (rows, 1, 1), strict=True)
    )

    def added(one):
        return one.sum(1, True)

    away, square, cube = x - mean, rstd.pow(2), rstd.pow(3)
    far = away * cube

    def first(g, level):
        """The first backward's gradient of the input."""
        return (level / width) * (g * width - added(g) - away * square * added(g * away))

    found = [[], None, []]
    if of_input is not None:
        scaled = g * scale
        product, total = added(scaled * away), added(scaled)
        products, totals = added(of_input * away), added(of_input)
        inner = (
            totals * total / width - added(of_input * scaled) + square * product * products * (3.0 / width)
        )
        found[0].append(
            far * inner / width
            + products * cube / width * (total / width - scaled)
            + product * cube / width * (totals / width - of_input)
        )
        found[2].append(first(of_input, scale * rstd))
        if weight is not None and needs[1]:
            found[1] = (g * first(of_input, rstd)).sum(0).reshape(weight.geometry.sizes)
    if of_weight is not None:
        level = rstd * added(g * of_weight) / -width
        found[0].append(g * of_weight * rstd + level + far * added(g * of_weight * away) / -width)
        found[2].append(of_weight * away * rstd)
    if of_bias is not None:
        found[2].append(of_bias)
    for place, like in ((0, input), (2, grad_out)):
        terms = found[place]
        found[place] = None
        if terms and needs[place]:
            whole = sum(terms[1:], terms[0])
            whole = whole.expand((rows, width)) if place else whole
            found[place] = whole.reshape(like.geometry.sizes)
    return found


@op(
    "native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> "
    "(Tensor, Tensor, Tensor)",
    stepwise=REDUCED,
    out=False,
    variants="function",
    input__weight__bias=lambda grad, input, normalized_shape, result1, result2, weight, bias, needs: (
        _layer_backward(grad, input, normalized_shape, result1, result2, weight, bias, needs)
    ),
)
def native_layer_norm(xp, input, normalized_shape, weight, bias, eps):
    """The last dimensions scaled to mean 0 and variance 1; the means and 1 / deviations."""
    shape = tuple(normalized_shape)
    check_mixed(input, weight, bias)
    _check_shape(input, shape, weight, bias)
    check_same(input, weight, bias)
    refuse(input, "LayerNormKernelImpl", "biuc")
    axes = tuple(range(input.ndim - len(shape), input.ndim))
    own, kept = input.dtype, statistics(input, weight, bias)
    (input,) = widened(input)
    exact = has_small_rows(xp, input, len(shape))
    if exact:
        mean, variance = of_rows(input, len(shape))
        rstd = 1 / np.sqrt(np.maximum(variance, 0) + np.float32(eps))
    else:
        mean, rstd = moments(xp, input, axes, eps)
    if exact and is_reduced(own) and (weight is None or bias is None):
        result = fused(input, rstd, -rstd * mean)
    else:
        result = (input - mean) * rstd
    if weight is not None and bias is not None and exact:
        result = fused(result, weight, bias)
    elif bias is not None and exact and not is_reduced(own):
        result = fused(input - mean, rstd, bias)
    else:
        result = result if weight is None else result * weight
        result = result if bias is None else result + bias
    return result.astype(own), mean.astype(kept), rstd.astype(kept)


def _check_shape(input, shape, weight, bias, lead=", "):
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            "normalized_shape = []"
        )
    for name, one in (("weight", weight), ("bias", bias)):
        if one is not None and one.shape != shape:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{messages.numbers(one.shape)} and normalized_shape = {messages.numbers(shape)}"
            )
    if input is not None and input.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={messages.numbers(shape)}, expected input with shape [*{lead}{', '.join(map(str, shape))}], "
            f"but got input of size{messages.numbers(input.shape)}"
        )


@op(
    "native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, "
    "Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    stepwise=REDUCED,
    variants="function",
    input__weight__grad_out=lambda grads, grad_out, input, mean, normalized_shape, rstd, weight, needs: (
        _layer_double(grads, input, weight, grad_out, mean, rstd, normalized_shape, needs)
    ),
    mean=no_derivative("native_layer_norm_backward mean"),
    rstd=no_derivative("native_layer_norm_backward rstd"),
    bias=lambda grads: None,
)
def native_layer_norm_backward(xp, grad_out, input, normalized_shape, mean, rstd, weight, bias, output_mask):
    """The gradients of native_layer_norm."""
    check_kept(input, weight)
    real = input.dtype
    own = real if weight is None else weight.dtype
    grad_out, input, mean, rstd, weight = widened(grad_out, input, mean, rstd, weight)
    lead = tuple(range(input.ndim - len(normalized_shape)))
    axes = tuple(range(len(lead), input.ndim))
    of_input = None
    if output_mask[0]:
        of_input = along_line(xp, grad_out, weight, input, mean, rstd, axes).astype(real, copy=False)
    hat = fused(input, rstd, -rstd * mean) if is_small_single(xp, input) else (input - mean) * rstd
    of_weight = in_turn(grad_out, lead, own, hat) if output_mask[1] else None
    of_bias = in_turn(grad_out, lead, own) if output_mask[2] else None
    return of_input, of_weight, of_bias


@composite(
    "layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
    "bool cudnn_enable=True) -> Tensor",
    variants="function",
)
def layer_norm(input, normalized_shape, weight, bias, eps, cudnn_enable):
    """The last dimensions scaled to mean 0 and variance 1, then by weight and bias."""
    return functions.native_layer_norm(input, normalized_shape, weight, bias, eps)[0]


@composite(
    "rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor",
    variants="function",
)
def rms_norm(input, normalized_shape, weight, eps):
    """The last dimensions scaled to a mean square of 1, then by weight."""
    shape = tuple(normalized_shape)
    if input.ndim < len(shape):
        _check_shape(None, shape, weight, None)
        raise ValueError(f"Input tensor must have at least {len(shape)} dimensions, but got {input.ndim}")
    _check_shape(input, shape, weight, None, "")
    channels_last = geometry.suggests_channels_last(input.geometry)
    fusible = not input.dtype.is_complex and not channels_last
    mismatch = weight is not None and weight.dtype is not input.dtype
    if fusible and mismatch and messages.said.first("rms_norm"):  # Once, whatever the dtypes are.
        messages.warn(
            f"Mismatch dtype between input and weight: input dtype = {input.dtype.cpp_name}, weight dtype = "
            f"{weight.dtype.cpp_name}, Cannot dispatch to fused implementation."
        )
    if input.dtype.category < dtypes.FLOATING or input.dtype in dtypes.FEW_KERNELS:
        raise messages.not_implemented("rms_norm", input.dtype.scalar_type)
    wide = input.to(dtypes.float32) if input.dtype.reduced else input
    eps = float(np.finfo(wide.dtype.np).eps) if eps is None else eps
    dims = list(range(input.ndim - 1, input.ndim - len(normalized_shape) - 1, -1))
    found = wide.mul(direct("_add_.Scalar", wide.pow(2).mean(dims, True), eps).rsqrt())
    found = found if weight is None else found.mul(weight)
    return (found if geometry.suggests_channels_last(found.geometry) else found.contiguous()).type_as(input)


# ---- over groups of channels


def _group_differentiable(grads, input, mean, rstd, weight, N, C, HxW, group, needs):
    """The gradients in tensor operations (FunctionsManual.cpp, infinitely_differentiable_native_group_norm_backward): those of
    means and deviations count only where both come.
    """
    width = C // group
    sizes, share = (N, group, width, HxW), 1.0 / (width * HxW)
    grad, of_mean, of_rstd = grads
    parts, mean, rstd = input.reshape(sizes), mean.reshape((N, group, 1, 1)), rstd.reshape((N, group, 1, 1))
    found = [None, None, None]
    if grad is not None:
        grad = grad.reshape(sizes)
        products, sums = (grad * parts).sum(3).unsqueeze_(-1), grad.sum(3).unsqueeze_(-1)
        found[1] = ((products - sums * mean) * rstd).sum(0).reshape((C,)) if needs[1] else None
        found[2] = sums.sum(0).reshape((C,)) if needs[2] else None
    if needs[0]:
        terms = []
        cube = rstd * rstd * rstd
        if grad is not None:
            scales = None if weight is None else weight.reshape((1, group, width, 1))
            weighted = (products, sums) if scales is None else (products * scales, sums * scales)
            product, total = (each.sum(2).unsqueeze_(-2) for each in weighted)
            slope = (total * mean - product) * cube * share
            level = -slope * mean - total * rstd * share
            terms.append((rstd if scales is None else rstd * scales) * grad + slope * parts + level)
        if of_mean is not None and of_rstd is not None:
            moments_of = [each.reshape(mean.geometry.sizes) for each in (of_rstd, of_mean)]
            terms.append(
                with_mean_backward(
                    moments_of,
                    parts,
                    [2, 3],
                    True,
                    lambda g: var_backward(-0.5 * cube * g, parts, [2, 3], 0, True),
                )
            )
        found[0] = sum(terms[1:], terms[0]).reshape(input.geometry.sizes) if terms else None
    return found


def _group_backward(grads, input, mean, rstd, weight, N, C, HxW, group, eps, needs):
    if mode.enabled or grads[1] is not None or grads[2] is not None:
        return _group_differentiable(grads, input, mean, rstd, weight, N, C, HxW, group, needs)
    return direct(
        "native_group_norm_backward",
        grads[0].contiguous(),
        input,
        mean,
        rstd,
        weight,
        N,
        C,
        HxW,
        group,
        [bool(n) for n in needs],
    )


def _check_groups(sizes, channels, groups, weight, bias):
    """Refuse numbers of groups, and sizes of weight and bias, that do not go with the channels. Errors: RuntimeError."""
    if groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {groups}")
    if channels % groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{messages.numbers(sizes)} and num_groups={groups}"
        )
    for name, one in (("weight", weight), ("bias", bias)):
        if one is not None and one != (channels,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape "
                # PyTorch writes the shape of the weight in both texts.
                f"{messages.numbers(one if weight is None else weight)} and input of shape {messages.numbers(sizes)}"
            )


@op(
    "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) "
    "-> (Tensor, Tensor, Tensor)",
    out=False,
    variants="function",
    input__weight__bias=lambda grads, input, result1, result2, weight, N, C, HxW, group, eps, needs: (
        _group_backward(grads, input, result1, result2, weight, N, C, HxW, group, eps, needs)
    ),
)
def native_group_norm(xp, input, weight, bias, N, C, HxW, group, eps):
    """Groups of channels scaled to mean 0 and variance 1; the means and 1 / deviations."""
    _check_groups(input.shape, C, group, *(one if one is None else one.shape for one in (weight, bias)))
    check_dtypes(input, weight, bias)
    refuse(input, "GroupNormKernelImpl", "biuc")
    kind, kept = input.dtype, statistics(input, weight, bias)
    if N < 0:
        raise messages.negative_size((N, group))
    if input.size != N * C * HxW:
        raise RuntimeError(
            "Expected X.numel() == N * C * HxW to be true, but got false.  (Could this error message be improved?  If so, "
            "please report an enhancement request to PyTorch.)"
        )
    (input,) = widened(input)
    parts = input.reshape(N, group, C // group * abs(HxW))
    mean, rstd = moments(xp, parts, (2,), eps)
    result = ((parts - mean) * rstd).reshape(N, C, abs(HxW))
    if weight is not None:
        result = result * weight[:, None]
    if bias is not None:
        result = result + bias[:, None]
    return (
        result.reshape(input.shape).astype(kind),
        mean.reshape(N, group).astype(kept),
        rstd.reshape(N, group).astype(kept),
    )


@op(
    "native_group_norm_backward(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, SymInt N, "
    "SymInt C, SymInt HxW, int group, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    variants="function",
)
def native_group_norm_backward(xp, grad_out, input, mean, rstd, weight, N, C, HxW, group, output_mask):
    """The gradients of native_group_norm."""
    check_kept(input, weight)
    grad_out, input, mean, rstd, weight = widened(grad_out, input, mean, rstd, weight)
    parts = input.reshape(N, group, C // group * HxW)
    mean, rstd = mean.reshape(N, group, 1), rstd.reshape(N, group, 1)
    hat = (parts - mean) * rstd
    of_input = None
    if output_mask[0]:
        scaled = grad_out if weight is None else grad_out * per_channel(weight, input.ndim)
        of_input = along_line(xp, scaled.reshape(parts.shape), None, parts, mean, rstd, (2,)).reshape(
            input.shape
        )
    axes = channel_axes(input.ndim)
    of_weight = (grad_out * hat.reshape(input.shape)).sum(axis=axes) if output_mask[1] else None
    return of_input, of_weight, grad_out.sum(axis=axes) if output_mask[2] else None


@composite(
    "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, "
    "bool cudnn_enabled=True) -> Tensor",
    variants="function",
)
def group_norm(input, num_groups, weight, bias, eps, cudnn_enabled):
    """Groups of channels scaled to mean 0 and variance 1, then by weight and bias."""
    sizes = input.geometry.sizes
    batch, channels = sizes[0], sizes[1]
    _check_groups(
        sizes, channels, num_groups, *(one if one is None else one.geometry.sizes for one in (weight, bias))
    )
    if not geometry.suggests_channels_last(input.geometry):
        input = input.contiguous()
    return functions.native_group_norm(
        input, weight, bias, batch, channels, prod(sizes[2:]), num_groups, eps
    )[0]

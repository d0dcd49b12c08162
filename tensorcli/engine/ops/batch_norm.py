"""Normalisation over the batch: each channel scaled to mean 0 and variance 1, or by running statistics."""

from math import prod

import numpy as np

from tensorcli.engine import events
from tensorcli.engine.autograd.modes import undeclared_writes
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.fused import fused
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import refuse, wrap
from tensorcli.engine.ops._moments import (
    channel_axes,
    check_dtypes,
    of_channels,
    per_channel,
    statistics,
    widened,
)
from tensorcli.engine.ops._registers import is_small_single
from tensorcli.engine.ops._shared import behind, no_derivative


def _from_mean(grad, centred, rstd, axes):
    """The gradient of what was scaled, by its distance from the mean, with sums in double precision as PyTorch has them."""
    count = prod(grad.shape[axis] for axis in axes)
    total, product = (
        each.sum(axis=axes, keepdims=True, dtype=np.float64).astype(grad.dtype)
        for each in (grad, grad * centred)
    )
    return (grad - total / count - centred * (product * rstd * rstd / count)) * rstd


def _batch_double(
    grads, eps, grad_out, input, running_mean, running_var, save_invstd, save_mean, train, weight, needs
):
    """The gradients of the three gradients, in PyTorch's steps (FunctionsManual.cpp, batchnorm_double_backward).

    Whoever differentiates once more finds the batch's statistics constant, here as there: no gradient comes back through them.
    """
    of_input, of_weight, of_bias = grads
    count = prod(size for dim, size in enumerate(input.geometry.sizes) if dim != 1)

    def behind_first(one):
        while one.ndim < input.ndim - 1:
            one = one.unsqueeze(1)
        return one

    def wide(one):
        return behind_first(one).unsqueeze(0) if input.ndim > 1 else one

    def expanded(one):
        return behind_first(one).expand_as(input)

    def added(one, keepdim=True):
        one = one.sum(0, keepdim)
        for dim in range(one.ndim - 1, int(keepdim), -1):
            one = one.sum(dim, keepdim)
        return one

    away = input - wide(save_mean.to(input.dtype) if train else running_mean)
    rstd = wide(save_invstd.to(input.dtype) if train else (running_var + eps).pow(-0.5))
    scale = input.new_ones((1,)) if weight is None else expanded(weight)
    square, cube = rstd.pow(2), rstd.pow(3)
    far = away * cube
    product, total = added(grad_out * away), added(grad_out)

    def first(g, scale):
        """The first backward's gradient of the input."""
        if not train:
            return g * rstd * scale
        level = rstd if scale is None else scale * rstd
        return (level / count) * (g * count - added(g) - away * square * added(g * away))

    found = [[], None, []]
    if of_input is not None:
        if train:
            product, total = added(grad_out * away), added(grad_out)
            products, totals = added(of_input * away), added(of_input)
            inner = (
                totals * total / count
                - added(grad_out * of_input)
                + square * product * products * (3.0 / count)
            )
            found[0].append(
                scale
                * (
                    far * inner / count
                    + products * cube / count * (total / count - grad_out)
                    + product * cube / count * (totals / count - of_input)
                )
            )
        found[2].append(first(of_input, scale))
        if weight is not None and needs[1]:
            each = of_input * first(grad_out, None) if train else of_input * grad_out * rstd
            found[1] = added(each, False)
    if of_weight is not None:
        of_weight = expanded(of_weight)
        if train:
            level = rstd * total / -count
            found[0].append(of_weight * (grad_out * rstd + level + far * added(grad_out * away) / -count))
        else:
            found[0].append(of_weight * rstd * grad_out)
        found[2].append(of_weight * away * rstd)
    if of_bias is not None:
        found[2].append(expanded(of_bias))
    return [
        (sum(one[1:], one[0]) if one and needs[place] else None) if isinstance(one, list) else one
        for place, one in enumerate(found)
    ]


def _refuse_tangents(running_mean_dual, running_var_dual, training):
    """Errors: RuntimeError for statistics with tangents that inputs with tangents are normalised by."""
    if not training and (running_mean_dual or running_var_dual):
        raise RuntimeError(
            "batch_norm is not differentiable wrt running_mean and running_var, they cannot have forward grad defined"
        )
    return NotImplemented


@op(
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
    "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    stepwise=REDUCED,
    variants="function",
    tangents=_refuse_tangents,
    constant="running_mean running_var",
    input__weight__bias=lambda grad, input, weight, running_mean, running_var, result1, result2, training, eps, needs: (
        direct(
            "native_batch_norm_backward",
            grad,
            input,
            weight,
            running_mean,
            running_var,
            result1,
            result2,
            training,
            eps,
            [bool(n) for n in needs],
        )
    ),
)
def native_batch_norm(xp, input, weight, bias, running_mean, running_var, training, momentum, eps):
    """Each channel scaled to mean 0 and variance 1 over the batch (training) or by the running statistics."""
    if training:
        wrap(1, input.ndim)  # the channels
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    refuse(input, "batch_norm", "biuc")
    check_dtypes(input, weight, bias, running_mean, running_var)
    real, kept = input.dtype, statistics(input, weight, bias, running_mean, running_var)
    input, weight, bias = widened(input, weight, bias)
    if training:
        mean, variance, rstd = _statistics_of(xp, input, eps)
        count = input.size // max(input.shape[1], 1)
        unbiased = variance * variance.dtype.type(count) / variance.dtype.type(max(count - 1, 1))
        if kept.itemsize == 2 and kept != np.float16:
            # PyTorch keeps the sums of bfloat16 in it, and divides them in it.
            (mean,) = widened(mean.astype(kept))
            spread = (variance.astype(np.float64) * count).astype(kept)
            variance, unbiased = widened(spread / kept.type(count), spread / kept.type(max(count - 1, 1)))
            rstd = 1 / xp.sqrt(variance.astype(np.float64) + eps)
        if running_mean is not None:
            running_mean[...] = _moved(running_mean, mean, momentum)
        if running_var is not None:
            running_var[...] = _moved(running_var, unbiased, momentum)
        if kept.itemsize == 2:
            mean, rstd = widened(mean.astype(kept), rstd.astype(kept))
    else:
        mean, running_var = widened(running_mean, running_var)
        rstd = 1 / xp.sqrt(running_var + running_var.dtype.type(eps))
    slope = rstd if weight is None else rstd * weight
    if is_small_single(xp, input) and slope.dtype == np.float32:
        shift = -(mean * slope) if bias is None else fused(-mean, slope, bias)
        result = fused(input, per_channel(slope, input.ndim), per_channel(shift, input.ndim))
    else:
        result = (input - per_channel(mean, input.ndim)) * per_channel(slope, input.ndim)
        result = result if bias is None else result + per_channel(bias, input.ndim)
    if not training and behind(xp).has_elements:
        return result.astype(real), xp.zeros((0,), kept), xp.zeros((0,), kept)
    return result.astype(real), mean.astype(kept), rstd.astype(kept)


def _statistics_of(xp, input, eps):
    """(mean, variance, 1 / deviation) of each channel."""
    if is_small_single(xp, input) and input.size:
        mean, variance = of_channels(input)
        return mean, variance, (1 / np.sqrt(variance.astype(np.float64) + eps)).astype(np.float32)
    wide = input.astype(np.float64)
    axes = channel_axes(input.ndim)
    mean, variance = wide.mean(axis=axes), wide.var(axis=axes)
    return mean, variance, 1 / xp.sqrt(variance + eps)


def _moved(running, now, momentum):
    """Running statistics, moved towards those of a batch."""
    return (1 - momentum) * running.astype(np.float64) + momentum * now


@op(
    "native_batch_norm_backward(Tensor grad_out, Tensor input, Tensor? weight, Tensor? running_mean, "
    "Tensor? running_var, Tensor? save_mean, Tensor? save_invstd, bool train, float eps, bool[3] output_mask) -> "
    "(Tensor, Tensor, Tensor)",
    variants="function",
    input__weight__grad_out=_batch_double,
    running_mean=None,
    running_var=None,
    save_mean=no_derivative("native_batch_norm_backward save_mean"),
    save_invstd=no_derivative("native_batch_norm_backward save_invstd"),
)
def native_batch_norm_backward(xp, grad_out, input, weight, running_mean, running_var, save_mean, save_invstd, train,
                               eps, output_mask):  # fmt: skip
    """The gradients of native_batch_norm."""
    check_dtypes(input, weight, running_mean, running_var)
    own = input.dtype
    grad_out, input, weight, running_mean, running_var, save_mean, save_invstd = widened(
        grad_out, input, weight, running_mean, running_var, save_mean, save_invstd
    )
    axes, ndim = channel_axes(input.ndim), input.ndim
    if train:
        mean, rstd = per_channel(save_mean, ndim), per_channel(save_invstd, ndim)
    else:
        mean, rstd = per_channel(running_mean, ndim), 1 / xp.sqrt(per_channel(running_var, ndim) + eps)
    centred = input - mean
    of_input = of_weight = None
    if output_mask[0]:
        of_input = _from_mean(grad_out, centred, rstd, axes) if train else grad_out * rstd
        of_input = (of_input if weight is None else of_input * per_channel(weight, ndim)).astype(own)
    if output_mask[1]:
        product = (grad_out * centred).sum(axis=axes, dtype=np.float64)
        of_weight = (product.astype(rstd.dtype) * rstd.reshape(-1)).astype(input.dtype)
    of_bias = grad_out.sum(axis=axes) if output_mask[2] else None
    return of_input, of_weight, of_bias


@composite(
    "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
    "float momentum, float eps, bool cudnn_enabled) -> Tensor",
    variants="function",
)
def batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
    """Each channel scaled to mean 0 and variance 1 over the batch, or by the running statistics."""
    if not input.numel():  # before anything is checked
        result = input.clone() if weight is None else input.clone() * weight.select(0, 0)
        return result if bias is None else result + bias.select(0, 0)
    channels = input.size(1) if input.ndim > 1 else 0
    for name, one in (
        ("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)
    ):  # fmt: skip
        if one is not None and one.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {one.numel()}")
        if one is None and name.startswith("running") and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
    for one in (running_mean, running_var):
        if one is not None and one.ndim != 1:
            raise RuntimeError(f"TensorAccessor expected 1 dims but tensor has {one.ndim}")
    given = input, weight, bias, running_mean, running_var, training, momentum, eps
    observer = events.observer
    written = [one for one in (running_mean, running_var) if one is not None] if training and observer else []
    with undeclared_writes():
        for one in written:
            observer.writes(one, "native_batch_norm", given)
    result = functions.native_batch_norm(*given)[0]
    for one in written:
        observer.wrote(one, "native_batch_norm", given)  # its version does not move, as in PyTorch
    return result


@composite(
    "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
    "bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
    variants="function",
)
def instance_norm(
    input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled
):
    """Each channel of each sample scaled to mean 0 and variance 1."""
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    sizes = input.geometry.sizes
    batch, channels = sizes[0], sizes[1]

    def repeated(one):
        return None if one is None else one.repeat(batch)

    mean, variance = repeated(running_mean), repeated(running_var)
    # Where the mean is not in the weight's dtype, or the input's, copies of both statistics are.
    kind = (input if weight is None else weight).dtype
    if mean is not None and mean.dtype is not kind:
        mean, variance = mean.to(kind), None if variance is None else variance.to(kind)
    flat = input.contiguous().view((1, batch * channels, *sizes[2:]))
    found = functions.batch_norm(
        flat, repeated(weight), repeated(bias), mean, variance, use_input_stats, momentum, eps, cudnn_enabled
    )
    for own, spread in ((running_mean, mean), (running_var, variance)):
        if own is not None and use_input_stats:
            with undeclared_writes():
                functions.alias(own).copy_(spread.view((batch, channels)).mean(0))
    return found.view(sizes)

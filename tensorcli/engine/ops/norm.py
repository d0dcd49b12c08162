"""Normalisation: activations scaled to mean 0 and variance 1, over features, groups or the batch."""

from math import prod

import numpy as np

from tensorcli.engine import dtypes, events, geometry, messages
from tensorcli.engine.callers import functions
from tensorcli.engine.op import composite, op
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops.nn import derived, direct


def _normalized(x, dims, eps):
    """In tensor operations: (normalised, mean, 1 / deviation) over some dimensions, kept."""
    mean = x.mean(dims, True)
    centred = x - mean
    rstd = ((centred * centred).mean(dims, True) + eps).rsqrt()
    return centred * rstd, mean, rstd


def _moments(xp, array, axes, eps):
    """(mean, 1 / deviation), kept; accumulated in float64."""
    wide = array.astype(np.float64)
    mean = wide.mean(axis=axes, keepdims=True)
    rstd = 1 / xp.sqrt(((wide - mean) ** 2).mean(axis=axes, keepdims=True) + eps)
    return mean, rstd


# ---- over the last dimensions


def _layer_backward(grad, input, normalized_shape, mean, rstd, weight, bias, needs):
    found = direct(
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
    return found


def _layer_double(grads, grad_out, input, normalized_shape, weight, eps_of, needs):
    dims = list(range(input.ndim - len(normalized_shape), input.ndim))
    lead = list(range(input.ndim - len(normalized_shape)))

    def backward(input, weight, grad_out):
        hat, _, rstd = _normalized(input, dims, eps_of)
        scaled = grad_out if weight is None else grad_out * weight
        of_input = (scaled - scaled.mean(dims, True) - hat * (scaled * hat).mean(dims, True)) * rstd
        of_weight = (grad_out * hat).sum(lead) if lead else grad_out * hat
        of_bias = grad_out.sum(lead) if lead else grad_out
        return of_input, of_weight, of_bias

    return derived(backward, (input, weight, grad_out), grads, needs)


def _eps_of(rstd, input, dims):
    """The eps that a saved 1 / deviation was computed with."""
    found = (rstd.detach() ** -2 - input.detach().var(dims, correction=0, keepdim=True)).mean()
    return float(found.item())


@op(
    "native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> "
    "(Tensor, Tensor, Tensor)",
    out=False,
    variants="function",
    input__weight__bias=lambda grad, input, normalized_shape, result1, result2, weight, bias, needs: (
        _layer_backward(grad, input, normalized_shape, result1, result2, weight, bias, needs)
    ),
    result1=None,
    result2=None,
)
def native_layer_norm(xp, input, normalized_shape, weight, bias, eps):
    """The last dimensions scaled to mean 0 and variance 1; the means and 1 / deviations."""
    shape = tuple(normalized_shape)
    _check_shape(input, shape, weight, bias)
    _check_dtypes(input, weight, bias)
    refuse(input, "LayerNormKernelImpl", "biuc")
    axes = tuple(range(input.ndim - len(shape), input.ndim))
    own, kept = input.dtype, _statistics(input, weight, bias)
    (input,) = _wide(input)
    mean, rstd = _moments(xp, input, axes, eps)
    result = (input - mean) * rstd
    if weight is not None:
        result = result * weight
    if bias is not None:
        result = result + bias
    return result.astype(own), mean.astype(kept), rstd.astype(kept)


def _wide(*arrays):
    """Arrays of reduced dtypes as float32: where a reduced input meets float32 parameters the arrays come as they are."""
    return [
        one if one is None or (one.dtype.kind in "fc" and one.dtype.itemsize > 2) else one.astype(np.float32)
        for one in arrays
    ]


def _statistics(input, *parameters):
    """The dtype of means and deviations: the parameters', which a reduced input may have in float32."""
    return next((one.dtype for one in parameters if one is not None), input.dtype)


def _check_dtypes(input, *parameters):
    """Refuse parameters of another dtype than the input's, but for float32 ones beside a reduced input
    (aten/src/ATen/native/cpu/mixed_data_type.h).
    """
    given = [one for one in parameters if one is not None]
    if not given or all(one.dtype == input.dtype for one in given):
        return
    if given[0].dtype == input.dtype:
        other = next(one for one in given if one.dtype != input.dtype)
        raise RuntimeError(f"expected scalar type {kind_of(input)} but found {kind_of(other)}")
    if any(one.dtype != np.float32 for one in given):
        raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
    if kind_of(input) not in ("Half", "BFloat16"):
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")


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
    if input.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={messages.numbers(shape)}, expected input with shape [*{lead}{', '.join(map(str, shape))}], "
            f"but got input of size{messages.numbers(input.shape)}"
        )


def _along_line(grad, input, mean, rstd, axes):
    """The gradient of what was scaled, as a line through it: so PyTorch has it, and its rounding is exact where grad is even."""
    share = rstd.dtype.type(1 / prod(input.shape[axis] for axis in axes))
    total, product = (each.sum(axis=axes, keepdims=True) for each in (grad, grad * input))
    slope = (total * mean - product) * rstd * rstd * rstd * share
    return grad * rstd + slope * input - (slope * mean + total * rstd * share)


def _from_mean(grad, centred, rstd, axes):
    """The gradient of what was scaled, by its distance from the mean, with sums in double precision as PyTorch has them."""
    count = prod(grad.shape[axis] for axis in axes)
    total, product = (
        each.sum(axis=axes, keepdims=True, dtype=np.float64).astype(grad.dtype)
        for each in (grad, grad * centred)
    )
    return (grad - total / count - centred * (product * rstd * rstd / count)) * rstd


@op(
    "native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, "
    "Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor)",
    variants="function",
    input__weight__grad_out=lambda grads, grad_out, input, normalized_shape, rstd, weight, needs: (
        _layer_double(
            grads,
            grad_out,
            input,
            normalized_shape,
            weight,
            _eps_of(rstd, input, list(range(input.ndim - len(normalized_shape), input.ndim))),
            needs,
        )
    ),
    mean=None,
    rstd=None,
    bias=None,
)
def native_layer_norm_backward(xp, grad_out, input, normalized_shape, mean, rstd, weight, bias, output_mask):
    """The gradients of native_layer_norm."""
    grad_out, input, mean, rstd, weight = _wide(grad_out, input, mean, rstd, weight)
    lead = tuple(range(input.ndim - len(normalized_shape)))
    axes = tuple(range(len(lead), input.ndim))
    of_input = None
    if output_mask[0]:
        of_input = _along_line(grad_out if weight is None else grad_out * weight, input, mean, rstd, axes)
    of_weight = (grad_out * (input * rstd - mean * rstd)).sum(axis=lead) if output_mask[1] else None
    of_bias = grad_out.sum(axis=lead) if output_mask[2] else None
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
    _check_shape(input.array, tuple(normalized_shape), None if weight is None else weight.array, None, "")
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise NotImplementedError(f"\"rms_norm\" not implemented for '{input.dtype.scalar_type}'")
    wide = input.to(dtypes.float32) if input.dtype.reduced else input
    eps = float(np.finfo(wide.array.dtype).eps) if eps is None else eps
    dims = list(range(input.ndim - len(normalized_shape), input.ndim))
    found = wide.mul(direct("_add_.Scalar", wide.pow(2).mean(dims, True), eps).rsqrt()).type_as(input)
    return found if weight is None else found.mul(weight).type_as(input)


# ---- over the batch


def _channel_axes(ndim):
    return (0, *range(2, ndim))


def _per_channel(array, ndim):
    return array.reshape((1, -1) + (1,) * (ndim - 2))


def _batch_double(grads, grad_out, input, weight, running_mean, running_var, train, eps, needs):
    dims = [0, *range(2, input.ndim)]
    shape = (1, -1) + (1,) * (input.ndim - 2)

    def backward(input, weight, grad_out):
        if train:
            hat, _, rstd = _normalized(input, dims, eps)
        else:
            rstd = (running_var.view(shape) + eps).rsqrt()
            hat = (input - running_mean.view(shape)) * rstd
        scaled = grad_out if weight is None else grad_out * weight.view(shape)
        of_input = scaled * rstd
        if train:
            of_input = (scaled - scaled.mean(dims, True) - hat * (scaled * hat).mean(dims, True)) * rstd
        return of_input, (grad_out * hat).sum(dims), grad_out.sum(dims)

    return derived(backward, (input, weight, grad_out), grads, needs)


@op(
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
    "bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
    variants="function",
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
    running_mean=None,
    running_var=None,
    result1=None,
    result2=None,
)
def native_batch_norm(xp, input, weight, bias, running_mean, running_var, training, momentum, eps):
    """Each channel scaled to mean 0 and variance 1 over the batch (training) or by the running statistics."""
    refuse(input, "batch_norm", "biuc")
    _check_dtypes(input, weight, bias, running_mean, running_var)
    axes = _channel_axes(input.ndim)
    real, kept = input.dtype, _statistics(input, weight, bias, running_mean, running_var)
    (input,) = _wide(input)
    if training:
        mean, rstd = _moments(xp, input, axes, eps)
        count = input.size // max(input.shape[1], 1)
        if running_mean is not None:
            running_mean[...] = (1 - momentum) * running_mean + momentum * mean.reshape(-1)
        if running_var is not None:
            variance = (1 / rstd**2 - eps).reshape(-1) * (count / max(count - 1, 1))
            running_var[...] = (1 - momentum) * running_var + momentum * variance
    else:
        mean = _per_channel(running_mean, input.ndim)
        rstd = 1 / xp.sqrt(_per_channel(running_var, input.ndim) + eps)
    result = (input - mean) * rstd
    if weight is not None:
        result = result * _per_channel(weight, input.ndim)
    if bias is not None:
        result = result + _per_channel(bias, input.ndim)
    if not training:
        return result.astype(real), xp.zeros((0,), kept), xp.zeros((0,), kept)
    return result.astype(real), mean.reshape(-1).astype(kept), rstd.reshape(-1).astype(kept)


@op(
    "native_batch_norm_backward(Tensor grad_out, Tensor input, Tensor? weight, Tensor? running_mean, "
    "Tensor? running_var, Tensor? save_mean, Tensor? save_invstd, bool train, float eps, bool[3] output_mask) -> "
    "(Tensor, Tensor, Tensor)",
    variants="function",
    input__weight__grad_out=lambda grads, grad_out, input, weight, running_mean, running_var, train, eps, needs: (
        _batch_double(grads, grad_out, input, weight, running_mean, running_var, train, eps, needs)
    ),
    running_mean=None,
    running_var=None,
    save_mean=None,
    save_invstd=None,
)
def native_batch_norm_backward(xp, grad_out, input, weight, running_mean, running_var, save_mean, save_invstd, train,
                               eps, output_mask):  # fmt: skip
    """The gradients of native_batch_norm."""
    own = input.dtype
    grad_out, input, weight, running_mean, running_var, save_mean, save_invstd = _wide(
        grad_out, input, weight, running_mean, running_var, save_mean, save_invstd
    )
    axes, ndim = _channel_axes(input.ndim), input.ndim
    if train:
        mean, rstd = _per_channel(save_mean, ndim), _per_channel(save_invstd, ndim)
    else:
        mean, rstd = _per_channel(running_mean, ndim), 1 / xp.sqrt(_per_channel(running_var, ndim) + eps)
    centred = input - mean
    of_input = of_weight = None
    if output_mask[0]:
        scaled = grad_out if weight is None else grad_out * _per_channel(weight, ndim)
        of_input = _from_mean(scaled, centred, rstd, axes) if train else scaled * rstd
        of_input = of_input.astype(own)
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
    channels = input.size(1) if input.ndim > 1 else 0
    for name, one in (
        ("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)
    ):  # fmt: skip
        if one is not None and one.numel() != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {one.numel()}")
        if one is None and name.startswith("running") and not training:
            raise RuntimeError(f"{name} must be defined in evaluation mode")
    if not input.numel():
        return input * weight[0] if weight is not None else input.clone()
    given = input, weight, bias, running_mean, running_var, training, momentum, eps
    observer = events.observer
    written = [one for one in (running_mean, running_var) if one is not None] if training and observer else []
    for one in written:
        observer.writes(one, "native_batch_norm", given)
    result = functions.native_batch_norm(*given)[0]
    if training and running_mean is not None and running_mean.dtype.reduced:
        _update_reduced(input.values, running_mean, running_var, momentum)
    for one in written:
        observer.wrote(one, "native_batch_norm", given)  # its version does not move, as in PyTorch
    return result


def _update_reduced(values, running_mean, running_var, momentum):
    """Move running statistics of a reduced dtype, of which the kernel is given copies."""
    wide = values.astype(np.float32)
    axes = _channel_axes(wide.ndim)
    moments = wide.mean(axes), wide.var(axes, ddof=1 if wide.size > wide.shape[1] else 0)
    for running, now in zip((running_mean, running_var), moments, strict=True):
        array = running.array
        array[...] = ((1 - momentum) * array.astype(np.float32) + momentum * now).astype(array.dtype)


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
    flat = input.contiguous().view((1, batch * channels, *sizes[2:]))
    found = functions.batch_norm(
        flat, repeated(weight), repeated(bias), mean, variance, use_input_stats, momentum, eps, cudnn_enabled
    )
    for own, spread in ((running_mean, mean), (running_var, variance)):
        if own is not None and use_input_stats:
            functions.alias(own).copy_(spread.view((batch, channels)).mean(0))
    return found.view(sizes)


# ---- over groups of channels


def _grouped(input, weight, bias, group, eps):
    """In tensor operations."""
    sizes = input.geometry.sizes
    parts = input.reshape((sizes[0], group, -1))
    hat, _, _ = _normalized(parts, [2], eps)
    hat = hat.reshape(sizes)
    shape = (1, -1) + (1,) * (len(sizes) - 2)
    if weight is not None:
        hat = hat * weight.view(shape)
    return hat if bias is None else hat + bias.view(shape)


def _group_backward(grads, input, mean, rstd, weight, bias, N, C, HxW, group, eps, needs):
    from tensorcli.engine.autograd.modes import mode

    if mode.enabled or grads[1] is not None or grads[2] is not None:
        return derived(
            lambda x, w, b: (_grouped(x, w, b, group, eps),), (input, weight, bias), grads[:1], needs
        )
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
    input__weight__bias=lambda grads, input, result1, result2, weight, bias, N, C, HxW, group, eps, needs: (
        _group_backward(grads, input, result1, result2, weight, bias, N, C, HxW, group, eps, needs)
    ),
)
def native_group_norm(xp, input, weight, bias, N, C, HxW, group, eps):
    """Groups of channels scaled to mean 0 and variance 1; the means and 1 / deviations."""
    _check_groups(input.shape, C, group, *(one if one is None else one.shape for one in (weight, bias)))
    _check_dtypes(input, weight, bias)
    refuse(input, "GroupNormKernelImpl", "biuc")
    kind, kept = input.dtype, _statistics(input, weight, bias)
    if N < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {N}: [{N}, {group}]")
    if input.size != N * C * HxW:
        raise RuntimeError(
            "Expected X.numel() == N * C * HxW to be true, but got false.  (Could this error message be improved?  If so, "
            "please report an enhancement request to PyTorch.)"
        )
    (input,) = _wide(input)
    parts = input.reshape(N, group, C // group * abs(HxW))
    mean, rstd = _moments(xp, parts, (2,), eps)
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
    grad_out, input, mean, rstd, weight = _wide(grad_out, input, mean, rstd, weight)
    parts = input.reshape(N, group, C // group * HxW)
    mean, rstd = mean.reshape(N, group, 1), rstd.reshape(N, group, 1)
    hat = (parts - mean) * rstd
    of_input = None
    if output_mask[0]:
        scaled = grad_out if weight is None else grad_out * _per_channel(weight, input.ndim)
        of_input = _along_line(scaled.reshape(parts.shape), parts, mean, rstd, (2,)).reshape(input.shape)
    axes = _channel_axes(input.ndim)
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

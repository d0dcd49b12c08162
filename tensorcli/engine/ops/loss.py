"""Losses: how far a prediction is from its target, as one number or one an element.

`reduction` is PyTorch's number: 0 none, 1 mean, 2 sum.
"""

import math

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.autograd.modes import mode
from tensorcli.engine.callers import functions
from tensorcli.engine.dtypes import COMMON, FLOATING
from tensorcli.engine.effects import Laid, broadcast_sizes
from tensorcli.engine.geometry import elementwise_strides
from tensorcli.engine.op import composite, op
from tensorcli.engine.ops._shared import behind, own_geometry
from tensorcli.engine.ops.nn import direct
from tensorcli.engine.ops.reduce import kind_of, refuse

NONE, MEAN, SUM = 0, 1, 2


def reduced(loss, reduction):
    """A tensor of losses as the reduction asks."""
    return loss.mean() if reduction == MEAN else loss.sum() if reduction == SUM else loss


def _reduced(xp, array, reduction, *inputs):
    if reduction == MEAN:
        return xp.divide(xp.sum(array), array.size)  # numpy's mean warns where there is nothing to average
    if reduction == SUM:
        return xp.sum(array)
    if xp is not np or not array.ndim:
        return array
    # Element by element, the inputs decide in which order the result lies.
    shapes = [own_geometry(np.broadcast_to(one, array.shape)) for one in inputs or (array,)]
    return Laid(array, elementwise_strides(array.shape, shapes))


def _share(array, reduction):
    """What each element's gradient is scaled by."""
    return array.dtype.type(1 / max(array.size, 1) if reduction == MEAN else 1)


def _divided(tensor, like, reduction):
    return tensor / like.numel() if reduction == MEAN else tensor


# ---- differences


@op(
    "mse_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
    dtype=COMMON,
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, reduction: functions.mse_loss_backward(grad, self, target, reduction),
    target=lambda grad, self, target, reduction: functions.mse_loss_backward(grad, target, self, reduction),
)
def mse_loss(xp, self, target, reduction):
    """The squared differences."""
    refuse(self, "mse_cpu", "biuc")
    difference = self - target
    return _reduced(xp, difference * difference, reduction, self, target)


@op(
    "mse_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor",
    dtype=COMMON,
    namespace="nn",
    variants="function",
    grad_output=lambda grad, self, target, reduction: functions.mse_loss_backward(
        grad, self, target, reduction
    ),
    self=lambda grad, grad_output, self_sizes, reduction: _mse_double(
        grad * grad_output, self_sizes, reduction
    ),
    target=lambda grad, grad_output, target_sizes, reduction: (
        -_mse_double(grad * grad_output, target_sizes, reduction)
    ),
)
def mse_loss_backward(xp, grad_output, self, target, reduction):
    """The gradient of mse_loss."""
    difference = self - target
    return difference * (2 * _share(difference, reduction)) * grad_output


def _mse_double(grad, sizes, reduction):
    return grad * (2.0 / np.prod(sizes, dtype=float) if reduction == MEAN else 2.0)


@composite(
    "l1_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor", namespace="nn", variants="function"
)
def l1_loss(self, target, reduction):
    """The absolute differences."""
    return reduced((self - target).abs(), reduction)


def _smooth_double(grad, self, target, reduction, beta):
    return _divided(grad * ((self - target).abs() < beta).to(grad.dtype) / beta, self, reduction)


@op(
    "smooth_l1_loss(Tensor self, Tensor target, int reduction=Mean, float beta=1.0) -> Tensor",
    dtype=COMMON,
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, reduction, beta: functions.smooth_l1_loss_backward(
        grad, self, target, reduction, beta
    ),
    target=lambda grad, self, target, reduction, beta: functions.smooth_l1_loss_backward(
        grad, target, self, reduction, beta
    ),
)
def smooth_l1_loss(xp, self, target, reduction, beta):
    """Half the squared differences over beta below beta, the absolute differences less half of beta above."""
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    refuse(self, "smooth_l1_cpu", "biuc")
    size = xp.abs(self - target)
    if beta:
        size = xp.where(
            size < beta, size * size * size.dtype.type(0.5 / beta), size - size.dtype.type(0.5 * beta)
        )
    return _reduced(xp, size, reduction)


@op(
    "smooth_l1_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float beta) -> Tensor",
    dtype=COMMON,
    namespace="nn",
    variants="function",
    grad_output=lambda grad, self, target, reduction, beta: functions.smooth_l1_loss_backward(
        grad, self, target, reduction, beta
    ),
    self=lambda grad, grad_output, self, target, reduction, beta: _smooth_double(
        grad * grad_output, self, target, reduction, beta
    ),
    target=lambda grad, grad_output, self, target, reduction, beta: (
        -_smooth_double(grad * grad_output, self, target, reduction, beta)
    ),
)
def smooth_l1_loss_backward(xp, grad_output, self, target, reduction, beta):
    """The gradient of smooth_l1_loss."""
    difference = self - target
    inner = difference / difference.dtype.type(beta) if beta else difference
    slope = xp.where(xp.abs(difference) >= beta, xp.sign(difference), inner)
    return slope * _share(difference, reduction) * grad_output


def _huber_double(grad, self, target, reduction, delta):
    return _divided(grad * ((self - target).abs() <= delta), self, reduction)


def _huber_double_output(grad, grad_output, self, target, reduction, delta):
    if reduction == NONE:
        return functions.huber_loss_backward(grad, self, target, reduction, delta)
    ones = functions.ones_like(grad_output)
    return (functions.huber_loss_backward(ones, self, target, reduction, delta) * grad).sum()


@op(
    "huber_loss(Tensor self, Tensor target, int reduction=Mean, float delta=1.0) -> Tensor",
    dtype=COMMON,
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, reduction, delta: functions.huber_loss_backward(
        grad, self, target, reduction, delta
    ),
    target=lambda grad, self, target, reduction, delta: functions.huber_loss_backward(
        grad, target, self, reduction, delta
    ),
)
def huber_loss(xp, self, target, reduction, delta):
    """Half the squared differences up to delta, growing linearly above."""
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    refuse(self, "huber_cpu", "biuc")
    size = xp.abs(self - target)
    kind = size.dtype.type
    return _reduced(
        xp,
        xp.where(size <= delta, kind(0.5) * size * size, kind(delta) * (size - kind(0.5 * delta))),
        reduction,
    )


@op(
    "huber_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float delta) -> Tensor",
    dtype=COMMON,
    namespace="nn",
    variants="function",
    grad_output=lambda grad, grad_output, self, target, reduction, delta: _huber_double_output(
        grad, grad_output, self, target, reduction, delta
    ),
    self=lambda grad, grad_output, self, target, reduction, delta: _huber_double(
        grad * grad_output, self, target, reduction, delta
    ),
    target=lambda grad, grad_output, self, target, reduction, delta: (
        -_huber_double(grad * grad_output, self, target, reduction, delta)
    ),
)
def huber_loss_backward(xp, grad_output, self, target, reduction, delta):
    """The gradient of huber_loss."""
    difference = self - target
    return xp.clip(difference, -delta, delta) * _share(difference, reduction) * grad_output


def _constant_target(self, target, reduction):
    if mode.enabled and target.requires_grad:
        raise RuntimeError(
            "The function 'soft_margin_loss' is not differentiable with respect to argument 'target'. This input cannot have "
            "requires_grad True."
        )


@op(
    "soft_margin_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
    dtype=COMMON,
    check=_constant_target,
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, reduction: functions.soft_margin_loss_backward(
        grad, self, target, reduction
    ),
    target=None,
)
def soft_margin_loss(xp, self, target, reduction):
    """The logistic loss for targets of 1 and -1."""
    if target.dtype.kind == "b":
        raise RuntimeError(messages.BOOL_NEGATION)
    if self.dtype.kind in "iu" and target.dtype.kind in "iu":
        raise messages.result_cast("Float", kind_of(self))
    sizes = broadcast_sizes([self.shape, target.shape])
    if sizes != self.shape:
        raise messages.output_shape(self.shape, sizes)
    return _reduced(xp, xp.log1p(xp.exp(-target * self)), reduction)


def _soft_margin_double(grad, self, target, reduction):
    power = (self * -target).exp()
    return _divided(grad * power / (power + 1) ** 2 * target**2, self, reduction)


def _soft_margin_double_output(grad, grad_output, self, target, reduction):
    ones = functions.ones_like(grad_output)
    found = functions.soft_margin_loss_backward(ones, self, target, reduction) * grad
    return found if reduction == NONE else found.sum()


@op(
    "soft_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor",
    dtype=COMMON,
    namespace="nn",
    variants="function",
    grad_output=lambda grad, grad_output, self, target, reduction: _soft_margin_double_output(
        grad, grad_output, self, target, reduction
    ),
    self=lambda grad, grad_output, self, target, reduction: _soft_margin_double(
        grad * grad_output, self, target, reduction
    ),
    target=None,
)
def soft_margin_loss_backward(xp, grad_output, self, target, reduction):
    """The gradient of soft_margin_loss."""
    power = xp.exp(-target * self)
    return -target * power / (power + 1) * _share(power, reduction) * grad_output


# ---- classes


def _classes(xp, self, target, weight, ignore_index, name):
    """(rows, targets, weights of the rows, which rows count), with checks in PyTorch's words."""
    if target.dtype.kind not in "iu" or target.dtype.itemsize not in (1, 8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {kind_of(target)}")
    count = self.shape[0 if self.ndim == 1 else 1]
    if weight is not None and weight.size != count:
        raise RuntimeError(
            f"weight tensor should be defined either for all {count} classes or no classes but got weight tensor of shape: "
            f"{messages.numbers(weight.shape)}"
        )
    if weight is not None and weight.dtype != self.dtype:
        raise RuntimeError(f"expected scalar type {kind_of(self)} but found {kind_of(weight)}")
    counts = target != ignore_index
    outside = counts & ((target < 0) | (target >= count))
    if outside.any():
        raise IndexError(f"Target {target[outside].reshape(-1)[0]} is out of bounds.")
    safe = xp.where(counts, target, 0)
    weights = xp.ones(target.shape, self.dtype) if weight is None else weight[safe].astype(self.dtype)
    return safe, xp.where(counts, weights, self.dtype.type(0)), counts


def _picked(xp, self, safe):
    if self.ndim == 1:
        return self[safe.reshape(())] if safe.size == 1 else self[safe]
    return xp.take_along_axis(self, safe[:, None], 1)[:, 0]


def _nll(xp, self, target, weight, reduction, ignore_index, name):
    safe, weights, counts = _classes(xp, self, target, weight, ignore_index, name)
    losses = xp.where(counts, -_picked(xp, self, safe) * weights, self.dtype.type(0))
    if reduction == NONE:
        return losses.reshape(()) if self.ndim == 1 else losses, xp.zeros((), self.dtype)
    total = xp.sum(weights, dtype=self.dtype)
    loss = xp.sum(losses, dtype=self.dtype)
    return (xp.divide(loss, total) if reduction == MEAN else loss), total


def _nll_backward(xp, grad_output, self, target, weight, reduction, ignore_index, total_weight, name):
    safe, weights, counts = _classes(xp, self, target, weight, ignore_index, name)
    each = -weights * grad_output
    if reduction == MEAN:
        each = xp.where(counts, each / total_weight, self.dtype.type(0))
    result = xp.zeros(self.shape, self.dtype)
    if self.ndim == 1:
        result[safe.reshape(())] = each.reshape(())
    else:
        xp.put_along_axis(result, safe[:, None], each[:, None], 1)
    return result


def _same_batch(self, target):
    if self.shape[0] != (target.shape[0] if target.ndim else 1):
        raise RuntimeError(
            f"size mismatch (got input: {messages.numbers(self.shape)}, target: {messages.numbers(target.shape)})"
        )


@op(
    "nll_loss_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> "
    "(Tensor output, Tensor total_weight)",
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, weight, reduction, ignore_index, total_weight: (
        functions.nll_loss_backward(grad, self, target, weight, reduction, ignore_index, total_weight)
    ),
    target=None,
    weight=None,
)
def nll_loss_forward(xp, self, target, weight, reduction, ignore_index):
    """The negative log-likelihood of the target classes, and the weight that it was divided by."""
    if not 1 <= self.ndim <= 2:
        raise RuntimeError("input tensor should be 1D or 2D")
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if self.ndim == 1 and target.ndim == 1 and len(target) != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {len(target)}")
    if self.ndim == 2:
        _same_batch(self, target)
    return _nll(xp, self, target, weight, reduction, ignore_index, "nll_loss")


@op(
    "nll_loss_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, "
    "SymInt ignore_index, Tensor total_weight) -> Tensor",
    namespace="nn",
    variants="function",
    grad_output=lambda grad, target, weight, reduction, ignore_index: functions.nll_loss(
        grad, target, weight, reduction, ignore_index
    ),
    self=lambda grad: functions.zeros_like(grad),
    target=None,
    weight=None,
    total_weight=None,
)
def nll_loss_backward(xp, grad_output, self, target, weight, reduction, ignore_index, total_weight):
    """The gradient of nll_loss."""
    if target.ndim:  # PyTorch computes the loss of one sample with its target in a list, not its gradient
        _same_batch(self, target)
    return _nll_backward(
        xp, grad_output, self, target, weight, reduction, ignore_index, total_weight, "nll_loss"
    )


@op(
    "nll_loss2d_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> "
    "(Tensor output, Tensor total_weight)",
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, weight, reduction, ignore_index, total_weight: (
        functions.nll_loss2d_backward(grad, self, target, weight, reduction, ignore_index, total_weight)
    ),
    target=None,
    weight=None,
)
def nll_loss2d_forward(xp, self, target, weight, reduction, ignore_index):
    """The negative log-likelihood of the target class of each point of an image."""
    if target.ndim != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {target.ndim}"
        )
    if self.shape[0] != target.shape[0] or self.shape[2:] != target.shape[1:]:
        raise RuntimeError(
            f"size mismatch (got input: {messages.numbers(self.shape)} , target: {messages.numbers(target.shape)}"
        )
    return _nll(xp, self, target, weight, reduction, ignore_index, "nll_loss2d")


@op(
    "nll_loss2d_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, "
    "SymInt ignore_index, Tensor total_weight) -> Tensor",
    namespace="nn",
    variants="function",
    grad_output=lambda grad, target, weight, reduction, ignore_index: functions.nll_loss2d(
        grad, target, weight, reduction, ignore_index
    ),
    self=lambda grad: functions.zeros_like(grad),
    target=None,
    weight=None,
    total_weight=None,
)
def nll_loss2d_backward(xp, grad_output, self, target, weight, reduction, ignore_index, total_weight):
    """The gradient of nll_loss2d."""
    return _nll_backward(
        xp, grad_output, self, target, weight, reduction, ignore_index, total_weight, "nll_loss2d"
    )


@composite(
    "nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, SymInt ignore_index=-100) -> Tensor",
    namespace="nn",
    variants="function",
)
def nll_loss(self, target, weight, reduction, ignore_index):
    """The negative log-likelihood of the target classes, given logarithms of probabilities."""
    return functions.nll_loss_forward(self, target, weight, reduction, ignore_index)[0]


@composite(
    "nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, SymInt ignore_index=-100) -> Tensor",
    namespace="nn",
    variants="function",
)
def nll_loss2d(self, target, weight, reduction, ignore_index):
    """The negative log-likelihood of the target class of each point of an image."""
    return functions.nll_loss2d_forward(self, target, weight, reduction, ignore_index)[0]


@composite(
    "nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, SymInt ignore_index=-100) -> Tensor",
    namespace="nn",
    variants="function",
)
def nll_loss_nd(self, target, weight, reduction, ignore_index):
    """nll_loss for any number of dimensions behind the classes."""
    sizes = self.geometry.sizes
    if not sizes:
        raise ValueError("Expected 1 or more dimensions (got 0)")
    if len(sizes) != 1 and sizes[0] != (target.geometry.sizes or (0,))[0]:
        raise ValueError(f"Expected input batch_size ({sizes[0]}) to match target batch_size "
                         f"({target.geometry.sizes[0] if target.ndim else 0}).")  # fmt: skip
    if len(sizes) <= 2:
        return functions.nll_loss(self, target, weight, reduction, ignore_index)
    if len(sizes) == 4:
        return functions.nll_loss2d(self, target, weight, reduction, ignore_index)
    wanted = (sizes[0], *sizes[2:])
    if target.geometry.sizes[1:] != sizes[2:]:
        raise RuntimeError(
            f"Expected target size {messages.numbers(wanted)}, got {messages.numbers(target.geometry.sizes)}"
        )
    points = self.numel() // max(sizes[0] * sizes[1], 1)
    flat = self.contiguous().view((sizes[0], sizes[1], 1, points))
    labels = target.contiguous().view((sizes[0], 1, points))
    loss = functions.nll_loss2d(flat, labels, weight, reduction, ignore_index)
    return loss.view(wanted) if reduction == NONE else loss


@composite(
    "cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, "
    "SymInt ignore_index=-100, float label_smoothing=0.0) -> Tensor",
    namespace="nn",
    variants="function",
)
def cross_entropy_loss(self, target, weight, reduction, ignore_index, label_smoothing):
    """The negative log-likelihood of target classes (or probabilities) under the softmax of the scores."""
    classes = 0 if self.ndim == 1 else 1
    if self.geometry.sizes == target.geometry.sizes:
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _cross_entropy_probabilities(self, target, weight, reduction, label_smoothing, classes)
    if not 0 <= label_smoothing <= 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    scores = self.log_softmax(classes, self.dtype)
    loss = functions.nll_loss_nd(scores, target, weight, reduction, ignore_index)
    if not label_smoothing:
        return loss
    scale = None if weight is None else weight.view(_along(self, classes, weight))
    smooth = -(scores if scale is None else scores * scale).sum(classes)
    ignored = target == ignore_index
    smooth = smooth.masked_fill(ignored, 0.0)
    if reduction == MEAN and weight is not None:
        smooth = smooth.sum() / weight.gather(0, target.masked_select(~ignored).flatten()).sum()
    elif reduction == MEAN:
        smooth = smooth.masked_select(~ignored).mean()
    else:
        smooth = reduced(smooth, reduction)
    return direct("_mul.Scalar", loss, 1 - label_smoothing) + direct(
        "_mul.Scalar", smooth, label_smoothing / (self.size(classes) or math.nan)
    )


def _along(self, dim, weight):
    return tuple(weight.numel() if d == dim else 1 for d in range(self.ndim))


def _cross_entropy_probabilities(self, target, weight, reduction, label_smoothing, classes):
    if not target.dtype.is_floating_point:
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {target.dtype.scalar_type}"
        )
    scores = self.log_softmax(classes, self.dtype)
    count = self.size(classes)
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / count
    losses = scores * target
    if weight is not None:
        losses = losses * weight.view(_along(self, classes, weight))
    if reduction == NONE:
        return -losses.sum(classes)
    total = -losses.sum()
    return direct("_div.Scalar", total, self.numel() / (count or math.nan)) if reduction == MEAN else total


# ---- probabilities


@op(
    "binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean) -> Tensor",
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, weight, reduction: functions.binary_cross_entropy_backward(
        grad, self, target, weight, reduction
    ),
    target=lambda grad, self, weight, reduction: _bce_target(grad, self, weight, reduction),
    weight=None,
)
def binary_cross_entropy(xp, self, target, weight, reduction):
    """The cross entropy of probabilities and targets between 0 and 1."""
    if target.dtype != self.dtype:
        raise RuntimeError(f"Found dtype {kind_of(target)} but expected {kind_of(self)}")
    refuse(self, "binary_cross_entropy", "biuc")
    if not ((self >= 0) & (self <= 1)).all():
        raise RuntimeError("all elements of input should be between 0 and 1")
    if ((target < 0) | (target > 1)).any():
        raise RuntimeError("all elements of target should be between 0 and 1")
    least = self.dtype.type(-100)
    losses = (target - 1) * xp.maximum(xp.log1p(-self), least) - target * xp.maximum(xp.log(self), least)
    if weight is not None:
        weighted = losses * weight
        if weighted.shape != losses.shape:
            raise messages.output_shape(losses.shape, weighted.shape)
        losses = weighted
    return _reduced(xp, losses.astype(self.dtype), reduction, self)


def _bce_target(grad, self, weight, reduction):
    found = grad * (self.neg().log1p().clamp_min(-100) - self.log().clamp_min(-100))
    return _divided(found if weight is None else found * weight, self, reduction)


def _bce_slope(self, target, weight, reduction):
    """The gradient of binary_cross_entropy for a gradient of one, in tensor operations."""
    found = (self - target) / (self * (1 - self)).clamp_min(1e-12)
    return _divided(found if weight is None else found * weight, self, reduction)


def _bce_double(grad, grad_output, self, target, weight, reduction):
    scale = self * (1 - self) + 1e-12
    curve = ((self - 2 * target) * self + target) / scale**2
    found = grad * grad_output * curve
    return _divided(found if weight is None else found * weight, self, reduction)


def _bce_double_target(grad, grad_output, self, weight, reduction):
    found = -(grad * grad_output) / (self * (1 - self)).clamp_min(1e-12)
    return _divided(found if weight is None else found * weight, self, reduction)


@op(
    "binary_cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, "
    "int reduction=Mean) -> Tensor",
    namespace="nn",
    variants="function",
    grad_output=lambda grad, self, target, weight, reduction: (
        grad * _bce_slope(self, target, weight, reduction)
    ),
    self=lambda grad, grad_output, self, target, weight, reduction: _bce_double(
        grad, grad_output, self, target, weight, reduction
    ),
    target=lambda grad, grad_output, self, weight, reduction: _bce_double_target(
        grad, grad_output, self, weight, reduction
    ),
    weight=None,
)
def binary_cross_entropy_backward(xp, grad_output, self, target, weight, reduction):
    """The gradient of binary_cross_entropy."""
    slope = (self - target) / xp.maximum((1 - self) * self, self.dtype.type(1e-12))
    result = grad_output * slope * _share(self, reduction)
    return result if weight is None else result * weight


@op(
    "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, "
    "int reduction=Mean) -> Tensor",
    out=False,
    variants="function",
    self=lambda grad, self, target, weight, pos_weight, reduction: _logits_backward(
        grad, self, target, weight, pos_weight, reduction
    ),
    target=lambda grad, self, weight, pos_weight, reduction: _logits_target(
        grad, self, weight, pos_weight, reduction
    ),
    weight=None,
    pos_weight=None,
)
def binary_cross_entropy_with_logits(xp, self, target, weight, pos_weight, reduction):
    """The cross entropy of the sigmoid of scores and targets between 0 and 1, without overflow."""
    refuse(self, "log_sigmoid_cpu", "biuc")
    log_sigmoid = xp.minimum(self, 0) - xp.log1p(xp.exp(-xp.abs(self)))
    scale = 1 if pos_weight is None else (pos_weight - 1) * target + 1
    losses = (1 - target) * self - scale * log_sigmoid
    if weight is not None:
        losses = losses * weight
    return _reduced(xp, losses.astype(np.result_type(self.dtype, target.dtype)), reduction)


def _logits_backward(grad, self, target, weight, pos_weight, reduction):
    if pos_weight is None:
        found = (self.sigmoid() - target) * grad
    else:
        heavy = pos_weight * target
        found = ((heavy + 1 - target) * self.sigmoid() - heavy) * grad
    return _divided(found if weight is None else found * weight, self, reduction)


def _logits_target(grad, self, weight, pos_weight, reduction):
    if pos_weight is None:
        found = -self * grad
    else:
        found = (functions.log_sigmoid(-self) - pos_weight * functions.log_sigmoid(self)) * grad
    return _divided(found if weight is None else found * weight, self, reduction)


@composite(
    "kl_div(Tensor self, Tensor target, int reduction=Mean, *, bool log_target=False) -> Tensor",
    variants="function",
)
def kl_div(self, target, reduction, log_target):
    """The Kullback-Leibler divergence of the target from self, which holds logarithms of probabilities."""
    for name, refused in (
        ("Complex", (self.dtype.is_complex, target.dtype.is_complex)),
        ("Integral", (self.dtype.category < FLOATING, target.dtype.category < FLOATING)),
    ):
        if any(refused):
            raise RuntimeError(f"kl_div: {name} inputs not supported.")
    if log_target:
        return reduced(target.exp() * (target - self), reduction)
    return reduced(functions.xlogy(target, target) - target * self, reduction)


@composite(
    "poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor",
    variants="function",
)
def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """The negative log-likelihood of counts under a Poisson distribution."""
    loss = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * 3.141592653589793 * target).log()
        loss = loss + stirling.masked_fill(target <= 1, 0)
    return reduced(loss, reduction)


# ---- margins


@composite(
    "hinge_embedding_loss(Tensor self, Tensor target, float margin=1.0, int reduction=Mean) -> Tensor",
    variants="function",
)
def hinge_embedding_loss(self, target, margin, reduction):
    """self where the target is 1, what is missing to the margin where it is -1."""
    zeros = functions.zeros_like(self)
    margins = (margin - self).clamp_min(0)
    missing = functions.where(target != 1, margins, zeros)
    present = functions.where(target != -1, self, zeros)
    return reduced(missing + present, reduction)


@composite(
    "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=Mean) -> Tensor",
    variants="function",
)
def margin_ranking_loss(input1, input2, target, margin, reduction):
    """What is missing for one input to rank above the other by the margin."""
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


@composite(
    "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2, "
    "float eps=1e-06, bool swap=False, int reduction=Mean) -> Tensor",
    variants="function",
)
def triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction):
    """What is missing for the positive to be nearer to the anchor than the negative by the margin."""
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )
    near = functions.pairwise_distance(anchor, positive, p, eps)
    far = functions.pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = functions.min(far, functions.pairwise_distance(positive, negative, p, eps))
    return reduced((margin + near - far).clamp_min(0), reduction)


@composite(
    "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=Mean) -> Tensor",
    variants="function",
)
def cosine_embedding_loss(input1, input2, target, margin, reduction):
    """One minus the cosine where the target is 1, the cosine above the margin where it is -1."""
    dim = target.ndim
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    product = (input1 * input2).sum(dim)
    length1 = (input1 * input1).sum(dim) + 1e-12
    length2 = (input2 * input2).sum(dim) + 1e-12
    cosine = product / (length1 * length2).sqrt()
    zeros = functions.zeros_like(cosine)
    same = functions.where(target == 1, 1 - cosine, zeros)
    other = functions.where(target == -1, (cosine - margin).clamp_min(0), zeros)
    return reduced(same + other, reduction)


def _check_rows(self):
    if self.ndim > 2 or (self.ndim and not self.shape[-1]):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{messages.numbers(self.shape)}"
        )


def _check_margins(self, target, weight):
    _check_rows(self)
    samples = self.shape[0] if self.ndim == 2 else 1
    classes = self.shape[-1] if self.ndim else 1
    if target.ndim > 1 or target.size != samples:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). "
            f"Expected target size [{samples}], but got {messages.numbers(target.shape)}. Input has shape "
            f"{messages.numbers(self.shape)}."
        )
    if weight is not None and (weight.ndim > 1 or weight.size != classes):
        raise RuntimeError(
            f"inconsistent weight size, expected {classes} but got {messages.numbers(weight.shape)}"
        )
    if self.dtype != np.float32 and self.dtype != np.float64:
        raise NotImplementedError(f"\"multi_margin_loss_cpu_kernel\" not implemented for '{kind_of(self)}'")
    if target.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {kind_of(target)}")
    if weight is not None and weight.dtype != self.dtype:
        raise RuntimeError(f"expected scalar type {kind_of(self)} but found {kind_of(weight)}")
    if target.size and not 0 <= target.min() <= target.max() < classes:
        raise RuntimeError("target out of range")


def _margins(xp, self, target, p, margin, weight):
    """The hinge of each class against the target's, as rows; and the target of each row."""
    _check_margins(self, target, weight)
    rows = self.reshape(-1, self.shape[-1] if self.ndim else 1)
    index = target.reshape(-1)
    own = xp.take_along_axis(rows, index[:, None], 1)
    hinge = xp.maximum(self.dtype.type(margin) - own + rows, 0)
    scale = xp.ones_like(own) if weight is None else weight[index][:, None]
    return hinge, scale, index


@op(
    "multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, "
    "int reduction=Mean) -> Tensor",
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, p, margin, weight, reduction: functions.multi_margin_loss_backward(
        grad, self, target, p, margin, weight, reduction
    ),
    target=None,
    weight=None,
)
def multi_margin_loss(xp, self, target, p, margin, weight, reduction):
    """What is missing for the target's score to lead all others by the margin, to the power p."""
    hinge, scale, index = _margins(xp, self, target, p, margin, weight)
    powers = hinge**p * scale
    xp.put_along_axis(powers, index[:, None], 0, 1)
    losses = powers.sum(axis=1) / self.dtype.type(powers.shape[1])
    return _reduced(xp, losses.reshape(target.shape) if reduction == NONE else losses, reduction)


@op(
    "multi_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, Scalar p, Scalar margin, "
    "Tensor? weight=None, int reduction=Mean) -> Tensor",
    namespace="nn",
    variants="function",
)
def multi_margin_loss_backward(xp, grad_output, self, target, p, margin, weight, reduction):
    """The gradient of multi_margin_loss."""
    hinge, scale, index = _margins(xp, self, target, p, margin, weight)
    slope = xp.where(hinge > 0, p * hinge ** (p - 1), 0) * scale / hinge.shape[1]
    xp.put_along_axis(slope, index[:, None], 0, 1)
    xp.put_along_axis(slope, index[:, None], -slope.sum(axis=1, keepdims=True), 1)
    if reduction == MEAN:
        slope = slope / len(slope)
    return (slope * grad_output.reshape(-1, 1)).reshape(self.shape).astype(self.dtype)


def _label_counts(xp, target):
    """How often each class is named before the first -1 of each row; PyTorch counts each time."""
    rows = target.reshape(-1, target.shape[-1] if target.ndim else 1)
    named = xp.nonzero(xp.cumsum(rows < 0, axis=1) == 0)
    counts = xp.zeros(rows.shape, np.int64)
    behind(xp).combine("add", counts, (named[0], rows[named]), 1)
    return counts


@op(
    "multilabel_margin_loss_forward(Tensor self, Tensor target, int reduction) -> (Tensor output, Tensor is_target)",
    namespace="nn",
    variants="function",
    self=lambda grad, self, target, reduction, is_target: functions.multilabel_margin_loss_backward(
        grad, self, target, reduction, is_target
    ),
    target=None,
)
def multilabel_margin_loss_forward(xp, self, target, reduction):
    """What is missing for each target's score to lead all others by one."""
    _check_rows(self)
    if (target.ndim > 1 or target.size != self.size) if self.ndim < 2 else target.shape != self.shape:
        raise RuntimeError(
            f"inconsistent target size: {messages.numbers(target.shape)} for input of size: {messages.numbers(self.shape)}"
        )
    if target.size and not -1 <= target.min() <= target.max() < (self.shape[-1] if self.ndim else 1):
        raise RuntimeError("argument #2 'target' is out of range")
    if self.dtype != np.float32 and self.dtype != np.float64:
        raise NotImplementedError(
            f"\"multilabel_margin_loss_forward_out_frame\" not implemented for '{kind_of(self)}'"
        )
    if target.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {kind_of(target)}")
    counts = _label_counts(xp, target)
    mask = counts > 0
    rows = self.reshape(mask.shape)
    hinge = xp.maximum(1 - rows[:, :, None] + rows[:, None, :], 0) * (counts[:, :, None] * ~mask[:, None, :])
    losses = (hinge.sum(axis=(1, 2)) / mask.shape[1]).astype(self.dtype)
    if reduction == NONE and self.ndim < 2:
        losses = losses.reshape(())
    return _reduced(xp, losses, reduction), mask.reshape(target.shape).astype(self.dtype)


@op(
    "multilabel_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, Tensor is_target) "
    "-> Tensor",
    namespace="nn",
    variants="function",
)
def multilabel_margin_loss_backward(xp, grad_output, self, target, reduction, is_target):
    """The gradient of multilabel_margin_loss."""
    counts = _label_counts(xp, target)
    rows = self.reshape(counts.shape)
    behind = 1 - rows[:, :, None] + rows[:, None, :] > 0
    active = behind * counts[:, :, None] * (counts == 0)[:, None, :]
    slope = (active.sum(axis=1) - active.sum(axis=2)) / counts.shape[1]
    if reduction == MEAN:
        slope = slope / len(slope)
    return (slope * grad_output.reshape(-1, 1)).reshape(self.shape).astype(self.dtype)


@composite(
    "multilabel_margin_loss(Tensor self, Tensor target, int reduction=Mean) -> Tensor",
    namespace="nn",
    variants="function",
)
def multilabel_margin_loss(self, target, reduction):
    """What is missing for each target's score to lead all others by one."""
    return functions.multilabel_margin_loss_forward(self, target, reduction)[0]

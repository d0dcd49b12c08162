"""Losses of classes: the negative log-likelihood and what is made of it."""

import math

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.dtypes import REDUCED
from tensorcli.engine.ops._cascade import spread
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import kind_of, refuse
from tensorcli.engine.ops._registers import MOST
from tensorcli.engine.ops._shared import zeros
from tensorcli.engine.ops.loss import MEAN, NONE, reduced


def _classes(xp, self, target, weight, ignore_index):
    """(rows, targets, weights of the rows, which rows count), with checks in PyTorch's words."""
    _check_labels(target)
    count = self.shape[0 if self.ndim == 1 else 1]
    if weight is not None and self.ndim > 2:
        if weight.size != count:
            raise RuntimeError("weight tensor should be defined either for all or no classes")
        weight = weight.reshape(count)
    elif weight is not None and weight.shape != (count,):
        raise RuntimeError(
            f"weight tensor should be defined either for all {count} classes or no classes but got weight tensor of shape: "
            f"{messages.numbers(weight.shape)}"
        )
    if xp is np:
        refuse(self, "nll_loss2d_forward_out_frame" if target.ndim == 3 else "nll_loss_out_frame", "biuc")
    if weight is not None and weight.dtype != self.dtype:
        # The kernel reads the weights as self's dtype before it looks at a target.
        raise messages.expected_scalar_type(kind_of(self), kind_of(weight))
    counts = target != ignore_index
    outside = counts & ((target < 0) | (target >= count))
    if outside.any():
        raise IndexError(f"Target {target[outside].reshape(-1)[0]} is out of bounds.")
    safe = xp.where(counts, target, 0)
    weights = xp.ones(target.shape, self.dtype) if weight is None else weight[safe].astype(self.dtype)
    return safe, _counted(xp, counts, weights), counts


def _counted(xp, counts, values):
    """The values that count, 0 for the others, in their dtype: CuPy's `where` has none of bfloat16."""
    return xp.where(counts, values, values.dtype.type(0)).astype(values.dtype, copy=False)


def _check_labels(target):
    if target.dtype.kind not in "iu" or target.dtype.itemsize not in (1, 8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {kind_of(target)}")


def _picked(xp, self, safe):
    if self.ndim == 1:
        return self[safe.reshape(())] if safe.size == 1 else self[safe]
    return xp.take_along_axis(self, safe[:, None], 1)[:, 0]


def _nll(xp, self, target, weight, reduction, ignore_index):
    safe, weights, counts = _classes(xp, self, target, weight, ignore_index)
    losses = _counted(xp, counts, -_picked(xp, self, safe) * weights)
    if reduction == NONE:
        return losses.reshape(()) if self.ndim == 1 else losses, xp.zeros((), self.dtype)
    total, loss = xp.sum(weights, dtype=self.dtype), xp.sum(losses, dtype=self.dtype)
    if xp is np and losses.size <= MOST:
        places = np.flatnonzero(counts)
        loss = spread(losses.reshape(-1)[places], places, losses.size)
        total = total if weight is None else spread(weights.reshape(-1)[places], places, losses.size)
    return (xp.divide(loss, total) if reduction == MEAN else loss), total


def _nll_backward(xp, grad_output, self, target, weight, reduction, ignore_index, total_weight):
    safe, weights, counts = _classes(xp, self, target, weight, ignore_index)
    share = -(grad_output / total_weight if reduction == MEAN else grad_output)
    each = _counted(xp, counts, weights * share)
    result = xp.zeros(self.shape, self.dtype)
    if self.ndim == 1:
        result[safe.reshape((1,))] = each.reshape((1,))
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
    stepwise=REDUCED,
    namespace="nn",
    variants="function",
    alike="weight",
    self=lambda grad, self, target, weight, reduction, ignore_index, total_weight: (
        functions.nll_loss_backward(grad, self, target, weight, reduction, ignore_index, total_weight)
    ),
    target=None,
    constant="weight",
)
def nll_loss_forward(xp, self, target, weight, reduction, ignore_index):
    """The negative log-likelihood of the target classes, and the weight that it was divided by."""
    if not 1 <= self.ndim <= 2:
        raise RuntimeError("input tensor should be 1D or 2D")
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    _check_labels(target)
    if self.ndim == 1 and target.ndim == 1 and len(target) != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {len(target)}")
    if self.ndim == 2:
        _same_batch(self, target)
    return _nll(xp, self, target, weight, reduction, ignore_index)


@op(
    "nll_loss_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, "
    "SymInt ignore_index, Tensor total_weight) -> Tensor",
    stepwise=REDUCED,
    namespace="nn",
    variants="function",
    grad_output=lambda grad, target, weight, reduction, ignore_index: functions.nll_loss(
        grad, target, weight, reduction, ignore_index
    ),
    self=zeros,
    target=None,
    constant="weight total_weight",
)
def nll_loss_backward(xp, grad_output, self, target, weight, reduction, ignore_index, total_weight):
    """The gradient of nll_loss."""
    if target.ndim:  # PyTorch computes the loss of one sample with its target in a list, not its gradient
        _same_batch(self, target)
    return _nll_backward(xp, grad_output, self, target, weight, reduction, ignore_index, total_weight)


@op(
    "nll_loss2d_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> "
    "(Tensor output, Tensor total_weight)",
    stepwise=REDUCED,
    namespace="nn",
    variants="function",
    alike="weight",
    self=lambda grad, self, target, weight, reduction, ignore_index, total_weight: (
        functions.nll_loss2d_backward(grad, self, target, weight, reduction, ignore_index, total_weight)
    ),
    target=None,
    constant="weight",
)
def nll_loss2d_forward(xp, self, target, weight, reduction, ignore_index):
    """The negative log-likelihood of the target class of each point of an image."""
    if target.ndim != 3:
        raise RuntimeError(
            f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {target.ndim}"
        )
    _check_labels(target)
    if self.shape[0] != target.shape[0] or self.shape[2:] != target.shape[1:]:
        raise RuntimeError(
            f"size mismatch (got input: {messages.numbers(self.shape)} , target: {messages.numbers(target.shape)}"
        )
    return _nll(xp, self, target, weight, reduction, ignore_index)


@op(
    "nll_loss2d_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, "
    "SymInt ignore_index, Tensor total_weight) -> Tensor",
    stepwise=REDUCED,
    namespace="nn",
    variants="function",
    grad_output=lambda grad, target, weight, reduction, ignore_index: functions.nll_loss2d(
        grad, target, weight, reduction, ignore_index
    ),
    self=zeros,
    target=None,
    constant="weight total_weight",
)
def nll_loss2d_backward(xp, grad_output, self, target, weight, reduction, ignore_index, total_weight):
    """The gradient of nll_loss2d."""
    return _nll_backward(xp, grad_output, self, target, weight, reduction, ignore_index, total_weight)


@composite(
    "nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, SymInt ignore_index=-100) -> Tensor",
    out=True,
    namespace="nn",
    variants="function",
)
def nll_loss(self, target, weight, reduction, ignore_index):
    """The negative log-likelihood of the target classes, given logarithms of probabilities."""
    return functions.nll_loss_forward(self, target, weight, reduction, ignore_index)[0]


@composite(
    "nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=Mean, SymInt ignore_index=-100) -> Tensor",
    out=True,
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
        if ignore_index >= 0 and target.dtype.is_floating_point:
            raise RuntimeError("ignore_index is not supported for floating point target")
        return _cross_entropy_probabilities(self, target, weight, reduction, label_smoothing, classes)
    if label_smoothing > 1:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    scores = self.log_softmax(classes, self.dtype)
    loss = functions.nll_loss_nd(scores, target, weight, reduction, ignore_index)
    if not label_smoothing > 0:  # as PyTorch asks: a negative one smooths nothing
        return loss
    scale = None if weight is None else weight.view(_along(self, classes, weight))
    smooth = -(scores if scale is None else scores * scale).sum(classes)
    ignored = target == ignore_index
    smooth = smooth.masked_fill(ignored, 0.0)
    if reduction == MEAN and weight is not None:
        smooth = smooth.sum() / weight.gather(0, target.masked_select(~ignored).flatten()).sum()
    elif reduction == MEAN:
        smooth = smooth.sum() / (~ignored).sum()
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
    count = self.size(classes)
    if weight is not None and (weight.ndim != 1 or weight.numel() != count):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {count} classes or no classes but got weight tensor "
            f"of shape: {messages.numbers(weight.geometry.sizes)}"
        )
    scores = self.log_softmax(classes, self.dtype)
    if label_smoothing > 0:
        if label_smoothing > 1:
            raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
        share = direct("_mul.Scalar", target, 1 - label_smoothing)
        target = direct("_add.Scalar", share, label_smoothing / (count or math.nan))
    losses = scores * target
    if weight is not None:
        losses = losses * weight.view(_along(self, classes, weight))
    if reduction == NONE:
        return -losses.sum(classes)
    if reduction == MEAN and not self.numel():
        return -losses.sum().fill_(math.nan)
    total = -losses.sum()
    return direct("_div.Scalar", total, self.numel() // count) if reduction == MEAN else total

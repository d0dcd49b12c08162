"""Losses with a margin."""

import numpy as np

from tensorcli.engine import messages
from tensorcli.engine.callers import functions
from tensorcli.engine.declare import composite, op
from tensorcli.engine.ops._composed import direct
from tensorcli.engine.ops._dimensions import kind_of
from tensorcli.engine.ops._shared import behind
from tensorcli.engine.ops.loss import MEAN, NONE, reduced, reduced_array


@composite(
    "hinge_embedding_loss(Tensor self, Tensor target, float margin=1.0, int reduction=Mean) -> Tensor",
    variants="function",
)
def hinge_embedding_loss(self, target, margin, reduction):
    """self where the target is 1, what is missing to the margin where it is -1."""
    zeros = functions.zeros_like(self)
    margins = (functions.full_like(self, margin) - self).clamp_min(0)
    missing = functions.where(target != 1, margins, zeros)
    present = functions.where(target != -1, self, zeros)
    return reduced(missing + present, reduction)


@composite(
    "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=Mean) -> Tensor",
    variants="function",
)
def margin_ranking_loss(input1, input2, target, margin, reduction):
    """What is missing for one input to rank above the other by the margin."""
    lead = input1 - input2  # first, as C++ evaluates it
    missing = direct("_add.Scalar", -target * lead, margin)
    return reduced(missing.clamp_min_(0), reduction)


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
    return reduced((direct("_add.Scalar", near, margin) - far).clamp_min(0), reduction)


@composite(
    "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=Mean) -> Tensor",
    variants="function",
)
def cosine_embedding_loss(input1, input2, target, margin, reduction):
    """One minus the cosine where the target is 1, the cosine above the margin where it is -1."""
    dim = target.ndim
    if target.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if not input1.ndim == input2.ndim == dim + 1:
        raise RuntimeError(
            f"{dim}D target tensor expects {dim + 1}D input tensors, but found inputs with sizes "
            f"{messages.numbers(input1.geometry.sizes)} and {messages.numbers(input2.geometry.sizes)}."
        )
    product = (input1 * input2).sum(dim)
    length1 = direct("_add.Scalar", (input1 * input1).sum(dim), 1e-12)
    length2 = direct("_add.Scalar", (input2 * input2).sum(dim), 1e-12)
    cosine = product / (length1 * length2).sqrt()
    zeros = functions.zeros_like(cosine)
    same = functions.where(target == 1, functions.ones_like(cosine) - cosine, zeros)
    other = functions.where(target == -1, direct("_sub.Scalar", cosine, margin).clamp_min(0), zeros)
    return reduced(same + other, reduction)


def _check_rows(self):
    if self.ndim > 2 or (self.ndim and not self.shape[-1]):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{messages.numbers(self.shape)}"
        )


def _check_kinds(self, target, kernel):
    if self.dtype != np.float32 and self.dtype != np.float64:
        raise messages.not_implemented(kernel, kind_of(self))
    if target.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {kind_of(target)}")


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
    _check_kinds(self, target, "multi_margin_loss_cpu_kernel")
    if target.size and not 0 <= target.min() <= target.max() < classes:
        raise RuntimeError("target out of range")


def _margins(xp, self, target, margin, weight):
    """The hinge of each class against the target's, as rows; and the target of each row."""
    _check_margins(self, target, weight)
    rows = self.reshape(-1, self.shape[-1] if self.ndim else 1)
    index = target.reshape(-1)
    own = xp.take_along_axis(rows, index[:, None], 1)
    lead = self.dtype.type(margin) - own + rows
    hinge = xp.where(lead > 0, lead, 0)  # a NaN is behind nothing
    scale = xp.ones_like(own) if weight is None else weight[index][:, None]
    return hinge, scale, index


@op(
    "multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, "
    "int reduction=Mean) -> Tensor",
    namespace="nn",
    variants="function",
    alike="weight",
    self=lambda grad, self, target, p, margin, weight, reduction: functions.multi_margin_loss_backward(
        grad, self, target, p, margin, weight, reduction
    ),
    target=None,
    constant="weight",
)
def multi_margin_loss(xp, self, target, p, margin, weight, reduction):
    """What is missing for the target's score to lead all others by the margin, to the power p."""
    hinge, scale, index = _margins(xp, self, target, margin, weight)
    powers = hinge**p * scale
    xp.put_along_axis(powers, index[:, None], 0, 1)
    losses = powers.sum(axis=1) / self.dtype.type(powers.shape[1])
    return reduced_array(xp, losses.reshape(target.shape) if reduction == NONE else losses, reduction)


@op(
    "multi_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, Scalar p, Scalar margin, "
    "Tensor? weight=None, int reduction=Mean) -> Tensor",
    namespace="nn",
    variants="function",
)
def multi_margin_loss_backward(xp, grad_output, self, target, p, margin, weight, reduction):
    """The gradient of multi_margin_loss."""
    hinge, scale, index = _margins(xp, self, target, margin, weight)
    slope = xp.where(hinge > 0, p * hinge ** (p - 1), 0) * scale / hinge.shape[1]
    xp.put_along_axis(slope, index[:, None], 0, 1)
    xp.put_along_axis(slope, index[:, None], 0 - slope.sum(axis=1, keepdims=True), 1)
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
    _check_kinds(self, target, "multilabel_margin_loss_forward_out_frame")
    counts = _label_counts(xp, target)
    mask = counts > 0
    rows = self.reshape(mask.shape)
    lead = 1 - rows[:, :, None] + rows[:, None, :]
    times = counts[:, :, None] * ~mask[:, None, :]
    hinge = xp.where((lead > 0) & (times > 0), lead, 0) * times
    losses = (hinge.sum(axis=(1, 2)) / mask.shape[1]).astype(self.dtype)
    if reduction == NONE and self.ndim < 2:
        losses = losses.reshape(())
    return reduced_array(xp, losses, reduction), mask.reshape(target.shape).astype(self.dtype)


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
    out=True,
    namespace="nn",
    variants="function",
)
def multilabel_margin_loss(self, target, reduction):
    """What is missing for each target's score to lead all others by one."""
    return functions.multilabel_margin_loss_forward(self, target, reduction)[0]
